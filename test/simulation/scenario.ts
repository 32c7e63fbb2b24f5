// What one seed stands for: a tree of files, limits, policies, and how much will go wrong.

import type { Limits } from '../../src/model/limits.ts'
import type { ConflictPolicy, Durability, Role } from '../../src/model/session.ts'
import { Chance } from './timeline.ts'

export interface SourceFile {
  readonly path: readonly string[]
  readonly content: Uint8Array
  readonly mode: number
}

/** How often each kind of trouble comes, at most. */
export interface Faults {
  readonly kills: number
  readonly powerCuts: number
  readonly stops: number
  readonly clockJumps: number
  readonly pauses: number
  readonly discards: number
  readonly fullDisks: number
  /** Processes that meet a call to their disk which fails. */
  readonly failedCalls: number
  readonly slowCalls: number
  readonly rollbacks: number
  readonly damagedJournals: number
  readonly damagedParts: number
  readonly linkFaults: number
  readonly damagedFrames: number
  readonly oldFrames: number
  readonly takeovers: number
  readonly edits: number
  readonly intruders: number
}

export interface Scenario {
  readonly seed: number
  readonly limits: Limits
  readonly dialer: Role
  readonly isSpilled: boolean
  readonly onConflict: ConflictPolicy
  readonly checksum: boolean
  readonly durability: Durability
  readonly files: readonly SourceFile[]
  readonly directories: readonly (readonly string[])[]
  readonly links: readonly { readonly path: readonly string[]; readonly target: string }[]
  /** What lies in the target before, by index of `files`: the same file, or another one. */
  readonly before: ReadonlyMap<number, 'same' | 'other'>
  /** Entries of a manifest page. */
  readonly pageEntries: number
  /** Whether the target's disk knows second names for a file. */
  readonly hasLinks: boolean
  /** Whether each start of a process draws its own window and sync points. */
  readonly changesOptions: boolean
  readonly latencyMs: number
  /** Longest that a call to the disk takes; 0: none takes any time. */
  readonly diskMs: number
  /** Of messages that arrive twice. */
  readonly doubled: number
  /** Troubles that have a time come within this span, ms. */
  readonly troubledMs: number
  readonly faults: Faults
}

const chunkBytes = 256
const seldom = [0, 0, 0, 1] as const
const rarely = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1] as const

export function scenarioOf(seed: number): Scenario {
  const chance = new Chance(seed).of('scenario')
  const directories = [[], ['deep'], ['deep', 'er'], ['empty']].slice(0, chance.between(1, 4))
  const files = Array.from({ length: chance.pick([0, 1, 2, 3, 5, 12, 30]) }, (_, i) => ({
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
    limits: limitsOf(chance),
    dialer: chance.pick(['sender', 'receiver']),
    isSpilled: chance.is(0.3),
    onConflict: chance.pick(['fail', 'fail', 'keep', 'replace', 'update', 'rename']),
    checksum: chance.is(0.2),
    durability: new Chance(seed).of('durability').pick(['checkpoint', 'checkpoint', 'checkpoint', 'file', 'none']),
    files,
    directories: directories.filter((path) => path.length > 0),
    links: chance.is(0.3) ? [{ path: ['link'], target: 'f0' }] : [],
    before,
    pageEntries: chance.pick([1, 3, 8, 2000]),
    hasLinks: chance.is(0.85),
    changesOptions: chance.is(0.3),
    latencyMs: chance.pick([0, 5, 80]),
    diskMs: chance.pick([0, 0, 3, 40]),
    doubled: chance.pick([0, 0, 0, 0.2]),
    troubledMs: chance.pick([50, 500, 5_000]),
    faults: faultsOf(chance),
  }
}

/** Small enough that a file of a few KiB fills the window and meets many sync points. */
export function limitsOf(chance: Chance): Limits {
  return {
    chunkBytes,
    windowBytes: chance.pick([2048, 4096, 8192]),
    syncEveryBytes: chance.pick([512, 512, 2048]),
    syncEveryMs: chance.pick([20, 100, 400]),
    deadAfterMs: 3_000,
    pingIdleMs: 1_000,
    watchdogMs: 15_000,
    lingerMs: 4_000,
    lanes: chance.of('lanes').pick([1, 1, 2, 3, 4, 'auto']),
    lanesMax: 16,
  }
}

function faultsOf(chance: Chance): Faults {
  return {
    kills: chance.pick([0, 0, 1, 3, 6]),
    powerCuts: chance.pick([0, 0, 1, 3, 5]),
    stops: chance.pick(seldom),
    clockJumps: chance.pick(seldom),
    pauses: chance.pick(seldom),
    discards: chance.pick(rarely),
    fullDisks: chance.pick(seldom),
    failedCalls: chance.pick([0, 0, 1, 3]),
    slowCalls: chance.pick(rarely),
    rollbacks: chance.pick(rarely),
    damagedJournals: chance.pick(rarely),
    damagedParts: chance.pick(rarely),
    linkFaults: chance.pick([0, 1, 3, 8]),
    damagedFrames: chance.pick(seldom),
    oldFrames: chance.pick([0, 0, 0, 2]),
    takeovers: chance.pick(seldom),
    edits: chance.pick([0, 0, 1, 4]),
    intruders: chance.pick(seldom),
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

/** Everything a seed stands for, for people. */
export function describeScenario({ files, before, ...rest }: Scenario): string {
  const listed = files.map(
    ({ path, content }, i) => `${path.join('/')}: ${content.length} bytes${there(before.get(i))}`,
  )
  return JSON.stringify({ ...rest, files: listed }, null, 2)
}

const there = (what: 'same' | 'other' | undefined): string =>
  what === undefined ? '' : `, in the target before: ${what === 'same' ? 'the same' : 'another'}`
