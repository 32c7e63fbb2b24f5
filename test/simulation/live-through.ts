// Lives through one seed, and says all that is needed to see what went wrong.

import { setImmediate } from 'node:timers/promises'
import type { Marks } from './marks.ts'
import { describeScenario, scenarioOf } from './scenario.ts'
import { simulate } from './world.ts'

/** @throws Error with what was broken, the derived options, and the command that replays it */
export async function liveThrough(seed: number, marks?: Marks): Promise<void> {
  const scenario = scenarioOf(seed)
  try {
    await heard(() => simulate(scenario, marks === undefined ? {} : { marks }))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`seed ${seed}: ${why}\n${describeScenario(scenario)}\nnpm run simulate -- --seed ${seed}`, {
      cause: error,
    })
  }
}

/** @throws what was rejected meanwhile without anybody to hear it: a real process would die of it */
async function heard(life: () => Promise<unknown>): Promise<void> {
  const unheard: unknown[] = []
  const listen = (reason: unknown): void => void unheard.push(reason)
  process.on('unhandledRejection', listen)
  try {
    await life()
    await setImmediate() // A life is one long run of microtasks; only then does Node tell.
    if (unheard.length > 0) throw unheard[0]
  } finally {
    process.off('unhandledRejection', listen)
  }
}

/** @throws Error if a seed is not the same history twice (R102) */
export async function liveTwice(seed: number): Promise<void> {
  const [once, again] = [await simulate(scenarioOf(seed), { log: [] }), await simulate(scenarioOf(seed), { log: [] })]
  if (once.digest !== again.digest) throw new Error(`seed ${seed}: R102: it is not the same history twice`)
}
