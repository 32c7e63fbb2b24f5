// The main test: the shipping runners through everything that can go wrong, one seed after the other. `npm run simulate`
// lives through many more.

import { describe, it } from 'vitest'
import { liveThrough, liveTwice } from './live-through.ts'

const count = 300
const perTest = 50

describe('simulation', () => {
  for (let from = 1; from <= count; from += perTest) {
    const to = from + perTest - 1
    it(`seeds ${from} to ${to}: whatever breaks, both sides finish with what was promised`, async () => {
      for (let seed = from; seed <= to; seed++) await liveThrough(seed)
    }, 600_000)
  }

  it('the same seed is the same history', async () => {
    for (const seed of [1, 2, 3, 4, 5]) await liveTwice(seed)
  })
})
