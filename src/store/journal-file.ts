// Reading a journal: the longest valid prefix, and whether what lies behind it is a torn tail or lost history (R9, R10).
// Nothing here writes.

import { isTransferError, TransferError } from '../errors.ts'
import type { Directory, DiskFile } from '../model/disk.ts'
import type { Hash64 } from '../model/hash.ts'
import { recordMaxBytes } from '../model/limits.ts'
import type { JournalRecord, RecordKind } from '../model/records.ts'
import {
  decodeRecord,
  fileHeaderBytes,
  isOfKind,
  journalFormat,
  readFileHeader,
  readFrame,
  recordHeaderBytes,
  recordLength,
  recordMagic,
  recordMinBytes,
  type RecordFrame,
} from './record-codec.ts'

export const journalName = 'journal'

/** Told each record, in order. */
export type TakeRecord = (record: JournalRecord) => void

/** What reads a journal. */
export interface ScanTools {
  readonly hash: Hash64
  /** Records of this kind are not looked into: nobody needs them. */
  readonly passesOver?: RecordKind
}

/** How a journal ends. */
export interface JournalEnd {
  /** `torn`: bytes that were never acknowledged lie behind the last record. `damaged`: acknowledged records are lost. */
  readonly tail: 'clean' | 'torn' | 'damaged'
  /** Bytes of the valid prefix: where damage begins, if there is any. */
  readonly validBytes: number
  /** Sequence and epoch of the last valid record; 0 if there is none. */
  readonly sequence: number
  readonly epoch: number
}

/** What a journal says, and how it ends. */
export interface JournalContent extends JournalEnd {
  readonly records: JournalRecord[]
}

/** All records of a journal at once: for those that are known to be small. @throws as `scanJournal` */
export async function readJournal(directory: Directory, tools: ScanTools): Promise<JournalContent> {
  const records: JournalRecord[] = []
  const end = await scanJournal(directory, tools, (record) => records.push(record))
  return { records, ...end }
}

/**
 * Reads a journal record by record, so that a million hashes need not be held, and changes nothing, so it may be used on
 * one that another process writes: a record half written looks like a torn tail.
 * @throws TransferError `not-found`; `journal-version` if a newer carryon wrote it
 */
export async function scanJournal(
  directory: Directory,
  { hash, passesOver }: ScanTools,
  take: TakeRecord,
): Promise<JournalEnd> {
  const file = await directory.openFile(journalName, 'read')
  const path = `${directory.label}/${journalName}`
  const takeFrame = (frame: RecordFrame): boolean => isOfKind(frame, passesOver) || takeRecord(frame, take, path)
  try {
    return await scanRecords(new JournalScan(file, hash), path, takeFrame)
  } finally {
    await file.close()
  }
}

/**
 * 1. The file header was synced before the journal got its name: if it is wrong, the journal is damaged.
 * 2. From there, take records while each is whole, has the next sequence and names the checksum of the one before.
 * 3. Where that ends, look through the rest for whole records, at every multiple of 8.
 * 4. The highest `committed` of all records found tells what was acknowledged. If that is more than the prefix holds,
 *    history is lost. Otherwise what lies behind was never promised to anybody: a torn tail, or zeros written ahead.
 */
async function scanRecords(
  scan: JournalScan,
  path: string,
  take: (frame: RecordFrame) => boolean,
): Promise<JournalEnd> {
  const header = readFileHeader(await scan.at(0, fileHeaderBytes), scan.hash)
  if (header === undefined) return { tail: 'damaged', validBytes: 0, sequence: 0, epoch: 0 }
  if (header.format !== journalFormat) throw new TransferError('journal-version', { path, format: header.format })

  let position = fileHeaderBytes
  let last = { checksum: header.checksum, sequence: 0, epoch: 0 }
  let committed = 1 // A journal is born with a synced record.
  for (;;) {
    const frame = await scan.frameAt(position)
    if (frame === undefined || frame.previous !== last.checksum) break
    if (last.sequence !== 0 && frame.sequence !== last.sequence + 1) break
    if (!take(frame)) return { tail: 'damaged', validBytes: position, sequence: last.sequence, epoch: last.epoch }
    position += frame.length
    committed = Math.max(committed, frame.committed)
    last = frame
  }
  const rest = await restOf(scan, position)
  const isLost = Math.max(committed, rest.committed) > last.sequence
  const tail = isLost ? 'damaged' : rest.isZero ? 'clean' : 'torn'
  return { tail, validBytes: position, sequence: last.sequence, epoch: last.epoch }
}

/** False if the bytes are as they were written and still make no sense. */
function takeRecord(frame: RecordFrame, take: TakeRecord, path: string): boolean {
  let record
  try {
    record = decodeRecord(frame, path)
  } catch (error) {
    if (isTransferError(error)) throw error
    return false
  }
  if (record !== undefined) take(record)
  return true
}

/** Goes through the rest in blocks: nearly always it is zeros written ahead. */
async function restOf(scan: JournalScan, from: number): Promise<{ isZero: boolean; committed: number }> {
  let isZero = true
  let committed = 0
  for (let position = from; ;) {
    const block = await scan.at(position, windowBytes)
    const found = findRecord(block)
    isZero &&= found.isZero
    if (found.offset === undefined) {
      if (block.length < windowBytes) return { isZero, committed }
      position += windowBytes
      continue
    }
    const frame = await scan.frameAt(position + found.offset)
    committed = Math.max(committed, frame?.committed ?? 0)
    position += found.offset + (frame?.length ?? 8)
  }
}

/** Where in a block a record may begin, and whether all before that is zero. */
function findRecord(block: Uint8Array): { offset: number | undefined; isZero: boolean } {
  const view = new DataView(block.buffer, block.byteOffset, block.length)
  let isZero = true
  for (let offset = 0; offset + 8 <= block.length; offset += 8) {
    const word = view.getUint32(offset, true)
    if (word === recordMagic) return { offset, isZero: false }
    isZero &&= word === 0 && view.getUint32(offset + 4, true) === 0
  }
  for (let offset = block.length & ~7; offset < block.length; offset++) isZero &&= block[offset] === 0
  return { offset: undefined, isZero }
}

/** A window that moves over the file; it never holds more than one record and a bit. */
class JournalScan {
  readonly hash: Hash64
  readonly #file: DiskFile
  #start = 0
  #window = new Uint8Array(0)

  constructor(file: DiskFile, hash: Hash64) {
    this.#file = file
    this.hash = hash
  }

  /** The bytes at `position`, fewer than asked at the end of the file. */
  async at(position: number, length: number): Promise<Uint8Array> {
    const from = position - this.#start
    if (from < 0 || from + length > this.#window.length) await this.#load(position, length)
    const offset = position - this.#start
    return this.#window.subarray(offset, offset + length)
  }

  /** The whole and undamaged record that begins at `position`, if one does. */
  async frameAt(position: number): Promise<RecordFrame | undefined> {
    const length = recordLength(await this.at(position, recordHeaderBytes))
    if (length === undefined || length < recordMinBytes) return undefined
    return readFrame(await this.at(position, length), this.hash)
  }

  /** Windows are fresh memory: payloads of records read before may still point into the old one. */
  async #load(position: number, length: number): Promise<void> {
    const window = new Uint8Array(Math.max(length, windowBytes))
    const count = await this.#file.read(window, position)
    this.#window = window.subarray(0, count)
    this.#start = position
  }
}

const windowBytes = Math.min(recordMaxBytes, 256 * 1024)
