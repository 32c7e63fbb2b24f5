// How many lanes pay: `auto` begins with one and doubles them while each step carries a tenth more than the one before; the
// first step that does not is taken back, and that is that.

import type { Millis } from '../model/clock.ts'

const settleMs: Millis = 2_000 // TCP finds its speed, and the sockets fill, which looks like speed.
const measureMs: Millis = 2_000
const worthIt = 1.1

export class LaneCount {
  readonly #most: number
  #count: number
  #before: number
  /** Of the step before: bytes a millisecond. */
  #rate = 0
  #began = { at: 0, bytes: 0 }
  #isMeasuring = false
  /** undefined: it stays as it is. */
  #lookAt: Millis | undefined

  /** @param first how many it begins with; as many as `most` stay */
  constructor(first: number, most: number) {
    this.#count = first
    this.#before = first
    this.#most = most
  }

  get count(): number {
    return this.#count
  }

  get deadline(): Millis | undefined {
    return this.#lookAt
  }

  /** Data may flow from now on, over so many lanes; `bytes` crossed before. */
  begin(now: Millis, bytes: number): void {
    this.#isMeasuring = false
    this.#began = { at: now, bytes }
    this.#lookAt = this.#count < this.#most || this.#rate > 0 ? now + settleMs : undefined
  }

  /** No data flows any more. */
  pause(): void {
    this.#lookAt = undefined
  }

  /** Whether the number has changed. */
  look(now: Millis, bytes: number): boolean {
    if (this.#lookAt === undefined || now < this.#lookAt) return false
    const crossed = bytes - this.#began.bytes
    const rate = crossed / (now - this.#began.at)
    this.#began = { at: now, bytes }
    this.#lookAt = now + measureMs
    if (crossed === 0 || !this.#isMeasuring) {
      this.#isMeasuring = crossed > 0 // Nothing is measured while nothing moves.
      return false
    }
    const count = this.#count
    if (rate < worthIt * this.#rate) this.#stay(this.#before)
    else if (count === this.#most) this.#stay(count)
    else {
      this.#rate = rate
      this.#before = count
      this.#count = Math.min(2 * count, this.#most)
      this.begin(now, bytes)
    }
    return this.#count !== count
  }

  #stay(count: number): void {
    this.#count = count
    this.#lookAt = undefined
    this.#rate = 0
  }
}
