// Bytes against time: what was spent ahead of a rate is owed, and paid by waiting. One meter may be shared by many.

import type { Clock, Millis } from '../model/clock.ts'

const burstMs = 100 // What an idle link may save up: a frame that comes a little late loses nothing.
const stopped: Millis = 3_600_000 // At rate 0 nothing is ever paid; who waits looks again long before.

export class Meter {
  readonly #clock: Clock
  readonly #bytesPerSecond: () => number | undefined
  /** Bytes spent ahead of the rate; below zero is credit. */
  #debtBytes = 0
  #paidAt: Millis

  /** @param bytesPerSecond asked each time, so it may change; undefined means no limit */
  constructor(clock: Clock, bytesPerSecond: () => number | undefined) {
    this.#clock = clock
    this.#bytesPerSecond = bytesPerSecond
    this.#paidAt = clock.now()
  }

  spend(bytes: number): void {
    this.#debtBytes += bytes
  }

  /** Pays the debt down to now, and tells how long the rest takes at the present rate; 0: nothing is owed. */
  delayMs(): Millis {
    const rate = this.#bytesPerSecond()
    const elapsedMs = this.#clock.now() - this.#paidAt
    this.#paidAt += elapsedMs
    if (rate === undefined) {
      this.#debtBytes = 0
      return 0
    }
    this.#debtBytes = Math.max(this.#debtBytes - (elapsedMs * rate) / 1000, (-burstMs * rate) / 1000)
    if (rate <= 0) return stopped
    return this.#debtBytes > 0 ? Math.ceil((this.#debtBytes / rate) * 1000) : 0
  }
}
