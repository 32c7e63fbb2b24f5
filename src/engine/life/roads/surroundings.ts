// What makes another attempt to connect worth while before its time has come: this machine woke up, or has another network
// than before (R34).

import type { Clock, Millis } from '../../../model/clock.ts'
import { SleepWatch } from '../../sleep-watch.ts'
import { sleep } from '../running/waiting.ts'

const lookEveryMs: Millis = 1_000 // Also how often a network that comes and goes is tried at most.

export class Surroundings {
  readonly #clock: Clock
  readonly #ownAddresses: () => readonly string[]
  readonly #naps: SleepWatch
  #network = ''

  constructor(clock: Clock, ownAddresses: () => readonly string[]) {
    this.#clock = clock
    this.#ownAddresses = ownAddresses
    this.#naps = new SleepWatch(clock)
    this.note()
  }

  /** How things are now is what they are compared with from here on. */
  note(): void {
    this.#naps.sinceLastLook()
    this.#network = this.#listed()
  }

  /** Waits as `sleep` does, but ends early where things have changed since the last note. */
  async sleepUntilChange(delayMs: Millis, signal: AbortSignal): Promise<void> {
    const clock = this.#clock
    const endAt = clock.now() + delayMs
    for (let leftMs = delayMs; leftMs > 0 && !signal.aborted; leftMs = endAt - clock.now()) {
      await sleep(clock, Math.min(leftMs, lookEveryMs), signal)
      if (this.#hasChanged()) return
    }
  }

  #hasChanged(): boolean {
    return this.#naps.sinceLastLook() > 0 || this.#listed() !== this.#network
  }

  #listed(): string {
    return this.#ownAddresses().join(' ')
  }
}
