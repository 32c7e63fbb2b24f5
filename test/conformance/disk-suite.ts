// What every Disk must do, real or in memory. An implementation's test file calls this with a way to make an empty one.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Directory } from '../../src/model/disk.ts'
import { hasCode, type ErrorCode } from '../../src/errors.ts'

export interface DiskUnderTest {
  /** An empty directory. */
  readonly root: Directory
  close(): Promise<void>
}

/** `isPinned`: false where a directory is known by its path, and is lost rather than followed when it is renamed. */
export function diskSuite(name: string, make: () => Promise<DiskUnderTest>, isPinned = true): void {
  let disk: DiskUnderTest
  let root: Directory
  beforeEach(async () => {
    disk = await make()
    root = disk.root
  })
  afterEach(async () => disk.close())
  manySuite(name, () => root)

  describe(`${name}: files`, () => {
    it('reads back what was written, at any offset', async () => {
      const file = await root.openFile('a', 'create')
      await file.write(bytesOf(200_000, 7), 100_000)
      await file.write(bytesOf(10, 1), 3)
      const back = new Uint8Array(300_000)
      expect(await file.read(back, 0)).toBe(300_000)
      expect(back.subarray(0, 3)).toEqual(new Uint8Array(3))
      expect(back.subarray(3, 13)).toEqual(bytesOf(10, 1))
      expect(back.subarray(13, 100_000).every((byte) => byte === 0)).toBe(true)
      expect(back.subarray(100_000)).toEqual(bytesOf(200_000, 7))
      await file.close()
    })

    it('reads fewer bytes than asked only at the end', async () => {
      const file = await write(root, 'a', bytesOf(100_000, 3))
      const target = new Uint8Array(100_000)
      expect(await file.read(target, 99_990)).toBe(10)
      expect(await file.read(target, 100_000)).toBe(0)
      expect(await file.read(target, 500_000)).toBe(0)
      expect(await file.read(new Uint8Array(0), 0)).toBe(0)
      await file.close()
    })

    it.each([-1, 0.5, NaN, Infinity, 2 ** 53])(
      'R18: refuses to read or write at %d, which is no offset',
      async (position) => {
        const file = await write(root, 'a', bytesOf(10, 3))
        await expect(file.write(bytesOf(1, 1), position)).rejects.toThrow('bug')
        await expect(file.read(new Uint8Array(1), position)).rejects.toThrow('bug')
        expect((await file.stat()).size).toBe(10)
        await file.close()
      },
    )

    it('R57: reaches beyond 2^32 bytes', async () => {
      const file = await write(root, 'a', bytesOf(10, 3))
      await file.write(bytesOf(5, 1), 2 ** 32 + 7)
      expect((await file.stat()).size).toBe(2 ** 32 + 12)
      const back = new Uint8Array(6)
      expect(await file.read(back, 2 ** 32 + 6)).toBe(6)
      expect(back.subarray(1)).toEqual(bytesOf(5, 1))
      await file.close()
    })

    it('truncates both ways, and what comes back is zeros', async () => {
      const file = await write(root, 'a', bytesOf(10_000, 3))
      await file.truncate(5_000)
      await file.truncate(10_000)
      const back = new Uint8Array(10_000)
      expect(await file.read(back, 0)).toBe(10_000)
      expect(back.subarray(0, 5_000)).toEqual(bytesOf(10_000, 3).subarray(0, 5_000))
      expect(back.subarray(5_000)).toEqual(new Uint8Array(5_000))
      expect((await file.stat()).size).toBe(10_000)
      await file.close()
    })

    it('leaves holes unallocated', async () => {
      const file = await root.openFile('a', 'create')
      await file.truncate(1024 * 1024 * 1024)
      await file.write(bytesOf(4096, 1), 512 * 1024 * 1024)
      await file.sync()
      const { size, allocatedBytes } = await file.stat()
      expect(size).toBe(1024 * 1024 * 1024)
      expect(allocatedBytes).toBeGreaterThanOrEqual(4096)
      expect(allocatedBytes).toBeLessThan(1024 * 1024)
      await file.close()
    })

    it('creates new files only, closed to others', async () => {
      const file = await root.openFile('a', 'create')
      expect(await file.stat()).toMatchObject({ kind: 'file', size: 0, mode: 0o600 })
      await file.close()
      await expectCode('already-exists', root.openFile('a', 'create'))
      await root.makeLink('l', 'nowhere')
      await expectCode('already-exists', root.openFile('l', 'create'))
    })

    it('opens only what is there and is a file', async () => {
      await root.makeDirectory('d', 0o700)
      await root.makeLink('l', 'd')
      for (const mode of ['read', 'update'] as const) {
        await expectCode('not-found', root.openFile('none', mode))
        await expectCode('not-a-file', root.openFile('d', mode))
        await expectCode('not-a-file', root.openFile('l', mode))
      }
    })

    it('sets modes exactly', async () => {
      const file = await root.openFile('a', 'create')
      for (const mode of [0o777, 0o000, 0o640]) {
        await file.setMode(mode)
        expect((await root.stat('a'))?.mode).toBe(mode)
      }
      await file.close()
    })

    const times = [0, 1, -1, 999_999, 1_700_000_000_123_457, -1_234_567_891, -86_400_000_000 * 365 * 60]
    it.each([...times, 2 ** 31 * 1e6 + 1, 2 ** 32 * 1e6 + 999_999])('sets times to the microsecond: %d', async (us) => {
      const file = await root.openFile('a', 'create')
      await file.setTimes(us)
      expect(floorUs((await file.stat()).mtimeNs)).toBe(BigInt(us))
      await file.close()
      await root.makeLink('l', 'a')
      await root.setLinkTimes('l', us)
      expect(floorUs((await root.stat('l'))!.mtimeNs)).toBe(BigInt(us))
    })

    it('syncs, and closes once or twice', async () => {
      const file = await write(root, 'a', bytesOf(1, 1))
      await file.datasync()
      await file.sync()
      await file.close()
      await file.close()
    })
  })

  describe(`${name}: names`, () => {
    const odd = ['ä', 'a\u0308', '\udcff\udc80', 'x\udcc3y', '😀', ' ', '\n', '\\', '-', '%2f', 'a'.repeat(255)]
    it('keeps names byte for byte, valid UTF-8 or not, and lists them in the order of their bytes', async () => {
      for (const each of odd) await (await write(root, each, Buffer.from(each))).close()
      const listed = await root.list()
      expect([...listed].sort()).toEqual([...odd].sort())
      expect(listed[0]).toBe('\n')
      expect(listed.at(-1)).toBe('\udcff\udc80')
      expect(listed.indexOf('x\udcc3y')).toBeGreaterThan(listed.indexOf('a'.repeat(255)))
      for (const each of odd) expect((await root.stat(each))?.kind).toBe('file')
    })

    it('refuses what is no single name', async () => {
      for (const bad of ['', '.', '..', 'a/b', 'a\0b', 'x'.repeat(256)]) {
        await expect(root.stat(bad), JSON.stringify(bad)).rejects.toThrow('bug')
        await expect(root.openFile(bad, 'create')).rejects.toThrow('bug')
      }
    })

    it('answers for what is not there', async () => {
      expect(await root.stat('none')).toBeUndefined()
      expect(await root.unlink('none')).toBe(false)
      expect(await root.removeDirectory('none')).toBe(false)
      await expectCode('not-found', root.openDirectory('none'))
      await expectCode('not-found', root.rename('none', root, 'b'))
      await expectCode('not-found', root.readLink('none'))
    })

    it('links without ever replacing', async () => {
      await (await write(root, 'a', Buffer.from('a'))).close()
      await (await write(root, 'b', Buffer.from('b'))).close()
      expect(await root.link('a', root, 'b')).toBe(false)
      expect(await contentOf(root, 'b')).toBe('b')
      expect(await root.link('a', root, 'c')).toBe(true)
      expect((await root.stat('c'))?.inode).toBe((await root.stat('a'))?.inode)
      expect([(await root.stat('a'))?.links, (await root.stat('b'))?.links]).toEqual([2, 1])
      await root.rename('c', root, 'b')
      expect((await root.stat('a'))?.links).toBe(2)
      await root.unlink('b')
      expect((await root.stat('a'))?.links).toBe(1)
      await root.makeLink('dangling', 'none')
      expect(await root.link('a', root, 'dangling')).toBe(false)
    })

    it('renames between directories and over what is there, but never over a directory', async () => {
      await root.makeDirectory('d', 0o700)
      const below = await root.openDirectory('d')
      await (await write(root, 'a', Buffer.from('new'))).close()
      await (await write(below, 'b', Buffer.from('old'))).close()
      await root.rename('a', below, 'b')
      expect(await contentOf(below, 'b')).toBe('new')
      expect(await root.list()).toEqual(['d'])
      await below.rename('b', root, 'b')
      await expect(root.rename('b', root, 'd')).rejects.toThrow()
      expect((await root.stat('d'))?.kind).toBe('directory')
      await below.close()
    })

    it.runIf(isPinned)('stays pinned to a directory that is renamed', async () => {
      await root.makeDirectory('d', 0o700)
      const pinned = await root.openDirectory('d')
      await root.rename('d', root, 'moved')
      await root.makeDirectory('d', 0o700)
      await (await write(pinned, 'a', Buffer.from('x'))).close()
      const moved = await root.openDirectory('moved')
      expect(await moved.list()).toEqual(['a'])
      await moved.close()
      await pinned.close()
    })

    it('follows no link', async () => {
      await root.makeDirectory('d', 0o700)
      await root.makeLink('l', 'd')
      await expectCode('not-a-directory', root.openDirectory('l'))
      await (await root.openFile('f', 'create')).close()
      await expectCode('not-a-directory', root.openDirectory('f'))
      expect((await root.stat('l'))?.kind).toBe('link')
      expect(await root.unlink('l')).toBe(true)
      expect((await root.stat('d'))?.kind).toBe('directory')
    })

    it('keeps the text of links byte for byte', async () => {
      for (const [i, text] of ['../../etc/passwd', '/', 'ä\udcff', 'x'.repeat(4000)].entries()) {
        await root.makeLink(`l${i}`, text)
        expect(await root.readLink(`l${i}`)).toBe(text)
      }
      await expectCode('already-exists', root.makeLink('l0', 'x'))
      await root.makeDirectory('d', 0o700)
      await expectCode('not-found', root.readLink('d'))
    })

    it('makes and removes directories, empty ones only', async () => {
      expect(await root.makeDirectory('d', 0o700)).toBe(true)
      expect(await root.makeDirectory('d', 0o755)).toBe(false)
      expect(await root.stat('d')).toMatchObject({ kind: 'directory', mode: 0o700 })
      const below = await root.openDirectory('d')
      await (await root.openFile('f', 'create')).close()
      await (await below.openFile('f', 'create')).close()
      expect(await root.removeDirectory('d')).toBe(false)
      await below.unlink('f')
      expect(await below.list()).toEqual([])
      await below.setMode(0o555)
      await below.setTimes(-5)
      expect((await below.statSelf()).mode).toBe(0o555)
      expect(floorUs((await below.statSelf()).mtimeNs)).toBe(-5n)
      expect(await below.sync()).toBe(true)
      await below.close()
      expect(await root.removeDirectory('d')).toBe(true)
      await expect(root.removeDirectory('f')).rejects.toThrow()
    })

    it('tells its room', async () => {
      expect(await root.freeBytes()).toBeGreaterThan(0)
    })
  })
}

