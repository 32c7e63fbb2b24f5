// System calls that fail under a whole transfer (T3 of the promises): each k-th one, once or for good, on either side, in a
// process that begins a session and in one that goes on with one. Every trial ends without a hang, a bug or an open file;
// what failed syncs should have written is forgotten; one clean resume, and what arrived is the same byte for byte. The
// ledger holds what was acknowledged against what the receiver then says.
//
//   CARRYON_FAULT_SEED=7 npm run test:crash

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seeded } from '../support/chance.ts'
import { bundle, compileShim, hasCompiler } from '../support/native.ts'
import type { Call, Fault, Lived } from './fault.ts'

const abreast = 2 // Processes, each with both ends of a transfer.
const seed = Number(process.env['CARRYON_FAULT_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const chance = seeded(seed)

const always = 1e9 // More calls than there are.
const never = 1e9
const seededCount = 50

type Spot = Pick<Fault, 'side' | 'phase'>
const spots: readonly Spot[] = [
  { side: 'receiver', phase: 'fresh' },
  { side: 'receiver', phase: 'resume' },
  { side: 'sender', phase: 'fresh' },
  { side: 'sender', phase: 'resume' },
]
const [receiving, receivingOn, sending] = spots as [Spot, Spot, Spot]

const syncs: readonly Call[] = ['fdatasync', 'fsync', 'dirsync']
const names: readonly Call[] = ['link', 'rename', 'unlink', 'mkdir']
const rest: readonly Call[] = ['open', 'pwrite', 'ftruncate']
const all = [...syncs, ...names, ...rest]

/** What a run may end with, beside success, on the side whose disk fails so. */
const endings: Readonly<Record<string, readonly string[]>> = {
  EIO: ['disk-failed', 'folder-not-writable'],
  EROFS: ['disk-failed', 'folder-not-writable'],
  ENOSPC: ['disk-full', 'disk-failed', 'folder-not-writable'],
  EDQUOT: ['disk-full', 'disk-failed', 'folder-not-writable'],
  EMFILE: ['too-many-open-files'],
  EACCES: ['permission-denied', 'folder-not-writable'],
  EBUSY: ['disk-failed', 'folder-not-writable'],
  ENOENT: ['not-found', 'folder-not-writable'],
}

describe.skipIf(!hasCompiler())('a system call that fails (needs Linux and a C compiler)', { timeout: 600_000 }, () => {
  let folder: string
  let shim: string
  let driver: string
  /** How many calls of each kind a run without faults makes. */
  const counts = new Map<Spot, Lived['counts']>()

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'carryon-faults-'))
    shim = compileShim(folder)
    driver = await bundle('fault-driver.ts', folder)
    const calm = spots.map((spot): Fault => ({ ...spot, call: 'open', k: never, how: 'EIO', many: 1 }))
    for (const [i, lived] of (await lifeOf(calm)).entries()) {
      expect(lived.problems).toEqual([])
      counts.set(spots[i]!, lived.counts)
    }
    console.log(`seed ${seed}; calls of a receiver: ${JSON.stringify(counts.get(receiving))}`)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** Lives through all of them in one process. */
  async function lifeOf(faults: readonly Fault[]): Promise<Lived[]> {
    const env = { ...process.env, LD_PRELOAD: shim, TMPDIR: folder }
    const child = spawn(process.execPath, ['--enable-source-maps', driver], { env, stdio: ['pipe', 'pipe', 'inherit'] })
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    child.stdin.end(faults.map((fault) => `${JSON.stringify(fault)}\n`).join(''))
    const lived: Lived[] = []
    for await (const line of createInterface({ input: child.stdout })) lived.push(JSON.parse(line) as Lived)
    const next = JSON.stringify(faults[lived.length] ?? 'the end')
    expect(await ended, `it died at ${next}`).toBe(0)
    expect(lived.length, `it stopped at ${next}`).toBe(faults.length)
    return lived
  }

  async function suffer(faults: readonly Fault[]): Promise<Lived[]> {
    const shares = Array.from({ length: abreast }, (_, i) => faults.filter((__, at) => at % abreast === i))
    const lived = (await Promise.all(shares.map(lifeOf))).flat()
    const hit = lived.filter((it) => it.counts['failed']! > 0)
    console.log(`${lived.length} trials, ${hit.length} of them met their fault; ${endsOf(lived)}`)
    expect(lived.filter(({ problems }) => problems.length > 0)).toEqual([])
    expect(lived.filter((it) => !isDocumented(it))).toEqual([])
    // How many calls there are differs from run to run: who did not meet the k-th had fewer, and most met theirs.
    expect(lived.filter((it) => it.counts['failed'] === 0 && it.counts[it.fault.call]! >= it.fault.k)).toEqual([])
    expect(hit.length).toBeGreaterThan(lived.length / 2)
    return lived
  }

  /** Each k of some calls in one spot. */
  function each(spot: Spot, calls: readonly Call[], how: string, many: number = 1): Fault[] {
    return calls.flatMap((call) => {
      const count = counts.get(spot)![call]!
      return ks(call, count).map((k) => ({ ...spot, call, k, how, many }))
    })
  }

  it('is survived on both sides, in a beginning and in a resume, whichever it is (R16, R21, R45)', async () => {
    await suffer(spots.flatMap((spot) => each(spot, all, 'EIO')))
  })

  it('and fails from then on until the process ends is survived, too (R21)', async () => {
    await suffer([
      ...each(receiving, [...syncs, 'link', 'rename'], 'EIO', always),
      ...each(receivingOn, [...syncs, 'rename'], 'EIO', always),
      ...each(receiving, rest, 'EROFS', always),
    ])
  })

  it('for want of a right, because a name is in use, or is not there: it is named, or got over (R21)', async () => {
    await suffer([
      ...each(receiving, names, 'EACCES'),
      ...each(sending, ['open', 'rename'], 'EACCES'),
      ...each(receiving, ['rename', 'unlink'], 'EBUSY'),
      ...each(receivingOn, ['link', 'rename'], 'ENOENT'),
    ])
  })

  it('is interrupted (EINTR): nobody hears of it', async () => {
    const lived = await suffer(each(receiving, ['pwrite', ...names], 'EINTR'))
    expect(lived.filter(({ ends }) => !isThrough(ends.receiver) || !isThrough(ends.sender))).toEqual([])
  })

  it('for want of room or quota parks, and it goes on by itself (R22)', async () => {
    const lived = await suffer([
      ...each(receiving, ['pwrite', 'open', 'link'], 'ENOSPC', always),
      ...each(receiving, ['pwrite', 'mkdir'], 'EDQUOT', always),
    ])
    const parked = lived.filter(({ isParked }) => isParked)
    expect(parked.length).toBeGreaterThan(lived.length / 4)
    expect(parked.filter(({ ends }) => !isThrough(ends.receiver) || !isThrough(ends.sender))).toEqual([])
  })

  it('is a sync without room: that one is a failure, never tried again (R16, R22)', async () => {
    const lived = await suffer([...each(receiving, syncs, 'ENOSPC'), ...each(receivingOn, syncs, 'EDQUOT')])
    expect(lived.filter(({ isParked }) => isParked)).toEqual([])
  })

  it.each(['EINVAL', 'ENOTSUP', 'EISDIR', 'EPERM'])(
    'is the sync of a directory, with %s: durability is degraded, said once, and nothing else changes (R7)',
    async (how) => {
      const lived = await suffer(spots.map((spot) => ({ ...spot, call: 'dirsync', k: 1, how, many: always })))
      for (const { fault, ends, warnings } of lived) {
        expect([ends.sender, ends.receiver].filter((end) => !isThrough(end))).toEqual([])
        const said = warnings.filter((code) => code !== 'release-unconfirmed')
        expect(said).toEqual(fault.side === 'receiver' ? ['durability-degraded'] : [])
      }
    },
  )

  it('for want of descriptors is survived (R24)', async () => {
    await suffer([...each(receiving, ['open'], 'EMFILE'), ...each(receivingOn, ['open'], 'EMFILE')])
  })

  it('writes half of what it was given: the rest follows (R17)', async () => {
    const lived = await suffer([
      ...each(receiving, ['pwrite'], 'short'),
      ...each(receiving, ['pwrite'], 'short', always),
    ])
    expect(lived.filter(({ ends }) => !isThrough(ends.receiver))).toEqual([])
  })
})

