// Every seed of a run, or every n-th: as many as one thread lives through.

import { keptSeeds } from './kept-seeds.ts'
import { liveThrough, liveTwice } from './live-through.ts'
import { type MarkCounts, Marks } from './marks.ts'

const twiceEvery = 50 // Of so many seeds one is lived through twice, to see that it is the same.
const failuresMax = 5

export interface Share {
  readonly first: number
  /** Seeds of the whole run; Infinity: until the time is over. */
  readonly count: number
  readonly minutes: number
  /** This is share number `part` of `parts`. */
  readonly part: number
  readonly parts: number
}

export interface Tally {
  readonly lived: number
  readonly failures: number
  readonly counts: MarkCounts
}

/** @param failed told of each seed that fails, in its own words */
export async function liveShare(share: Share, failed: (why: string) => void): Promise<Tally> {
  Error.stackTraceLimit = 0 // Errors are part of the game, and nobody looks at their stacks.
  const until = performance.now() + share.minutes * 60_000
  const marks = new Marks()
  let failures = 0
  let lived = 0
  for (const seed of seedsOf(share)) {
    if (performance.now() > until || failures === failuresMax) break
    lived++
    try {
      await liveThrough(seed, marks)
      if (seed % twiceEvery === 0) await liveTwice(seed)
    } catch (error) {
      failures++
      failed((error as Error).message)
    }
  }
  return { lived, failures, counts: marks.counts }
}

/** Seeds that ever failed come first. */
function* seedsOf({ first, count, part, parts }: Share): Generator<number> {
  for (let i = part; i < keptSeeds.length; i += parts) yield keptSeeds[i]!.seed
  for (let seed = first + part; seed < first + count; seed += parts) yield seed
}
