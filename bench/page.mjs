// The figures of docs/performance.md: `npm run bench -- page` writes what stands between `<!-- bench: SCENARIO -->` and
// `<!-- end -->` again, and the drawings, from the newest results of bench/results; `-- page --check` only compares.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { verdictsTable } from './goals.mjs'
import { tableOf } from './report.mjs'
import { newest } from './results.mjs'

const page = new URL('../docs/performance.md', import.meta.url)
const pictures = new URL('../docs/performance/', import.meta.url)

/** Writes the tables into the page, and a drawing for each of them. */
export async function writePage() {
  const { plotOf } = await import('./plots.mjs') // Only this needs the library that draws.
  rmSync(pictures, { recursive: true, force: true })
  mkdirSync(pictures)
  for (const result of newest().values()) writeFileSync(new URL(`${result.scenario}.svg`, pictures), plotOf(result))
  writeFileSync(page, rewritten())
}

/** Whether the page says what was measured. */
export function isPageTrue() {
  return rewritten() === readFileSync(page, 'utf8')
}

function rewritten() {
  const results = newest()
  return readFileSync(page, 'utf8').replace(
    /(<!-- bench: (.+?) -->\n).*?(<!-- end -->)/gs,
    (_, begin, scenario, end) => `${begin}${sectionOf(results.get(scenario))}${end}`,
  )
}

function sectionOf(result) {
  if (result === undefined) return '\n*Not measured.*\n\n'
  const { scenario, date, commit, node, cores, kernel, fileSystem, command } = result
  const machine = `${date.slice(0, 10)}, commit ${commit}, node ${node}, ${cores} cores, Linux ${kernel}, ${fileSystem}`
  const parts = [`\n\`npm run bench -- ${command}\`: ${machine}.\n`, tableOf(result), verdictsTable(result)]
  return `${parts.join('\n')}![as bars](performance/${scenario}.svg)\n\n`
}