/** The calls for many names: what they do is what the single ones do, and they end before the first that would fail. */
function manySuite(name: string, rootOf: () => Directory): void {
  describe(`${name}: many names at once`, () => {
    it('looks at each as a single look would', async () => {
      const root = rootOf()
      await (await write(root, 'a', bytesOf(5, 1))).close()
      await root.makeDirectory('d', 0o700)
      await root.makeLink('l', 'a')
      const names = ['d', 'none', 'a', 'l', 'a']
      const singly = await Promise.all(names.map((each) => root.stat(each)))
      expect(await root.statEach(names)).toEqual(singly)
      expect(singly.map((stat) => stat?.kind)).toEqual(['directory', undefined, 'file', 'link', 'file'])
      expect(await root.statEach([])).toEqual([])
    })

    it('R67: reads files whole, up to the first that is none, and opens nothing else', async () => {
      const root = rootOf()
      for (const [i, length] of [0, 4_096, 100_000].entries())
        await (await write(root, `f${i}`, bytesOf(length, i))).close()
      await root.makeDirectory('d', 0o700)
      await root.makeLink('l', 'f0')
      const wanted = (each: string, length: number) => ({ name: each, target: new Uint8Array(length) })
      const files = [wanted('f2', 100_000), wanted('f0', 0), wanted('f1', 5_000), wanted('f1', 4_000)]
      const reads = await root.readEach(files)
      expect(reads.map(({ bytes }) => bytes)).toEqual([100_000, 0, 4_096, 4_000])
      expect(files[0]!.target).toEqual(bytesOf(100_000, 2))
      expect(files[2]!.target.subarray(0, 4_096)).toEqual(bytesOf(4_096, 1))
      for (const [i, { after }] of reads.entries()) expect(after).toEqual(await root.stat(files[i]!.name))
      for (const other of ['d', 'l', 'none'])
        expect(await root.readEach([wanted('f0', 0), wanted(other, 1), wanted('f1', 1)]), other).toHaveLength(1)
    })

    it('writes new files whole, with mode and time, and nothing over what is there', async () => {
      const root = rootOf()
      const files = [0o600, 0o444, 0o777].map((mode, i) => {
        return { name: `n${i}`, bytes: bytesOf(i * 50_000, i), mode, mtimeUs: i * 1_000_000 - 1_500_001 }
      })
      const inodes = await root.writeEach(files, true)
      for (const [i, { name: each, bytes, mode, mtimeUs }] of files.entries()) {
        const stat = (await root.stat(each))!
        expect(stat).toMatchObject({ kind: 'file', size: bytes.length, mode, inode: inodes[i] })
        expect(floorUs(stat.mtimeNs)).toBe(BigInt(mtimeUs))
        const target = new Uint8Array(bytes.length)
        await root.readEach([{ name: each, target }])
        expect(target).toEqual(bytes)
      }
      await root.makeLink('l', 'outside')
      for (const there of ['n0', 'l'])
        await expectCode('already-exists', root.writeEach([{ ...files[1]!, name: there }], false))
      expect((await root.stat('n0'))?.size).toBe(0)
      expect((await root.stat('outside'))?.kind).toBeUndefined()
    })

    it('links and removes, answer by answer, up to the first that fails', async () => {
      const root = rootOf()
      for (const each of ['a', 'b', 'there']) await (await write(root, each, Buffer.from(each))).close()
      await root.makeDirectory('d', 0o700)
      const below = await root.openDirectory('d')
      const pairs = [
        ['a', 'x'],
        ['b', 'x'],
        ['b', 'y'],
        ['none', 'z'],
        ['a', 'z'],
      ] as const
      expect(await root.linkEach(pairs, below)).toEqual([true, false, true])
      expect(await below.list()).toEqual(['x', 'y'])
      expect(await contentOf(below, 'x')).toBe('a')
      expect(await root.unlinkEach(['a', 'none', 'b', 'd', 'there'])).toEqual([true, false, true])
      expect(await root.list()).toEqual(['d', 'there'])
      expect(await contentOf(below, 'y')).toBe('b')
      await below.close()
    })

    it('refuses what is no single name, as a bug', async () => {
      const root = rootOf()
      await expect(root.statEach(['a/b'])).rejects.toThrow('bug')
      await expect(root.unlinkEach(['..'])).rejects.toThrow('bug')
      await expect(root.writeEach([{ name: '.', bytes: bytesOf(1, 1), mode: 0, mtimeUs: 0 }], true)).rejects.toThrow(
        'bug',
      )
    })
  })
}

/** Whole microseconds, rounded down: some systems keep half of one that was added on the way. */
export const floorUs = (ns: bigint): bigint => (ns - (((ns % 1000n) + 1000n) % 1000n)) / 1000n

export async function expectCode(code: ErrorCode, act: Promise<unknown>): Promise<void> {
  const error: unknown = await act.then(
    () => 'no error',
    (thrown: unknown) => thrown,
  )
  expect(hasCode(error, code), `${String(error)} should be ${code}`).toBe(true)
}

function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed + (i >> 8)) & 255)
}

async function write(directory: Directory, name: string, bytes: Uint8Array) {
  const file = await directory.openFile(name, 'create')
  await file.write(bytes, 0)
  return file
}

async function contentOf(directory: Directory, name: string): Promise<string> {
  const file = await directory.openFile(name, 'read')
  const bytes = new Uint8Array(100)
  const count = await file.read(bytes, 0)
  await file.close()
  return Buffer.from(bytes.subarray(0, count)).toString()
}
