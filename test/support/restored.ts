// A receiver's session on a memory disk as a crash may leave it, and what restoring makes of it.

import { Compaction } from '../../src/core/compact.ts'
import { restoreJournal, restoreReceived } from '../../src/engine/restore.ts'
import { loadHash } from '../../src/hash/xxh64.ts'
import { noFingerprints } from '../../src/model/fingerprints.ts'
import { defaultLimits } from '../../src/model/limits.ts'
import { noManifest, type Entry } from '../../src/model/manifest.ts'
import type { JournalRecord, PageRecord } from '../../src/model/records.ts'
import type { Shape } from '../../src/model/session.ts'
import { openHints, type Hint } from '../../src/store/hints.ts'
import { openManifest } from '../../src/store/manifest-file.ts'
import { MemoryDisk } from '../../src/store/memory-disk.ts'
import { openJournal } from '../../src/store/journal.ts'
import { createSession, openParts } from '../../src/store/session-directory.ts'
import { openTarget } from '../../src/store/target.ts'
import { pageDigest } from '../../src/engine/manifest-pages.ts'
import { encodeEntries } from '../../src/wire/manifest.ts'

export const hash = await loadHash()
export const session = '0'.repeat(32)
export const chunkBytes = 4096 // A page of the memory disk, so that a punched chunk is seen in the blocks.
export const random = { bytes: (count: number) => new Uint8Array(count), fraction: () => 0 }
export const clock = { now: () => 0, wall: () => 0, after: () => () => {} }
export const limits = { ...defaultLimits, chunkBytes, syncEveryBytes: 2 * chunkBytes }
export const tools = { hash, compact: () => new Compaction() }

export const chunk = (index: number): Uint8Array => new Uint8Array(chunkBytes).fill(index + 1)
export const content = (chunks: number): Uint8Array => Buffer.concat(Array.from({ length: chunks }, (_, i) => chunk(i)))
export const entries: readonly Entry[] = [
  { kind: 'file', path: ['a'], size: 6 * chunkBytes, mtimeUs: 1_000, mode: 0o644 },
]
export const hashes = (first: number, count: number): BigUint64Array =>
  BigUint64Array.from({ length: count }, (_, i) => hash(chunk(first + i)))
export const durable = (first: number, count: number, revision = 0): JournalRecord => ({
  kind: 'durable',
  serial: 1,
  runs: [{ entry: 0, revision, first, hashes: hashes(first, count), holes: 0 }],
})

/** A receiver's disk, with a session of one file of six chunks. */
export class Scene {
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
      digest: pageDigest(noManifest.digest, text, last, hash),
      bytesSoFar: last.bytes,
      last,
      fingerprints: noFingerprints,
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
    return [...(await openJournal(directory, tools)).records]
  }

  /** Bytes of the part file. */
  async inodeOf(): Promise<string> {
    return (await (await this.open()).parts.stat(0))!.inode.toString()
  }
}
