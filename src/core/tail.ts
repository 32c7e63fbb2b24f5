// The end of what there is to send, which the slowest lane would hold up. Once nothing is left, every lane is asked for a sign
// of life: the answer comes behind all that went over it. A lane that has not answered long after another one did is late, and
// one that was much slower than another one before is late at once: what it carries goes out again over the others.

import type { Millis } from '../model/clock.ts'
import type { ConnectionId } from './inputs.ts'

const timesTheFirst = 4 // Lanes of one way are about as fast, and have more or less to get rid of.
const patienceMs: Millis = 2_000 // Less would send again what is nearly there.
const slowFrameMs: Millis = patienceMs / 4 // A lane that has more than four frames to get rid of is not nearly there.

export class Tail {
  readonly #askedAt: Millis
  readonly #waiting: Set<ConnectionId>
  readonly #slow: Set<ConnectionId>
  #until: Millis | undefined

  /** @param asked the lanes, and how long each of late took for a frame, if that is known */
  constructor(asked: ReadonlyMap<ConnectionId, Millis | undefined>, now: Millis) {
    this.#waiting = new Set(asked.keys())
    this.#slow = new Set(muchSlower(asked))
    this.#askedAt = now
  }

  answered(connection: ConnectionId, now: Millis): void {
    this.#waiting.delete(connection)
    this.#until ??= this.#askedAt + Math.max(timesTheFirst * (now - this.#askedAt), patienceMs)
  }

  get deadline(): Millis | undefined {
    if (this.#slow.size > 0) return this.#askedAt
    return this.#waiting.size > 0 ? this.#until : undefined
  }

  /** Lanes that are late by now; each is told once. */
  late(now: Millis): readonly ConnectionId[] {
    if (this.deadline === undefined || now < this.deadline) return []
    const late = this.#slow.size > 0 ? this.#slow : this.#waiting
    const told = [...late]
    for (const connection of told) this.#waiting.delete(connection)
    late.clear()
    return told
  }
}

/** Lanes that take as many times as long as the fastest one as would make them late. */
function* muchSlower(lanes: ReadonlyMap<ConnectionId, Millis | undefined>): Generator<ConnectionId> {
  const known = [...lanes.values()].filter((frameMs) => frameMs !== undefined)
  const slow = Math.max(timesTheFirst * Math.min(...known), slowFrameMs)
  for (const [connection, frameMs] of lanes) if (frameMs !== undefined && frameMs >= slow) yield connection
}
