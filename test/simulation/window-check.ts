// What is on its way stays within the window (R2): places sent and not acknowledged, and what is sent again after a break.

import { placeOverheadBytes } from '../../src/model/limits.ts'
import type { Acknowledge, Resync, Want } from '../../src/model/messages.ts'
import type { Place } from '../../src/model/places.ts'
import type { Link } from './link.ts'

export class WindowCheck {
  readonly #fail: (why: string) => void
  /** Places that went out again because their lane was lost. */
  laneLosses = 0
  /** The largest that was agreed so far. */
  windowBytes = 0
  /** Bytes sent again over one connection, at most. */
  resentMax = 0
  /** Places that were ever sent. */
  readonly #sent = new Set<string>()
  readonly #again = new WeakMap<Link, { readonly places: Set<string>; bytes: number }>()
  /** Over which lane of the epoch each place went last. */
  readonly #carriers = new Map<string, { readonly zero: Link; readonly link: Link }>()
  /** Sent by the sender's present process and not acknowledged to it: entry, chunk, cost. */
  readonly #out = new Map<number, Map<number, number>>()

  /** Acknowledged, as the sender knows: what is still on its way of them a second time is dropped. */
  readonly #settled = new Map<number, Set<number>>()

  /** Acknowledged, and wanted again: lost by a receiver that was restored, or that had promised less. They come on top. */
  readonly #returned = new Map<number, Set<number>>()

  /** Entries with an outcome, as the sender knows: what still goes out of them is dropped. */
  readonly #done = new Set<number>()

  /** The newest revision that was announced of an entry: what still goes out of an older one is dropped. */
  readonly #revisions = new Map<number, number>()

  constructor(fail: (why: string) => void) {
    this.#fail = fail
  }

  /** @param zero lane 0 of the epoch */
  sent(zero: Link, link: Link, place: Place, bytes: number): void {
    this.#takeUp(place, bytes + placeOverheadBytes)
    const key = `${place.entry}:${place.revision}:${place.chunk}`
    this.#checkCarrier(key, zero, link)
    let again = this.#again.get(zero)
    if (again === undefined) this.#again.set(zero, (again = { places: new Set(), bytes: 0 }))
    if (again.places.has(key)) return
    again.places.add(key)
    if (!this.#sent.has(key)) return void this.#sent.add(key)
    again.bytes += bytes
    this.resentMax = Math.max(this.resentMax, again.bytes)
    if (again.bytes > this.windowBytes)
      this.#fail(`R2: ${again.bytes} bytes were sent again, the window has ${this.windowBytes}`)
  }

  /** Within an epoch a place goes out again only if its lane is lost, or if it is wanted again. */
  #checkCarrier(key: string, zero: Link, link: Link): void {
    const before = this.#carriers.get(key)
    this.#carriers.set(key, { zero, link })
    if (before?.zero !== zero || zero.faults.doubled > 0) return // A want that is heard twice is answered twice.
    const sender = before.link.ends.find(({ owner }) => owner.role === 'sender')!
    if (sender.isEnded) this.laneLosses++
    else this.#fail(`${key} was sent again, and the lane it went over is not lost`)
  }

  #takeUp({ entry, revision, chunk }: Place, cost: number): void {
    if (this.#done.has(entry) || this.#settled.get(entry)?.has(chunk) === true) return
    if (revision < (this.#revisions.get(entry) ?? 0) || this.#returned.get(entry)?.has(chunk) === true) return
    const chunks = this.#out.get(entry) ?? new Map<number, number>()
    this.#out.set(entry, chunks)
    if (chunks.has(chunk)) return
    chunks.set(chunk, cost)
    let sum = 0
    for (const each of this.#out.values()) for (const bytes of each.values()) sum += bytes
    if (sum > this.windowBytes) this.#fail(`R2: ${sum} bytes are on their way, the window has ${this.windowBytes}`)
  }

  acknowledged({ places, outcomes }: Acknowledge): void {
    for (const { entry, first, count } of places) this.#settle(entry, first, count)
    for (const { entry } of outcomes) this.#finish(entry)
  }

  wanted(want: Want): void {
    const count = 'count' in want ? want.count : 1
    for (const key of this.#carriers.keys()) {
      const entry = Number.parseInt(key, 10)
      if (entry >= want.from && entry < want.from + count) this.#carriers.delete(key)
    }
    for (let entry = want.from; entry < want.from + count; entry++)
      if (want.need === 'done') this.#finish(entry)
      else {
        this.#done.delete(entry)
        this.#returned.set(entry, new Set([...(this.#returned.get(entry) ?? []), ...(this.#settled.get(entry) ?? [])]))
        this.#settled.delete(entry)
      }
    if (want.need === 'part') for (const [first, count] of want.durable) this.#settle(want.from, first, count)
  }

  #finish(entry: number): void {
    this.#out.delete(entry)
    this.#done.add(entry)
  }

  #settle(entry: number, first: number, count: number): void {
    const chunks = this.#out.get(entry)
    const settled = this.#settled.get(entry) ?? new Set<number>()
    for (let chunk = first; chunk < first + count; chunk++) settled.add(chunk)
    this.#settled.set(entry, settled)
    for (const chunk of chunks?.keys() ?? []) if (chunk >= first && chunk < first + count) chunks!.delete(chunk)
  }

  /** A new revision begins: what was sent of the one before does not count. */
  revised({ entry, revision }: Resync): void {
    this.#revisions.set(entry, revision)
    this.#settled.delete(entry)
    this.#returned.delete(entry)
    this.#out.delete(entry)
  }

  /** Another process sends from now on. */
  senderStarted(): void {
    this.#out.clear()
    this.#settled.clear()
    this.#returned.clear()
    this.#done.clear()
    this.#revisions.clear() // It may have forgotten some.
  }

  /** The receiver has lost what it had, by no fault of carryon. */
  forget(): void {
    this.#sent.clear()
  }
}
