// `npm run bench -- [SCENARIO ...] [FLAGS]`: how fast carryon is beside what people use today, in one interleaved run.
// docs/performance.md says what is measured, how, and what came out.

import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { carryon, count, threeOfUs } from './carryon.mjs'
import { checkpoints, slowDisk, stalled } from './disk.mjs'
import { countGates, hasCounts, ratioGates } from './gates.mjs'
import { verdictsTable } from './goals.mjs'
import { isLanes, measureLanes } from './lanes.mjs'
import { isPageTrue, writePage } from './page.mjs'
import { profile } from './profile.mjs'
import { isQuiet, machineFacts, summarise, tableOf } from './report.mjs'
import { resume, resumeHuge } from './resume.mjs'
import { store } from './results.mjs'
import { hasPackages, missingTools, rivalsOf } from './rivals.mjs'
import { runRounds } from './rounds.mjs'
import { large, mix, nodeModules, small, unchanged } from './scenarios.mjs'
import { start } from './start.mjs'

const MiB = 1024 * 1024
const GiB = 1024 * MiB
const tmpfsMagic = 0x01021994
const usage = `npm run bench -- [SCENARIO ...] [FLAGS]
  large, small, unchanged    one file; many small ones; the same, all there already (these three unless named)
  mix, node_modules          files of all sizes; packages as npm unpacks them
  resume, resume-huge        after kill -9 of both sides: at 90 % of 2 GiB; at the end of 1 TiB; on disk
  checkpoints, slow-disk     what each level of durability costs, on disk; where each sync takes 50 ms more
  stalled                    a receiver that stands still for five seconds
  start                      until carryon has said its version, and its first line
  lanes, lanes-lossy, lanes-small
                             over a link with 100 ms there and back, in bench/lab, as root: one file; the same where
                             packets get lost; many small ones
npm run bench -- page        writes docs/performance.md's tables and drawings again, from bench/results/;
                             with --check it only compares

  --quick         256 MiB, 4,000 files, 2 rounds that count, few rivals: three minutes at most
  --size MIB      of the large file; 1024 unless set (resume: 2048)
  --files COUNT   of the small ones; 20000 unless set
  --rounds COUNT  that count, behind one that is discarded; 8 unless set (start: 15)
  --minutes M     after which no further round begins; 7 unless set
  --dir DIR       where to work; /dev/shm unless set or said above, where that has room
  --only NAME     of rivals, repeatable; carryon always runs
  --build DIR     of the carryon to measure; this checkout unless set
  --before DIR    an older build, as another contestant: for one change, measured in one run
  --profile       instead of measuring: where the time of both sides goes
  --json          the results on standard output
  --keep          the results in bench/results/
  --no-install    leave rivals that are missing out`

/** How each scenario is made, and what of its plan is not as usual. */
const scenarios = {
  large: { make: (folder, { bytes }) => large(folder, bytes) },
  small: { make: (folder, { files }) => small(folder, files) },
  unchanged: { make: (folder, { files }) => unchanged(folder, files) },
  mix: { make: mix },
  node_modules: { make: nodeModules },
  resume: { make: (folder, { bytes }) => resume(folder, bytes), mebibytes: 2048, isOnDisk: true },
  'resume-huge': { make: resumeHuge, isOnDisk: true },
  checkpoints: { make: (folder, { bytes }) => checkpoints(folder, bytes), isOnDisk: true },
  'slow-disk': { make: (folder, { bytes }) => slowDisk(folder, bytes) },
  stalled: { make: (folder, { bytes }) => stalled(folder, bytes) },
  start: { make: start, rounds: 15 },
}

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    size: { type: 'string' },
    files: { type: 'string' },
    rounds: { type: 'string' },
    minutes: { type: 'string' },
    dir: { type: 'string' },
    only: { type: 'string', multiple: true },
    build: { type: 'string' },
    before: { type: 'string' },
    profile: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    'no-install': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

