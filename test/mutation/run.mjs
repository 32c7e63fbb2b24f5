// `npm run mutation [-- PATTERN...]`: Stryker changes core, wire and the journal in every way it knows, and counts how many
// changes some test sees; below 85 % it fails (R106). `-- door` does the same with names, paths, tickets and proofs, where
// it must be 95 %. It takes long, so it runs on demand, and on parts (`-- 'src/wire/*.ts'`, `-- door src/model/ticket.ts`).
// Its last lines are one a file, for docs/promises.md.
// It works in a copy, in which it is installed: 160 packages are no part of this project. TypeScript 7 has no API for its
// checker of types, so mutants that would not compile count, too. The tests run without Vitest (runner.mjs); those listed in
// stryker.json as left out take long, and could only kill more.

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const stryker = '@stryker-mutator/core@9.6.1' // The last that runs on Node 20.
const root = fileURLToPath(new URL('../..', import.meta.url))
const copied = ['src', 'test', 'fixtures', 'docs', 'node_modules', 'package.json', 'package-lock.json', 'tsconfig.json']
const words = process.argv.slice(2)
const [config, patterns] = words[0] === 'door' ? ['door.json', words.slice(1)] : ['stryker.json', words]

const tree = mkdtempSync(join(tmpdir(), 'carryon-mutation-'))
try {
  for (const name of copied) cpSync(join(root, name), join(tree, name), { recursive: true, verbatimSymlinks: true })
  run('npm', 'install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--legacy-peer-deps', stryker)
  const mutate = patterns.length === 0 ? [] : ['--mutate', patterns.join()]
  run('npx', 'stryker', 'run', `test/mutation/${config}`, ...mutate)
  sayWhatWasSeen(join(tree, 'mutation.json'))
} finally {
  rmSync(tree, { recursive: true, force: true })
}

function run(command, ...args) {
  if (process.exitCode !== undefined) return
  const { status, error } = spawnSync(command, args, { cwd: tree, stdio: 'inherit' })
  if (error !== undefined) throw error
  if (status !== 0) process.exitCode = status ?? 1
}

/** A line a file, and one for all: changes that were seen, those that were tried, and how many of the seen never ended. */
function sayWhatWasSeen(report) {
  if (!existsSync(report)) return
  const files = Object.entries(JSON.parse(readFileSync(report, 'utf8')).files)
  for (const [name, { mutants }] of files) sayCounts(name.replace('src/', ''), mutants)
  sayCounts(
    'all',
    files.flatMap(([, { mutants }]) => mutants),
  )
}

function sayCounts(name, mutants) {
  const withStatus = (...wanted) => mutants.filter(({ status }) => wanted.includes(status)).length
  const endless = withStatus('Timeout')
  const seen = withStatus('Killed') + endless
  const tried = seen + withStatus('Survived', 'NoCoverage')
  const percent = tried === 0 ? '-' : ((seen / tried) * 100).toFixed(1)
  console.log(`${name}: ${seen} of ${tried}, ${percent} %, ${endless} without end`)
}
