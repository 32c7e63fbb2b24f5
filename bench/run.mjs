// `npm run bench -- [SCENARIO ...] [FLAGS]`: how fast carryon is beside what people use today, in one interleaved run.
// docs/performance.md says what is measured, how, and what came out.

import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { carryon, count } from './carryon.mjs'
import { countGates, ratioGates } from './gates.mjs'
import { measureLanes } from './lanes.mjs'
import { profile } from './profile.mjs'
import { machineFacts, summarise, tableOf } from './report.mjs'
import { missingTools, startRivals } from './rivals.mjs'
import { runRounds } from './rounds.mjs'
import { large, small, unchanged } from './scenarios.mjs'

const MiB = 1024 * 1024
const GiB = 1024 * MiB
const tmpfsMagic = 0x01021994
const usage = `npm run bench -- [large] [small] [unchanged] [FLAGS]
npm run bench -- lanes    over a link with 100 ms there and back, in bench/lab; as root, about four minutes
  --quick         256 MiB, 4,000 files, 2 rounds that count: three minutes at most
  --size MIB      of the large file; 1024 unless set
  --files COUNT   of the small ones; 20000 unless set
  --rounds COUNT  that count, behind one that is discarded; 8 unless set
  --dir DIR       where to work; /dev/shm unless set, where that has room
  --only NAME     of contestants, repeatable; carryon always runs
  --build DIR     of the carryon to measure; this checkout unless set
  --before DIR    an older build, as another contestant: for one change, measured in one run
  --profile       instead of measuring: where the time of both sides goes
  --json          the results on standard output
  --keep          the results in bench/results/
  --no-install    leave rivals that are missing out`

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    size: { type: 'string' },
    files: { type: 'string' },
    rounds: { type: 'string' },
    dir: { type: 'string' },
    only: { type: 'string', multiple: true },
    build: { type: 'string' },
    before: { type: 'string' },
    profile: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    'no-install': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
async function main() {
  if (positionals[0] === 'lanes') return longWay()
  const plan = planOf(flags)
  const scratch = mkdtempSync(join(plan.dir, 'carryon-bench-'))
  try {
    if (flags.profile) await printProfiles(scratch, plan)
    else await measureAll(scratch, plan)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

async function longWay() {
  const missing = missingTools({ install: !flags['no-install'], also: { iperf3: 'iperf3', ip: 'iproute2' } })
  if (missing.length > 0) print(`not measured: ${missing.join(', ')}`)
  const { size, files } = flags
  const megabytes = Number(size ?? 1_500)
  await measureLanes({ seconds: 12, megabytes, files: Number(files ?? 20_000), scratch: placeFor(megabytes * MiB) })
}

function planOf({ quick, size, files, rounds, dir, only }) {
  const names = positionals.length > 0 ? positionals : ['large', 'small', 'unchanged']
  const makers = { large, small, unchanged }
  const unknown = names.find((name) => !(name in makers))
  if (unknown !== undefined) throw new Error(`There is no scenario ${unknown}.\n${usage}`)
  const bytes = Number(size ?? (quick ? 256 : 1024)) * MiB
  const count = Number(files ?? (quick ? 4_000 : 20_000))
  return {
    dir: dir ?? placeFor(bytes),
    rounds: Number(rounds ?? (quick ? 2 : 8)),
    minutesPerScenario: quick ? 0.6 : 7,
    only,
    makers: names.map((name) => (folder) => makers[name](folder, name === 'large' ? bytes : count)),
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

async function measureAll(scratch, plan) {
  const targets = join(scratch, 'targets')
  mkdirSync(targets)
  const facts = machineFacts(scratch)
  const isDurable = statfsSync(scratch).type !== tmpfsMagic
  const missing = missingTools({ install: !flags['no-install'] })
  const { rivals, stop } = await startRivals({ scratch, targets, missing, isDurable })
  const wanted = rivals.filter(({ name }) => plan.only === undefined || plan.only.includes(name))
  const contestants = [...ours(scratch), ...wanted]
  const results = []
  print(
    `node ${facts.node}, ${facts.cores} cores, kernel ${facts.kernel}, ${facts.fileSystem}, commit ${facts.commit}\n`,
  )
  try {
    for (const make of plan.makers) {
      const scenario = make(join(scratch, 'source'))
      const summary = await measureOne(scenario, contestants, targets, plan)
      const counts = await countOne(scenario, join(targets, 'target'), scratch)
      scenario.remove()
      results.push({ ...summary, counts })
      print(tableOf(summary))
      print(counts.map(({ what, count: found, atMost }) => `${what}: ${found} (at most ${atMost})`).join('\n') + '\n')
    }
  } finally {
    await stop()
  }
  keep({ ...facts, date: new Date().toISOString(), command: process.argv.slice(2).join(' '), results })
  judge(results)
}

/** carryon as users have it, once more as the control, and without encryption. */
function ours(scratch) {
  const { build, before } = flags
  const older =
    before === undefined
      ? []
      : [
          carryon('before TLS', { scratch, plain: false, build: before }),
          carryon('before plain', { scratch, plain: true, build: before }),
        ]
  return [
    carryon('carryon TLS', { scratch, plain: false, build }),
    carryon('carryon plain', { scratch, plain: true, build }),
    carryon('carryon TLS again', { scratch, plain: false, build }),
    ...older,
  ]
}

async function measureOne(scenario, contestants, targets, { rounds, minutesPerScenario }) {
  const deadline = performance.now() + minutesPerScenario * 60_000
  const done = await runRounds(scenario, contestants, { rounds, deadline, targets, tick })
  return summarise(scenario, contestants, done)
}

async function countOne(scenario, target, scratch) {
  scenario.prepareTarget(target)
  const counts = await count(scenario, target, { scratch, plain: true, build: flags.build })
  scenario.verify(target)
  return countGates(scenario, counts)
}

async function printProfiles(scratch, { makers }) {
  const target = join(scratch, 'target')
  for (const make of makers) {
    const scenario = make(join(scratch, 'source'))
    for (const plain of [true, false])
      print(
        `${scenario.name}, ${plain ? 'plain' : 'TLS'}\n${await profile(scenario, target, { scratch, plain, build: flags.build })}`,
      )
    scenario.remove()
  }
}

function keep(run) {
  const text = JSON.stringify(run, undefined, 1)
  if (flags.json) process.stdout.write(`${text}\n`)
  if (!flags.keep) return
  const folder = new URL('results/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  writeFileSync(new URL(`${run.date.slice(0, 10)}-${run.commit}.json`, folder), `${text}\n`)
}

/** Red for a count that is off, or a ratio below half of its floor. */
function judge(results) {
  const counts = results.flatMap(({ scenario, counts: gates }) => gates.map((gate) => ({ scenario, ...gate })))
  const off = [
    ...counts
      .filter(({ count: found, atMost }) => found > atMost)
      .map((gate) => `${gate.scenario}: ${gate.what}: ${gate.count}, at most ${gate.atMost}`),
    ...results.flatMap((result) =>
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

if (flags.help) console.log(usage)
else await main()
