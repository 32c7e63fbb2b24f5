// Seeds of the simulation that once showed a bug. A seed keeps its history only as long as the simulator draws the same;
// what each one showed has a reproduction of its own beside this file, or in the tests of the part that was mended.

import { it } from 'vitest'
import { keptSeeds } from '../simulation/kept-seeds.ts'
import { liveThrough } from '../simulation/live-through.ts'

it.each(keptSeeds)(
  'seed $seed: $shows',
  async ({ seed }) => {
    await liveThrough(seed)
  },
  120_000,
)
