// How much of what came may wait, for the disk or for the rate: beyond that this side reads no further, and the sender's
// window fills. Memory stays bounded, and so does the rate.

import type { Clock } from '../model/clock.ts'
import type { Meter } from '../transport/meter.ts'

const pauseAtBytes = 4 * 1024 * 1024 // Of payload that waits ...
const goOnAtBytes = 2 * 1024 * 1024 // ... so that a slow disk slows the sender and not this process's memory.
const paceAgainMs = 500 // How late a new rate takes effect.

export interface IntakeParts {
  readonly clock: Clock
  readonly links: { setReading(isReading: boolean): void }
  /** Counts what was taken; as it comes unless given. */
  readonly meter: Meter | undefined
}

export class Intake {
  readonly #parts: IntakeParts
  /** Not on the disk yet, or there before the rate allows it. */
  #waitingBytes = 0
  #isStopped = false

  constructor(parts: IntakeParts) {
    this.#parts = parts
  }

  /** Writes what came; it waits until it is on the disk and paid for. */
  async take(bytes: number, write: () => Promise<void>): Promise<void> {
    const { links, meter } = this.#parts
    this.#waitingBytes += bytes
    if (this.#waitingBytes >= pauseAtBytes) links.setReading(false)
    try {
      await write()
    } finally {
      meter?.spend(bytes)
      this.#settle(bytes)
    }
  }

  /** Nothing more is waited for. */
  stop(): void {
    this.#isStopped = true
  }

  #settle(bytes: number): void {
    const { meter, clock, links } = this.#parts
    const delayMs = this.#isStopped ? 0 : (meter?.delayMs() ?? 0)
    if (delayMs > 0) return void clock.after(Math.min(delayMs, paceAgainMs), () => this.#settle(bytes))
    this.#waitingBytes -= bytes
    if (this.#waitingBytes <= goOnAtBytes) links.setReading(true)
  }
}
