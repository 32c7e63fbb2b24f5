// A clock that stands still until a test moves it. Timers due on the way are called in order, promises settle in between.

import type { Clock, Millis } from '../../../../src/model/clock.ts'

interface Timer {
  readonly at: Millis
  readonly callback: () => void
}

export class FakeClock implements Clock {
  #now = 0
  #wallAheadMs = 0
  #timers: Timer[] = []

  now(): Millis {
    return this.#now
  }

  wall(): number {
    return 1_700_000_000_000 + this.#now + this.#wallAheadMs
  }

  /** The wall clock alone goes on, as while the machine sleeps or when somebody sets it. */
  jumpWall(byMs: number): void {
    this.#wallAheadMs += byMs
  }

  after(delayMs: Millis, callback: () => void): () => void {
    const timer = { at: this.#now + delayMs, callback }
    this.#timers.push(timer)
    return () => (this.#timers = this.#timers.filter((other) => other !== timer))
  }

  /** How many timers are armed. */
  get armed(): number {
    return this.#timers.length
  }

  /** Lets `forMs` pass. */
  async pass(forMs: Millis): Promise<void> {
    const until = this.#now + forMs
    for (;;) {
      await settle()
      const next = this.#timers.filter(({ at }) => at <= until).toSorted((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.#timers = this.#timers.filter((timer) => timer !== next)
      this.#now = Math.max(this.#now, next.at)
      next.callback()
    }
    this.#now = until
  }
}

/** Lets everything that waits for promises alone go on. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
}
