// `npm run test:mutants [-- --scenes] [-- --museum] [NAME...]`: tests that cannot fail prove nothing. Each patch in this folder makes one
// mistake in src, in a copy of the tree; the tests that its first lines name must turn red there, and be green without it.
// With --scenes the patches of scenes/ instead: each takes away what a scene of "it carries on" stands on. With --museum, or
// `npm run museum [-- NAME...]`, those of museum/: each takes back the mend of a bug told in docs/museum.md (R103).

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = fileURLToPath(new URL('../..', import.meta.url))
const copied = ['src', 'test', 'bin', 'dist', 'fixtures', 'package.json', 'tsconfig.json', 'bundle.mjs']
const patienceMs = 300_000 // Of one run of vitest; a single test has its own timeout.

const { values, positionals } = parseArgs({
  options: { scenes: { type: 'boolean' }, museum: { type: 'boolean' } },
  allowPositionals: true,
})
const folder = join(root, 'test/mutants', values.scenes ? 'scenes' : values.museum ? 'museum' : '')
const mutants = readdirSync(folder)
  .filter((name) => name.endsWith('.patch'))
  .map((name) => readMutant(join(folder, name)))
  .filter(({ name }) => positionals.length === 0 || positionals.includes(name))

const verdicts = [
  { name: 'no mutant', promise: '', tests: ['all of them'], verdict: control() },
  ...mutants.map(verdictOf),
]
const width = Math.max(...verdicts.map(({ name }) => name.length))
for (const { name, promise, tests, verdict } of verdicts) {
  const before = [verdict.padEnd(8), promise.padEnd(10), name.padEnd(width)].join(' ')
  console.log(before, tests.join(`\n${' '.repeat(before.length + 1)}`))
}
const isTrue = verdicts.every(({ verdict }, i) => verdict === (i === 0 ? 'green' : 'red'))
process.exitCode = isTrue && mutants.length > 0 ? 0 : 1

/**
 * What a patch says of itself above its first file: `Promise:` once, `Test:` once or more, and `Says:` where one of them
 * must be red with these words: the check that is to find the mistake has found it, and not another one.
 */
function readMutant(patch) {
  const text = readFileSync(patch, 'utf8')
  const header = text.slice(0, text.search(/^--- /m))
  const all = (word) => [...header.matchAll(new RegExp(`^${word}: (.*)$`, 'gm'))].map((match) => match[1].trim())
  return {
    name: basename(patch, '.patch'),
    patch,
    promise: all('Promise').join(', '),
    tests: all('Test'),
    says: all('Says')[0] ?? '',
  }
}

/** Without a patch, everything that is named is there and green. */
function control() {
  const tests = mutants.flatMap((mutant) => mutant.tests)
  return inCopy((tree) => {
    const states = run(tree, tests)
    if (typeof states === 'string') return states
    const wrong = tests.filter((test) => states.get(test)?.status !== 'passed')
    for (const test of wrong) console.log(`without a patch: ${states.get(test)?.status ?? 'no such test'}: ${test}`)
    return wrong.length === 0 ? 'green' : 'NOT GREEN'
  })
}

function verdictOf(mutant) {
  return { ...mutant, verdict: inCopy((tree) => patched(tree, mutant)) }
}

function patched(tree, { name, patch, tests, says }) {
  // Without the ceiling git looks for a repository above the copy, and then applies nothing and says nothing.
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: join(tree, '..') }
  const applied = spawnSync('git', ['apply', '--verbose', patch], { cwd: tree, env, encoding: 'utf8' })
  if (applied.status !== 0) {
    console.log(
      `${applied.error ?? applied.stderr}\n${name} no longer applies. To renew it: make its mistake in src by hand, put the ` +
        'output of `git diff --no-prefix --src-prefix=a/ --dst-prefix=b/ src` under its first lines, and put src back.',
    )
    return 'DOES NOT APPLY'
  }
  const states = run(tree, tests)
  if (typeof states === 'string') return states
  const missing = tests.filter((test) => !states.has(test))
  if (missing.length > 0) return `NO SUCH TEST: ${missing[0]}`
  const found = tests.map((test) => states.get(test))
  if (found.some(({ status }) => status !== 'failed')) return 'SURVIVED'
  return found.some(({ message }) => message.includes(says)) ? 'red' : `RED, BUT NOT WITH ${says}`
}

/** Runs tests by name. @returns status and message of each by name, or a verdict where none could run */
function run(tree, tests) {
  const files = [...new Set(tests.map((test) => test.split(' > ')[0]))]
  const titles = tests.map((test) =>
    test
      .split(' > ')
      .slice(1)
      .join(' ')
      .replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
  )
  const needsBuild = files.some((file) => /^test\/(e2e|crash)\//.test(file))
  const node = (...args) =>
    spawnSync(process.execPath, args, { cwd: tree, encoding: 'utf8', timeout: patienceMs, killSignal: 'SIGKILL' })
  const steps = needsBuild ? [['node_modules/typescript/bin/tsc', '-b'], ['bundle.mjs']] : []
  for (const step of steps) {
    const built = node(...step)
    if (built.status === 0) continue
    console.log(built.stdout, built.stderr)
    return 'DOES NOT BUILD'
  }
  const report = join(tree, 'report.json')
  const reporter = ['--reporter=json', `--outputFile=${report}`]
  const pattern = `(${titles.join('|')})$`
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/vitest.config.ts', ...reporter]
  const { stderr, error } = node(...vitest, '-t', pattern, ...files)
  if (!existsSync(report)) {
    console.log(error ?? stderr)
    return 'DID NOT RUN'
  }
  return statesIn(report, tree)
}

function statesIn(report, tree) {
  const states = new Map()
  for (const { name, assertionResults } of JSON.parse(readFileSync(report, 'utf8')).testResults)
    for (const { ancestorTitles, title, status, failureMessages } of assertionResults) {
      if (status !== 'passed' && status !== 'failed') continue
      const test = [name.slice(tree.length + 1), ...ancestorTitles, title].join(' > ')
      const message = failureMessages[0] ?? ''
      states.set(test, { status, message })
      if (status === 'failed') console.log(`red: ${test}\n  ${message.split('\n')[0].slice(0, 200)}`)
    }
  return states
}

function inCopy(act) {
  const tree = mkdtempSync(join(tmpdir(), 'carryon-mutant-'))
  try {
    for (const name of copied)
      if (existsSync(join(root, name))) cpSync(join(root, name), join(tree, name), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
    return act(tree)
  } finally {
    rmSync(tree, { recursive: true, force: true })
  }
}
