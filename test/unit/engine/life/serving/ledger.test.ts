// Quotas hold before a byte is written, over crashes and restarts, and count nothing twice.

import { describe, expect, it } from 'vitest'
import { Ledger } from '../../../../../src/engine/life/serving/ledger.ts'
import type { Grant } from '../../../../../src/model/grant.ts'
import { MemoryDisk } from '../../../../../src/store/memory-disk.ts'
import { openServerDirectory } from '../../../../../src/store/server-directory.ts'
import { grantOf } from '../grant.ts'

const [one, two] = ['1'.repeat(32), '2'.repeat(32)]

async function ledgerOn(
  disk: MemoryDisk,
  grants: readonly Grant[],
  underWay: readonly string[] = [],
  maxBytes?: number,
) {
  const ledger = new Ledger(await openServerDirectory(await disk.openRoot('/served/.carryon')), maxBytes)
  for (const { id } of grants) await ledger.open(id, (session) => underWay.includes(session))
  return ledger
}

describe('R79: a quota', () => {
  const grant = grantOf({ maxBytes: 100, maxFiles: 3 })

  it('is over all sessions of a ticket together, settled or under way', async () => {
    const ledger = await ledgerOn(new MemoryDisk(), [grant])
    for (const session of [one, two]) await ledger.begin(grant, session)
    expect(await ledger.reserve(grant, one, { page: 0, bytes: 60, files: 1 })).toBeUndefined()
    expect(await ledger.reserve(grant, two, { page: 0, bytes: 41, files: 1 })).toContain('100 bytes')
    expect(await ledger.reserve(grant, two, { page: 0, bytes: 40, files: 1 })).toBeUndefined()
    await ledger.settle(grant.id, one)
    expect(await ledger.reserve(grant, two, { page: 1, bytes: 1, files: 0 })).toContain('100 bytes')
    expect(await ledger.reserve(grant, two, { page: 1, bytes: 0, files: 2 })).toContain('3 files')
    expect(ledger.used(grant.id)).toEqual({ begun: 2, bytes: 100, files: 2 })
  })

  it('of the server is over all tickets together, whatever each may bring in', async () => {
    const other = grantOf({ id: 'b'.repeat(32) })
    const ledger = await ledgerOn(new MemoryDisk(), [grant, other], [], 150)
    await ledger.begin(grant, one)
    await ledger.begin(other, two)
    expect(await ledger.reserve(grant, one, { page: 0, bytes: 100, files: 1 })).toBeUndefined()
    expect(await ledger.reserve(other, two, { page: 0, bytes: 51, files: 1 })).toContain('150 bytes')
    expect(await ledger.reserve(other, two, { page: 0, bytes: 50, files: 1 })).toBeUndefined()
    await ledger.settle(grant.id, one, { bytes: 10, files: 1 })
    expect(await ledger.reserve(other, two, { page: 1, bytes: 91, files: 1 })).toContain('150 bytes')
    expect(await ledger.reserve(other, two, { page: 1, bytes: 0, files: 9 })).toBeUndefined()
    expect(await ledger.reserve(other, two, { page: 2, bytes: 90, files: 0 })).toBeUndefined()
  })

  it('counts a page once, however often it comes; growth each time', async () => {
    const ledger = await ledgerOn(new MemoryDisk(), [grant])
    await ledger.begin(grant, one)
    for (let i = 0; i < 3; i++) await ledger.reserve(grant, one, { page: 0, bytes: 30, files: 1 })
    for (let i = 0; i < 2; i++) await ledger.reserve(grant, one, { page: null, bytes: 20, files: 0 })
    expect(ledger.used(grant.id)).toEqual({ begun: 1, bytes: 70, files: 1 })
  })

  it('gives back what a session that was given up did not bring in', async () => {
    const ledger = await ledgerOn(new MemoryDisk(), [grant])
    await ledger.begin(grant, one)
    await ledger.reserve(grant, one, { page: 0, bytes: 90, files: 2 })
    await ledger.settle(grant.id, one, { bytes: 10, files: 1 })
    await ledger.settle(grant.id, one, { bytes: 10, files: 1 }) // Said twice.
    expect(ledger.used(grant.id)).toEqual({ begun: 1, bytes: 10, files: 1 })
  })

  it('holds over a power cut at every step: what was granted is never forgotten, what was not is not counted', async () => {
    for (let cutAfter = 0; ; cutAfter++) {
      const disk = new MemoryDisk()
      const before = await ledgerOn(disk, [grant])
      await before.begin(grant, one)
      disk.cutPowerAfter(cutAfter)
      const outcome = await before.reserve(grant, one, { page: 0, bytes: 70, files: 1 }).then(
        () => 'granted',
        () => 'cut',
      )
      const after = await ledgerOn(disk.crash(), [grant], [one])
      const { bytes } = after.used(grant.id)
      if (outcome === 'granted') expect(bytes).toBe(70)
      else expect([0, 70]).toContain(bytes)
      await after.reserve(grant, one, { page: 0, bytes: 70, files: 1 }) // The page comes again.
      expect(after.used(grant.id)).toEqual({ begun: 1, bytes: 70, files: 1 })
      if (outcome === 'granted') return
    }
  })

  it('of uses counts a session once, also where it was not made before a crash', async () => {
    const disk = new MemoryDisk()
    const single = grantOf({ uses: 1 })
    const ledger = await ledgerOn(disk, [single])
    expect(await ledger.begin(single, one)).toBe(true)
    expect(await ledger.begin(single, one)).toBe(true)
    expect(await ledger.begin(single, two)).toBe(false)
    const again = await ledgerOn(disk.crash(), [single], [one])
    expect([await again.begin(single, one), await again.begin(single, two)]).toEqual([true, false])
  })

  it('goes with a session to another ticket', async () => {
    const other = grantOf({ id: 'e'.repeat(32) })
    const ledger = await ledgerOn(new MemoryDisk(), [grant, other])
    await ledger.begin(grant, one)
    await ledger.reserve(grant, one, { page: 0, bytes: 70, files: 1 })
    await ledger.move(one, grant.id, other.id)
    await ledger.move(one, grant.id, other.id)
    expect([grant, other].map(({ id }) => ledger.used(id))).toEqual([
      { begun: 1, bytes: 0, files: 0 },
      { begun: 0, bytes: 70, files: 1 },
    ])
  })

  it('of a session that ended while no server ran is used up as it was set aside', async () => {
    const disk = new MemoryDisk()
    const ledger = await ledgerOn(disk, [grant])
    await ledger.begin(grant, one)
    await ledger.reserve(grant, one, { page: 0, bytes: 70, files: 1 })
    const again = await ledgerOn(disk, [grant])
    expect(again.reservations.size).toBe(0)
    expect(again.used(grant.id)).toEqual({ begun: 1, bytes: 70, files: 1 })
  })
})
