// A connection between two simulated processes, with the manners of a bad network: latency, a cut after any byte, ways that
// go dead one by one, ends that never hear of it, and frames that are held up for minutes and arrive when nobody expects
// them.

import { TransferError } from '../../src/errors.ts'
import type { Connection, ConnectionHandlers, EndReason } from '../../src/model/connection.ts'
import { headerBytes } from '../../src/model/limits.ts'
import type { Message } from '../../src/model/messages.ts'
import { decodeMessage } from '../../src/wire/messages.ts'
import type { Mark } from './marks.ts'
import type { Process } from './process.ts'
import type { Chance, Timeline } from './timeline.ts'

export interface LinkFaults {
  /** One way, ms; a little is added by chance. */
  readonly latencyMs: number
  /** Breaks when this many bytes have been sent, both ways counted. */
  readonly cutAfterBytes: number
  /** Whether each end is told that it broke; who is not told finds out by silence. */
  readonly tells: readonly [boolean, boolean]
  /** The end whose bytes vanish from `deadAfterBytes` on, while it still hears the other; -1: none. */
  readonly deadWay: -1 | 0 | 1
  readonly deadAfterBytes: number
  /** From so many bytes on everything is held up for so long, and then arrives. */
  readonly clogs: readonly { readonly afterBytes: number; readonly ms: number }[]
  /** Number of the data frame whose payload arrives with a flipped bit; -1: none. */
  readonly damagedFrame: number
  /** Of messages that arrive twice, and of data frames that come again later. */
  readonly doubled: number
}

export type Freight =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'data'; readonly frame: Uint8Array }
  | { readonly kind: 'close'; readonly code: number; readonly reason: string }

/** What goes wrong on purpose. */
export type Trouble = Extract<
  Mark,
  | 'connection cut'
  | 'connection cut inside a frame'
  | 'cut that one side hears of'
  | 'cut that nobody hears of'
  | 'one way cut'
  | 'connection clogged'
  | 'frame damaged'
  | 'message doubled'
  | 'frame came again'
>

/** What frames are to those who watch. */
export interface Watcher {
  /** A frame is handed to the connection. */
  sent(from: End, freight: Freight): void
  /** A frame is about to be delivered. */
  delivered(to: End, freight: Freight): void
  /** Something went wrong on purpose. */
  troubled(what: Trouble): void
}

