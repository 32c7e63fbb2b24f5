// The main test: the shipping runners through everything that can go wrong, one seed after the other.

import { describe, expect, it } from 'vitest'
import { scenarioOf } from './scenario.ts'
import { simulate } from './world.ts'

const only = process.env['CARRYON_SEED']
const first = Number(only ?? process.env['CARRYON_FIRST_SEED'] ?? 1)
const count = only === undefined ? Number(process.env['CARRYON_SEEDS'] ?? 300) : 1
const perTest = 50

describe('simulation', () => {
  for (let from = first; from < first + count; from += perTest) {
    const to = Math.min(from + perTest, first + count) - 1
    it(`seeds ${from} to ${to}: whatever breaks, both sides finish with what was promised`, async () => {
      for (let seed = from; seed <= to; seed++) await survive(seed)
    }, 600_000)
  }

  it('the same seed is the same history', async () => {
    for (const seed of [first, first + 1, first + 2]) {
      const again = await simulate(scenarioOf(seed))
      expect(await simulate(scenarioOf(seed))).toEqual(again)
    }
  })
})

async function survive(seed: number): Promise<void> {
  try {
    await simulate(scenarioOf(seed))
  } catch (error) {
    throw new Error(`npm run simulate -- --seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}
