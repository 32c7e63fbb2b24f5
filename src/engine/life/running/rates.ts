// Speed as users see it: an average over a span of time, not over calls, so that a stall shows as zero and a resumed
// session does not begin with a silly number (INTERFACE 2.6).

import type { Millis } from '../../../model/clock.ts'

interface Sample {
  readonly at: Millis
  readonly total: number
}

/** Moving average of a total that grows. */
export class Rate {
  readonly #spanMs: Millis
  /** Oldest first; the first one may be older than the span: it marks where the span begins. */
  #samples: Sample[] = []

  constructor(spanMs: Millis) {
    this.#spanMs = spanMs
  }

  /** Notes where the total stands. A total that falls begins the average again. */
  note(at: Millis, total: number): void {
    const last = this.#samples.at(-1)
    if (last !== undefined && total < last.total) this.#samples = []
    this.#samples.push({ at, total })
    const begin = at - this.#spanMs
    while (this.#samples.length > 2 && this.#samples[1]!.at <= begin) this.#samples.shift()
  }

  /** Per second, over the span or since the first note; 0 before the second note. */
  get perSecond(): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)]
    if (first === undefined || last === undefined || last.at <= first.at) return 0
    return ((last.total - first.total) * 1000) / (last.at - first.at)
  }

  /** How long this average has been fed. */
  get heardMs(): Millis {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)]
    return first === undefined || last === undefined ? 0 : last.at - first.at
  }
}

const rateSpanMs = 5_000
const etaSpanMs = 30_000
const etaAfterMs = 3_000 // Before that a guess would jump about.

/** Rate and time left of one run. */
export class Speed {
  readonly #payload = new Rate(rateSpanMs)
  readonly #durable = new Rate(etaSpanMs)
  readonly #lately = new Rate(rateSpanMs)

  note(at: Millis, payloadBytes: number, durableBytes: number): void {
    this.#payload.note(at, payloadBytes)
    this.#durable.note(at, durableBytes)
    this.#lately.note(at, durableBytes)
  }

  get bytesPerSecond(): number {
    return Math.round(this.#payload.perSecond)
  }

  /** Seconds until `bytesLeft` are durable; null while that is anybody's guess. */
  secondsFor(bytesLeft: number | null): number | null {
    const perSecond = this.#durable.perSecond
    const isStill = this.#payload.perSecond === 0 && this.#lately.perSecond === 0
    if (bytesLeft === null || this.#durable.heardMs < etaAfterMs || perSecond < 1 || isStill) return null
    return Math.ceil(bytesLeft / perSecond)
  }
}
