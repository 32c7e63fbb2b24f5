// Whether a further lane lives: who has sent nothing over it for a while pings, and who has heard nothing for longer lets go of
// it. Whether the peer gets anywhere is told over lane 0 (liveness.ts).

import type { Millis } from '../model/clock.ts'
import { type Limits, signOfLifeEveryMs } from '../model/limits.ts'

export class Pulse {
  readonly #limits: Limits
  #heardAt: Millis
  #sentAt: Millis
  #isReading = true

  constructor(limits: Limits, now: Millis) {
    this.#limits = limits
    this.#heardAt = now
    this.#sentAt = now
  }

  heard(now: Millis, isReading: boolean): void {
    this.#heardAt = now
    this.#isReading = isReading
  }

  sent(now: Millis): void {
    this.#sentAt = now
  }

  woke(heardAt: Millis): void {
    this.#heardAt = heardAt
  }

  get #pingAt(): Millis {
    const { pingIdleMs } = this.#limits
    return this.#sentAt + (this.#isReading ? pingIdleMs : Math.min(pingIdleMs, signOfLifeEveryMs))
  }

  get deadline(): Millis {
    return Math.min(this.#pingAt, this.#heardAt + this.#limits.deadAfterMs)
  }

  due(now: Millis): 'dead' | 'ping' | undefined {
    if (now >= this.#heardAt + this.#limits.deadAfterMs) return 'dead'
    return now >= this.#pingAt ? 'ping' : undefined
  }
}
