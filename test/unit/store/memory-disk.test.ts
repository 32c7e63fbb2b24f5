// The memory disk's manners at a power cut, on a full disk and under injected faults: tests that build on it trust these.

import { describe, expect, it } from 'vitest'
import type { Directory } from '../../../src/model/disk.ts'
import { MemoryDisk } from '../../../src/store/memory-disk.ts'
import { expectCode } from '../../conformance/disk-suite.ts'
import { seeded } from '../../support/chance.ts'

describe('a power cut', () => {
  it('takes what was not synced: bytes, sizes, names, renames, modes', async () => {
    const disk = new MemoryDisk()
    const root = await disk.openRoot('/')
    const file = await root.openFile('a', 'create')
    await file.write(Buffer.from('synced'), 0)
    await file.sync()
    await root.sync()
    await file.write(Buffer.from('not'), 0)
    await file.write(new Uint8Array(9000).fill(1), 100)
    await file.setMode(0o777)
    await root.rename('a', root, 'b')
    await (await root.openFile('c', 'create')).sync()
    await root.makeDirectory('d', 0o700)
    const after = await disk.crash().openRoot('/')
    expect(await after.list()).toEqual(['a'])
    expect(await after.stat('a')).toMatchObject({ size: 6, mode: 0o600 })
    expect(await textOf(after, 'a')).toBe('synced')
  })

  it.each([true, false])(
    'never brings a name back that was replaced before a sync of either directory (coin: %s)',
    async (coin) => {
      const disk = new MemoryDisk()
      const root = await disk.openRoot('/d')
      await root.makeDirectory('sub', 0o755)
      const below = await root.openDirectory('sub')
      const part = await root.openFile('a', 'create')
      await root.sync()
      await below.openFile('b', 'create') // In its place soon.
      await root.rename('a', below, 'b')
      await root.sync()
      const after = disk.crash(() => (coin ? 0 : 0.9))
      const left = await (await after.openRoot('/d/sub')).stat('b')
      expect(left?.inode).toBe((await part.stat()).inode)
    },
  )

  it('keeps a rename as a whole once either directory is synced', async () => {
    const disk = new MemoryDisk()
    const root = await disk.openRoot('/')
    await disk.openRoot('/d')
    const below = await root.openDirectory('d')
    await (await root.openFile('a', 'create')).sync()
    await root.sync()
    await root.rename('a', below, 'b')
    await below.sync()
    const after = await disk.crash().openRoot('/')
    expect(await after.list()).toEqual(['d'])
    expect(await (await after.openDirectory('d')).list()).toEqual(['b'])
  })

  it('keeps, drops or tears each unsynced page when there is chance, and brings up nothing that never was', async () => {
    const seen = new Set<string>()
    for (let seed = 1; seed < 60; seed++) {
      const disk = new MemoryDisk()
      const root = await disk.openRoot('/')
      const file = await root.openFile('a', 'create')
      await file.write(new Uint8Array(8192).fill(1), 0)
      await file.sync()
      await root.sync()
      await file.write(new Uint8Array(8192).fill(2), 0)
      const after = await disk.crash(seeded(seed)).openRoot('/')
      const bytes = new Uint8Array(8192)
      await (await after.openFile('a', 'read')).read(bytes, 0)
      for (const page of [bytes.subarray(0, 4096), bytes.subarray(4096)])
        seen.add([...new Set(page)].toSorted((a, b) => a - b).join())
    }
    expect([...seen].toSorted()).toEqual(['1', '1,2', '2'])
  })

  it('comes after as many operations as told, and nothing happens behind it', async () => {
    const disk = new MemoryDisk()
    const root = await disk.openRoot('/')
    disk.cutPowerAfter(2)
    const file = await root.openFile('a', 'create')
    await file.write(Buffer.from('x'), 0)
    await expect(file.sync()).rejects.toThrow('no power')
    await expect(root.sync()).rejects.toThrow('no power')
    expect(disk.operations.map(({ kind }) => kind)).toEqual(['create', 'write'])
  })
})

describe('an image', () => {
  it('is what a power cut would leave, and the disk goes on', async () => {
    const disk = new MemoryDisk()
    const root = await disk.openRoot('/')
    const file = await root.openFile('a', 'create')
    await file.write(Buffer.from('synced'), 0)
    await file.sync()
    expect(disk.durableBytes('/a')).toBeUndefined()
    await root.sync()
    await file.write(Buffer.from('later!'), 0)
    const image = await disk.image().openRoot('/')
    expect(await textOf(image, 'a')).toBe('synced')
    expect(Buffer.from(disk.durableBytes('/a')!).toString()).toBe('synced')
    await root.rename('a', root, 'b')
    const images = await Promise.all(Array.from({ length: 20 }, (_, i) => disk.image(seeded(i)).openRoot('/')))
    expect(new Set((await Promise.all(images.map((each) => each.list()))).flat())).toEqual(new Set(['a', 'b']))
    expect(await root.list()).toEqual(['b'])
  })

  it('holds anything where a size reached the disk and its data did not', async () => {
    const seen = new Set<number>()
    for (let seed = 1; seed < 60; seed++) {
      const disk = new MemoryDisk()
      const root = await disk.openRoot('/')
      const file = await root.openFile('a', 'create')
      await root.sync()
      await file.write(new Uint8Array(4096).fill(2), 0)
      const bytes = new Uint8Array(4096)
      const length = await (await (await disk.image(seeded(seed)).openRoot('/')).openFile('a', 'read')).read(bytes, 0)
      for (const byte of bytes.subarray(0, length)) seen.add(byte)
    }
    expect(seen.size).toBeGreaterThan(100)
    expect(seen.has(0) && seen.has(2)).toBe(true)
  })
})

describe('faults', () => {
  it('M4: a full disk takes what fits and refuses the rest, and takes it when there is room again', async () => {
    const disk = new MemoryDisk({ capacityBytes: 2 * 4096 })
    const root = await disk.openRoot('/')
    const file = await root.openFile('a', 'create')
    const error: unknown = await file.write(new Uint8Array(5 * 4096).fill(1), 0).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'disk-full', details: { freeBytes: 0, neededBytes: 3 * 4096 } })
    expect((await file.stat()).size).toBe(2 * 4096)
    await file.write(new Uint8Array(4096).fill(2), 0)
    disk.capacityBytes = Infinity
    await file.write(new Uint8Array(5 * 4096).fill(1), 0)
  })

  it('M3: a failed sync loses the pages though the next one succeeds', async () => {
    const disk = new MemoryDisk()
    const root = await disk.openRoot('/')
    const file = await root.openFile('a', 'create')
    await file.truncate(3)
    await file.sync()
    await root.sync()
    await file.write(Buffer.from('abc'), 0)
    disk.failNext('sync-file', 'EIO')
    await expectCode('disk-failed', file.datasync())
    await file.datasync()
    await (await root.openFile('a', 'update')).datasync()
    expect(await textOf(await disk.crash().openRoot('/'), 'a')).toBe('\0\0\0')
  })

  it('come after as many successes as asked, once', async () => {
    const disk = new MemoryDisk()
    const root = await disk.openRoot('/')
    disk.failNext('create', 'EMFILE', 1)
    await root.openFile('a', 'create')
    await expectCode('too-many-open-files', root.openFile('b', 'create'))
    await root.openFile('b', 'create')
  })
})

async function textOf(directory: Directory, name: string): Promise<string> {
  const file = await directory.openFile(name, 'read')
  const bytes = new Uint8Array(100)
  return Buffer.from(bytes.subarray(0, await file.read(bytes, 0))).toString()
}
