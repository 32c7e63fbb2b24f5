// Listens to all that crosses between two sides, keeps the ledger of it, and counts what a break costs: bytes sent over a
// connection that had to be sent again over a later one stay within the window (R2).

import { readHeader, readPackRows } from '../../src/wire/frames.ts'
import { decodeMessage } from '../../src/wire/messages.ts'
import type { Hash64 } from '../../src/model/hash.ts'
import type { Place } from '../../src/model/places.ts'
import type { Role } from '../../src/model/session.ts'
import { Ledger, placeKey } from '../support/ledger.ts'

/** Bytes of places sent over a connection that had to be sent again over a later one. */
interface Loss {
  bytes: number
}

export class CrossingCheck {
  readonly #hash: Hash64
  readonly #windowBytes: number
  readonly #chunkBytes: number
  readonly #fail: (why: string) => void
  readonly #ledger: Ledger
  /** What the connection each place was last sent over has lost. */
  readonly #sent = new Map<string, Loss>()
  readonly #losses = new Map<object, Loss>()

  constructor(hash: Hash64, limits: { windowBytes: number; chunkBytes: number }, fail: (why: string) => void) {
    this.#hash = hash
    this.#windowBytes = limits.windowBytes
    this.#chunkBytes = limits.chunkBytes
    this.#fail = fail
    this.#ledger = new Ledger(fail)
  }

  /** A side hands a message to its connection. */
  said(link: object, from: Role, text: string): void {
    if (!/^\{"kind":"(welcome|acknowledge|want)"/.test(text)) return
    const message = decodeMessage(text)
    if (message.kind === 'welcome') this.#ledger.welcomeSaid(message.epoch)
    if (from === 'sender') return
    if (message.kind === 'acknowledge') this.#ledger.acknowledgeSaid(message)
    if (message.kind === 'want') this.#ledger.wantSaid(link, message)
  }

  /** The sender hands a data frame to its connection. */
  frameSent(link: object, frame: Uint8Array): void {
    this.#ledger.frameSent(link)
    const header = readHeader(frame, this.#hash)
    const loss = this.#losses.get(link) ?? { bytes: 0 }
    this.#losses.set(link, loss)
    if (header.kind === 'pack')
      for (const { entry, revision, length } of readPackRows(frame, header))
        this.#placeSent(loss, { entry, revision, chunk: 0 }, length)
    else this.#placeSent(loss, header, header.kind === 'zeros' ? this.#chunkBytes : frame.length - 32)
  }

  #placeSent(loss: Loss, place: Place, bytes: number): void {
    const key = placeKey(place)
    const before = this.#sent.get(key)
    this.#sent.set(key, loss)
    if (before === undefined || before === loss) return
    before.bytes += bytes
    if (before.bytes > this.#windowBytes)
      this.#fail(`R2: one break lost ${before.bytes} bytes, the window has ${this.#windowBytes}`)
  }
}
