// Events on their way to whoever iterates. Unread, only `progress` gives way to a newer one; everything else is kept.

import type { Event, ExitEvent } from '../../model/events.ts'

export type SessionEvents = Exclude<Event, ExitEvent>

/** Filled from one side, iterated once from the other. */
export class EventQueue implements AsyncIterable<SessionEvents> {
  #waiting: SessionEvents[] = []
  #wake: (() => void) | undefined
  #isEnded = false
  #isAbandoned = false

  push(event: SessionEvents): void {
    if (this.#isEnded || this.#isAbandoned) return
    if (event.type === 'progress') this.#waiting = this.#waiting.filter(({ type }) => type !== 'progress')
    this.#waiting.push(event)
    this.#wake?.()
  }

  /** After what is queued, the iteration is over. */
  end(): void {
    this.#isEnded = true
    this.#wake?.()
  }

  /** Events that nobody has read yet. */
  get length(): number {
    return this.#waiting.length
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SessionEvents, void, void> {
    try {
      for (;;) {
        while (this.#waiting.length > 0) yield this.#waiting.shift()!
        if (this.#isEnded) return
        await new Promise<void>((resolve) => (this.#wake = resolve))
      }
    } finally {
      this.#isAbandoned = true // Who broke off the loop reads no more: keeping events for him would only cost memory.
      this.#waiting = []
    }
  }
}
