// Data frames: a header of 32 bytes, then the payload, little endian. A pack's payload begins with a table of its files. The
// layout is drawn in docs/protocol.md, section Data frames. Hashes of payloads are compared by the engine, epochs and places
// are judged by the core; here a frame is either well formed or refused, before any of it is used.

import { assert } from '../errors.ts'
import type { Hash64 } from '../model/hash.ts'
import { chunkBytesRange, entriesMax, headerBytes, packRowBytes } from '../model/limits.ts'
import type { FrameHeader, PackRow } from '../model/messages.ts'
import { refusal } from './refusal.ts'

export type PackHeader = Extract<FrameHeader, { kind: 'pack' }>

const kinds = ['chunk', 'pack', 'zeros'] as const // On the wire: 1, 2, 3.

/** Writes the 32 bytes of a header, room for which lies in front of the payload. */
export function writeHeader(target: Uint8Array, offset: number, header: FrameHeader, hash: Hash64): void {
  assert(offset + headerBytes <= target.length, 'no room for a header')
  const view = new DataView(target.buffer, target.byteOffset + offset, headerBytes)
  const isPack = header.kind === 'pack'
  view.setUint8(0, kinds.indexOf(header.kind) + 1)
  view.setUint8(1, 0)
  view.setUint16(2, header.revision, true)
  view.setUint32(4, header.epoch, true)
  view.setUint32(16, isPack ? header.files : header.entry, true)
  view.setUint32(20, isPack ? header.tableBytes : header.chunk, true)
  view.setBigUint64(24, header.hash, true)
  view.setBigUint64(8, hashOfHeader(target, offset, hash), true)
}

/**
 * The header of a frame, once its own hash, kind, flags and lengths are right.
 * @throws TransferError `protocol`
 */
export function readHeader(frame: Uint8Array, hash: Hash64): FrameHeader {
  if (frame.length < headerBytes) throw refusal('a data frame is shorter than its header')
  const view = new DataView(frame.buffer, frame.byteOffset, headerBytes)
  if (view.getBigUint64(8, true) !== hashOfHeader(frame, 0, hash))
    throw refusal('the header of a data frame is damaged')
  const kind = kinds[view.getUint8(0) - 1]
  if (kind === undefined) throw refusal(`a data frame has unknown kind ${view.getUint8(0)}`)
  if (view.getUint8(1) !== 0) throw refusal('a data frame has unknown flags')
  const payloadBytes = frame.length - headerBytes
  if (payloadBytes > chunkBytesRange.max) throw refusal(`a data frame carries more than ${chunkBytesRange.max} bytes`)
  const common = { epoch: view.getUint32(4, true), hash: view.getBigUint64(24, true) }
  const [third, fourth] = [view.getUint32(16, true), view.getUint32(20, true)]
  const revision = view.getUint16(2, true)
  if (kind === 'pack') {
    if (revision !== 0) throw refusal('the header of a pack names a revision')
    if (third === 0) throw refusal('a pack holds no file')
    if (fourth !== third * packRowBytes || fourth > payloadBytes) throw refusal('the table of a pack does not fit it')
    return { kind, revision, files: third, tableBytes: fourth, ...common }
  }
  if (third >= entriesMax) throw refusal(`a data frame names entry ${third}`)
  if (kind === 'zeros' && payloadBytes !== 0) throw refusal('a frame of zeros carries bytes')
  return { kind, revision, entry: third, chunk: fourth, ...common }
}

/** Writes one row of a pack's table; row `n` lies `n * packRowBytes` behind the header. */
export function writePackRow(target: Uint8Array, offset: number, row: PackRow): void {
  assert(offset + packRowBytes <= target.length, 'no room for a row of a pack')
  const view = new DataView(target.buffer, target.byteOffset + offset, packRowBytes)
  view.setUint32(0, row.entry, true)
  view.setUint16(4, row.revision, true)
  view.setUint16(6, 0, true)
  view.setUint32(8, row.length, true)
  view.setUint32(12, 0, true)
  view.setBigUint64(16, row.hash, true)
}

/**
 * The table of a pack. The files' bytes follow it in the same order, and fill the frame to its end.
 * @throws TransferError `protocol`
 */
export function readPackRows(frame: Uint8Array, header: PackHeader): PackRow[] {
  const bytesStart = headerBytes + header.tableBytes
  assert(
    header.files * packRowBytes === header.tableBytes && bytesStart <= frame.length,
    'a pack header of another frame',
  )
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  const rows: PackRow[] = []
  let end = bytesStart
  for (let at = headerBytes; at < bytesStart; at += packRowBytes) {
    const row = readPackRow(view, at)
    end += row.length
    rows.push(row)
  }
  if (end !== frame.length) throw refusal('the files of a pack do not fill it exactly')
  return rows
}

function readPackRow(view: DataView, at: number): PackRow {
  const entry = view.getUint32(at, true)
  if (entry >= entriesMax) throw refusal(`a pack names entry ${entry}`)
  if (view.getUint16(at + 6, true) !== 0 || view.getUint32(at + 12, true) !== 0)
    throw refusal('the table of a pack has something where zeros belong')
  return {
    entry,
    revision: view.getUint16(at + 4, true),
    length: view.getUint32(at + 8, true),
    hash: view.getBigUint64(at + 16, true),
  }
}

// Of each frame the 24 bytes beside the hash are brought together here: nothing is allocated per frame for it.
const hashed = new Uint8Array(headerBytes - 8)

function hashOfHeader(bytes: Uint8Array, offset: number, hash: Hash64): bigint {
  for (let i = 0; i < 8; i++) hashed[i] = bytes[offset + i]!
  for (let i = 8; i < 24; i++) hashed[i] = bytes[offset + 8 + i]!
  return hash(hashed)
}
