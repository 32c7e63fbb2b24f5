// From what a crash leaves on the disk to where a receiver's session stands.

import { describe, expect, it } from 'vitest'
import { fileDigest, zerosHash } from '../../../src/hash/xxh64.ts'
import type { IntentFile, JournalRecord } from '../../../src/model/records.ts'
import { openHints, type Hint } from '../../../src/store/hints.ts'
import { MemoryDisk } from '../../../src/store/memory-disk.ts'
import { openJournal } from '../../../src/store/journal.ts'
import { seeded } from '../../support/chance.ts'

import { hash, session, chunkBytes, tools, chunk, content, hashes, durable, Scene } from '../../support/restored.ts'

describe('R14: what the journal calls durable is held against the disk', () => {
  it('and believed if it is there', async () => {
    const scene = await Scene.with([durable(0, 4)], content(4))
    expect(await scene.restore()).toMatchObject({ held: [0, 1, 2, 3], bytesBad: 0 })
  })

  it.each([
    ['is cut', async ({ disk }: Scene) => (await partFile(disk)).truncate(chunkBytes), [0]],
    ['is punched', async ({ disk }: Scene) => punch(disk), [0, 3]],
    ['is another one', async ({ disk }: Scene) => (await partFile(disk)).write(chunk(9), 3 * chunkBytes), [0, 1, 2]],
    ['is gone', async (scene: Scene) => void (await (await scene.open()).parts.remove(0)), []],
  ])('a part that %s is wanted again where it does not agree, now and ever after', async (_, harm, held) => {
    const scene = await Scene.with([durable(0, 4)], content(4))
    await harm(scene)
    const found = await scene.restore()
    expect(found.held).toEqual(held)
    expect(found.bytesBad).toBeGreaterThan(0)
    expect(await scene.restore()).toMatchObject({ held, bytesBad: 0 })
  })

  it('of a later revision too', async () => {
    const revised: JournalRecord = {
      kind: 'revised',
      entry: 0,
      revision: 2,
      size: 6 * chunkBytes,
      mtimeUs: 0,
      mode: 0o644,
      keep: [],
      fingerprint: null,
    }
    const scene = await Scene.with([revised, durable(0, 4, 2)], content(4))
    await (await partFile(scene.disk)).write(chunk(9), 3 * chunkBytes)
    expect((await scene.restore()).held).toEqual([0, 1, 2])
  })

  it('the tail of it over several runs, if the last one is short', async () => {
    const scene = await Scene.with([durable(0, 3), durable(4, 1)], content(5))
    await (await partFile(scene.disk)).write(chunk(9), 2 * chunkBytes)
    expect((await scene.restore()).held).toEqual([0, 1, 4])
  })

  it('R15: reading no more than the tail, where nothing looks cut', async () => {
    const scene = await Scene.with([durable(0, 6)], content(6))
    await (await partFile(scene.disk)).write(chunk(9), 0) // Found at the end of the file, not here.
    expect((await scene.restore()).held).toEqual([0, 1, 2, 3, 4, 5])
  })
})

describe('R115: what only hints know', () => {
  const hint = (index: number): Hint => ({
    entry: 0,
    revision: 0,
    chunk: index,
    hash: hash(chunk(index)),
    isHole: false,
  })

  it('is adopted where the bytes agree', async () => {
    const scene = await Scene.with([durable(0, 1)], content(3), [hint(1), hint(2), hint(3)])
    const { adopted, bytesAdopted } = await scene.restore()
    expect(adopted.map((place) => place.chunk)).toEqual([1, 2])
    expect(bytesAdopted).toBe(2 * chunkBytes)
  })

  it('is written back, so that the next sync puts it on the disk', async () => {
    const scene = await Scene.with([])
    const before = await scene.open()
    await before.parts.write(0, 0, content(2)) // A kill: written, not synced.
    await before.parts.syncNames()
    const file = await openHints(before.directory, { hash })
    file.note(hint(0))
    file.note(hint(1))
    await file.flush()
    const { parts, adopted } = await scene.restore()
    expect(adopted).toHaveLength(2)
    await parts.datasync([0])
    scene.disk = scene.disk.crash()
    const bytes = new Uint8Array(2 * chunkBytes)
    await (await scene.open()).parts.read(0, 0, bytes)
    expect(bytes).toEqual(new Uint8Array(content(2)))
  })

  it('is passed over if it is of another revision, durable already, or outside of the file', async () => {
    const hints = [{ ...hint(1), revision: 1 }, hint(0), { ...hint(2), chunk: 6 }, { ...hint(2), entry: 1 }]
    const scene = await Scene.with([durable(0, 1)], content(3), hints)
    expect((await scene.restore()).adopted).toEqual([])
  })

  it('a hole counts where nothing was written, and nowhere else', async () => {
    const zeros = { entry: 0, revision: 0, hash: zerosHash(chunkBytes, hash), isHole: true }
    const scene = await Scene.with([durable(0, 1)], content(2), [
      { ...zeros, chunk: 1 },
      { ...zeros, chunk: 3 },
    ])
    expect((await scene.restore()).adopted).toMatchObject([{ chunk: 3, hole: true }])
  })

  it('a part nobody vouches for is removed', async () => {
    const scene = await Scene.with([], content(2))
    const { parts } = await scene.restore()
    expect(await parts.list()).toEqual([])
  })
})

