// The command behind `npm run simulate`: `--seed N` lives through one seed and tells all of it, `--seeds N` through many,
// `--minutes M` through as many as there is time for, `--jobs N` on N cores. Bundled and run by run.mjs.

import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Marks } from './marks.ts'
import { describeScenario, scenarioOf } from './scenario.ts'
import { liveShare, type Share, type Tally } from './share.ts'
import { simulate } from './world.ts'

const marksFrom = 3_000 // So many seeds come to every mark, or the simulator has lost its teeth.

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    first: { type: 'string' },
    minutes: { type: 'string' },
    jobs: { type: 'string' },
  },
})

if (!isMainThread) parentPort!.postMessage(await liveShare(workerData as Share, (why) => parentPort!.postMessage(why)))
else process.exitCode = values.seed === undefined ? await many() : await one(Number(values.seed))

/** Tells a seed as it happens. */
async function one(seed: number): Promise<number> {
  Error.stackTraceLimit = 50
  const scenario = scenarioOf(seed)
  const log: string[] = []
  console.log(describeScenario(scenario))
  try {
    const { digest, steps, virtualMs } = await simulate(scenario, { log })
    console.log(log.join('\n'))
    console.log(`seed ${seed}: survived, ${steps} steps, ${virtualMs} ms of virtual time, digest ${digest}`)
    return 0
  } catch (error) {
    console.log(log.join('\n'))
    console.log(`seed ${seed}: ${(error as Error).stack}`)
    return 1
  }
}

async function many(): Promise<number> {
  const parts = Number(values.jobs ?? 1)
  const count = Number(values.seeds ?? Infinity)
  const minutes = Number(values.minutes ?? Infinity)
  if (count === Infinity && minutes === Infinity) throw new Error('Say --seed N, --seeds N or --minutes M.')
  const began = performance.now()
  const whole = { first: Number(values.first ?? 1), count, minutes, parts }
  const tallies = await Promise.all(
    Array.from({ length: parts }, (_, part) => (parts === 1 ? liveShare : beside)({ ...whole, part }, tellFailed)),
  )
  const seconds = (performance.now() - began) / 1000
  const sum = (of: (tally: Tally) => number): number => tallies.reduce((total, tally) => total + of(tally), 0)
  const [lived, failures] = [sum((tally) => tally.lived), sum((tally) => tally.failures)]
  const marks = new Marks(tallies.map(({ counts }) => counts))
  console.log(`${marks.toString()}\n`)
  const isBlunt = lived >= marksFrom && marks.missing.length > 0
  if (isBlunt) console.log(`never came to: ${marks.missing.join(', ')}`)
  console.log(`${lived} seeds, ${failures} failed, ${(lived / seconds).toFixed(1)} seeds per second`)
  return failures > 0 || isBlunt ? 1 : 0
}

/** Lives through a share in a thread of its own. */
function beside(share: Share, failed: (why: string) => void): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: share })
    worker.on('message', (said: string | Tally) => (typeof said === 'string' ? failed(said) : resolve(said)))
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`A thread ended with code ${code}.`))) // Behind its tally it changes nothing.
  })
}

function tellFailed(why: string): void {
  console.log(`${why}\n`)
}
