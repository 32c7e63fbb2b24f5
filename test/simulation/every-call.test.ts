// One small transfer in which nothing goes wrong but one call to a disk: the first, the second, and so on to the last.

import { describe, expect, it } from 'vitest'
import type { Durability, Role } from '../../src/model/session.ts'
import { bug, type CallPlan, errnos as errnosOf } from './calls.ts'
import type { Call } from './process-disk.ts'
import type { Scenario } from './scenario.ts'
import { simulate } from './world.ts'

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7) & 0xff)
const holed = bytes(1000)
holed.fill(0, 256, 512)

/** A pack, a file of chunks with a hole, an empty one; directories and a link. */
const scenario: Scenario = {
  seed: 1,
  limits: {
    chunkBytes: 256,
    windowBytes: 2048,
    syncEveryBytes: 512,
    syncEveryMs: 100,
    deadAfterMs: 3_000,
    pingIdleMs: 1_000,
    watchdogMs: 15_000,
    lanes: 1,
    lanesMax: 16,
    lingerMs: 4_000,
  },
  dialer: 'sender',
  isSpilled: false,
  onConflict: 'fail',
  durability: 'checkpoint',
  checksum: false,
  files: [
    { path: ['empty'], content: bytes(0), mode: 0o644 },
    { path: ['deep', 'holed'], content: holed, mode: 0o600 },
    { path: ['deep', 'small'], content: bytes(10), mode: 0o755 },
  ],
  directories: [['deep']],
  links: [{ path: ['link'], target: 'empty' }],
  before: new Map(),
  pageEntries: 3,
  hasLinks: true,
  changesOptions: false,
  latencyMs: 1,
  diskMs: 0,
  doubled: 0,
  troubledMs: 50,
  faults: {
    kills: 0,
    powerCuts: 0,
    stops: 0,
    clockJumps: 0,
    pauses: 0,
    discards: 0,
    fullDisks: 0,
    failedCalls: 0,
    slowCalls: 0,
    rollbacks: 0,
    damagedJournals: 0,
    damagedParts: 0,
    linkFaults: 0,
    damagedFrames: 0,
    oldFrames: 0,
    takeovers: 0,
    edits: 0,
    intruders: 0,
  },
}

/** Lives through the scenario with something wrong in the first process of one side. */
function live(
  role: Role,
  plan: CallPlan,
  { hasLinks = true, durability = 'checkpoint', seed = 1 }: Partial<Scenario> = {},
) {
  let isFirst = true
  const planOf = (of: Role): CallPlan => {
    if (of !== role || !isFirst) return {}
    isFirst = false
    return plan
  }
  return simulate({ ...scenario, hasLinks, durability, seed }, { plan: planOf })
}

/** The kinds of the calls that there are if nothing goes wrong. */
async function callsOf(role: Role, durability?: Durability): Promise<readonly Call['kind'][]> {
  const calls = (await live(role, {}, durability === undefined ? {} : { durability })).calls[role]
  expect(calls.length).toBeGreaterThan(50)
  return calls
}

const errnos = ['EIO', 'ENOSPC', 'EMFILE', 'EACCES', 'ENOENT'] // Each stands for those that mean the same to us.
const roles = ['sender', 'receiver'] as const
const cases = roles.flatMap((role) => errnos.map((code) => [role, code] as const))

describe('every call', () => {
  it.each(cases)(
    'R21: of the %s fails with %s, once and for a while, and it ends as it should',
    async (role, code) => {
      for (const [i, kind] of (await callsOf(role)).entries())
        for (const forMs of errnosOf[kind].includes(code) ? [0, 2_000] : [])
          await live(role, { failed: { call: i + 1, forMs, code } }).catch((error: unknown) => {
            expect.fail(`call ${i + 1}, ${kind}, for ${forMs} ms: ${String(error)}`)
          })
    },
    120_000,
  )

  it.each(roles)(
    'R26: every third one of the %s throws what nobody expects: that process ends by name, and the next one goes on',
    async (role) => {
      for (const [i, kind] of (await callsOf(role)).entries())
        if (i % 3 === 0)
          await live(role, { failed: { call: i + 1, forMs: 0, code: bug } }).catch((error: unknown) => {
            expect.fail(`call ${i + 1}, ${kind}: ${String(error)}`)
          })
    },
    120_000,
  )

  it.each(roles)(
    'R11: of the %s is the last one, of a process or of the machine',
    async (role) => {
      for (const [i, kind] of (await callsOf(role)).entries())
        for (const power of [false, true])
          for (const hasLinks of role === 'receiver' ? [false, true] : [true])
            await live(role, { last: { call: i + 1, power } }, { hasLinks }).catch((error: unknown) => {
              expect.fail(`call ${i + 1}, ${kind}, ${power ? 'power' : 'kill'}, links ${hasLinks}: ${String(error)}`)
            })
    },
    120_000,
  )

  it.each(['file', 'none'] as const)(
    'R20: or every third one, of a receiver with --durability %s, is the last one of its process',
    async (durability) => {
      for (const [i, kind] of (await callsOf('receiver', durability)).entries())
        if (i % 3 === 0)
          await live('receiver', { last: { call: i + 1, power: false } }, { durability }).catch((error: unknown) => {
            expect.fail(`call ${i + 1}, ${kind}: ${String(error)}`)
          })
    },
    120_000,
  )

  it('R6, R14: of the receiver is the last one, and a part is damaged before the next: no file gets its name unread', async () => {
    const kinds = await callsOf('receiver')
    const aboutToPublish = kinds.flatMap((_, i) =>
      kinds.slice(Math.max(0, i - 3), i + 2).includes('link') ? [i + 1] : [],
    )
    for (const call of aboutToPublish)
      for (const hasLinks of [true, false])
        for (const seed of [1, 2])
          await live('receiver', { last: { call, power: false, damages: true } }, { hasLinks, seed })
  })
})
