// What was promised in one transfer, kept apart from both sides, and held against what they say and do afterwards.

import { decodeMessage } from '../../src/wire/messages.ts'
import { readHeader, readPackRows } from '../../src/wire/frames.ts'
import type { Hash64 } from '../../src/model/hash.ts'
import type { Acknowledge, Want } from '../../src/model/messages.ts'
import type { Outcome } from '../../src/model/session.ts'

interface PlaceKey {
  readonly entry: number
  readonly revision: number
  readonly chunk: number
}

/** What the receiver said about where it stands, on one connection. */
interface Standing {
  readonly wants: Want[]
  isWhole: boolean
  /** Bytes of places sent over it that had to be sent again over a later one. */
  lostBytes: number
}

export class Ledger {
  readonly #hash: Hash64
  readonly #windowBytes: number
  readonly #chunkBytes: number
  readonly #fail: (why: string) => void
  readonly #acknowledged = new Map<string, PlaceKey>()
  readonly #outcomes = new Map<number, Outcome>()
  /** The connection each place was last sent over. */
  readonly #sent = new Map<string, Standing>()
  readonly #standings = new Map<object, Standing>()
  /** How many bytes one break cost, at most. */
  resentMax = 0
  #epoch = 0

  constructor(hash: Hash64, limits: { windowBytes: number; chunkBytes: number }, fail: (why: string) => void) {
    this.#hash = hash
    this.#windowBytes = limits.windowBytes
    this.#chunkBytes = limits.chunkBytes
    this.#fail = fail
  }

  /** The sender handed a data frame to its connection: what it sent before stays within the window (R2). */
  frameSent(link: object, frame: Uint8Array): void {
    const header = readHeader(frame, this.#hash)
    const standing = this.#standing(link)
    if (!standing.isWhole) this.#fail('data was sent before the receiver had said where it stands')
    if (header.kind === 'pack')
      for (const { entry, revision, length } of readPackRows(frame, header))
        this.#placeSent(standing, { entry, revision, chunk: 0 }, length)
    else this.#placeSent(standing, header, header.kind === 'zeros' ? this.#chunkBytes : frame.length - 32)
  }

  #placeSent(standing: Standing, place: PlaceKey, bytes: number): void {
    const key = keyOf(place)
    const before = this.#sent.get(key)
    this.#sent.set(key, standing)
    if (before === undefined || before === standing) return
    before.lostBytes += bytes
    this.resentMax = Math.max(this.resentMax, before.lostBytes)
    if (before.lostBytes > this.#windowBytes)
      this.#fail(`R2: one break lost ${before.lostBytes} bytes, the window has ${this.#windowBytes}`)
  }

  /** A message was delivered to the sender. */
  toSender(link: object, text: string): void {
    const message = decodeMessage(text)
    if (message.kind === 'acknowledge') this.#acknowledge(message)
    if (message.kind !== 'want') return
    const standing = this.#standing(link)
    if (standing.isWhole) return
    standing.wants.push(...message.wants)
    if (!message.last) return
    standing.isWhole = true
    this.#check(standing.wants)
  }

  /** A side handed a message to its connection: epochs only grow (R38). */
  said(text: string): void {
    if (!text.startsWith('{"kind":"welcome"')) return
    const message = decodeMessage(text)
    if (message.kind !== 'welcome') return
    if (message.epoch <= this.#epoch) this.#fail(`epoch ${message.epoch} came behind ${this.#epoch}`)
    this.#epoch = message.epoch
  }

  #acknowledge({ places, outcomes }: Acknowledge): void {
    for (const { entry, revision, first, count } of places)
      for (let chunk = first; chunk < first + count; chunk++) {
        const place = { entry, revision, chunk }
        this.#acknowledged.set(keyOf(place), place)
      }
    for (const { entry, outcome } of outcomes) this.#outcomes.set(entry, outcome)
  }

  /** What was acknowledged is called durable, or its entry is done, or in a newer revision (R1). */
  #check(wants: readonly Want[]): void {
    for (const [key, place] of this.#acknowledged)
      if (!wants.some((want) => covers(want, place))) this.#fail(`${key} was acknowledged and is not durable: R1`)
    for (const [entry, outcome] of this.#outcomes) {
      const isSaid = wants.some((want) => want.need === 'done' && isIn(want, entry) && want.outcome === outcome)
      if (!isSaid) this.#fail(`entry ${entry} was acknowledged as ${outcome} and is not: R1`)
    }
  }

  #standing(link: object): Standing {
    let standing = this.#standings.get(link)
    if (standing === undefined) {
      standing = { wants: [], isWhole: false, lostBytes: 0 }
      this.#standings.set(link, standing)
    }
    return standing
  }
}

const keyOf = ({ entry, revision, chunk }: PlaceKey): string => `${entry}:${revision}:${chunk}`

const isIn = (want: Want, entry: number): boolean =>
  entry >= want.from && entry < want.from + ('count' in want ? want.count : 1)

function covers(want: Want, { entry, revision, chunk }: PlaceKey): boolean {
  if (!isIn(want, entry)) return false
  if (want.need === 'done') return true
  if (want.need === 'all') return want.revision > revision
  if (want.need !== 'part') return false
  if (want.revision !== revision) return want.revision > revision
  return want.durable.some(([first, count]) => chunk >= first && chunk < first + count)
}
