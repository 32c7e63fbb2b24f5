// Hundreds of kills -9 of the built command (T2 of the promises): R1, nothing acknowledged is ever asked for again; R2,
// what a kill costs stays within the window; what arrives is equal byte for byte, and nothing is left lying about.
//
//   CARRYON_CRASH_SEED=7 CARRYON_CRASH_KILLS=1000 npm run test:crash

import { expect, it } from 'vitest'
import { killAndCarryOn } from './killing.ts'
import { seedOfRun, tellAndCheck } from './report.ts'

const kills = Number(process.env['CARRYON_CRASH_KILLS'] ?? 300)
const abreast = 4 // Processes that wait for each other leave room for others.
const minutesPerKill = 5 / 100 // Some five times what two cores need.

it(
  `carries on through ${kills} kills of real processes, byte for byte (R1, R2)`,
  async () => {
    const seed = seedOfRun()
    const tally = await killAndCarryOn(seed, kills, abreast)
    expect(tally.kills).toBeGreaterThanOrEqual(kills)
    tellAndCheck(seed, tally)
  },
  kills * minutesPerKill * 60_000 + 60_000,
)