/** All of them; of calls that are many, the first, the last and some between. */
function ks(call: Call, count: number): number[] {
  const every = Array.from({ length: count }, (_, i) => i + 1)
  if (call !== 'open' && call !== 'pwrite') return every
  const between = every.slice(1, -1).map((k) => ({ k, at: chance() }))
  const chosen = between.toSorted((a, b) => a.at - b.at).slice(0, seededCount)
  return [...new Set([1, ...chosen.map(({ k }) => k).toSorted((a, b) => a - b), count])]
}

/** The side whose call failed says so by name, or got over it; the other one was left, or is done. */
function isDocumented({ fault, ends, counts, isKilled }: Lived): boolean {
  const other = fault.side === 'sender' ? 'receiver' : 'sender'
  if (counts['failed'] === 0) return isThrough(ends[fault.side])
  const isNamed = [...through, ...(endings[fault.how] ?? []), ...(isKilled ? ['retry-over'] : [])].includes(
    ends[fault.side],
  )
  return isNamed && [...through, 'retry-over'].includes(ends[other])
}

/** The engine's clock goes ten times as fast: whoever waits for the last word gives up where a disk is busy for 200 ms. */
const through: readonly string[] = ['released', 'released-unconfirmed']
const isThrough = (end: string): boolean => through.includes(end)

function endsOf(lived: readonly Lived[]): string {
  const tally = new Map<string, number>()
  for (const { fault, ends } of lived) tally.set(ends[fault.side], (tally.get(ends[fault.side]) ?? 0) + 1)
  return [...tally].map(([end, count]) => `${count} ${end}`).join(', ')
}
