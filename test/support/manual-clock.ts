// A clock that moves only when told to, from one deadline to the next.

import type { Clock } from '../../src/model/clock.ts'

interface Alarm {
  readonly at: number
  readonly callback: () => void
}

export class ManualClock implements Clock {
  #now = 0
  #wallAheadMs = 0
  readonly #alarms = new Set<Alarm>()

  now(): number {
    return this.#now
  }

  wall(): number {
    return 1_700_000_000_000 + this.#now + this.#wallAheadMs
  }

  /** The wall clock alone goes on, as while the machine sleeps or when somebody sets it. */
  jumpWall(byMs: number): void {
    this.#wallAheadMs += byMs
  }

  after(delayMs: number, callback: () => void): () => void {
    const alarm = { at: this.#now + delayMs, callback }
    this.#alarms.add(alarm)
    return () => this.#alarms.delete(alarm)
  }

  get alarmCount(): number {
    return this.#alarms.size
  }

  /** Lets `ms` pass, ringing what is due in order of time. */
  advance(ms: number): void {
    const target = this.#now + ms
    for (let alarm = this.#next(target); alarm !== undefined; alarm = this.#next(target)) {
      this.#alarms.delete(alarm)
      this.#now = alarm.at
      alarm.callback()
    }
    this.#now = target
  }

  #next(target: number): Alarm | undefined {
    return [...this.#alarms].filter(({ at }) => at <= target).toSorted((left, right) => left.at - right.at)[0]
  }
}
