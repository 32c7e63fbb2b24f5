// The journal of a session, open for writing. Opening rewrites it, which is repair and compaction in one; from then on it
// only grows. Format, recovery rule and the order of writes: docs/journal.md.

import { assert, hasCode, TransferError } from '../errors.ts'
import type { Directory, DiskFile } from '../model/disk.ts'
import type { Hash64 } from '../model/hash.ts'
import type { JournalRecord, RecordKind } from '../model/records.ts'
import { asError } from './faults.ts'
import { type JournalEnd, journalName, scanJournal } from './journal-file.ts'
import { encodeFileHeader, encodeRecord, fileHeaderBytes, readFileHeader, splitRecord } from './record-codec.ts'

/** What the journal is handed. */
export interface JournalTools {
  /** Checks every record. */
  readonly hash: Hash64
  /** Begins anew for each journal that is opened. */
  readonly compact: () => Compaction
  /** Asked before each write: whether this process still holds the session (R44). Without it, nobody else can. */
  readonly isHeld?: (() => Promise<boolean>) | undefined
}

/**
 * Takes a journal's records, one by one, and gives the same state in fewer. They must fold into the same checkpoint, and are
 * gone through twice: all of them at once may be more than memory should hold.
 */
export interface Compaction {
  take(record: JournalRecord): void
  records(): Iterable<JournalRecord>
}

export interface OpenedJournal {
  readonly journal: Journal
  /** What it holds now, compacted. */
  readonly records: Iterable<JournalRecord>
}

const freshName = 'journal.new'

/** A rewrite goes out in pieces: the records of a large file would be held twice. */
const piecesPerWrite = 1024
const blockBytes = 64 * 1024

/** Zeros written ahead of the last record, so that a full disk still takes the next ones (R23) and a sync moves no metadata. */
const reserveBytes = 64 * 1024
/** Of these, what only records of the list below may use. */
const lastReserveBytes = 16 * 1024
/** Small records that say why nothing else happens, or end the session. */
const lastWords: ReadonlySet<RecordKind> = new Set(['parked', 'paused', 'ended', 'opened', 'joined', 'acknowledged'])

/**
 * Makes the journal of a new session, or replaces the one that is there. On return it is on the disk, but for the name of
 * `directory` itself.
 * @param records at least one
 */
export async function createJournal(
  directory: Directory,
  records: readonly JournalRecord[],
  tools: JournalTools,
): Promise<Journal> {
  return writeFresh(directory, records, { sequence: 0, epoch: 0 }, tools)
}

/**
 * Opens for writing: reads the longest valid prefix, cuts a torn tail, compacts, and puts the result in the old one's place.
 * @throws TransferError `journal-damaged` if acknowledged records are lost: a copy is kept and nothing is changed;
 *   `journal-version` if a newer carryon wrote it; `not-found`; faults of the disk, which leave the old journal
 */
export async function openJournal(directory: Directory, tools: JournalTools): Promise<OpenedJournal> {
  const compaction = tools.compact()
  const end = await scanJournal(directory, tools, (record) => compaction.take(record))
  if (end.tail === 'damaged') throw await damaged(directory, end)
  return rewrite(directory, compaction, end, tools)
}

/**
 * Opens a damaged journal with the records before the damage; a copy of the damaged one is kept. Everything it says must
 * be verified against the part files, and what it no longer says is sent again.
 * @throws TransferError as `openJournal`; `journal-damaged` if not even the first record is left
 */
export async function rebuildJournal(directory: Directory, tools: JournalTools): Promise<OpenedJournal> {
  const compaction = tools.compact()
  const end = await scanJournal(directory, tools, (record) => compaction.take(record))
  if (end.tail === 'damaged') {
    const error = await damaged(directory, end)
    if (isEmpty(compaction.records())) throw error
  }
  return rewrite(directory, compaction, end, tools)
}

async function rewrite(
  directory: Directory,
  compaction: Compaction,
  end: JournalEnd,
  tools: JournalTools,
): Promise<OpenedJournal> {
  const records = compaction.records()
  return { journal: await writeFresh(directory, records, end, tools), records }
}

/**
 * 1. Remove what an earlier attempt left as `journal.new`.            A crash leaves: the old journal.
 * 2. Write and sync `journal.new`: header, records, zeros ahead.      The old journal, and a file nobody reads.
 * 3. Rename it to `journal`.                                          The old journal or the new one: they say the same.
 * 4. Sync the directory.                                              The new journal.
 *
 * Sequences go on from the old journal, so no record of an older file can pass for a newer one. Each rewritten record has
 * the last one's sequence as `committed`: if any of them is lost, the others tell.
 */
