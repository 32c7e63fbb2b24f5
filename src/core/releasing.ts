// How a sender's session ends: the receipt is checked, stored in all its places, and only then is the receiver let go.

import { assert } from '../errors.ts'
import type { Millis } from '../model/clock.ts'
import type { ReceiptMessage } from '../model/messages.ts'
import type { Receipt } from '../model/session.ts'
import type { Hub } from './hub.ts'
import { peerMust } from './violation.ts'

const releaseWaitMs = 2_000 // For `released`; the receipt is synced by then, so exit 0 does not depend on it.

export class Releasing {
  readonly #hub: Hub
  #receipt: Receipt | undefined
  /** The receipt is on our disk, in all its places: only now may the receiver go. */
  #isStored = false
  #until: Millis | undefined

  constructor(hub: Hub, receipt: Receipt | undefined) {
    this.#hub = hub
    this.#receipt = receipt
  }

  get receipt(): Receipt | undefined {
    return this.#receipt
  }

  /** A receipt from the journal may not have reached its other place. */
  begin(): void {
    if (this.#receipt !== undefined) this.receiptCommitted()
  }

  /** An epoch is open and the receipt is here: nothing else is left to say. */
  opened(): void {
    this.#hub.phase = 'finishing'
    if (this.#isStored) this.#release()
  }

  closed(): void {
    if (this.#until !== undefined) this.#released(false)
  }

  /** Who refuses a sender that has its receipt is owed nothing. False if this one has none. */
  refused(): boolean {
    if (this.#isStored) this.#released(false)
    return this.#receipt !== undefined
  }

  receiptArrived({ receipt }: ReceiptMessage): void {
    const { settings, entries } = this.#hub
    if (this.#receipt !== undefined) return this.#isStored ? this.#release() : undefined
    peerMust(receipt.session === settings.session, 'the receipt is for another session')
    peerMust(receipt.manifest === entries.manifest.digest, 'the receipt is for another manifest')
    peerMust(receipt.entries === entries.manifest.entries, 'the receipt counts other entries than were sent')
    peerMust(receipt.durability === this.#hub.durability, 'the receipt names another durability than was agreed')
    this.#receipt = receipt
    this.#hub.commit([{ kind: 'receipt', receipt }], { for: 'receipt' })
  }

  receiptCommitted(): void {
    this.#hub.emit({ kind: 'storeReceipt', receipt: this.#receipt! })
  }

  /** @param isGreeting whether a connection is about to open: a restored sender may find its receiver waiting */
  receiptStored(isGreeting: boolean): void {
    this.#isStored = true
    this.#release(isGreeting)
  }

  #release(isGreeting: boolean = false): void {
    this.#until = this.#hub.now + releaseWaitMs
    this.#hub.send({ kind: 'release' })
    if (this.#hub.open === undefined && !isGreeting) this.#released(false)
  }

  releasedArrived(): void {
    peerMust(this.#receipt !== undefined, 'released came before the receipt')
    this.#until = undefined // The answer is here; that the peer then hangs up means nothing.
    this.#hub.commit([{ kind: 'ended', how: 'released', by: 'self', at: 0 }], { for: 'end' })
  }

  endCommitted(): void {
    this.#released(true)
  }

  #released(confirmed: boolean): void {
    assert(this.#receipt !== undefined, 'nothing is released without a receipt')
    this.#hub.finish({ how: 'released', receipt: this.#receipt, confirmed })
  }

  get deadline(): Millis | undefined {
    return this.#until
  }

  deadlinePassed(): void {
    if (this.#until !== undefined && this.#hub.now >= this.#until) this.#released(false)
  }
}