const capacityBytes = 2048 // What the "kernel" takes before `sendData` waits.
const lost = (detail: string): EndReason => ({ kind: 'lost', code: 1006, detail })
/** What may come twice: the greeting is said once by those who say it. */
const doubles = /^\{"kind":"(?!hello|welcome|refuse|abort)/

export class Link {
  readonly ends: readonly [End, End]
  readonly faults: LinkFaults
  readonly watcher: Watcher
  /** 0 carries the messages. */
  readonly lane: number
  /** Of its welcome; 0 before it. */
  epoch = 0
  readonly #timeline: Timeline
  readonly #chance: Chance
  readonly #again: Chance
  isBroken = false
  /** Its sender has said that no more data comes. */
  isDone = false
  #bytes = 0
  #dataFrames = 0
  #cloggedUntil = 0

  /** @param owners the processes at its ends, the dialer first */
  constructor(
    timeline: Timeline,
    chance: Chance,
    faults: LinkFaults,
    watcher: Watcher,
    owners: readonly [Process, Process],
    lane = 0,
  ) {
    this.lane = lane
    this.#timeline = timeline
    this.#chance = chance
    this.#again = chance.of('again')
    this.faults = faults
    this.watcher = watcher
    this.ends = [new End(this, 0, owners[0]), new End(this, 1, owners[1])]
  }

  /** After how long something sent now by `from` arrives; undefined: never. */
  travelMs(from: End, bytes: number): number | undefined {
    const before = this.#bytes
    this.#bytes += bytes
    const { cutAfterBytes, deadAfterBytes, clogs, latencyMs } = this.faults
    const passes = (mark: number): boolean => before <= mark && this.#bytes > mark
    if (this.#bytes > cutAfterBytes) {
      if (passes(cutAfterBytes)) this.#cut(from, cutAfterBytes - before)
      this.break()
    }
    if (this.isBroken) return undefined
    if (this.isSilenced(from)) {
      if (passes(deadAfterBytes)) this.watcher.troubled('one way cut')
      return undefined
    }
    for (const { afterBytes, ms } of clogs)
      if (passes(afterBytes)) {
        this.watcher.troubled('connection clogged')
        this.#cloggedUntil = Math.max(this.#cloggedUntil, this.#timeline.now + ms)
      }
    return Math.max(latencyMs + this.#chance.fraction(), this.#cloggedUntil - this.#timeline.now)
  }

  /** Whether what this end sends vanishes. */
  isSilenced({ index }: End): boolean {
    return this.faults.deadWay === index && this.#bytes > this.faults.deadAfterBytes
  }

  /** The cable is cut behind so many bytes of what `from` sends. */
  #cut(from: End, bytes: number): void {
    const heard = this.faults.tells.filter(Boolean).length
    this.watcher.troubled('connection cut')
    if (bytes > 0) this.watcher.troubled('connection cut inside a frame')
    if (heard === 1) this.watcher.troubled('cut that one side hears of')
    if (heard === 0) this.watcher.troubled('cut that nobody hears of')
    this.other(from).hearBytes(bytes)
  }

  break(): void {
    if (this.isBroken) return
    this.isBroken = true
    for (const [i, end] of this.ends.entries())
      if (this.faults.tells[i]!) end.owner.after(this.#chance.between(0, 50), () => end.end(lost('cut')))
  }

  /** What is handed over, as it will arrive: a copy of its own, damaged perhaps. */
  onItsWay(freight: Freight): Freight {
    if (freight.kind !== 'data') return freight
    const copy = freight.frame.slice()
    if (this.#dataFrames++ === this.faults.damagedFrame && copy.length > headerBytes) {
      this.watcher.troubled('frame damaged')
      const at = headerBytes + this.#chance.below(copy.length - headerBytes)
      copy[at] = copy[at]! ^ 1
    }
    return { kind: 'data', frame: copy }
  }

  /** Whether this frame arrives a second time. */
  isDoubled(freight: Freight): boolean {
    if (freight.kind !== 'text' || !doubles.test(freight.text) || !this.#chance.is(this.faults.doubled)) return false
    this.watcher.troubled('message doubled')
    return true
  }

  /** How long behind its arrival this frame comes once more, as from a sender with a bug; undefined: never. */
  againAfterMs(freight: Freight): number | undefined {
    if (freight.kind !== 'data' || !this.#again.is(this.faults.doubled)) return undefined
    return this.#again.pick([0, 5, 50, 500])
  }

  other(end: End): End {
    return this.ends[1 - end.index]!
  }

  get now(): number {
    return this.#timeline.now
  }
}

export class End implements Connection {
  readonly index: number
  readonly peer: string
  readonly proof = ''
  readonly link: Link
  /** Whose end it is; frames to a dead process go nowhere. */
  readonly owner: Process
  onEnded: () => void = () => {}
  #handlers: ConnectionHandlers | undefined
  readonly #inbox: { freight: Freight; bytes: number }[] = []
  #isPaused = false
  #isEnded = false
  #heardBytes = 0
  #lastArrival = 0
  #onWayBytes = 0
  #waiting: { resolve: () => void; reject: (error: Error) => void }[] = []

  constructor(link: Link, index: number, owner: Process) {
    this.link = link
    this.index = index
    this.owner = owner
    this.peer = `sim:${index}`
    owner.ends.add(this)
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Of who dialed. */
  get roundTripMs(): number | undefined {
    return this.index === 0 ? 2 * this.link.faults.latencyMs : undefined
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
    this.#send({ kind: 'data', frame }, frame.length)
    if (this.#onWayBytes <= capacityBytes) return Promise.resolve()
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  #send(handedOver: Freight, bytes: number): void {
    const { link } = this
    link.watcher.sent(this, handedOver)
    const freight = link.onItsWay(handedOver)
    this.#onWayBytes += bytes
    const travelMs = link.travelMs(this, bytes)
    if (travelMs === undefined) return
    this.#lastArrival = Math.max(this.#lastArrival, link.now + travelMs)
    const to = link.other(this)
    const isDoubled = link.isDoubled(freight)
    const againMs = link.againAfterMs(freight)
    to.owner.after(this.#lastArrival - link.now, () => {
      if (link.isBroken && !link.faults.tells[to.index]!) return
      if (!link.isSilenced(to)) this.#taken(bytes) // Else no word of it comes back.
      to.arrive(freight, bytes)
      if (isDoubled) to.arrive(freight, bytes)
      if (againMs !== undefined && freight.kind === 'data') this.#comesAgain(to, freight.frame.slice(), againMs)
    })
  }

  #comesAgain(to: End, frame: Uint8Array, afterMs: number): void {
    to.owner.after(afterMs, () => {
      if (to.isEnded || this.link.isBroken || this.link.isDone) return
      this.link.watcher.troubled('frame came again')
      to.arrive({ kind: 'data', frame }, frame.length)
    })
  }

  #taken(bytes: number): void {
    this.#onWayBytes -= bytes
    for (const waiting of this.#waiting.splice(0)) waiting.resolve()
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
      this.hearBytes(item.bytes)
      if (!this.owner.isAlive) continue
      const { freight } = item
      this.link.watcher.delivered(this, freight)
      if (freight.kind === 'text') this.#handlers.text(freight.text)
      else if (freight.kind === 'data') this.#handlers.data(freight.frame)
      else this.end({ kind: 'closed', code: freight.code, detail: freight.reason })
    }
  }

  /** Bytes come in, perhaps not all of a frame. */
  hearBytes(count: number): void {
    this.#heardBytes += count
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
    const { link } = this
    const to = link.other(this)
    const travelMs = link.travelMs(this, 0)
    if (link.faults.tells[to.index]! && !link.isSilenced(this))
      to.owner.after(Math.max(this.#lastArrival - link.now, travelMs ?? 0), () => to.end(lost('hung up')))
    this.end(lost('destroyed here'))
  }

  /** Tells the owner, once, later. */
  end(reason: EndReason): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.link.isBroken ||= reason.kind === 'lost'
    const error = new TransferError('connection-lost', { peer: this.peer, cause: reason.detail })
    for (const { reject } of this.#waiting.splice(0)) reject(error)
    this.owner.after(0, () => {
      this.#handlers?.ended(reason)
      this.onEnded()
    })
  }
}

const decoded = new WeakMap<Freight, Message>()

/** Most text frames are; nobody needs to look into them. */
export function isSignOfLife({ text }: Freight & { kind: 'text' }): boolean {
  return text.startsWith('{"kind":"ping"') || text.startsWith('{"kind":"pong"')
}

/** What a text frame says, decoded once. */
export function messageIn(freight: Freight & { kind: 'text' }): Message {
  let message = decoded.get(freight)
  if (message === undefined) decoded.set(freight, (message = decodeMessage(freight.text)))
  return message
}
