// Time and chance of one simulated run. Nothing here looks at a real clock: time jumps to the next timer when nothing else
// can go on, and everything that could go either way is drawn from the seed.

import type { Clock } from '../../src/model/clock.ts'
import { seeded } from '../support/chance.ts'

interface Timer {
  readonly at: number
  readonly number: number
  readonly callback: () => void
  isCancelled: boolean
}

export class Timeline {
  now = 0
  #timers: Timer[] = []
  #numbers = 0

  /** Calls back once time has come to `delayMs` from now, those due at one instant in the order of the calls. */
  after(delayMs: number, callback: () => void): () => void {
    const timer = { at: this.now + Math.max(0, delayMs), number: this.#numbers++, callback, isCancelled: false }
    let at = this.#timers.length
    while (at > 0 && this.#timers[at - 1]!.at <= timer.at) at-- // The next one is last.
    this.#timers.splice(at, 0, timer)
    return () => (timer.isCancelled = true)
  }

  /** Jumps to the next timer and rings it; false if there is none. */
  ring(): boolean {
    for (let timer = this.#timers.pop(); timer !== undefined; timer = this.#timers.pop()) {
      if (timer.isCancelled) continue
      this.now = timer.at
      timer.callback()
      return true
    }
    return false
  }

  /** The clock of a process: it stops when the process dies. */
  clockOf(isAlive: () => boolean): Clock {
    return {
      now: () => this.now,
      wall: () => 1_700_000_000_000 + Math.floor(this.now),
      after: (delayMs, callback) => this.after(delayMs, () => isAlive() && callback()),
    }
  }
}

/** Everything that is drawn, in one sequence. */
export class Chance {
  readonly fraction: () => number

  constructor(seed: number) {
    this.fraction = seeded(seed)
  }

  /** A whole number from 0 to `count - 1`. */
  below(count: number): number {
    return Math.floor(this.fraction() * count)
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  is(probability: number): boolean {
    return this.fraction() < probability
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256))
  }

  hex(digits: number): string {
    return Array.from({ length: digits }, () => this.below(16).toString(16)).join('')
  }
}
