// `npm run coverage`: every branch of core, wire and the journal is taken by some test, or named below with its reason. The
// tests of single parts and the first seeds of the simulation run; what whole processes take besides is not counted.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const measured = ['src/core/**', 'src/wire/**', 'src/store/journal*.ts', 'src/store/record-*.ts', 'src/store/hints.ts']
const projects = ['unit', 'conformance', 'compat', 'regress', 'simulation']
const seeds = '40'

/** Branches that no test can take: the file, the text of the line, and why it is there all the same. */
const exceptions = ['hello', 'welcome', 'refuse', 'abort'].map((kind) => ({
  file: 'src/core/session.ts',
  line: `case '${kind}':`,
  why: 'the switch names every kind, so that the compiler asks about a new one; these four never get there',
}))

const uncovered = branchesNotTaken()
const named = ({ file, line }) => exceptions.find((each) => each.file === file && each.line === line)
const unnamed = uncovered.missing.filter((branch) => named(branch) === undefined)
const stale = exceptions.filter(
  ({ file, line }) => !uncovered.missing.some((it) => it.file === file && it.line === line),
)
for (const { file, number, line } of unnamed) console.log(`not taken: ${file}:${number}: ${line}`)
for (const { file, line } of stale) console.log(`named as an exception, and taken: ${file}: ${line}`)
const taken = uncovered.all - uncovered.missing.length
console.log(
  `branches of core, wire and journal: ${taken} of ${uncovered.all} taken, ${exceptions.length} exceptions named`,
)
process.exitCode = unnamed.length + stale.length === 0 ? 0 : 1

/** Runs the tests, and reads what v8 has counted. */
function branchesNotTaken() {
  const directory = mkdtempSync(join(tmpdir(), 'carryon-coverage-'))
  try {
    const options = [
      ...projects.flatMap((project) => ['--project', project]),
      '--reporter=dot',
      '--coverage',
      '--coverage.reporter=json',
      `--coverage.reportsDirectory=${directory}`,
      ...measured.flatMap((files) => ['--coverage.include', files]),
    ]
    const vitest = [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--config',
      'test/vitest.config.ts',
      ...options,
    ]
    const env = { ...process.env, CARRYON_SEEDS: seeds }
    const { status } = spawnSync(process.execPath, vitest, { cwd: root, env, stdio: 'inherit' })
    if (status !== 0) throw new Error('a test failed: its branches say nothing')
    return notTakenIn(JSON.parse(readFileSync(join(directory, 'coverage-final.json'), 'utf8')))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function notTakenIn(report) {
  let all = 0
  const missing = Object.entries(report).flatMap(([path, { branchMap, b: counts }]) => {
    const lines = readFileSync(path, 'utf8').split('\n')
    return Object.entries(branchMap).flatMap(([id, { loc, locations }]) =>
      counts[id].flatMap((count, i) => {
        all++
        const number = locations[i]?.start?.line ?? loc.start.line
        return count > 0 ? [] : [{ file: relative(root, path), number, line: lines[number - 1].trim() }]
      }),
    )
  })
  return { all, missing }
}
