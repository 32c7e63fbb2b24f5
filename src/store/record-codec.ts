// Records of journal v1 to bytes and back. The layout, with an example in hexadecimal, is drawn in docs/journal.md. A
// record's checksum chains it to the one before, yet it can be checked alone, behind a hole.

import { assert, TransferError } from '../errors.ts'
import type { Hash64 } from '../model/hash.ts'
import { recordMaxBytes } from '../model/limits.ts'
import type { JournalRecord, RecordKind } from '../model/records.ts'
import { recordFrom, recordText } from './record-schema.ts'

/** Major of the format; raised only for what an older carryon must not even try. */
export const journalFormat = 1
export const fileHeaderBytes = 24
export const recordHeaderBytes = 40
const trailerBytes = 8
const alignBytes = 8
export const recordMinBytes: number = recordHeaderBytes + trailerBytes

const fileMagic = Buffer.from('CARRYONJ')
export const recordMagic = 0x52_59_52_43 // "CRYR", read as a little-endian u32.
const skippableFlag = 1

/** Never renumbered; a number that was given up stays unused. */
const kindNumbers: { readonly [K in RecordKind]: number } = {
  header: 1,
  bound: 2,
  joined: 3,
  opened: 4,
  page: 5,
  durable: 6,
  revised: 7,
  bad: 8,
  intent: 9,
  outcome: 10,
  acknowledged: 11,
  parked: 12,
  paused: 13,
  receipt: 14,
  ended: 15,
}
const kindsByNumber = new Map(Object.entries(kindNumbers).map(([kind, number]) => [number, kind as RecordKind]))

/** What stands around a record's payload. */
export interface RecordFrame {
  readonly kindNumber: number
  readonly isSkippable: boolean
  readonly epoch: number
  readonly sequence: number
  /** Last sequence known to be synced when this was written; in a rewritten journal its own last one. */
  readonly committed: number
  /** Checksum of the record before, of the file header for the first. */
  readonly previous: bigint
  /** Bytes from magic to checksum, a multiple of 8. */
  readonly length: number
  readonly checksum: bigint
  readonly payload: Uint8Array
}

/** The first bytes of a journal; their form is the same in every format to come. */
export function encodeFileHeader(hash: Hash64): Uint8Array {
  const bytes = new Uint8Array(fileHeaderBytes)
  const view = new DataView(bytes.buffer)
  bytes.set(fileMagic)
  view.setUint32(8, journalFormat, true)
  view.setBigUint64(16, hash(bytes.subarray(0, 16)), true)
  return bytes
}

/** The checksum that the first record chains to, or undefined if these are not the first bytes of a journal. */
export function readFileHeader(bytes: Uint8Array, hash: Hash64): { format: number; checksum: bigint } | undefined {
  if (bytes.length < fileHeaderBytes || !fileMagic.equals(bytes.subarray(0, fileMagic.length))) return undefined
  const view = viewOf(bytes)
  const checksum = view.getBigUint64(16, true)
  if (checksum !== hash(bytes.subarray(0, 16))) return undefined
  return { format: view.getUint32(8, true), checksum }
}

/** @throws InternalError for a record that is too long: `splitRecord` comes first. */
export function encodeRecord(
  record: JournalRecord,
  place: { epoch: number; sequence: number; committed: number; previous: bigint },
  hash: Hash64,
): { bytes: Uint8Array; checksum: bigint } {
  const payload = Buffer.from(recordText(record))
  const length = aligned(recordHeaderBytes + payload.length) + trailerBytes
  assert(length <= recordMaxBytes, `a record of kind ${record.kind} has ${length} bytes`)
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, recordMagic, true)
  view.setUint8(4, kindNumbers[record.kind])
  view.setUint32(8, payload.length, true)
  view.setUint32(12, place.epoch, true)
  view.setBigUint64(16, BigInt(place.sequence), true)
  view.setBigUint64(24, BigInt(place.committed), true)
  view.setBigUint64(32, place.previous, true)
  bytes.set(payload, recordHeaderBytes)
  const checksum = hash(bytes.subarray(0, length - trailerBytes))
  view.setBigUint64(length - trailerBytes, checksum, true)
  return { bytes, checksum }
}

/** Bytes of the record that begins here, going by its length field alone; undefined if none can begin here. */
export function recordLength(header: Uint8Array): number | undefined {
  if (header.length < recordHeaderBytes) return undefined
  const view = viewOf(header)
  if (view.getUint32(0, true) !== recordMagic) return undefined
  const length = aligned(recordHeaderBytes + view.getUint32(8, true)) + trailerBytes
  return length <= recordMaxBytes ? length : undefined
}