describe('R111: a part with a second name, as of a file in place of which a damaged journal says nothing,', () => {
  it('is begun anew: nothing of it is held or adopted, and the file is left as it is', async () => {
    const hint: Hint = { entry: 0, revision: 0, chunk: 2, hash: hash(chunk(2)), isHole: false }
    const scene = await Scene.with([durable(0, 2)], content(3), [hint])
    const { target, parts } = await scene.open()
    await parts.directory.link('0', target.root, 'a')
    expect(await scene.restore()).toMatchObject({ held: [], adopted: [], bytesBad: 2 * chunkBytes })
    expect(await (await scene.open()).parts.list()).toEqual([])
    expect(await (await scene.disk.openRoot('/dst')).stat('a')).toMatchObject({ size: 3 * chunkBytes, links: 1 })
  })
})

describe('R45: a publish that was cut short', () => {
  const intent = (inode: string): JournalRecord => {
    const all = hashes(0, 6)
    const file: IntentFile = {
      entry: 0,
      revision: 0,
      digest: fileDigest(all, 6 * chunkBytes, hash),
      size: 6 * chunkBytes,
      mtimeUs: 1_000,
      inode,
      target: 'a',
      method: 'link',
      outcome: 'delivered',
    }
    return { kind: 'intent', files: [file] }
  }

  async function intended(disk?: MemoryDisk): Promise<Scene> {
    const scene = await Scene.with([durable(0, 6)], content(6), [], disk)
    const { directory, parts } = await scene.open()
    const { inode } = await parts.finish(0, { mode: 0o644, mtimeUs: 1_000, size: 6 * chunkBytes })
    const { journal } = await openJournal(directory, tools)
    await journal.commit([intent(inode)])
    await journal.close()
    return scene
  }

  const delivered = async (scene: Scene): Promise<number> =>
    (await (await scene.disk.openRoot('/dst')).stat('a'))?.size ?? -1

  it('before the name was there is done again', async () => {
    const scene = await intended()
    expect((await scene.restore()).outcome).toBe('delivered')
    scene.disk = scene.disk.crash()
    expect(await delivered(scene)).toBe(6 * chunkBytes)
    expect((await scene.restore()).outcome).toBe('delivered')
  })

  it('behind it is found, and the name put on the disk', async () => {
    const scene = await intended()
    const { target, parts } = await scene.open()
    await target.publish(parts.directory, '0', ['a'], 'a', 'link') // Not synced.
    expect((await scene.restore()).outcome).toBe('delivered')
    scene.disk = scene.disk.crash()
    expect(await delivered(scene)).toBe(6 * chunkBytes)
  })

  it('whose name somebody else took is dropped for good, and nothing of the part is lost', async () => {
    const scene = await intended()
    const root = await scene.disk.openRoot('/dst')
    await root.openFile('a', 'create')
    expect(await scene.restore()).toMatchObject({ outcome: undefined, held: [0, 1, 2, 3, 4, 5] })
    await root.unlink('a')
    expect(await scene.restore()).toMatchObject({ outcome: undefined, held: [0, 1, 2, 3, 4, 5] })
    expect((await scene.records()).map(({ kind }) => kind)).not.toContain('intent')
  })

  it('that had only reserved its name, on a disk without hard links, is done again', async () => {
    const scene = await intended(new MemoryDisk({ hasLinks: false }))
    await (await scene.disk.openRoot('/dst')).openFile('a', 'create')
    expect((await scene.restore()).outcome).toBe('delivered')
    expect(await delivered(scene)).toBe(6 * chunkBytes)
  })

  it('R6, R45: whose name is reserved and whose part is gone gives the name back', async () => {
    const scene = await intended(new MemoryDisk({ hasLinks: false }))
    await (await scene.disk.openRoot('/dst')).openFile('a', 'create')
    await (await scene.open()).parts.remove(0)
    expect((await scene.restore()).outcome).toBe(undefined)
    expect(await delivered(scene)).toBe(-1)
  })

  it('R6, R14: of a part that was punched meanwhile gives no name to what is left: the rest is wanted again', async () => {
    const scene = await intended()
    await punch(scene.disk, 6)
    await (await partFile(scene.disk)).setTimes(1_000)
    expect(await scene.restore()).toMatchObject({ outcome: undefined, held: [0, 3, 4, 5] })
    expect(await delivered(scene)).toBe(-1)
    expect((await scene.records()).map(({ kind }) => kind)).not.toContain('intent')
  })

  it('R6, R56: of a part that somebody touched meanwhile is not taken for finished', async () => {
    const scene = await intended()
    await (await partFile(scene.disk)).setTimes(2_000)
    expect(await scene.restore()).toMatchObject({ outcome: undefined, held: [0, 1, 2, 3, 4, 5] })
    expect(await delivered(scene)).toBe(-1)
  })

  it('R11: may be cut again at every step', async () => {
    const scene = await intended()
    for (let steps = 0; steps < 60; steps++) {
      scene.disk.cutPowerAfter(steps % 20)
      const result = await scene.restore().catch(() => undefined)
      scene.disk = scene.disk.crash(seeded(steps))
      if (result !== undefined && steps > 40) break
    }
    expect((await scene.restore()).outcome).toBe('delivered')
    expect(await delivered(scene)).toBe(6 * chunkBytes)
  })
})

async function partFile(disk: MemoryDisk) {
  const parts = await disk.openRoot(`/dst/.carryon/${session}/parts`)
  return parts.openFile('0', 'update')
}

/** Chunks 1 and 2 become a hole; the length stays. */
async function punch(disk: MemoryDisk, chunks = 4): Promise<void> {
  const file = await partFile(disk)
  await file.truncate(chunkBytes)
  await file.write(content(chunks).subarray(3 * chunkBytes), 3 * chunkBytes)
}
