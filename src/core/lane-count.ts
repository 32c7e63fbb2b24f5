// How many lanes pay: `auto` doubles them while each step carries a tenth more than the one before; the first step that does
// not is taken back, and that is that. What is carried is counted in windows of a few round trips:
//
//   1. lanes of a step are dialed. Until they are there, windows tell on what is carried without them
//   2. new lanes find their speed. While a window carries much more than the best one before, it is too early for a no;
//      half as much again as before the step is a yes
//   3. windows in a row that bring nothing new are the speed of the step, as BBR knows a pipe that is full
//
// On a long way it begins with two at once: there a lane is slow whatever the link could, and beside lane 0 messages need not
// wait behind data.

import type { Millis } from '../model/clock.ts'

const farMs: Millis = 20 // A round trip from which on 4 MiB, what Linux lets a socket have on its way, are less than 200 MiB/s.
const roundTripsEach = 3 // Of a window: data goes in bursts, one a round trip, and one more or less is not to decide.
const nearWindowMs: Millis = 2_000 // Where one lane is nearly always enough nothing is urgent.
const framesEach = 4 // Of a window at least: on a slow link it takes its time.
const joinWithinMs: Millis = 10_000 // As long as dialing may take; from then on those count that are there.
const grows = 1.25
const growsFast = 3 // TCP begins with eight times as much in three round trips: less is nearly all that it will be.
const steadyWindows = 3
const evident = 1.5
const worthIt = 1.1

/** A moment, and what had crossed by then. */
interface Mark {
  readonly at: Millis
  readonly bytes: number
}

export class LaneCount {
  readonly #most: number
  readonly #frameBytes: number
  #windowMs = nearWindowMs
  #count: number
  #before: number
  /** What the step before carried, bytes a millisecond; 0: not known. */
  #rate = 0
  /** Until then lanes of this step may still join. */
  #joinUntil: Millis | undefined
  #window: Mark = { at: 0, bytes: 0 }
  /** What had crossed when it was looked at last. */
  #seenBytes = 0
  /** Of this step. */
  #best = 0
  /** Windows that brought nothing new, and when the first one of them began. */
  #steady = 0
  #steadySince = this.#window
  /** undefined: it stays as it is. */
  #lookAt: Millis | undefined

  /**
   * @param first how many it begins with; as many as `most` stay
   * @param frameBytes the most that goes out in one piece
   */
  constructor(first: number, most: number, frameBytes: number) {
    this.#count = first
    this.#before = first
    this.#most = most
    this.#frameBytes = frameBytes
  }

  get count(): number {
    return this.#count
  }

  get deadline(): Millis | undefined {
    return this.#lookAt
  }

  /** Data may flow from now on; `bytes` crossed before. @param roundTripMs undefined where nobody knows */
  begin(now: Millis, bytes: number, roundTripMs: Millis = 0): void {
    const isFar = roundTripMs >= farMs
    this.#windowMs = isFar ? roundTripsEach * roundTripMs : nearWindowMs
    if (this.#count === this.#most) return
    if (isFar) this.#count = Math.max(2, this.#count)
    this.#joinUntil = this.#count > 1 ? now + joinWithinMs : undefined
    this.#restart(now, bytes)
  }

  /** No data flows any more. */
  pause(): void {
    this.#lookAt = undefined
  }

  /** A lane has joined; now there are so many. */
  joined(lanes: number, now: Millis, bytes: number): void {
    if (this.#lookAt !== undefined && this.#joinUntil !== undefined && lanes >= this.#count) this.#measure(now, bytes)
  }

  /** Whether the number has changed. */
  look(now: Millis, bytes: number): boolean {
    if (this.#lookAt === undefined || now < this.#lookAt) return false
    const isWhole = bytes - this.#window.bytes >= framesEach * this.#frameBytes
    const isJoining = this.#joinUntil !== undefined
    if (this.#isStalled(bytes))
      this.#restart(now, bytes) // Nothing is measured while nothing moves.
    else if (!isWhole) this.#lookAgain(now, bytes)
    else if (!isJoining) return this.#weigh(now, bytes)
    else {
      this.#rate = rateSince(this.#steadySince, now, bytes)
      this.#openWindow(now, bytes)
    }
    if (isJoining && now >= this.#joinUntil!) this.#measure(now, bytes)
    return false
  }

  /** Whether nothing crossed since the last look, though at the speed that is known frames were due. */
  #isStalled(bytes: number): boolean {
    const rate = Math.max(this.#best, this.#rate)
    if (rate === 0) return bytes === this.#window.bytes
    return bytes === this.#seenBytes && rate * this.#windowMs >= 2 * this.#frameBytes
  }

  #measure(now: Millis, bytes: number): void {
    this.#joinUntil = undefined
    this.#restart(now, bytes)
  }

  #restart(now: Millis, bytes: number): void {
    this.#best = 0
    this.#steady = 0
    this.#steadySince = { at: now, bytes }
    this.#openWindow(now, bytes)
  }

  #openWindow(now: Millis, bytes: number): void {
    this.#window = { at: now, bytes }
    this.#lookAgain(now, bytes)
  }

  #lookAgain(now: Millis, bytes: number): void {
    this.#seenBytes = bytes
    this.#lookAt = now + this.#windowMs
  }

  /** A window of this step is over. */
  #weigh(now: Millis, bytes: number): boolean {
    const rate = rateSince(this.#window, now, bytes)
    this.#openWindow(now, bytes)
    const isKnown = this.#rate > 0
    if (rate > (isKnown ? grows : growsFast) * this.#best) {
      this.#best = rate
      this.#steady = 0
      this.#steadySince = this.#window
    } else this.#steady++
    if (isKnown ? rate >= evident * this.#rate : this.#steady > 0) {
      this.#steadySince = this.#window // It may still be growing: only what follows tells what it carries.
      return this.#stepUp(rate, now)
    }
    if (this.#steady < steadyWindows) return false
    const steadyRate = rateSince(this.#steadySince, now, bytes)
    return steadyRate < worthIt * this.#rate ? this.#stay(this.#before) : this.#stepUp(steadyRate, now)
  }

  /** This step pays: on to the next one, if there is any. */
  #stepUp(rate: number, now: Millis): boolean {
    if (this.#count === this.#most) return this.#stay(this.#count)
    this.#rate = rate
    this.#before = this.#count
    this.#count = Math.min(2 * this.#count, this.#most)
    this.#joinUntil = now + joinWithinMs
    return true
  }

  #stay(count: number): boolean {
    const isOther = count !== this.#count
    this.#count = count
    this.#lookAt = undefined
    return isOther
  }
}

function rateSince({ at, bytes: before }: Mark, now: Millis, bytes: number): number {
  return (bytes - before) / (now - at)
}
