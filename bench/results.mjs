// What `--keep` stores: one JSON file a day and commit, a list of the scenarios measured, each with the machine it was on.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isQuiet } from './report.mjs'

const folder = new URL('results/', import.meta.url)

/** Appends the result of one scenario. */
export function store(result) {
  mkdirSync(folder, { recursive: true })
  const file = new URL(`${result.date.slice(0, 10)}-${result.commit}.json`, folder)
  const all = [...(existsSync(file) ? read(file) : []), result]
  writeFileSync(file, `[\n${all.map((one) => JSON.stringify(one)).join(',\n')}\n]\n`)
}

/** The newest result of each scenario, by its name, of those whose control came out even, or that have none. */
export function newest() {
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []
  const all = files.flatMap((name) => read(new URL(name, folder))).filter(isQuiet)
  return new Map(all.toSorted((a, b) => a.date.localeCompare(b.date)).map((result) => [result.scenario, result]))
}

const read = (file) => JSON.parse(readFileSync(file, 'utf8'))
