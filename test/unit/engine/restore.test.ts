// From what a crash leaves on the disk to where a receiver's session stands.

import { describe, expect, it } from 'vitest'
import { Compaction } from '../../../src/core/compact.ts'
import { restoreJournal, restoreReceived } from '../../../src/engine/restore.ts'
import { fileDigest, loadHash, zerosHash } from '../../../src/hash/xxh64.ts'
import { defaultLimits } from '../../../src/model/limits.ts'
import { noManifest, type Entry } from '../../../src/model/manifest.ts'
import type { IntentFile, JournalRecord, PageRecord } from '../../../src/model/records.ts'
import type { Shape } from '../../../src/model/session.ts'
import { openHints, type Hint } from '../../../src/store/hints.ts'
import { openManifest } from '../../../src/store/manifest-file.ts'
import { MemoryDisk } from '../../../src/store/memory-disk.ts'
import { openJournal } from '../../../src/store/journal.ts'
import { createSession, openParts } from '../../../src/store/session-directory.ts'
import { openTarget } from '../../../src/store/target.ts'
import { pageDigest } from '../../../src/engine/manifest-pages.ts'
import { encodeEntries } from '../../../src/wire/manifest.ts'
import { seeded } from '../../support/chance.ts'

const hash = await loadHash()
const session = '0'.repeat(32)
const chunkBytes = 4096 // A page of the memory disk, so that a punched chunk is seen in the blocks.
const random = { bytes: (count: number) => new Uint8Array(count), fraction: () => 0 }
const clock = { now: () => 0, wall: () => 0, after: () => () => {} }
const limits = { ...defaultLimits, chunkBytes, syncEveryBytes: 2 * chunkBytes }
const tools = { hash, compact: () => new Compaction() }

const chunk = (index: number): Uint8Array => new Uint8Array(chunkBytes).fill(index + 1)
const content = (chunks: number): Uint8Array => Buffer.concat(Array.from({ length: chunks }, (_, i) => chunk(i)))
const entries: readonly Entry[] = [{ kind: 'file', path: ['a'], size: 6 * chunkBytes, mtimeUs: 1_000, mode: 0o644 }]
const hashes = (first: number, count: number): BigUint64Array =>
  BigUint64Array.from({ length: count }, (_, i) => hash(chunk(first + i)))
const durable = (first: number, count: number, revision = 0): JournalRecord => ({
  kind: 'durable',
  serial: 1,
  runs: [{ entry: 0, revision, first, hashes: hashes(first, count), holes: 0 }],
})

/** A receiver's disk, with a session of one file of six chunks. */
class Scene {
  disk = new MemoryDisk()

  static async with(
    records: readonly JournalRecord[],
    part?: Uint8Array,
    hints: readonly Hint[] = [],
    disk = new MemoryDisk(),
    level: Pick<Shape, 'durability'> = {},
  ): Promise<Scene> {
    const scene = new Scene()
    scene.disk = disk
    const target = await openTarget(scene.disk, '/dst', random)
    const header: JournalRecord = {
      kind: 'header',
      session,
      role: 'receiver',
      createdAt: 0,
      side: 'listener',
      ticketKey: '',
      ticketExpiresAt: 0,
      nonce: '',
      addresses: [],
      root: target.rootId,
      sources: [],
      directory: '/dst',
      identity: '',
      frozen: {},
      wishes: { onConflict: null, checksum: false },
    }
    const shape = { onConflict: 'fail', checksum: false, ...level } as const
    const bound: JournalRecord = {
      kind: 'bound',
      nonce: session,
      sessionKey: session + session,
      chunkBytes,
      shape,
      root: target.rootId,
    }
    const text = encodeEntries(entries)
    const last = { entries: 1, bytes: 6 * chunkBytes }
    const page: PageRecord = {
      kind: 'page',
      page: 0,
      first: 0,
      count: 1,
      offset: 0,
      length: text.length,
      digest: pageDigest(noManifest.digest, { entries, last }, hash),
      bytesSoFar: last.bytes,
      last,
      fingerprints: [],
      existed: [],
    }
    const locker = (directory: Parameters<MemoryDisk['takeLock']>[0]) => scene.disk.takeLock(directory)
    const all = [header, bound, page, ...records]
    const { directory } = await createSession(target.own, session, {
      records: all,
      tools,
      withParts: true,
      parents: [target.root],
      locker,
    })
    const manifest = await openManifest(directory)
    await manifest.append(text)
    await manifest.sync()
    const parts = await openParts(directory)
    if (part !== undefined) {
      await parts.write(0, 0, part)
      await parts.syncNames()
      await parts.datasync([0])
    }
    const file = await openHints(directory, { hash })
    for (const hint of hints) file.note(hint)
    await file.flush()
    return scene
  }

  async open() {
    const target = await openTarget(this.disk, '/dst', random)
    const directory = await target.own.openDirectory(session)
    return { target, directory, parts: await openParts(directory) }
  }

