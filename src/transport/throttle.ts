// A Connection that sends data no faster than it may. Messages pass at once: they are few, and a throttled link must not look dead.

import { TransferError } from '../errors.ts'
import type { Clock } from '../model/clock.ts'
import type { Connection, ConnectionHandlers } from '../model/connection.ts'

/**
 * Wraps `connection`. The rate is asked before each frame, so it may change at any time; undefined means no limit, 0 means
 * nothing moves until it changes.
 * @param spent told of each frame that goes, in bytes
 */
export function throttled(
  connection: Connection,
  bytesPerSecond: () => number | undefined,
  clock: Clock,
  spent: (bytes: number) => void = () => {},
): Connection {
  return new Throttled(connection, bytesPerSecond, clock, spent)
}

const lookAgainMs = 500 // A new rate takes effect within this time.
const burstMs = 100 // What an idle link may save up: a frame that comes a little late loses nothing.

interface Waiting {
  readonly frame: Uint8Array
  readonly roomBytes: number
  readonly resolve: (sent: Promise<void>) => void
  readonly reject: (error: Error) => void
}

class Throttled implements Connection {
  readonly #inner: Connection
  readonly #bytesPerSecond: () => number | undefined
  readonly #clock: Clock
  readonly #spent: (bytes: number) => void
  readonly #waiting: Waiting[] = []
  #waitingBytes = 0
  /** Bytes sent ahead of the rate; below zero is credit. A frame goes when there is no debt, however big it is. */
  #debtBytes = 0
  #paidAt: number
  #cancelTimer: (() => void) | undefined
  #isClosing = false

  constructor(
    inner: Connection,
    bytesPerSecond: () => number | undefined,
    clock: Clock,
    spent: (bytes: number) => void,
  ) {
    this.#inner = inner
    this.#bytesPerSecond = bytesPerSecond
    this.#clock = clock
    this.#spent = spent
    this.#paidAt = clock.now()
  }

  sendData(frame: Uint8Array, roomBytes = 0): Promise<void> {
    if (this.#isClosing) return this.#inner.sendData(frame, roomBytes)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ frame, roomBytes, resolve, reject })
      this.#waitingBytes += frame.length
      if (this.#cancelTimer === undefined) this.#sendDue()
    })
  }

  start(handlers: ConnectionHandlers): void {
    this.#inner.start({
      text: (text) => handlers.text(text),
      data: (frame, release) => handlers.data(frame, release),
      ended: (reason) => {
        this.#dropWaiting(reason.detail)
        handlers.ended(reason)
      },
    })
  }

  close(code: number, reason: string): void {
    this.#isClosing = true
    this.#stopTimer()
    if (this.#bytesPerSecond() === 0) this.#dropWaiting('nothing more may be sent')
    while (this.#waiting.length > 0) this.#sendFirst() // At most a few frames: better a short burst than lost.
    this.#inner.close(code, reason)
  }

  destroy(): void {
    this.#dropWaiting('it was cut at this end')
    this.#inner.destroy()
  }

  sendText(text: string): void {
    this.#inner.sendText(text)
  }

  pause(): void {
    this.#inner.pause()
  }

  resume(): void {
    this.#inner.resume()
  }

  get peer(): string {
    return this.#inner.peer
  }

  get proof(): string {
    return this.#inner.proof
  }

  get heardBytes(): number {
    return this.#inner.heardBytes
  }

  get queuedBytes(): number {
    return this.#inner.queuedBytes + this.#waitingBytes
  }

  /** Sends what the rate allows by now, and comes back for the rest. */
  #sendDue(): void {
    this.#stopTimer()
    while (this.#waiting.length > 0) {
      const delayMs = this.#delayMs()
      if (delayMs > 0) {
        this.#cancelTimer = this.#clock.after(Math.min(delayMs, lookAgainMs), () => this.#sendDue())
        return
      }
      this.#sendFirst()
    }
  }

  #sendFirst(): void {
    const first = this.#waiting.shift()
    if (first === undefined) return
    this.#debtBytes += first.frame.length
    this.#waitingBytes -= first.frame.length
    this.#spent(first.frame.length)
    first.resolve(this.#inner.sendData(first.frame, first.roomBytes))
  }

  /** Pays the debt down to now, and tells how long the rest takes at the present rate. */
  #delayMs(): number {
    const rate = this.#bytesPerSecond()
    const elapsedMs = this.#clock.now() - this.#paidAt
    this.#paidAt += elapsedMs
    if (rate === undefined) {
      this.#debtBytes = 0
      return 0
    }
    this.#debtBytes = Math.max(this.#debtBytes - (elapsedMs * rate) / 1000, (-burstMs * rate) / 1000)
    if (rate <= 0) return lookAgainMs
    return this.#debtBytes > 0 ? Math.ceil((this.#debtBytes / rate) * 1000) : 0
  }

  #stopTimer(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  #dropWaiting(cause: string): void {
    this.#isClosing = true
    this.#stopTimer()
    const error = new TransferError('connection-lost', { peer: this.peer, cause })
    for (const { reject } of this.#waiting.splice(0)) reject(error)
    this.#waitingBytes = 0
  }
}