async function main() {
  if (positionals[0] === 'page') return page()
  const names = positionals.length > 0 ? positionals : ['large', 'small', 'unchanged']
  const unknown = names.find((name) => !(name in scenarios) && !isLanes(name))
  if (unknown !== undefined) throw new Error(`There is no scenario ${unknown}.\n${usage}`)
  const results = []
  for (const name of names) {
    const plan = isLanes(name) ? longWayPlan(flags) : planOf(scenarios[name], flags)
    const scratch = mkdtempSync(join(plan.dir, 'carryon-bench-'))
    try {
      if (isLanes(name)) longWay(name, { ...plan, scratch })
      else if (flags.profile) await printProfiles(scratch, plan)
      else results.push(await measureOne(scratch, plan))
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
  }
  judge(results)
}

function longWayPlan({ size, files, dir }) {
  const megabytes = Number(size ?? 1_500)
  return { seconds: 12, megabytes, files: Number(files ?? 20_000), dir: dir ?? placeFor(megabytes * MiB) }
}

function longWay(name, options) {
  missingTools({ install: !flags['no-install'], quick: true, also: { iperf3: 'iperf3', ip: 'iproute2' } })
  const result = measureLanes(name, options)
  if (result !== undefined) tell({ ...machineFacts(options.scratch), ...result, counts: [] })
}

function planOf({ make, isOnDisk = false, ...usual }, { quick, size, files, rounds, minutes, dir, only }) {
  const bytes = Number(size ?? usual.mebibytes ?? (quick ? 256 : 1024)) * MiB
  const count = Number(files ?? (quick ? 4_000 : 20_000))
  return {
    dir: dir ?? (isOnDisk ? tmpdir() : placeFor(bytes)),
    rounds: Number(rounds ?? usual.rounds ?? (quick ? 2 : 8)),
    minutes: Number(minutes ?? (quick ? 0.6 : 7)),
    only,
    make: (folder) => make(folder, { bytes, files: count }),
  }
}

/** In memory, where the disk does not decide, if there is room for the source, a target and the page cache of both. */
function placeFor(bytes) {
  const memory = '/dev/shm'
  try {
    const { type, bavail, bsize } = statfsSync(memory)
    if (type === tmpfsMagic && bavail * bsize > 2 * bytes + GiB) return memory
  } catch {
    // There is none.
  }
  return tmpdir()
}

/** Everything about one scenario: rounds, counts, tables, results. */
async function measureOne(scratch, { make, rounds, minutes, only }) {
  const [sources, targets] = ['source', 'targets'].map((name) => join(scratch, name))
  mkdirSync(targets)
  const facts = machineFacts(scratch)
  const scenario = make(sources)
  const { rivals, stop } = rivalsIn({ scratch, sources, targets })
  const wanted = rivals.filter(({ name }) => only?.includes(name) ?? true)
  const contestants = scenario.contestants?.({ scratch, build: flags.build }, wanted) ?? [...ours(scratch), ...wanted]
  try {
    const deadline = performance.now() + minutes * 60_000
    const done = await runRounds(scenario, contestants, { rounds, deadline, targets, tick })
    const counts = hasCounts(scenario) ? await countOne(scenario, join(targets, 'target'), scratch) : []
    const result = { ...facts, ...summarise(scenario, contestants, done), counts }
    tell(result)
    return result
  } finally {
    await stop()
  }
}

function rivalsIn(places) {
  const { quick } = flags
  const missing = missingTools({ install: !flags['no-install'], quick })
  const isDurable = statfsSync(places.scratch).type !== tmpfsMagic
  return rivalsOf({ ...places, missing, quick, isDurable })
}

/** With an older build, where one is to be compared. */
function ours(scratch) {
  const { build, before } = flags
  const older = { scratch, build: before }
  return [
    ...threeOfUs({ scratch, build }),
    ...(before === undefined
      ? []
      : [carryon('before TLS', { ...older, plain: false }), carryon('before plain', { ...older, plain: true })]),
  ]
}

async function countOne(scenario, target, scratch) {
  scenario.prepareTarget(target)
  const counts = await count(scenario, target, { scratch, plain: true, build: flags.build })
  scenario.verify(target)
  return countGates(scenario, counts)
}

async function printProfiles(scratch, { make }) {
  const target = join(scratch, 'target')
  const scenario = make(join(scratch, 'source'))
  for (const plain of [true, false])
    print(
      `${scenario.name}, ${plain ? 'plain' : 'TLS'}\n${await profile(scenario, target, { scratch, plain, build: flags.build })}`,
    )
}

/** Prints a result, and keeps it where that is asked for. */
function tell(found) {
  const words = process.argv.slice(2).filter((word) => word !== '--keep' && !positionals.includes(word))
  const command = [found.scenario, ...words.map((word) => (word.includes(' ') ? `"${word}"` : word))].join(' ')
  const result = { date: new Date().toISOString(), command, ...found }
  const { node, cores, kernel, fileSystem, commit, counts } = result
  print(`node ${node}, ${cores} cores, kernel ${kernel}, ${fileSystem}, commit ${commit}`)
  print(`${tableOf(result)}\n${verdictsTable(result)}`)
  print(counts.map(({ what, count: number, atMost }) => `${what}: ${number} (at most ${atMost})\n`).join(''))
  if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`)
  if (flags.keep) store(result)
}

/** Red for a count that is off, or, where the machine was quiet, a ratio below half of its floor. */
function judge(results) {
  const counts = results.flatMap(({ scenario, counts: gates }) => gates.map((gate) => ({ scenario, ...gate })))
  const off = [
    ...counts
      .filter(({ count: found, atMost }) => found > atMost)
      .map((gate) => `${gate.scenario}: ${gate.what}: ${gate.count}, at most ${gate.atMost}`),
    ...results.filter(isQuiet).flatMap((result) =>
      ratioGates(result)
        .filter(({ ratio, atLeast }) => ratio < atLeast)
        .map(({ what, ratio, atLeast }) => `${result.scenario}: ${what}: ${ratio.toFixed(2)}, at least ${atLeast}`),
    ),
  ]
  for (const line of off) console.error(`OFF  ${line}`)
  process.exitCode = off.length > 0 ? 1 : 0
}

let isStopping = false
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => (isStopping = true))

/** Says what is under way, where somebody watches; and the place at which Ctrl-C takes effect. */
function tick(text) {
  if (isStopping) throw new Error('Interrupted.')
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}

/** Tables go where people look; standard output belongs to --json. */
function print(text) {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
  const stream = flags.json ? process.stderr : process.stdout
  stream.write(`${text}\n`)
}

async function page() {
  if (!flags.check) {
    if (!hasPackages({ install: !flags['no-install'] })) throw new Error('What draws is missing: npm ci in bench/.')
    return writePage()
  }
  if (isPageTrue()) return
  console.error('docs/performance.md differs from bench/results: npm run bench -- page')
  process.exitCode = 1
}

if (flags.help) console.log(usage)
else await main()
