// Carries out the effects of the sending core: walks pages, reads chunks into pooled buffers, hashes and frames them, looks
// at sources again. What can't be read fails alone; a root that is gone makes its reads wait until it is back.

import { assert, hasCode, isTransferError, type TransferError } from '../errors.ts'
import { frameRoomBytes, headerBytes, packRowBytes } from '../model/limits.ts'
import { Fingerprints } from '../model/fingerprints.ts'
import type { Entry, FileEntry, Fingerprint, ManifestTotals } from '../model/manifest.ts'
import { haveSameParent } from '../model/names.ts'
import { chunkLength } from '../model/places.ts'
import type { SenderEffect } from '../core/effects.ts'
import type { Input, SourceProblem } from '../core/inputs.ts'
import { zerosHash } from '../hash/xxh64.ts'
import { mtimeUsOf } from '../source/fingerprint.ts'
import type { SmallFile, SourceFiles } from '../source/source-files.ts'
import type { WalkedPage } from '../source/pages.ts'
import { isZeros } from '../source/zeros.ts'
import type { Journal } from '../store/journal.ts'
import { writeHeader, writePackRow } from '../wire/frames.ts'
import { encodeEntries } from '../wire/manifest.ts'
import { encodePage } from '../wire/messages.ts'
import type { BufferPool } from './buffers.ts'
import type { World } from './context.ts'
import type { Counters } from './counters.ts'
import { withDescriptors } from './descriptors.ts'
import { inTurns } from './in-turns.ts'
import type { Links } from './links.ts'
import { type ManifestPages, shapeOf } from './manifest-pages.ts'
import { reasonOf } from './reasons.ts'

const lookAgainMs = 2_000 // For a source that is unmounted.

export interface SenderParts {
  readonly world: World
  readonly journal: Journal
  readonly pages: ManifestPages
  readonly files: SourceFiles
  readonly walk: AsyncIterator<WalkedPage, void>
  readonly links: Links
  readonly pool: BufferPool
  readonly counters: Counters
  /** Newer fingerprints than the manifest's, of files that changed. */
  readonly revised: Map<number, Fingerprint>
  readonly chunkBytes: () => number
  readonly sizeOf: (entry: number) => number
  readonly tell: (input: Input) => void
}

/** A version of an entry, as the core names it. */
interface Source {
  readonly entry: number
  readonly revision: number
}

/** A file of a pack, its bytes in the buffer. */
interface PackedFile extends Source {
  readonly again: boolean
  readonly length: number
  readonly hash: bigint
}

type Of<Kind extends SenderEffect['kind']> = SenderEffect & { readonly kind: Kind }

export class Sender {
  readonly #parts: SenderParts
  readonly #open = new Set<number>()
  /** How many calls use an entry; its file is closed behind the last one. */
  readonly #users = new Map<number, number>()
  readonly #pagesInTurn = inTurns()
  #following: IteratorResult<WalkedPage, void> | undefined
  #isStopped = false
  #gone = 0

  constructor(parts: SenderParts) {
    this.#parts = parts
  }

  carryOut(effect: SenderEffect): Promise<void> {
    switch (effect.kind) {
      case 'walkPage':
        return this.#walkPage()
      case 'sendPage':
        return this.#pagesInTurn(() => this.#sendPage(effect))
      case 'sendChunk':
        return this.#sendChunk(effect)
      case 'sendPack':
        return this.#sendPack(effect)
      case 'checkSource':
        return this.#checkSource(effect)
      case 'rehash':
        return this.#rehash(effect)
      case 'expectSource':
        this.#parts.revised.set(effect.entry, effect.fingerprint)
        return this.#forget(effect.entry)
      case 'closeSource':
        return this.#forget(effect.entry)
    }
  }

  async #forget(entry: number): Promise<void> {
    this.#open.delete(entry)
    if (!this.#users.has(entry)) await this.#parts.files.forget(entry)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
  }

  // ---- manifest ---------------------------------------------------------------------------------------------------

