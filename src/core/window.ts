// The window W: bytes of distinct places sent, in any epoch, and not yet acknowledged. Sending a place again is free, so a
// damaged chunk can be repaired while the window is full; hence bytes sent again after any failure stay within W (R2).

import { assert } from '../errors.ts'
import { placeOverheadBytes, placesOutMax } from '../model/limits.ts'
import type { Run } from '../model/places.ts'
import type { ConnectionId } from './inputs.ts'

/** A place that is out: what it costs, and over which connection it went last; undefined: an earlier epoch's. */
interface Out {
  readonly cost: number
  readonly connection: ConnectionId | undefined
}

export class Window {
  #limitBytes: number
  #usedBytes = 0
  #places = 0
  #isFull = false
  #out = new Map<number, Map<number, Out>>()

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Agreed anew at each epoch. What is out stays out, even above a smaller limit. */
  set limitBytes(bytes: number) {
    this.#limitBytes = bytes
  }

  holds(entry: number, chunk: number): boolean {
    return this.#out.get(entry)?.has(chunk) === true
  }

  /** Whether anything of an entry is out. */
  isOut(entry: number): boolean {
    return this.#out.has(entry)
  }

  /** Chunks of an entry that are out. */
  chunksOf(entry: number): Iterable<number> {
    return this.#out.get(entry)?.keys() ?? []
  }

  /** Whether the last place that asked was not admitted. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** Whether a new place of `bytes` may be sent now. */
  admits(bytes: number): boolean {
    this.#isFull = this.#places >= placesOutMax || this.#usedBytes + bytes + placeOverheadBytes > this.#limitBytes
    return !this.#isFull
  }

  /** Notes that a place is sent, or sent again. */
  add(entry: number, chunk: number, bytes: number, connection: ConnectionId | undefined): void {
    const cost = bytes + placeOverheadBytes
    const chunks = this.#out.get(entry) ?? new Map<number, Out>()
    if (!chunks.has(chunk)) {
      this.#usedBytes += cost
      this.#places++
    }
    chunks.set(chunk, { cost, connection })
    this.#out.set(entry, chunks)
  }

  /** What is out and went over this connection last: chunks by entry. */
  carriedBy(connection: ConnectionId): ReadonlyMap<number, readonly number[]> {
    const carried = new Map<number, number[]>()
    for (const [entry, chunks] of this.#out) {
      const its = [...chunks].filter(([, out]) => out.connection === connection).map(([chunk]) => chunk)
      if (its.length > 0) carried.set(entry, its)
    }
    return carried
  }

  /** Notes that places are acknowledged. */
  settle(entry: number, [first, count]: Run): void {
    const chunks = this.#out.get(entry)
    if (chunks === undefined) return
    for (const [chunk, { cost }] of chunks) {
      if (chunk < first || chunk >= first + count) continue
      chunks.delete(chunk)
      this.#usedBytes -= cost
      this.#places--
    }
    if (chunks.size === 0) this.#out.delete(entry)
    assert(this.#usedBytes >= 0, 'the window never falls below nothing')
  }

  /** Notes that an entry has its outcome, or began a new revision. */
  settleEntry(entry: number): void {
    this.settle(entry, [0, Infinity])
  }
}
