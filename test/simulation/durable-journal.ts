// What the records of a journal say that a power cut would leave, read on from where it was last read: looking at it behind
// every acknowledge costs only what was appended since.

import { type Checkpoint, foldRecords } from '../../src/core/checkpoint.ts'
import type { Hash64 } from '../../src/model/hash.ts'
import type { JournalRecord } from '../../src/model/records.ts'
import {
  decodeRecord,
  fileHeaderBytes,
  readFileHeader,
  readFrame,
  recordHeaderBytes,
  recordLength,
} from '../../src/store/record-codec.ts'

export class DurableJournal {
  readonly #hash: Hash64
  /** What was read so far: whole records, each chained to the one before. */
  #prefix: Uint8Array = new Uint8Array(0)
  #records: JournalRecord[] = []
  /** Checksum and sequence of the last one. */
  #last = { checksum: 0n, sequence: 0 }

  constructor(hash: Hash64) {
    this.#hash = hash
  }

  /** @param bytes the whole file as it would be found */
  read(bytes: Uint8Array): Checkpoint {
    const isLonger = this.#prefix.length > 0 && startsWith(bytes, this.#prefix)
    const from = isLonger ? this.#prefix.length : this.#begin(bytes)
    this.#prefix = bytes.subarray(0, this.#readOn(bytes, from))
    return foldRecords(this.#records)
  }

  /** @returns where the first record is */
  #begin(bytes: Uint8Array): number {
    const header = readFileHeader(bytes, this.#hash)
    this.#records = []
    this.#last = { checksum: header?.checksum ?? 0n, sequence: 0 }
    return header === undefined ? bytes.length : fileHeaderBytes
  }

  /** @returns where the last whole record ends */
  #readOn(bytes: Uint8Array, from: number): number {
    for (let at = from; ;) {
      const length = recordLength(bytes.subarray(at, at + recordHeaderBytes))
      const frame = length === undefined ? undefined : readFrame(bytes.subarray(at, at + length), this.#hash)
      if (frame === undefined || frame.previous !== this.#last.checksum) return at
      if (this.#last.sequence !== 0 && frame.sequence !== this.#last.sequence + 1) return at
      const record = decodeRecord(frame, 'journal')
      if (record !== undefined) this.#records.push(record)
      this.#last = frame
      at += frame.length
    }
  }
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return bytes.length >= prefix.length && Buffer.compare(bytes.subarray(0, prefix.length), prefix) === 0
}