  /** The page is on our disk, text and record, before anybody hears of it (R58). */
  async #walkPage(): Promise<void> {
    const { pages, journal, walk, tell } = this.#parts
    const page = this.#following ?? (await walk.next())
    const entries: readonly Entry[] = page.done === true ? [] : page.value.entries
    const fingerprints = new Fingerprints(page.done === true ? [] : page.value.fingerprints)
    this.#following = page.done === true ? page : await walk.next() // Looks ahead, so that the last page says that it is.
    const last = this.#following.done === true ? totals(pages, entries) : undefined
    const record = await pages.write(entries, encodeEntries(entries), last, { fingerprints, existed: [] })
    await journal.commit([record])
    pages.add(record, entries)
    tell({ kind: 'pageWalked', shape: shapeOf(record, entries) })
  }

  async #sendPage({ connection, page }: Of<'sendPage'>): Promise<void> {
    const { pages, links, tell } = this.#parts
    links.sendText(connection, encodePage(pages.record(page), await pages.text(page)))
    tell({ kind: 'pageSent', connection })
  }

  // ---- data -------------------------------------------------------------------------------------------------------

  async #sendChunk({ connection, epoch, place, again }: Of<'sendChunk'>): Promise<void> {
    const { pool, world, links, counters, tell } = this.#parts
    const version = this.#fingerprint(place.entry)
    const buffer = await pool.take()
    try {
      const length = chunkLength(this.#parts.sizeOf(place.entry), this.#parts.chunkBytes(), place.chunk)
      const payload = buffer.subarray(headerBytes, headerBytes + length)
      const isRead = await this.#withSource(place, version, () => this.#read(place.entry, place.chunk, payload))
      if (!isRead) return tell({ kind: 'sendFailed', connection, places: [place] })
      const zeros = length > 0 && isZeros(payload)
      const hash = zeros ? zerosHash(length, world.hash) : world.hash(payload)
      writeHeader(buffer, 0, { kind: zeros ? 'zeros' : 'chunk', epoch, ...place, hash }, world.hash)
      const frame = buffer.subarray(0, zeros ? headerBytes : headerBytes + length)
      counters.sent(length, frame.length, again) // As it is handed over: a frame that is cut off may have arrived.
      if (!(await links.sendFrame(connection, frame, frameRoomBytes))) return // Its end is told apart, and begins all of this anew.
      tell({ kind: 'chunkSent', connection, place, hash, zeros })
    } finally {
      pool.give(buffer)
    }
  }

  async #read(entry: number, chunk: number, target: Uint8Array): Promise<true> {
    await this.#parts.files.read(entry, target, chunk * this.#parts.chunkBytes())
    return true
  }

  /** Small files, whole, behind the table of those that could be read. */
  async #sendPack({ connection, epoch, files }: Of<'sendPack'>): Promise<void> {
    const { pool, world, links, counters, tell } = this.#parts
    const buffer = await pool.take()
    try {
      const bytesStart = headerBytes + files.length * packRowBytes
      const rows = await this.#readPack(files, buffer, bytesStart)
      const end = rows.reduce((position, { length }) => position + length, bytesStart)
      const againBytes = rows.reduce((sum, { length, again }) => (again ? sum + length : sum), 0)
      const sentFiles = rows.map(({ entry, revision, hash }) => ({ entry, revision, hash }))
      if (rows.length === 0) return tell({ kind: 'packSent', connection, files: [] })
      const frame = framePack(buffer, rows, bytesStart, end, epoch, world.hash)
      const bytes = end - bytesStart
      counters.sent(bytes - againBytes, frame.length, false)
      if (againBytes > 0) counters.sent(againBytes, 0, true)
      if (!(await links.sendFrame(connection, frame, frameRoomBytes))) return
      tell({ kind: 'packSent', connection, files: sentFiles })
    } finally {
      pool.give(buffer)
    }
  }

  /** Reads files one behind the other, those of one directory together; one that can't be read is left out. */
  async #readPack(files: Of<'sendPack'>['files'], buffer: Uint8Array, start: number): Promise<PackedFile[]> {
    const rows: PackedFile[] = []
    const entries = await this.#parts.pages.many(files.map(({ entry }) => entry))
    let end = start
    const take = (count: number, from: number): void => {
      for (const { entry, revision, again } of files.slice(from, from + count)) {
        const bytes = buffer.subarray(end, (end += this.#parts.sizeOf(entry)))
        rows.push({ entry, revision, again, length: bytes.length, hash: this.#parts.world.hash(bytes) })
      }
    }
    for (let i = 0; i < files.length;) {
      const count = await this.#readTogether(files, entries, i, buffer.subarray(end))
      const { entry, revision } = files[i]!
      if (count > 0) take(count, i)
      else if (await this.#readSmall(entry, revision, buffer.subarray(end, end + this.#parts.sizeOf(entry)))) take(1, i)
      i += Math.max(count, 1)
    }
    return rows
  }

  /** Reads the files from `first` on that lie in one directory, as far as they are what they were. @returns how many */
  async #readTogether(
    files: Of<'sendPack'>['files'],
    entries: readonly Entry[],
    first: number,
    buffer: Uint8Array,
  ): Promise<number> {
    const run: SmallFile[] = []
    const { path: firstPath } = entries[first]!
    let end = 0
    for (let i = first; i < files.length && haveSameParent(firstPath, entries[i]!.path); i++) {
      const { entry } = files[i]!
      const target = buffer.subarray(end, (end += this.#parts.sizeOf(entry)))
      run.push({ path: entries[i]!.path, fingerprint: this.#fingerprint(entry), target })
    }
    const count = await this.#parts.files.readSmallEach(run)
    const other = run.findIndex(({ fingerprint }, i) => !this.#isExpected(files[first + i]!.entry, fingerprint))
    return other === -1 ? count : Math.min(count, other) // The core looks at another version already.
  }

  async #readSmall(entry: number, revision: number, target: Uint8Array): Promise<boolean> {
    const { path } = await this.#fileEntry(entry)
    const version = this.#fingerprint(entry)
    if (version.size !== target.length) return false // Another version is expected by now, and the core knows.
    const result = await this.#attempt({ entry, revision }, version, () =>
      this.#parts.files.readSmall(path, version, target),
    )
    if (result === undefined) return false
    if (result === 'same') return true
    this.#parts.tell({ kind: 'sourceFailed', entry, revision, problem: { kind: 'changed', version: result } })
    return false
  }

  // ---- looking again ----------------------------------------------------------------------------------------------

  async #checkSource({ entry, revision }: Of<'checkSource'>): Promise<void> {
    const { files, tell } = this.#parts
    const found = await this.#withSource({ entry, revision }, this.#fingerprint(entry), () => files.check(entry))
    if (found === 'same') tell({ kind: 'sourceChecked', entry, revision })
    else if (found !== undefined)
      tell({ kind: 'sourceFailed', entry, revision, problem: { kind: 'changed', version: found } })
  }

  /** Hashes of chunks as they are now, all of one version of the file. */
  async #rehash({ entry, revision, chunks }: Of<'rehash'>): Promise<void> {
    const { pool, world, files, tell } = this.#parts
    const fingerprint = this.#fingerprint(entry)
    const hashes = new BigUint64Array(chunks.length)
    const buffer = await pool.take()
    try {
      for (const [i, chunk] of chunks.entries()) {
        const length = chunkLength(fingerprint.size, this.#parts.chunkBytes(), chunk)
        const payload = buffer.subarray(headerBytes, headerBytes + length)
        const isRead = await this.#withSource({ entry, revision }, fingerprint, () => this.#read(entry, chunk, payload))
        if (!isRead) return
        hashes[i] = world.hash(payload)
      }
    } finally {
      pool.give(buffer)
    }
    const found = await this.#withSource({ entry, revision }, fingerprint, () => files.check(entry))
    if (found === undefined) return
    if (found !== 'same')
      return tell({ kind: 'sourceFailed', entry, revision, problem: { kind: 'changed', version: found } })
    const { mtimeUs, mode } = await this.#fileEntry(entry)
    const isRevised = this.#parts.revised.has(entry)
    const version = { fingerprint, mtimeUs: isRevised ? mtimeUsOf(fingerprint) : mtimeUs, mode }
    tell({ kind: 'rehashed', entry, revision, chunks, hashes, version })
  }

  // ---- sources ----------------------------------------------------------------------------------------------------

  /**
   * Acts on an entry that is open in the version that was expected when the effect came. Undefined if that could not be,
   * which the core was told, or if another version is expected by now, which it knows.
   */
  async #withSource<T>(source: Source, version: Fingerprint, act: () => Promise<T>): Promise<T | undefined> {
    const { entry } = source
    const { path } = await this.#fileEntry(entry) // Our own disk: its faults are none of the source's.
    this.#users.set(entry, (this.#users.get(entry) ?? 0) + 1)
    try {
      return await this.#attempt(source, version, async () => {
        if (!this.#open.has(entry)) {
          await this.#parts.files.open(entry, path, version)
          this.#open.add(entry)
        }
        return act()
      })
    } finally {
      const users = this.#users.get(entry)! - 1
      if (users > 0) this.#users.set(entry, users)
      else this.#users.delete(entry)
      if (users === 0 && !this.#open.has(entry)) await this.#parts.files.forget(entry)
    }
  }

  async #attempt<T>(source: Source, version: Fingerprint, act: () => Promise<T>): Promise<T | undefined> {
    const { entry, revision } = source
    for (let tries = 0; ; tries++) {
      try {
        const result = this.#isExpected(entry, version) ? await this.#withDescriptors(act) : undefined
        if (tries > 0) this.#returned()
        return this.#isExpected(entry, version) ? result : undefined
      } catch (error) {
        if (!this.#isExpected(entry, version)) {
          if (tries > 0) this.#returned()
          return undefined // The core looks at another version already.
        }
        this.#open.delete(entry)
        if (!hasCode(error, 'source-gone')) {
          if (tries > 0) this.#returned()
          const problem = await this.#problemOf(entry, error)
          if (this.#isExpected(entry, version)) this.#parts.tell({ kind: 'sourceFailed', entry, revision, problem })
          return undefined
        }
        if (this.#isStopped) return undefined
        if (tries === 0 && this.#gone++ === 0) this.#parts.tell({ kind: 'sourceGone' })
        await new Promise<void>((resolve) => this.#parts.world.clock.after(lookAgainMs, resolve))
      }
    }
  }

  #withDescriptors<T>(act: () => Promise<T>): Promise<T> {
    return withDescriptors(this.#parts.world.clock, act, () => this.#isStopped)
  }

  #returned(): void {
    if (--this.#gone === 0) this.#parts.tell({ kind: 'sourceReturned' })
  }

  async #problemOf(entry: number, error: unknown): Promise<SourceProblem> {
    if (!isTransferError(error) || error.code === 'too-many-open-files') throw error // No fault of this file.
    if (error.code === 'source-vanished') return { kind: 'vanished' }
    const { path } = await this.#fileEntry(entry)
    const unreadable = (fault: TransferError): SourceProblem => ({ kind: 'unreadable', reason: reasonOf(fault, path) })
    if (error.code !== 'source-changed') return unreadable(error)
    try {
      const found = await this.#parts.files.compare(path, this.#fingerprint(entry))
      return found === 'same' ? unreadable(error) : { kind: 'changed', version: found }
    } catch (again) {
      if (!isTransferError(again)) throw again
      return again.code === 'source-vanished' ? { kind: 'vanished' } : unreadable(again)
    }
  }

  async #fileEntry(index: number): Promise<FileEntry> {
    const entry = await this.#parts.pages.entry(index)
    assert(entry.kind === 'file', `entry ${index} is a file`)
    return entry
  }

  /** The version that is expected of an entry now. */
  #fingerprint(entry: number): Fingerprint {
    const fingerprint = this.#parts.revised.get(entry) ?? this.#parts.pages.fingerprint(entry)
    assert(fingerprint !== undefined, `entry ${entry} has a fingerprint`)
    return fingerprint
  }

  /** Whether it still is the one that was expected then. */
  #isExpected(entry: number, version: Fingerprint): boolean {
    const newer = this.#parts.revised.get(entry)
    return newer === undefined || newer === version
  }
}

function totals(pages: ManifestPages, entries: readonly Entry[]): ManifestTotals {
  const bytes = entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.size : 0), 0)
  return { entries: pages.nextEntry + entries.length, bytes: pages.bytesSoFar + bytes }
}

/** Puts table and header before the files' bytes; where some could not be read, the bytes move up. */
function framePack(
  buffer: Uint8Array,
  rows: readonly { entry: number; revision: number; length: number; hash: bigint }[],
  bytesStart: number,
  end: number,
  epoch: number,
  hash: (bytes: Uint8Array) => bigint,
): Uint8Array {
  const tableBytes = rows.length * packRowBytes
  const start = headerBytes + tableBytes
  if (start < bytesStart) buffer.copyWithin(start, bytesStart, end)
  rows.forEach((row, i) => writePackRow(buffer, headerBytes + i * packRowBytes, row))
  const frame = buffer.subarray(0, end - (bytesStart - start))
  const header = {
    kind: 'pack',
    epoch,
    revision: 0,
    files: rows.length,
    tableBytes,
    hash: hash(frame.subarray(headerBytes)),
  } as const
  writeHeader(buffer, 0, header, hash)
  return frame
}
