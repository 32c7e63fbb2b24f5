// How long a lane takes to get rid of a frame, as far as that shows: its socket takes the first ones at once.

import type { Millis } from '../model/clock.ts'

const framesHidden = 6 // By a socket that fills: 4 MiB in Linux, and two that wait in front of it.
const framesAveraged = 4
const longMs: Millis = 2_000 // Whatever a socket hides, a frame that waits for so long tells.

export class Pace {
  /** Since when each frame under way is, the oldest one first. */
  readonly #takenAt: Millis[] = []
  #done = 0
  #doneAt: Millis = 0
  #frameMs: Millis = 0

  get framesUnderWay(): number {
    return this.#takenAt.length
  }

  took(now: Millis): void {
    this.#takenAt.push(now)
  }

  /** The oldest frame is in the socket, or will never be. */
  done(now: Millis): void {
    const frameMs = now - this.#since
    this.#takenAt.shift()
    this.#doneAt = now
    this.#done++
    this.#frameMs += (frameMs - this.#frameMs) / Math.min(this.#done, framesAveraged)
  }

  /** Since when the oldest frame has the lane to itself. */
  get #since(): Millis {
    return Math.max(this.#takenAt[0]!, this.#doneAt)
  }

  /** Of late, on average; undefined while it is not known. One that is under way counts for its share. */
  frameMs(now: Millis): Millis | undefined {
    const waitedMs = this.#takenAt.length === 0 ? 0 : now - this.#since
    if (this.#done < framesHidden && waitedMs < longMs) return undefined
    return Math.max(this.#frameMs, waitedMs / framesAveraged)
  }
}
