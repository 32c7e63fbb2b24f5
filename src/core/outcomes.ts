// The outcomes that a journal tells, in columns: in the end every entry has one, and most of them say no more than what it
// is, how many bytes are in place and their digest. Those that say more are few, and kept as they are.

import { hex64, parseHex64 } from '../model/hash.ts'
import type { EntryOutcome } from '../model/messages.ts'
import { grown, roomFor } from './columns.ts'
import { outcomeNames } from './entry-table.ts'

const withDigest = 0x80 // Of a code, beside the number of the outcome; the first number is 1.

export class Outcomes {
  #codes = new Uint8Array(0)
  #bytes = new Float64Array(0)
  #digests = new BigUint64Array(0)
  readonly #others = new Map<number, EntryOutcome>()
  #size = 0

  get size(): number {
    return this.#size
  }

  has(entry: number): boolean {
    return (this.#codes[entry] ?? 0) > 0
  }

  get(entry: number): EntryOutcome | undefined {
    const code = this.#codes[entry] ?? 0
    if (code === 0) return undefined
    const other = this.#others.get(entry)
    if (other !== undefined) return other
    const outcome = outcomeNames[(code & ~withDigest) - 1]!
    const bytes = this.#bytes[entry]!
    return code < withDigest
      ? { entry, outcome, bytes }
      : { entry, outcome, bytes, digest: hex64(this.#digests[entry]!) }
  }

  /** Replaces what was said of the entry before. */
  set(said: EntryOutcome): void {
    const { entry, outcome, bytes, digest, target, reason } = said
    this.delete(entry)
    this.#grow(entry + 1)
    this.#codes[entry] = outcomeNames.indexOf(outcome) + 1 + (digest === undefined ? 0 : withDigest)
    this.#bytes[entry] = bytes
    this.#digests[entry] = digest === undefined ? 0n : parseHex64(digest)
    if (target !== undefined || reason !== undefined) this.#others.set(entry, said)
    this.#size++
  }

  delete(entry: number): void {
    if (!this.has(entry)) return
    this.#codes[entry] = 0
    this.#others.delete(entry)
    this.#size--
  }

  /** In the order of the entries. What is replaced or deleted meanwhile may or may not be among them. */
  *[Symbol.iterator](): Generator<EntryOutcome> {
    for (let entry = 0; entry < this.#codes.length; entry++) {
      const outcome = this.get(entry)
      if (outcome !== undefined) yield outcome
    }
  }

  #grow(count: number): void {
    if (count <= this.#codes.length) return
    const room = roomFor(count, this.#codes)
    this.#codes = grown(this.#codes, room)
    this.#bytes = grown(this.#bytes, room)
    this.#digests = grown(this.#digests, room)
  }
}
