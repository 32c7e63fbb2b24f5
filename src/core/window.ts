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
  /** Chunk 0 of each entry: of most files there is no other. */
  readonly #firsts = new Map<number, Out>()
  readonly #others = new Map<number, Map<number, Out>>()

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** How many are out. */
  get places(): number {
    return this.#places
  }

  /** Agreed anew at each epoch. What is out stays out, even above a smaller limit. */
  set limitBytes(bytes: number) {
    this.#limitBytes = bytes
  }

  holds(entry: number, chunk: number): boolean {
    return chunk === 0 ? this.#firsts.has(entry) : this.#others.get(entry)?.has(chunk) === true
  }

  /** Whether anything of an entry is out. */
  isOut(entry: number): boolean {
    return this.#firsts.has(entry) || this.#others.has(entry)
  }

  /** Chunks of an entry that are out. */
  chunksOf(entry: number): Iterable<number> {
    const others = this.#others.get(entry)?.keys() ?? []
    return this.#firsts.has(entry) ? [0, ...others] : others
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
    if (!this.holds(entry, chunk)) {
      this.#usedBytes += cost
      this.#places++
    }
    if (chunk === 0) return void this.#firsts.set(entry, { cost, connection })
    const others = this.#others.get(entry) ?? new Map<number, Out>()
    others.set(chunk, { cost, connection })
    this.#others.set(entry, others)
  }

  /** What is out and went over this connection last: chunks by entry. */
  carriedBy(connection: ConnectionId): ReadonlyMap<number, readonly number[]> {
    const carried = new Map<number, number[]>()
    for (const [entry, out] of this.#firsts) if (out.connection === connection) carried.set(entry, [0])
    for (const [entry, others] of this.#others) {
      const its = [...others].filter(([, out]) => out.connection === connection).map(([chunk]) => chunk)
      if (its.length > 0) carried.set(entry, [...(carried.get(entry) ?? []), ...its])
    }
    return carried
  }

  /** Notes that places are acknowledged. */
  settle(entry: number, [first, count]: Run): void {
    const out = first === 0 && count > 0 ? this.#firsts.get(entry) : undefined
    if (out !== undefined) {
      this.#firsts.delete(entry)
      this.#free(out)
    }
    const others = this.#others.get(entry)
    if (others === undefined) return
    for (const chunk of count < others.size ? indexes(first, count) : others.keys()) {
      const other = others.get(chunk)
      if (other === undefined || chunk < first || chunk >= first + count) continue
      others.delete(chunk)
      this.#free(other)
    }
    if (others.size === 0) this.#others.delete(entry)
  }

  #free({ cost }: Out): void {
    this.#usedBytes -= cost
    this.#places--
    assert(this.#usedBytes >= 0, 'the window never falls below nothing')
  }

  /** Notes that an entry has its outcome, or began a new revision. */
  settleEntry(entry: number): void {
    this.settle(entry, [0, Infinity])
  }
}

function* indexes(first: number, count: number): Iterable<number> {
  for (let index = first; index < first + count; index++) yield index
}
