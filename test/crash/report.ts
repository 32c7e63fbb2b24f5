// What a run of kills is asked for, and how it is told.

import { expect } from 'vitest'
import { MiB } from '../support/trees.ts'
import { type Tally, windowBytes } from './killing.ts'

/** From CRASH_SEED, or drawn; told either way. */
export function seedOfRun(): number {
  return Number(process.env['CARRYON_CRASH_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
}

/** Says what was done, and checks what holds for all kills together. */
export function tellAndCheck(seed: number, tally: Tally): void {
  const { kills, between, transfers } = tally
  const resent = tally.resent.toSorted((a, b) => a - b)
  const median = resent[Math.floor(resent.length / 2)] ?? 0
  const again = `CARRYON_CRASH_SEED=${seed} CARRYON_CRASH_KILLS=${kills}`
  console.log(
    `${kills} kills in ${transfers} transfers, ${between} of them between the first and the last acknowledge; ` +
      `bytes sent again at most ${mib(resent.at(-1) ?? 0)}, median ${mib(median)} (window ${mib(windowBytes)}). ${again}`,
  )
  expect(between).toBeGreaterThanOrEqual(kills / 2)
  expect(median).toBeLessThanOrEqual(windowBytes / 2)
}

function mib(bytes: number): string {
  return `${(bytes / MiB).toFixed(1)} MiB`
}
