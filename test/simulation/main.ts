// The command behind `npm run simulate`: `--seed N` lives through one seed and tells all of it, `--seeds N` through many,
// `--minutes M` through as many as there is time for. Seeds that ever failed come first. Bundled and run by run.mjs.

import { parseArgs } from 'node:util'
import { keptSeeds } from './kept-seeds.ts'
import { liveThrough, liveTwice } from './live-through.ts'
import { Marks } from './marks.ts'
import { describeScenario, scenarioOf } from './scenario.ts'
import { simulate } from './world.ts'

const marksFrom = 3_000 // So many seeds come to every mark, or the simulator has lost its teeth.
const twiceEvery = 50 // Of so many seeds one is lived through twice, to see that it is the same.
const failuresMax = 5

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    first: { type: 'string' },
    minutes: { type: 'string' },
  },
})

process.exitCode = values.seed === undefined ? await many() : await one(Number(values.seed))

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
  Error.stackTraceLimit = 0 // Errors are part of the game, and nobody looks at their stacks.
  const first = Number(values.first ?? 1)
  const count = Number(values.seeds ?? Infinity)
  const until = values.minutes === undefined ? Infinity : performance.now() + Number(values.minutes) * 60_000
  if (count === Infinity && until === Infinity) throw new Error('Say --seed N, --seeds N or --minutes M.')
  const marks = new Marks()
  const began = performance.now()
  let failures = 0
  let lived = 0
  for (const seed of seedsFrom(first, count)) {
    if (performance.now() > until) break
    if (!(await survives(seed, marks))) failures++
    if (failures === failuresMax) break
    lived++
  }
  const seconds = (performance.now() - began) / 1000
  console.log(`${marks.toString()}\n`)
  const isBlunt = lived >= marksFrom && marks.missing.length > 0
  if (isBlunt) console.log(`never came to: ${marks.missing.join(', ')}`)
  console.log(`${lived} seeds, ${failures} failed, ${(lived / seconds).toFixed(1)} seeds per second`)
  return failures > 0 || isBlunt ? 1 : 0
}

function* seedsFrom(first: number, count: number): Generator<number> {
  for (const { seed } of keptSeeds) yield seed
  for (let seed = first; seed < first + count; seed++) yield seed
}

async function survives(seed: number, marks: Marks): Promise<boolean> {
  try {
    await liveThrough(seed, marks)
    if (seed % twiceEvery === 0) await liveTwice(seed)
    return true
  } catch (error) {
    console.log(`${(error as Error).message}\n`)
    return false
  }
}
