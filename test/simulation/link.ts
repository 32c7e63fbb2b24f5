// A connection between two simulated processes, with the manners of a bad network: latency, a cut after any number of
// bytes, ends that never hear of it, and frames that are held up for minutes and arrive when nobody expects them.

import { TransferError } from '../../src/errors.ts'
import type { Connection, ConnectionHandlers, EndReason } from '../../src/model/connection.ts'
import { headerBytes } from '../../src/model/limits.ts'
import type { Chance, Timeline } from './timeline.ts'

export interface LinkFaults {
  /** One way, ms; a little is added by chance. */
  readonly latencyMs: number
  /** Breaks when this many bytes have been sent, both ways counted. */
  readonly cutAfterBytes: number
  /** Whether each end is told that it broke; who is not told finds out by silence. */
  readonly tells: readonly [boolean, boolean]
  /** From that many bytes on everything is held up for so long, both ways, and then arrives. */
  readonly stallAfterBytes: number
  readonly stallMs: number
  /** Number of the data frame whose payload arrives with a flipped bit; -1: none. */
  readonly damagedFrame: number
}

type Freight =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'data'; readonly frame: Uint8Array }
  | { readonly kind: 'close'; readonly code: number; readonly reason: string }

/** What a frame is to those who watch. */
export interface Watcher {
  /** A frame is handed to the connection. */
  sent(from: End, freight: Freight): void
  /** A frame is about to be delivered. */
  delivered(to: End, freight: Freight): void
}

const capacityBytes = 2048 // What the "kernel" takes before `sendData` waits.
const lost = (detail: string): EndReason => ({ kind: 'lost', code: 1006, detail })

export class Link {
  readonly ends: readonly [End, End]
  readonly #timeline: Timeline
  readonly #chance: Chance
  readonly faults: LinkFaults
  readonly watcher: Watcher
  bytes = 0
  isBroken = false
  #dataFrames = 0
  #stalledUntil = 0

  constructor(timeline: Timeline, chance: Chance, faults: LinkFaults, watcher: Watcher) {
    this.#timeline = timeline
    this.#chance = chance
    this.faults = faults
    this.watcher = watcher
    this.ends = [new End(this, 0), new End(this, 1)]
  }

  /** When something sent now arrives; undefined: never. */
  departure(bytes: number): number | undefined {
    const before = this.bytes
    this.bytes += bytes
    const { cutAfterBytes, stallAfterBytes, stallMs, latencyMs } = this.faults
    if (this.bytes > cutAfterBytes) this.break()
    if (this.isBroken) return undefined
    if (before <= stallAfterBytes && this.bytes > stallAfterBytes) this.#stalledUntil = this.#timeline.now + stallMs
    return Math.max(this.#timeline.now + latencyMs + this.#chance.fraction(), this.#stalledUntil)
  }

  at(time: number, act: () => void): void {
    this.#timeline.after(time - this.#timeline.now, act)
  }

  break(): void {
    if (this.isBroken) return
    this.isBroken = true
    for (const [i, end] of this.ends.entries())
      if (this.faults.tells[i]!) this.at(this.#timeline.now + this.#chance.between(0, 50), () => end.end(lost('cut')))
  }

  /** A data frame as it will arrive. */
  onItsWay(frame: Uint8Array): Uint8Array {
    const copy = frame.slice()
    if (this.#dataFrames++ === this.faults.damagedFrame && copy.length > headerBytes) {
      const at = headerBytes + this.#chance.below(copy.length - headerBytes)
      copy[at] = copy[at]! ^ 1
    }
    return copy
  }

  other(end: End): End {
    return this.ends[1 - end.index]!
  }
}

export class End implements Connection {
  readonly index: number
  readonly peer: string
  readonly proof = ''
  readonly link: Link
  /** Whose end it is; frames to a dead process go nowhere. */
  isAlive: () => boolean = () => true
  onEnded: () => void = () => {}
  #handlers: ConnectionHandlers | undefined
  #inbox: { freight: Freight; bytes: number }[] = []
  #isPaused = false
  #isEnded = false
  #heardBytes = 0
  #lastArrival = 0
  #onWayBytes = 0
  #waiting: { bytes: number; resolve: () => void; reject: (error: Error) => void }[] = []

  constructor(link: Link, index: number) {
    this.link = link
    this.index = index
    this.peer = `sim:${index}`
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  start(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
    this.#deliver()
  }

  sendText(text: string): void {
    if (this.#isEnded) return
    this.#send({ kind: 'text', text }, Buffer.byteLength(text))
  }

  sendData(frame: Uint8Array): Promise<void> {
    if (this.#isEnded) return Promise.reject(new TransferError('connection-lost', { peer: this.peer, cause: 'ended' }))
    this.#send({ kind: 'data', frame: this.link.onItsWay(frame) }, frame.length)
    if (this.#onWayBytes <= capacityBytes) return Promise.resolve()
    return new Promise((resolve, reject) => this.#waiting.push({ bytes: this.#onWayBytes, resolve, reject }))
  }

  #send(freight: Freight, bytes: number): void {
    this.link.watcher.sent(this, freight)
    this.#onWayBytes += bytes
    const arrival = this.link.departure(bytes)
    if (arrival === undefined) return
    this.#lastArrival = Math.max(this.#lastArrival, arrival)
    const to = this.link.other(this)
    this.link.at(this.#lastArrival, () => {
      if (this.link.isBroken && !this.link.faults.tells[to.index]!) return
      this.#onWayBytes -= bytes
      for (const waiting of this.#waiting.splice(0)) waiting.resolve()
      to.arrive(freight, bytes)
    })
  }

  arrive(freight: Freight, bytes: number): void {
    if (this.#isEnded) return
    this.#inbox.push({ freight, bytes })
    this.#deliver()
  }

  #deliver(): void {
    while (!this.#isPaused && this.#handlers !== undefined && !this.#isEnded) {
      const item = this.#inbox.shift()
      if (item === undefined) return
      this.#heardBytes += item.bytes
      if (!this.isAlive()) continue
      const { freight } = item
      this.link.watcher.delivered(this, freight)
      if (freight.kind === 'text') this.#handlers.text(freight.text)
      else if (freight.kind === 'data') this.#handlers.data(freight.frame)
      else this.end({ kind: 'closed', code: freight.code, detail: freight.reason })
    }
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#deliver()
  }

  get heardBytes(): number {
    return this.#heardBytes
  }

  get queuedBytes(): number {
    return this.#onWayBytes
  }

  close(code: number, reason: string): void {
    if (this.#isEnded) return
    this.#send({ kind: 'close', code, reason }, 0)
    this.end({ kind: 'closed', code, detail: reason })
  }

  destroy(): void {
    if (this.#isEnded) return
    const to = this.link.other(this)
    if (this.link.faults.tells[to.index]!) {
      const arrival = Math.max(this.#lastArrival, this.link.departure(0) ?? 0)
      this.link.at(arrival, () => to.end(lost('hung up')))
    }
    this.end(lost('destroyed here'))
  }

  /** Tells the owner, once, later. */
  end(reason: EndReason): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.link.isBroken ||= reason.kind === 'lost'
    const error = new TransferError('connection-lost', { peer: this.peer, cause: reason.detail })
    for (const { reject } of this.#waiting.splice(0)) reject(error)
    this.link.at(0, () => {
      if (this.isAlive()) this.#handlers?.ended(reason)
      this.onEnded()
    })
  }
}
