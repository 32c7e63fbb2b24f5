// Two Connections joined in memory, for tests and simulations: the same order, back-pressure and endings as a socket, and
// the same run every time. What the kernel's buffers are to a socket, `capacityBytes` is here.

import { assert, TransferError } from '../errors.ts'
import type { Connection, ConnectionHandlers, EndReason } from '../model/connection.ts'
import { controlMaxBytes, frameMaxBytes } from '../model/limits.ts'

export interface MemoryOptions {
  /** Runs each delivery later, in the order given; `queueMicrotask` unless set. A clock here makes latency. */
  readonly schedule?: Schedule
  /** Bytes a direction takes before `sendData` has to wait: 256 KiB unless set. One frame always fits. */
  readonly capacityBytes?: number
}

export type Schedule = (task: () => void) => void

/** One end, with what tests need beside a Connection. */
export interface MemoryConnection extends Connection {
  /** Breaks the link, both ends `lost`, when `bytes` more from this end have arrived; the frame it breaks in does not. */
  cutAfter(bytes: number): void
}

/** A connected pair. Neither end notices anything while the one that should read is paused: there is no clock here. */
export function memoryPair(options: MemoryOptions = {}): [MemoryConnection, MemoryConnection] {
  const { schedule = queueMicrotask, capacityBytes = 256 * 1024 } = options
  const left = new MemoryEnd('memory:left', schedule, capacityBytes)
  const right = new MemoryEnd('memory:right', schedule, capacityBytes)
  left.other = right
  right.other = left
  return [left, right]
}

/** What travels; `cut` and `close` end the journey of everything behind them. */
type Freight =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'data'; readonly frame: Uint8Array }
  | { readonly kind: 'close'; readonly code: number; readonly reason: string }
  | { readonly kind: 'cut' }

interface Item {
  freight: Freight
  readonly bytes: number
  /** Whether it has left the sender's hands: from here on its bytes are a copy. */
  isTaken: boolean
  readonly onTaken?: () => void
  readonly onLost?: () => void
}

const abnormal = 1006
const tooBig = 1009

class MemoryEnd implements MemoryConnection {
  readonly peer: string
  readonly proof = ''
  other!: MemoryEnd
  readonly #schedule: Schedule
  readonly #capacityBytes: number
  /** From here to the other end, in order; those taken first. */
  readonly #outgoing: Item[] = []
  #handlers: ConnectionHandlers | undefined
  #ended: EndReason | undefined
  #isPaused = false
  #isClosing = false
  #isReading = false
  #heardBytes = 0
  #takenBytes = 0
  #cutAfterBytes = Infinity

  constructor(peer: string, schedule: Schedule, capacityBytes: number) {
    this.peer = peer
    this.#schedule = schedule
    this.#capacityBytes = capacityBytes
  }

  start(handlers: ConnectionHandlers): void {
    assert(this.#handlers === undefined, 'a connection was started twice')
    this.#handlers = handlers
    const ended = this.#ended
    if (ended === undefined) this.#readOn()
    else this.#schedule(() => handlers.ended(ended))
  }

  sendText(text: string): void {
    if (!this.#isClosing) this.#enqueue({ kind: 'text', text }, Buffer.byteLength(text))
  }

  sendData(frame: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      const onLost = () => reject(this.#lost())
      if (this.#isClosing) onLost()
      else this.#enqueue({ kind: 'data', frame }, frame.length, resolve, onLost)
    })
  }

  pause(): void {
    this.#isPaused = !this.#isClosing
  }

  resume(): void {
    this.#isPaused = false
    this.#readOn()
  }

  get heardBytes(): number {
    return this.#heardBytes
  }

  get queuedBytes(): number {
    return this.#outgoing.reduce((sum, item) => (item.isTaken ? sum : sum + item.bytes), 0)
  }

  close(code: number, reason: string): void {
    if (this.#isClosing) return
    this.#enqueue({ kind: 'close', code, reason }, 0)
    this.#isClosing = true
    this.resume()
  }

  destroy(): void {
    this.#end({ kind: 'lost', code: abnormal, detail: 'it was cut at this end' })
    this.other.#end(hungUp)
  }

  cutAfter(bytes: number): void {
    this.#cutAfterBytes = bytes
  }

  #enqueue(freight: Freight, bytes: number, onTaken?: () => void, onLost?: () => void): void {
    const isCut = bytes > this.#cutAfterBytes
    const item = isCut ? { freight: { kind: 'cut' } as const, bytes: this.#cutAfterBytes } : { freight, bytes }
    this.#cutAfterBytes -= item.bytes
    this.#outgoing.push({ ...item, isTaken: false, ...(onTaken && { onTaken }), ...(onLost && { onLost }) })
    this.#takeMore()
    this.other.#readOn()
  }

  /** The kernel's part: copies what fits, in order. */
  #takeMore(): void {
    for (const item of this.#outgoing) {
      if (item.isTaken) continue
      if (this.#takenBytes > 0 && this.#takenBytes + item.bytes > this.#capacityBytes) return
      item.isTaken = true
      this.#takenBytes += item.bytes
      if (item.freight.kind === 'data') item.freight = { kind: 'data', frame: item.freight.frame.slice() }
      if (item.freight.kind !== 'cut') item.onTaken?.()
    }
  }

  /** Keeps one delivery scheduled as long as there is something to read and somebody to read it. */
  #readOn(): void {
    const isIdle = this.#handlers === undefined || this.#isPaused || this.#ended !== undefined
    if (isIdle || this.#isReading || this.other.#outgoing.length === 0) return
    this.#isReading = true
    this.#schedule(() => {
      this.#isReading = false
      if (!this.#isPaused && this.#ended === undefined) this.#read()
      this.#readOn()
    })
  }

  #read(): void {
    const item = this.other.#outgoing.shift()
    if (item === undefined) return
    this.other.#takenBytes -= item.bytes
    this.other.#takeMore()
    this.#heardBytes += item.bytes
    this.#deliver(item.freight, item.bytes)
    if (item.freight.kind === 'cut') item.onLost?.()
  }

  #deliver(freight: Freight, bytes: number): void {
    switch (freight.kind) {
      case 'close':
        return this.#endBoth({ kind: 'closed', code: freight.code, detail: freight.reason })
      case 'cut':
        return this.#endBoth(hungUp)
      case 'text':
      case 'data':
        if (bytes > (freight.kind === 'text' ? controlMaxBytes : frameMaxBytes)) return this.#refuse(bytes)
        if (this.#isClosing) return
        return freight.kind === 'text' ? this.#handlers?.text(freight.text) : this.#handlers?.data(freight.frame)
    }
  }

  #refuse(bytes: number): void {
    const detail = `a frame of ${bytes} bytes is too big`
    this.#end({ kind: 'invalid', code: tooBig, detail })
    this.other.#end({ kind: 'closed', code: tooBig, detail })
  }

  #endBoth(reason: EndReason): void {
    this.#end(reason)
    this.other.#end(reason)
  }

  #end(reason: EndReason): void {
    if (this.#ended !== undefined) return
    this.#ended = reason
    this.#isClosing = true
    const handlers = this.#handlers // Who starts later is told there.
    if (handlers !== undefined) this.#schedule(() => handlers.ended(reason))
    for (const item of this.#outgoing.splice(0)) if (!item.isTaken || item.freight.kind === 'cut') item.onLost?.()
  }

  #lost(): TransferError {
    return new TransferError('connection-lost', { peer: this.peer, cause: this.#ended?.detail ?? 'it is closing' })
  }
}

const hungUp: EndReason = { kind: 'lost', code: abnormal, detail: 'the other side hung up' }