async function writeFresh(
  directory: Directory,
  given: Iterable<JournalRecord>,
  before: { readonly sequence: number; readonly epoch: number },
  { hash, isHeld }: JournalTools,
): Promise<Journal> {
  assert(!isEmpty(given), 'a journal has at least one record')
  await directory.unlink(freshName)
  const file = await directory.openFile(freshName, 'create')
  try {
    const header = encodeFileHeader(hash)
    const chain = new Chain(hash, readFileHeader(header, hash)!.checksum, before)
    const committed = before.sequence + countOf(split(given))
    let length = 0
    const append = async (bytes: Uint8Array): Promise<void> => {
      await file.write(bytes, length)
      length += bytes.length
    }
    const pieces = [header]
    for (const record of split(given)) {
      pieces.push(chain.append(record, committed))
      if (pieces.length < piecesPerWrite && pieces.at(-1)!.length < blockBytes) continue
      await append(joined(pieces.splice(0)))
    }
    await append(joined([...pieces, new Uint8Array(reserveBytes)]))
    await file.sync()
    await file.close()
    await directory.rename(freshName, directory, journalName)
    await directory.sync()
    const journal = await directory.openFile(journalName, 'update') // Anew, so that faults name it as it is called now.
    return new Journal(journal, chain, length - reserveBytes, {
      reservedTo: length,
      label: directory.label,
      isHeld,
    })
  } catch (error) {
    await file.close()
    if (hasCode(error, 'disk-full')) await directory.unlink(freshName) // Gives back what little room it took.
    throw error
  }
}

function* split(records: Iterable<JournalRecord>): Generator<JournalRecord> {
  for (const record of records) yield* splitRecord(record)
}

function countOf(items: Iterable<unknown>): number {
  let count = 0
  for (const _ of items) count++
  return count
}

function isEmpty(items: Iterable<unknown>): boolean {
  return items[Symbol.iterator]().next().done === true
}

/** Keeps a copy under the next free name, unless the last copy is this very file. */
async function damaged(directory: Directory, end: JournalEnd): Promise<TransferError> {
  const path = `${directory.label}/${journalName}`
  const copy = await keepCopy(directory)
  return new TransferError('journal-damaged', { path, copy: `${directory.label}/${copy}`, offset: end.validBytes })
}

async function keepCopy(directory: Directory): Promise<string> {
  const journal = await directory.stat(journalName)
  for (let n = 1; ; n++) {
    const name = `journal.broken-${n}`
    const there = await directory.stat(name)
    if (there !== undefined && there.inode === journal?.inode) return name
    if (there !== undefined) continue
    try {
      await directory.link(journalName, directory, name)
    } catch (error) {
      if (!hasCode(error, 'links-unsupported')) throw error
      await copyFile(directory, journalName, name)
    }
    await directory.sync()
    return name
  }
}

async function copyFile(directory: Directory, from: string, to: string): Promise<void> {
  await using source = disposable(await directory.openFile(from, 'read'))
  await using target = disposable(await directory.openFile(to, 'create'))
  const buffer = new Uint8Array(1024 * 1024)
  for (let position = 0; ;) {
    const count = await source.file.read(buffer, position)
    if (count === 0) break
    await target.file.write(buffer.subarray(0, count), position)
    position += count
  }
  await target.file.sync()
}

function disposable(file: DiskFile): { file: DiskFile } & AsyncDisposable {
  return { file, [Symbol.asyncDispose]: () => file.close() }
}

/** Where the next record is chained on. */
class Chain {
  readonly #hash: Hash64
  #checksum: bigint
  sequence: number
  epoch: number

  constructor(hash: Hash64, checksum: bigint, before: { readonly sequence: number; readonly epoch: number }) {
    this.#hash = hash
    this.#checksum = checksum
    this.sequence = before.sequence
    this.epoch = before.epoch
  }

