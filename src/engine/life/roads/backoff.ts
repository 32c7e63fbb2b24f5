// How long to wait before the next attempt to connect: full jitter under a growing cap, so that a thousand dialers that
// lost the same listener do not come back together. Only progress resets it: a listener that accepts and drops, or a
// session that fails in the same place every time, must not be dialed in a tight loop (R34).

import type { Millis } from '../../../model/clock.ts'

export const backoffBaseMs: Millis = 250 // The first retry comes after an eighth of a second on average.
export const backoffCapMs: Millis = 30_000

/** Counts attempts since the last newly acknowledged durable progress. */
export class Backoff {
  #attempts = 0
  #durable = 0

  /** Attempts since the last progress. */
  get attempts(): number {
    return this.#attempts
  }

  /**
   * The delay before the next attempt, in ms.
   * @param fraction uniform in [0, 1)
   * @param progress grows with what is known to be durable on the other side, never within one attempt by itself
   */
  next(fraction: number, progress: number): Millis {
    if (progress > this.#durable) this.#attempts = 0
    this.#durable = Math.max(this.#durable, progress)
    return Math.floor(fraction * ceilingMs(this.#attempts++))
  }
}

function ceilingMs(attempts: number): Millis {
  return Math.min(backoffCapMs, backoffBaseMs * 2 ** Math.min(attempts, 16))
}
