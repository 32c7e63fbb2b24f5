// What one seed stands for: a tree of files, limits, policies, and how much will go wrong.

import type { Limits } from '../../src/model/limits.ts'
import type { ConflictPolicy, Role } from '../../src/model/session.ts'
import { Chance } from './timeline.ts'

export interface SourceFile {
  readonly path: readonly string[]
  readonly content: Uint8Array
  readonly mode: number
}

export interface Scenario {
  readonly seed: number
  readonly limits: Limits
  readonly dialer: Role
  readonly isSpilled: boolean
  readonly onConflict: ConflictPolicy
  readonly checksum: boolean
  readonly files: readonly SourceFile[]
  readonly directories: readonly (readonly string[])[]
  readonly links: readonly { readonly path: readonly string[]; readonly target: string }[]
  /** What lies in the target before, by index of `files`: the same file, or another one. */
  readonly before: ReadonlyMap<number, 'same' | 'other'>
  readonly latencyMs: number
  /** Longest that a call to the disk takes; 0: none takes any time. */
  readonly diskMs: number
  /** What will go wrong, at most so often. */
  readonly faults: {
    readonly kills: number
    readonly powerCuts: number
    readonly linkFaults: number
    readonly damages: number
    readonly edits: number
    readonly takeovers: number
    readonly pauses: number
    readonly fullDisks: number
    readonly failedSyncs: number
    readonly intruders: number
  }
}

const chunkBytes = 256
const calm = [0, 0, 0, 1] as const

export function scenarioOf(seed: number): Scenario {
  const chance = new Chance(seed * 2 + 1)
  const windowBytes = chance.pick([2048, 4096, 8192])
  const directories = [[], ['deep'], ['deep', 'er'], ['empty']].slice(0, chance.between(1, 4))
  const files = Array.from({ length: chance.pick([0, 1, 2, 5, 12, 30]) }, (_, i) => ({
    path: [...chance.pick(directories.slice(0, 3)), `f${i}`],
    content: contentOf(chance),
    mode: chance.pick([0o644, 0o600, 0o444, 0o755]),
  }))
  const before = new Map<number, 'same' | 'other'>()
  if (chance.is(0.3))
    files.forEach((_, i) => {
      if (chance.is(0.4)) before.set(i, chance.pick(['same', 'other']))
    })
  return {
    seed,
    limits: {
      chunkBytes,
      windowBytes,
      syncEveryBytes: 512,
      syncEveryMs: chance.pick([20, 100, 400]),
      deadAfterMs: 3_000,
      pingIdleMs: 1_000,
      watchdogMs: 15_000,
      lingerMs: 4_000,
    },
    dialer: chance.pick(['sender', 'receiver']),
    isSpilled: chance.is(0.3),
    onConflict: chance.pick(['fail', 'fail', 'keep', 'replace', 'update', 'rename']),
    checksum: chance.is(0.2),
    files,
    directories: directories.filter((path) => path.length > 0),
    links: chance.is(0.3) ? [{ path: ['link'], target: 'f0' }] : [],
    before,
    latencyMs: chance.pick([0, 5, 80]),
    diskMs: chance.pick([0, 0, 3, 40]),
    faults: {
      kills: chance.pick([0, 0, 1, 3, 6]),
      powerCuts: chance.pick([0, 0, 1, 3, 5]),
      linkFaults: chance.pick([0, 1, 3, 8]),
      damages: chance.pick(calm),
      edits: chance.pick([0, 0, 1, 4]),
      takeovers: chance.pick(calm),
      pauses: chance.pick(calm),
      fullDisks: chance.pick(calm),
      failedSyncs: chance.pick(calm),
      intruders: chance.pick(calm),
    },
  }
}

/** Empty, tiny, exact multiples, many chunks, holes. */
export function contentOf(chance: Chance): Uint8Array {
  const size = chance.pick([0, 1, 8, 40, 255, 256, 257, 512, 1000, 2048, chance.below(6000), chance.below(20_000)])
  const content = chance.bytes(size)
  for (let chunk = 0; chunk * chunkBytes < size; chunk++)
    if (chance.is(0.15)) content.fill(0, chunk * chunkBytes, (chunk + 1) * chunkBytes)
  return content
}
