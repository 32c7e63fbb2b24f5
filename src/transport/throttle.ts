// A Connection that sends data no faster than it may. Messages pass at once: they are few, and a throttled link must not look dead.

import { TransferError } from '../errors.ts'
import type { Clock, Millis } from '../model/clock.ts'
import type { Connection, ConnectionHandlers } from '../model/connection.ts'
import { Meter } from './meter.ts'

/**
 * Wraps `connection`. The rate is asked before each frame, so it may change at any time; undefined means no limit, 0 means
 * nothing moves until it changes. A frame goes when nothing is owed, however big it is.
 * @param spent told of each frame that goes, in bytes
 * @param shared what else a frame is counted by, and waits for
 */
export function throttled(
  connection: Connection,
  bytesPerSecond: () => number | undefined,
  clock: Clock,
  spent: (bytes: number) => void = () => {},
  shared?: Meter,
): Connection {
  return new Throttled(connection, bytesPerSecond, clock, spent, shared)
}

const lookAgainMs = 500 // A new rate takes effect within this time.

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
  readonly #meters: readonly Meter[]
  #cancelTimer: (() => void) | undefined
  #isClosing = false

  constructor(
    inner: Connection,
    bytesPerSecond: () => number | undefined,
    clock: Clock,
    spent: (bytes: number) => void,
    shared: Meter | undefined,
  ) {
    this.#inner = inner
    this.#bytesPerSecond = bytesPerSecond
    this.#clock = clock
    this.#spent = spent
    const own = new Meter(clock, bytesPerSecond)
    this.#meters = shared === undefined ? [own] : [own, shared]
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

  get roundTripMs(): Millis | undefined {
    return this.#inner.roundTripMs
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
      const delayMs = Math.max(...this.#meters.map((meter) => meter.delayMs()))
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
    for (const meter of this.#meters) meter.spend(first.frame.length)
    this.#waitingBytes -= first.frame.length
    this.#spent(first.frame.length)
    first.resolve(this.#inner.sendData(first.frame, first.roomBytes))
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
