// Twenty kills: what every `npm test` sees of test/crash.

import { expect, it } from 'vitest'
import { killAndCarryOn } from './killing.ts'
import { seedOfRun, tellAndCheck } from './report.ts'

it('carries on through 20 kills of real processes, byte for byte (R1, R2)', async () => {
  const seed = seedOfRun()
  const tally = await killAndCarryOn(seed, 20, 2)
  expect(tally.kills).toBeGreaterThanOrEqual(20)
  tellAndCheck(seed, tally)
})
