// Whether the window is what holds a sender up: lanes that have got rid of everything wait for an acknowledge. A longer way or
// slower syncs take a larger window for the same rate, and only a person can say what may be sent twice.

import type { Millis } from '../model/clock.ts'

const spanMs: Millis = 10_000
const pauseMs: Millis = 2_000 // An acknowledge that takes longer waits for something else: a disk, a person.

export class WindowWatch {
  #from: Mark | undefined
  #lastAt: Millis = 0
  #isTold = false

  /** An acknowledge came. @param isHeldUp whether it was waited for, and nothing else @returns whether that has gone on for long, once */
  acknowledged(now: Millis, isHeldUp: boolean): boolean {
    const isPause = now - this.#lastAt > pauseMs
    this.#lastAt = now
    if (this.#isTold) return false
    if (isPause || this.#from === undefined) this.#from = { at: now, heldUp: 0, others: 0 }
    if (isHeldUp) this.#from.heldUp++
    else this.#from.others++
    if (now - this.#from.at < spanMs) return false
    this.#isTold = this.#from.heldUp > this.#from.others
    this.#from = undefined
    return this.#isTold
  }
}

/** Since when acknowledges are counted, and how many were waited for. */
interface Mark {
  readonly at: Millis
  heldUp: number
  others: number
}
