// Notices that this machine slept: its wall clock went on, and its monotonic one did not. A process that was merely stopped
// needs no such watch, for it finds its deadlines late (core/liveness.ts).

import type { Clock, Millis } from '../model/clock.ts'

const sleepMinMs: Millis = 2_000 // Between two looks. A clock that is set forward looks the same, and asking costs little.

export class SleepWatch {
  readonly #clock: Clock
  #aheadMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#aheadMs = clock.wall() - clock.now()
  }

  /** How long it slept since the last look, 0 if it did not. For looks that are seconds apart: a clock may run fast. */
  sinceLastLook(): Millis {
    const before = this.#aheadMs
    this.#aheadMs = this.#clock.wall() - this.#clock.now()
    const sleptMs = this.#aheadMs - before
    return sleptMs >= sleepMinMs ? sleptMs : 0
  }
}