  async restore() {
    const { target, directory, parts } = await this.open()
    const world = { clock, random, disk: this.disk, hash, limits }
    const restored = await restoreJournal(directory, world, false)
    const state = await restoreReceived(restored, directory, parts, target, world)
    await restored.journal.close()
    const held = (restored.checkpoint.parts.get(0)?.runs ?? []).flatMap(({ first, hashes: { length } }) =>
      Array.from({ length }, (_, i) => first + i),
    )
    return { ...state, held, outcome: restored.checkpoint.outcomes.get(0)?.outcome, parts }
  }

  /** Kinds of the records that the journal now has. */
  async records(): Promise<JournalRecord[]> {
    const { directory } = await this.open()
    return (await openJournal(directory, tools)).records
  }

  /** Bytes of the part file. */
  async inodeOf(): Promise<string> {
    return (await (await this.open()).parts.stat(0))!.inode.toString()
  }
}

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
    const { directory } = await scene.open()
    const { journal } = await openJournal(directory, tools)
    await journal.commit([intent(await scene.inodeOf())])
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

describe('R20: with --durability none', () => {
  const level = { durability: 'none' } as const
  const size = 6 * chunkBytes
  const digest = fileDigest(hashes(0, 6), size, hash)
  const outcome: JournalRecord = {
    kind: 'outcome',
    serial: 1,
    outcomes: [{ entry: 0, outcome: 'delivered', bytes: size, digest }],
  }
  const other = content(6).fill(9, size - 1)

  async function placed(bytes: Uint8Array | undefined, given: Pick<Shape, 'durability'> = level): Promise<Scene> {
    const scene = await Scene.with([outcome], undefined, [], undefined, given)
    if (bytes === undefined) return scene
    const file = await (await scene.disk.openRoot('/dst')).openFile('a', 'create')
    await file.write(bytes, 0)
    return scene
  }

  it('a file in its place is read again, and is delivered if it is what it was', async () => {
    expect(await (await placed(content(6))).restore()).toMatchObject({ outcome: 'delivered', bytesBad: 0 })
  })

  it.each([
    ['shorter', content(5)],
    ['of the same size, with other bytes', other],
    ['empty', new Uint8Array(0)],
  ])('one that is %s has failed, for good, and is left as it is', async (_, bytes) => {
    const scene = await placed(bytes)
    for (const bytesBad of [size, 0]) expect(await scene.restore()).toMatchObject({ outcome: 'failed', bytesBad })
    const file = await (await scene.disk.openRoot('/dst')).openFile('a', 'read')
    const found = new Uint8Array(bytes.length)
    await file.read(found, 0)
    expect([(await file.stat()).size, found]).toEqual([bytes.length, Uint8Array.from(bytes)])
  })

  it('one that is gone is wanted again, now and ever after', async () => {
    const scene = await placed(undefined)
    expect(await scene.restore()).toMatchObject({ outcome: undefined, bytesBad: size })
    expect(await scene.restore()).toMatchObject({ outcome: undefined, bytesBad: 0 })
  })

  it.each([{}, { durability: 'file' }] as const)(
    'and with no other level (%o): there the record stands for it',
    async (given) => {
      expect(await (await placed(other, given)).restore()).toMatchObject({ outcome: 'delivered', bytesBad: 0 })
    },
  )

  describe('a publish that was cut short', () => {
    async function intended(bytes: Uint8Array): Promise<Scene> {
      const scene = await Scene.with([], undefined, [], undefined, level)
      const { directory, parts } = await scene.open()
      await parts.write(0, 0, bytes)
      const file: IntentFile = {
        entry: 0,
        revision: 0,
        digest,
        size,
        mtimeUs: 1_000,
        inode: await scene.inodeOf(),
        target: 'a',
        method: 'link',
        outcome: 'delivered',
      }
      const { journal } = await openJournal(directory, tools)
      await journal.commit([{ kind: 'intent', files: [file] }])
      await journal.close()
      return scene
    }

    const publish = async (scene: Scene): Promise<void> => {
      const { target, parts } = await scene.open()
      await target.publish(parts.directory, '0', ['a'], 'a', 'link')
    }

    it.each([
      ['whole', content(6), 'delivered'],
      ['torn', other, undefined],
    ])('before the name was there, of a part that is %s', async (_, bytes, became) => {
      const scene = await intended(bytes)
      expect((await scene.restore()).outcome).toBe(became)
      const there = await (await scene.disk.openRoot('/dst')).stat('a')
      expect(there?.size).toBe(became === undefined ? undefined : size)
    })

    it.each([
      ['whole', content(6), 'delivered'],
      ['torn', other, 'failed'],
    ])('behind it, of a file that is %s', async (_, bytes, became) => {
      const scene = await intended(bytes)
      await publish(scene)
      expect((await scene.restore()).outcome).toBe(became)
      expect((await scene.restore()).outcome).toBe(became)
    })
  })
})

async function partFile(disk: MemoryDisk) {
  const parts = await disk.openRoot(`/dst/.carryon/${session}/parts`)
  return parts.openFile('0', 'update')
}

/** Chunks 1 and 2 become a hole; the length stays. */
async function punch(disk: MemoryDisk): Promise<void> {
  const file = await partFile(disk)
  await file.truncate(chunkBytes)
  await file.write(chunk(3), 3 * chunkBytes)
}
