// Writes events to stdout, one JSON object a line, one write each. While the reader is behind, only the newest `progress`
// is kept; everything else is queued by Node, and `ready` tells a caller that has many to wait. A reader that has gone
// (EPIPE) changes nothing for the transfer.

import type { Event, ProgressEvent } from '../../index.ts'
import { jsonText } from '../json.ts'
import type { Output } from '../shell.ts'

export class EventWriter {
  readonly #stream: Output
  #isBehind = false
  #isGone = false
  #waiting: ProgressEvent | null = null
  #wake: (() => void)[] = []
  readonly #onDrain = (): void => {
    this.#isBehind = false
    this.#flush()
    this.#release()
  }
  readonly #onError = (): void => {
    this.#isGone = true
    this.#release()
  }

  constructor(stream: Output) {
    this.#stream = stream
    stream.on('drain', this.#onDrain)
    stream.on('error', this.#onError)
  }

  /** Writes an event, or keeps it back if it is progress and the reader is behind. Order is kept. */
  write(event: Event): void {
    if (event.type === 'progress' && this.#isBehind) {
      this.#waiting = event
      return
    }
    this.#flush()
    this.#put(event)
  }

  /** Settles once the reader has caught up, or has gone. */
  ready(): Promise<void> {
    if (!this.#isBehind || this.#isGone) return Promise.resolve()
    return new Promise((resolve) => this.#wake.push(resolve))
  }

  /** Settles once all that was written has left this process, or the reader has gone. Nothing may be written after. */
  async close(): Promise<void> {
    this.#flush()
    if (!this.#isGone) await new Promise<void>((resolve) => this.#stream.write('', () => resolve()))
    this.#stream.off('drain', this.#onDrain)
  }

  #flush(): void {
    const progress = this.#waiting
    this.#waiting = null
    if (progress !== null) this.#put(progress)
  }

  #put(event: Event): void {
    if (this.#isGone) return
    if (!this.#stream.write(`${jsonText(event)}\n`)) this.#isBehind = true
  }

  #release(): void {
    const waiting = this.#wake
    this.#wake = []
    for (const resolve of waiting) resolve()
  }
}