  append(record: JournalRecord, committed: number): Uint8Array {
    if (record.kind === 'opened') this.epoch = record.epoch
    const { epoch } = this
    const place = { epoch, sequence: this.sequence + 1, committed, previous: this.#checksum }
    const { bytes, checksum } = encodeRecord(record, place, this.#hash)
    this.sequence++
    this.#checksum = checksum
    return bytes
  }

  /** A copy to go on with, so that what could not be written is not part of the chain. */
  fork(): Chain {
    return new Chain(this.#hash, this.#checksum, this)
  }
}

interface Batch {
  readonly records: JournalRecord[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Made by `createJournal` and `openJournal`. One per session directory, held under its lock. */
export class Journal {
  readonly #file: DiskFile
  #chain: Chain
  #position: number
  /** Up to here the file holds zeros that are already on the disk. */
  #reservedTo: number
  /** Sequence of the last record that a sync is known to have reached. */
  #committed: number
  readonly #label: string
  readonly #isHeld: JournalTools['isHeld']
  #noted: JournalRecord[] = []
  #waiting: Batch[] = []
  #writing: Promise<void> | undefined
  #fault: Error | undefined

  constructor(
    file: DiskFile,
    chain: Chain,
    position: number,
    { reservedTo, label, isHeld }: { reservedTo: number; label: string; isHeld: JournalTools['isHeld'] },
  ) {
    this.#file = file
    this.#chain = chain
    this.#position = position
    this.#reservedTo = reservedTo
    this.#label = label
    this.#isHeld = isHeld
    this.#committed = chain.sequence
    assert(position >= fileHeaderBytes, 'a journal begins with its header')
  }

  /** Sequence of the last record written. */
  get sequence(): number {
    return this.#chain.sequence
  }

  /**
   * Appends, and resolves when the records are on the disk. Callers that wait at the same time share one sync; their
   * records are written in the order of the calls.
   * @throws TransferError `disk-full` if there was no room: nothing was appended and the journal is as before. Any other
   *   fault is final, a lock that is lost (`lock-lost`) among them: every later call fails with it, and only opening the journal again finds out what is on the disk (R16)
   */
  commit(records: readonly JournalRecord[]): Promise<void> {
    if (this.#fault !== undefined) return Promise.reject(this.#fault)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ records: [...this.#noted.splice(0), ...records.flatMap(splitRecord)], resolve, reject })
      this.#writing ??= this.#writeAll()
    })
  }

  /**
   * Appends without a sync: the records outlive this process, and a power cut once a commit has followed. Nothing may depend
   * on them; what there is no room for is forgotten.
   */
  note(records: readonly JournalRecord[]): void {
    this.#noted.push(...records.flatMap(splitRecord))
    this.#writing ??= this.#writeAll()
  }

  /** Waits for what is under way, and closes. */
  async close(): Promise<void> {
    await this.#writing
    await this.#file.close()
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length + this.#noted.length > 0) {
      const batches = this.#waiting.splice(0)
      const noted = batches.length === 0 ? this.#noted.splice(0) : [] // Behind a commit: notes wait for the next round.
      try {
        if (this.#fault !== undefined) throw this.#fault
        if (noted.length > 0) await this.#append(noted, false)
        else await this.#append(batches.flatMap(({ records }) => records))
        if (batches.length > 0) await this.#sync()
        for (const { resolve } of batches) resolve()
      } catch (error) {
        for (const { reject } of batches) reject(error)
      }
    }
    this.#writing = undefined
  }

  /** Only a disk without room is no reason to stop: the file ends where it ended, whatever was half written behind that. */
  async #append(records: readonly JournalRecord[], isPromised = true): Promise<void> {
    await this.#checkHeld()
    const chain = this.#chain.fork()
    const bytes = joined(records.map((record) => chain.append(record, this.#committed)))
    const isLastWord = isPromised && records.every(({ kind }) => lastWords.has(kind)) // Notes must leave room for one.
    try {
      await this.#write(bytes, isLastWord ? 0 : lastReserveBytes)
    } catch (error) {
      if (!hasCode(error, 'disk-full')) this.#fault = asError(error)
      throw error
    }
    this.#chain = chain
    this.#position += bytes.length
  }

  /** Who lost the lock may not write one more record: another process may be at this journal by now (R44). */
  async #checkHeld(): Promise<void> {
    if (this.#isHeld === undefined || (await this.#isHeld())) return
    this.#fault = new TransferError('lock-lost', { directory: this.#label })
    throw this.#fault
  }

  /** Writes into the reserve, and before it runs low, the records and the next reserve in one. */
  async #write(bytes: Uint8Array, mustStayBytes: number): Promise<void> {
    const end = this.#position + bytes.length
    if (end + lastReserveBytes <= this.#reservedTo) return this.#file.write(bytes, this.#position)
    const longer = new Uint8Array(bytes.length + reserveBytes)
    longer.set(bytes)
    try {
      await this.#file.write(longer, this.#position)
      this.#reservedTo = end + reserveBytes
    } catch (error) {
      const fits = end + mustStayBytes <= this.#reservedTo
      if (!hasCode(error, 'disk-full') || !fits) throw error
      await this.#file.write(bytes, this.#position)
    }
  }

  async #sync(): Promise<void> {
    const { sequence } = this.#chain
    try {
      await this.#file.datasync()
    } catch (error) {
      this.#fault = asError(error)
      throw error
    }
    this.#committed = sequence
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let position = 0
  for (const piece of pieces) {
    whole.set(piece, position)
    position += piece.length
  }
  return whole
}