/** The record in exactly these bytes, or undefined if a single bit of them is not as it was written. */
export function readFrame(bytes: Uint8Array, hash: Hash64): RecordFrame | undefined {
  if (recordLength(bytes) !== bytes.length) return undefined
  const view = viewOf(bytes)
  const checksum = view.getBigUint64(bytes.length - trailerBytes, true)
  if (checksum !== hash(bytes.subarray(0, bytes.length - trailerBytes))) return undefined
  return {
    kindNumber: view.getUint8(4),
    isSkippable: (view.getUint8(5) & skippableFlag) !== 0,
    epoch: view.getUint32(12, true),
    sequence: Number(view.getBigUint64(16, true)),
    committed: Number(view.getBigUint64(24, true)),
    previous: view.getBigUint64(32, true),
    length: bytes.length,
    checksum,
    payload: bytes.subarray(recordHeaderBytes, recordHeaderBytes + view.getUint32(8, true)),
  }
}

/** Whether a frame is known to hold a record of that kind. */
export function isOfKind({ kindNumber }: RecordFrame, kind: RecordKind | undefined): boolean {
  return kind !== undefined && kindNumbers[kind] === kindNumber
}

/**
 * The record of a frame whose checksum is right; undefined if its kind is unknown and may be skipped.
 * @throws TransferError `journal-version` for an unknown kind that may not be skipped
 * @throws Misfit or SyntaxError for a payload that is not what its kind holds
 */
export function decodeRecord(frame: RecordFrame, path: string): JournalRecord | undefined {
  const kind = kindsByNumber.get(frame.kindNumber)
  const { buffer, byteOffset, length } = frame.payload
  if (kind !== undefined) return recordFrom(kind, Buffer.from(buffer, byteOffset, length).toString())
  if (frame.isSkippable) return undefined
  throw new TransferError('journal-version', { path, format: journalFormat })
}

/** Room for the lists of one record; the fields around them take little. */
const splitAtBytes = 1024 * 1024

/**
 * The same record in as many parts as it takes to keep each well below `recordMaxBytes`. Only lists of things that stand
 * for themselves are parted: durable runs, intents, outcomes. All parts of one belong into one commit.
 */
export function splitRecord(record: JournalRecord): JournalRecord[] {
  if (record.kind === 'durable') {
    const runs = record.runs.flatMap(splitRun)
    return grouped(runs, (run) => 100 + run.hashes.length * 11).map((group) => ({ ...record, runs: group }))
  }
  if (record.kind === 'intent') {
    const groups = grouped(record.files, (file) => 300 + textBytes(file.target))
    return groups.map((files) => ({ ...record, files }))
  }
  if (record.kind === 'outcome') {
    const groups = grouped(record.outcomes, ({ target, reason }) => 150 + textBytes(target) + textBytes(reason))
    return groups.map((outcomes) => ({ ...record, outcomes }))
  }
  return [record]
}

/** At most: JSON writes an escaped byte of a name in six characters. */
function textBytes(text: string | undefined): number {
  return (text?.length ?? 0) * 6
}

/** A run with too many hashes for one record, in shorter ones; the holes are counted out from its front. */
function splitRun<Run extends { readonly first: number; readonly hashes: BigUint64Array; readonly holes: number }>(
  run: Run,
): Run[] {
  const most = Math.floor(splitAtBytes / 12)
  if (run.hashes.length <= most) return [run]
  const runs: Run[] = []
  let holes = run.holes
  for (let from = 0; from < run.hashes.length; from += most) {
    const hashes = run.hashes.subarray(from, from + most)
    const own = Math.min(holes, hashes.length)
    holes -= own
    runs.push({ ...run, first: run.first + from, hashes, holes: own })
  }
  return runs
}

/** Neighbours together as long as they fit; an empty list stays one empty group. */
function grouped<Item>(items: readonly Item[], costOf: (item: Item) => number): Item[][] {
  const groups: Item[][] = [[]]
  let left = splitAtBytes
  for (const item of items) {
    const cost = costOf(item)
    if (cost > left && groups.at(-1)!.length > 0) {
      groups.push([])
      left = splitAtBytes
    }
    groups.at(-1)!.push(item)
    left -= cost
  }
  return groups
}

function aligned(length: number): number {
  return Math.ceil(length / alignBytes) * alignBytes
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
