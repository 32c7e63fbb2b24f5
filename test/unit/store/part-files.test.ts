// Part files: bytes, descriptors and syncs.

import { readdirSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Directory, DiskFile } from '../../../src/model/disk.ts'
import { MemoryDisk } from '../../../src/store/memory-disk.ts'
import { PartFiles } from '../../../src/store/part-files.ts'
import { expectCode, floorUs } from '../../conformance/disk-suite.ts'
import { seeded } from '../../support/chance.ts'
import { gate, overridden } from '../../support/overridden.ts'
import { scratch } from '../../support/scratch.ts'

describe('parts', () => {
  it('are made by their first write, and found again', async () => {
    const { parts, directory } = await fresh()
    await parts.write(3, 10, Buffer.from('hello'))
    await parts.write(12, 0, Buffer.from('x'))
    await parts.truncate(2, 0)
    expect(await parts.list()).toEqual([2, 3, 12])
    const again = new PartFiles(directory)
    await again.write(3, 0, Buffer.from('0123456789'))
    const bytes = new Uint8Array(20)
    expect(await again.read(3, 0, bytes)).toBe(15)
    expect(Buffer.from(bytes.subarray(0, 15)).toString()).toBe('0123456789hello')
    expect((await again.stat(3))?.mode).toBe(0o600)
    expect(await again.stat(4)).toBeUndefined()
    await expectCode('not-found', again.read(4, 0, bytes))
    expect(await again.remove(3)).toBe(true)
    expect(await again.remove(3)).toBe(false)
    await again.write(3, 0, Buffer.from('new'))
    expect((await again.stat(3))?.size).toBe(3)
  })

  it('R24: use few descriptors for any number of files, and leak none', async () => {
    const parts = new PartFiles(await scratch())
    const before = descriptors()
    let most = 0
    for (let round = 0; round < 3; round++) {
      for (let from = 0; from < 100; from += 5) {
        const five = [0, 1, 2, 3, 4].map((i) => parts.write(from + i, round * 3, Buffer.from(`${from + i}`.padEnd(3))))
        await Promise.all(five)
        most = Math.max(most, descriptors() - before)
      }
    }
    expect(most).toBeLessThanOrEqual(13)
    await parts.datasync(Array(100).keys())
    const bytes = new Uint8Array(9)
    for (let entry = 0; entry < 100; entry++) {
      expect(await parts.read(entry, 0, bytes)).toBe(9)
      expect(Buffer.from(bytes).toString()).toBe(`${entry}`.padEnd(3).repeat(3))
    }
    await parts.close()
    expect(descriptors()).toBeLessThan(before) // The directory is closed, too.
  })

  it('R1: what datasync promised survives a power cut, names included, through any number of evictions', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(30), { minLength: 30, maxLength: 60 }), fc.integer(), async (entries, seed) => {
        const { disk, parts } = await fresh()
        for (const [i, entry] of entries.entries()) await parts.write(entry, i * 4, Buffer.from(`${i}`.padEnd(4)))
        await parts.datasync(entries)
        await parts.syncNames()
        const after = await disk.crash(seeded(seed)).openRoot('/parts')
        const left = new PartFiles(after)
        for (const [i, entry] of entries.entries()) {
          const bytes = new Uint8Array(4)
          await left.read(entry, i * 4, bytes)
          expect(Buffer.from(bytes).toString()).toBe(`${i}`.padEnd(4))
        }
      }),
      { numRuns: 50 },
    )
  })

  it('R1: the name of a part that an earlier process made is synced, though this one read it first', async () => {
    const { disk, directory, parts: earlier } = await fresh()
    await earlier.write(3, 0, Buffer.from('hello')) // Killed here: neither bytes nor name are on the disk.
    const parts = new PartFiles(directory)
    await parts.read(3, 0, new Uint8Array(5))
    await parts.write(3, 0, Buffer.from('hello'))
    await parts.datasync([3])
    await parts.syncNames()
    expect(Buffer.from(disk.durableBytes('/parts/3') ?? []).toString()).toBe('hello')
  })

  it('sync their directory once for all names made before', async () => {
    const { disk, parts } = await fresh()
    const syncs = () => disk.operations.filter(({ kind }) => kind === 'sync-directory').length
    for (let entry = 0; entry < 5; entry++) await parts.truncate(entry, 1)
    await parts.syncNames()
    await parts.syncNames()
    expect(syncs()).toBe(1)
    await parts.truncate(9, 1)
    await parts.syncNames()
    expect(syncs()).toBe(2)
  })

  it('R16: a failed sync is told, its descriptor is not synced again, and new writes go to a new one', async () => {
    const { disk, parts } = await fresh()
    await parts.write(1, 0, Buffer.from('a'))
    await parts.write(2, 0, Buffer.from('b'))
    disk.failNext('sync-file', 'EIO')
    await expectCode('disk-failed', parts.datasync([1]))
    await parts.write(1, 0, Buffer.from('a'))
    await parts.datasync([1, 2])
  })

  it('R16: a sync that failed while a part made room for others is told at its next sync', async () => {
    const { disk, parts } = await fresh()
    await parts.write(0, 0, Buffer.from('a'))
    disk.failNext('sync-file', 'EIO')
    for (let entry = 1; entry <= 20; entry++) await parts.write(entry, 0, Buffer.from('x'))
    await expectCode('disk-failed', parts.datasync([0]))
    await parts.datasync([0])
  })

  it('R16: everyone who waits for a sync hears that it failed', async () => {
    const { disk, parts } = await fresh()
    await parts.write(0, 0, Buffer.from('a'))
    disk.failNext('sync-file', 'EIO')
    const both = await Promise.allSettled([parts.datasync([0]), parts.datasync([0])])
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })

  it('datasync waits for a sync that is under way', async () => {
    const slow = slowSyncs(await new MemoryDisk().openRoot('/parts'))
    const parts = new PartFiles(slow.directory)
    await parts.write(0, 0, Buffer.from('a'))
    const first = parts.datasync([0])
    let isSecondDone = false
    const second = parts.datasync([0]).then(() => (isSecondDone = true))
    await slow.started
    expect(isSecondDone).toBe(false)
    slow.letGo()
    await Promise.all([first, second])
  })

  it('R56: finish sets size, mode and time on the descriptor, syncs and tells the inode', async () => {
    const parts = new PartFiles(await scratch())
    await parts.write(7, 0, Buffer.from('0123456789'))
    const { inode } = await parts.finish(7, { mode: 0o755, mtimeUs: -1_000_001, size: 4 })
    const stat = (await parts.stat(7))!
    expect(stat).toMatchObject({ size: 4, mode: 0o755, inode: BigInt(inode) })
    expect(floorUs(stat.mtimeNs)).toBe(-1_000_001n)
    expect(await parts.finish(8, { mode: 0o600, mtimeUs: 5, size: 0 })).toHaveProperty('inode')
    await parts.close()
  })

  it('a part written whole is complete and on the disk with one sync; finish only tells its inode', async () => {
    const { disk, parts } = await fresh()
    const metadata = { mode: 0o640, mtimeUs: 1_000_000 }
    await parts.writeWhole([{ entry: 3, bytes: Buffer.from('whole'), ...metadata }])
    disk.failNext('sync-file', 'EIO') // Nobody meets it: there is nothing left to sync.
    await parts.datasync([3])
    const { inode } = await parts.finish(3, { ...metadata, size: 5 })
    expect(await parts.stat(3)).toMatchObject({ mode: 0o640, size: 5, inode: BigInt(inode) })
  })

  it('R1: parts written whole together survive a power cut, begun ones among them, once their names are synced', async () => {
    const { disk, parts } = await fresh()
    const metadata = { mode: 0o640, mtimeUs: 1_000_000 }
    const whole = (entry: number) => ({ entry, bytes: Buffer.from(`part ${entry}`), ...metadata })
    await parts.write(5, 0, Buffer.from('of an earlier attempt'))
    await parts.writeWhole([1, 2, 3].map(whole))
    await parts.writeWhole([4, 5, 6].map(whole))
    await parts.datasync([5])
    await parts.syncNames()
    const after = await disk.crash().openRoot('/parts')
    for (const entry of [1, 2, 3, 4, 5, 6]) {
      const target = new Uint8Array(6)
      await after.readEach([{ name: String(entry), target }])
      expect(String(Buffer.from(target)), `part ${entry}`).toBe(`part ${entry}`)
      if (entry !== 5) expect(await after.stat(String(entry))).toMatchObject({ size: 6, mode: 0o640 })
    }
  })

  it('R1: names of parts that failed to be written whole are synced, should they be there', async () => {
    const { disk, parts } = await fresh()
    const metadata = { mode: 0o600, mtimeUs: 0 }
    disk.failNext('sync-file', 'EIO', 1)
    const both = [0, 1].map((entry) => ({ entry, bytes: Buffer.from('x'), ...metadata }))
    await expectCode('disk-failed', parts.writeWhole(both))
    await parts.syncNames()
    expect(await (await disk.crash().openRoot('/parts')).list()).toEqual(['0', '1'])
  })

  it('removes many at once, open ones among them', async () => {
    const { directory, parts } = await fresh()
    const metadata = { mode: 0o600, mtimeUs: 0 }
    await parts.writeWhole([1, 2, 3].map((entry) => ({ entry, bytes: Buffer.from('x'), ...metadata })))
    await parts.write(4, 0, Buffer.from('open'))
    await parts.removeEach([1, 4, 9, 3])
    expect(await directory.list()).toEqual(['2'])
    await parts.write(4, 0, Buffer.from('anew')) // Nothing of it is remembered.
    expect(await directory.list()).toEqual(['2', '4'])
  })

  it('R16: a part written whole whose sync failed is not complete, and can be written again', async () => {
    const { disk, parts } = await fresh()
    const metadata = { mode: 0o600, mtimeUs: 0 }
    disk.failNext('sync-file', 'EIO')
    await expectCode('disk-failed', parts.writeWhole([{ entry: 0, bytes: Buffer.from('longer'), ...metadata }]))
    disk.failNext('sync-file', 'EIO')
    await expectCode('disk-failed', parts.finish(0, { ...metadata, size: 6 }))
    await parts.writeWhole([{ entry: 0, bytes: Buffer.from('short'), ...metadata }])
    expect((await parts.stat(0))?.size).toBe(5)
  })

  it.each(['write', 'truncate', 'remove'] as const)('after %s a part written whole is synced again', async (change) => {
    const { disk, parts } = await fresh()
    const metadata = { mode: 0o600, mtimeUs: 0 }
    await parts.writeWhole([{ entry: 0, bytes: Buffer.from('12345'), ...metadata }])
    if (change === 'write') await parts.write(0, 0, Buffer.from('6'))
    if (change === 'truncate') await parts.truncate(0, 5)
    if (change === 'remove') await parts.remove(0)
    disk.failNext('sync-file', 'EIO')
    await expectCode('disk-failed', parts.finish(0, { ...metadata, size: 5 }))
  })
})

const descriptors = () => readdirSync('/proc/self/fd').length

async function fresh() {
  const disk = new MemoryDisk()
  const directory = await disk.openRoot('/parts')
  return { disk, directory, parts: new PartFiles(directory) }
}

/** A directory whose files sync only when they are let. */
function slowSyncs(inner: Directory) {
  const started = gate()
  const release = gate()
  const slow = (file: DiskFile): DiskFile => ({
    read: (target, position) => file.read(target, position),
    write: (source, position) => file.write(source, position),
    truncate: (size) => file.truncate(size),
    stat: () => file.stat(),
    setMode: (mode) => file.setMode(mode),
    setTimes: (mtimeUs) => file.setTimes(mtimeUs),
    datasync: async () => {
      started.open()
      await release.passed
      await file.datasync()
    },
    sync: () => file.sync(),
    close: () => file.close(),
  })
  const directory = overridden(inner, { openFile: async (name, mode) => slow(await inner.openFile(name, mode)) })
  return { directory, started: started.passed, letGo: release.open }
}
