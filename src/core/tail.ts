// The end of what there is to send, which the slowest lane would hold up. Once nothing is left, every lane is asked for a sign
// of life: the answer comes behind all that went over it. A lane that has not answered long after another one did is late:
// what it carries goes out again over the others.

import type { Millis } from '../model/clock.ts'
import type { ConnectionId } from './inputs.ts'

const timesTheFirst = 4 // Lanes of one way are about as fast, and have more or less to get rid of.
const patienceMs: Millis = 2_000 // Less would send again what is nearly there.

export class Tail {
  readonly #askedAt: Millis
  readonly #waiting: Set<ConnectionId>
  #until: Millis | undefined

  constructor(asked: Iterable<ConnectionId>, now: Millis) {
    this.#waiting = new Set(asked)
    this.#askedAt = now
  }

  answered(connection: ConnectionId, now: Millis): void {
    this.#waiting.delete(connection)
    this.#until ??= this.#askedAt + Math.max(timesTheFirst * (now - this.#askedAt), patienceMs)
  }

  get deadline(): Millis | undefined {
    return this.#waiting.size > 0 ? this.#until : undefined
  }

  /** Lanes that are late by now; each is told once. */
  late(now: Millis): readonly ConnectionId[] {
    if (this.deadline === undefined || now < this.deadline) return []
    const late = [...this.#waiting]
    this.#waiting.clear()
    return late
  }
}
