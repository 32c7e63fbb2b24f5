// Time and chance of one simulated run. Nothing here looks at a real clock: time jumps to the next timer when nothing else
// can go on, and everything that could go either way is drawn from the seed.

import { seeded } from '../support/chance.ts'

interface Timer {
  readonly at: number
  readonly callback: () => void
}

export class Timeline {
  now = 0
  /** Latest first; those due at one instant in the reverse order of the calls. */
  readonly #timers: Timer[] = []

  /** Calls back once time has come to `delayMs` from now, those due at one instant in the order of the calls. */
  after(delayMs: number, callback: () => void): () => void {
    const timer = { at: this.now + Math.max(0, delayMs), callback }
    let at = this.#timers.length
    while (at > 0 && this.#timers[at - 1]!.at <= timer.at) at-- // The next one is last.
    this.#timers.splice(at, 0, timer)
    return () => this.#cancel(timer)
  }

  /** What is cancelled goes: few timers make all of this cheap. */
  #cancel(timer: Timer): void {
    const at = this.#timers.lastIndexOf(timer)
    if (at >= 0) this.#timers.splice(at, 1)
  }

  /** Jumps to the next timer and rings it; false if there is none. */
  ring(): boolean {
    const timer = this.#timers.pop()
    if (timer === undefined) return false
    this.now = timer.at
    timer.callback()
    return true
  }
}

/** Resolves when every promise that can settle without time passing has settled. */
export function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve)) // Node empties its microtasks before the next tick.
}

/** Draws of one kind, in one sequence. */
export class Chance {
  readonly #seed: number
  readonly fraction: () => number

  constructor(seed: number) {
    this.#seed = seed
    this.fraction = seeded(seed)
  }

  /** Another sequence of the same seed: what one part of the world draws does not shift what another one draws. */
  of(part: string): Chance {
    let mixed = this.#seed
    for (const letter of part) mixed = Math.imul(mixed ^ letter.codePointAt(0)!, 0x01000193)
    return new Chance(mixed)
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
    const bytes = new Uint8Array(count)
    for (let i = 0; i < count; i++) bytes[i] = this.fraction() * 256
    return bytes
  }

  hex(digits: number): string {
    return Array.from({ length: digits }, () => this.below(16).toString(16)).join('')
  }
}
