// Events on their way to whoever iterates. Unread, only `progress` gives way to a newer one; everything else is kept.

import type { Event, ExitEvent } from '../../../model/events.ts'

/** All that a run yields: `exit` is the command's own. */
export type RunEvent = Exclude<Event, ExitEvent>

/** Filled from one side, iterated once from the other. */
export class EventQueue implements AsyncIterable<RunEvent> {
  #waiting: RunEvent[] = []
  #progressWaits = false
  #wake: (() => void) | undefined
  #isEnded = false
  #isAbandoned = false

  push(event: RunEvent): void {
    if (this.#isEnded || this.#isAbandoned) return
    if (event.type === 'progress') {
      if (this.#progressWaits) this.#waiting = this.#waiting.filter(({ type }) => type !== 'progress')
      this.#progressWaits = true
    }
    this.#waiting.push(event)
    this.#wake?.()
  }

  /** After what is queued, the iteration is over. */
  end(): void {
    this.#isEnded = true
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RunEvent, void, void> {
    try {
      for (;;) {
        while (this.#waiting.length > 0) {
          const events = this.#waiting
          this.#waiting = []
          this.#progressWaits = false
          yield* events
        }
        if (this.#isEnded) return
        await new Promise<void>((resolve) => (this.#wake = resolve))
      }
    } finally {
      this.#isAbandoned = true // Who broke off the loop reads no more: keeping events for him would only cost memory.
      this.#waiting = []
    }
  }
}
