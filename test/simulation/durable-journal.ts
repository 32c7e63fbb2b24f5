// What the records of a journal say that a power cut would leave, read on from where it was last read: looking at it behind
// every acknowledge costs only what was appended since.

import { type Checkpoint, emptyCheckpoint, fold } from '../../src/core/checkpoint.ts'
import type { Hash64 } from '../../src/model/hash.ts'
import {
  decodeRecord,
  fileHeaderBytes,
  readFileHeader,
  readFrame,
  recordHeaderBytes,
  recordLength,
} from '../../src/store/record-codec.ts'

/** The bytes of a file between two offsets, fewer behind its end. */
export type Bytes = (from: number, to: number) => Uint8Array

export class DurableJournal {
  readonly #hash: Hash64
  /** What was read so far: whole records, each chained to the one before. */
  #prefix: Uint8Array = new Uint8Array(0)
  #checkpoint = emptyCheckpoint()
  /** Checksum and sequence of the last one. */
  #last = { checksum: 0n, sequence: 0 }

  constructor(hash: Hash64) {
    this.#hash = hash
  }

  /** @param bytes the file as it would be found */
  read(bytes: Bytes): Checkpoint {
    const { length } = this.#prefix
    const isLonger = length > 0 && Buffer.compare(bytes(0, length), this.#prefix) === 0
    const from = isLonger ? length : this.#begin(bytes)
    const end = this.#readOn(bytes, from)
    if (!isLonger || end > from) this.#prefix = bytes(0, end)
    return this.#checkpoint
  }

  /** @returns where the first record is */
  #begin(bytes: Bytes): number {
    const header = readFileHeader(bytes(0, fileHeaderBytes), this.#hash)
    this.#checkpoint = emptyCheckpoint()
    this.#last = { checksum: header?.checksum ?? 0n, sequence: 0 }
    return header === undefined ? 0 : fileHeaderBytes
  }

  /** @returns where the last whole record ends */
  #readOn(bytes: Bytes, from: number): number {
    if (from === 0) return 0 // There is no journal.
    for (let at = from; ;) {
      const length = recordLength(bytes(at, at + recordHeaderBytes))
      const frame = length === undefined ? undefined : readFrame(bytes(at, at + length), this.#hash)
      if (frame === undefined || frame.previous !== this.#last.checksum) return at
      if (this.#last.sequence !== 0 && frame.sequence !== this.#last.sequence + 1) return at
      const record = decodeRecord(frame, 'journal')
      if (record !== undefined) fold(this.#checkpoint, record)
      this.#last = frame
      at += frame.length
    }
  }
}
