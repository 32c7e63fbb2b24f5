// The connections of an epoch that carry data: its further lanes, and lane 0 as long as there are none. The dialer opens as
// many as were agreed and opens lost ones again; each pulls its next frame when it has got rid of one, so a slow lane never
// has more than its share to itself. A lane that is lost costs what was on it; lane 0 takes all others with it.

import type { Millis } from '../model/clock.ts'
import { type Hello, type Message, signOfLife, type Welcome } from '../model/messages.ts'
import { isAcceptedOnLane } from './dialogue.ts'
import { earliest, type Hub } from './hub.ts'
import type { ConnectionId, Input } from './inputs.ts'
import { LaneCount } from './lane-count.ts'
import { Pace } from './pace.ts'
import { Pulse } from './pulse.ts'
import { Tail } from './tail.ts'
import { peerMust, Violation } from './violation.ts'

const framesAlone = 4 // Under way while one connection carries all: reads ahead of the socket.
const framesEach = 2 // Of each lane beside others: one in the socket, the next one being read.
const joiningMax = 4 // Strangers of one network that a door lets wait are few.
const againMs: Millis = 1_000 // Until a lane that was lost or not to be had is tried again; doubles while it is in vain ...
const againMaxMs: Millis = 60_000 // ... up to this.

interface Lane {
  readonly lane: number
  readonly attempt: number
  readonly pulse: Pulse
  readonly pace: Pace
  isOpen: boolean
  /** Pings over it that are not answered. */
  unanswered: number
}

export interface LanesOwner {
  hello(lane: number, attempt: number): Hello
  welcome(): Welcome
  /** The process at the other end, as it named itself over lane 0. */
  readonly peerInstance: string
  /** What went over it and is not acknowledged goes out again. */
  lost(connection: ConnectionId): void
  /** Whether something went over it last and is not acknowledged. */
  isOwed(connection: ConnectionId): boolean
  /** There is another lane to carry data. */
  joined(): void
}

export class Lanes {
  readonly #hub: Hub
  readonly #owner: LanesOwner
  readonly #lanes = new Map<ConnectionId, Lane>()
  #framesOnZero = 0
  /** Lanes that the engine is dialing. */
  readonly #dialing = new Set<number>()
  /** How many further ones this side opens; 0 where the other side does, or lane 0 is enough. */
  #wanted = 0
  #count: LaneCount | undefined
  #againMs = againMs
  #againAt: Millis | undefined
  /** While nothing is left to be sent. */
  #tail: Tail | undefined

  constructor(hub: Hub, owner: LanesOwner) {
    this.#hub = hub
    this.#owner = owner
  }

  // ---- the epoch --------------------------------------------------------------------------------------------------

  /** An epoch is open, over a new lane 0. @param isDialer whether this side opens the others */
  opened(isDialer: boolean): void {
    this.closed()
    this.#againMs = againMs
    if (!isDialer) return
    const { lanes: most, settings, now } = this.#hub
    const first = settings.limits.lanes === 'auto' ? Math.min(this.#count?.count ?? 1, most) : most
    this.#count = new LaneCount(first, most, this.#hub.chunkBytes)
    this.#count.begin(now, this.#carriedBytes, this.#hub.roundTripMs)
    this.#want(this.#count.count)
  }

  get #carriedBytes(): number {
    return this.#hub.sentBytes + this.#hub.receivedBytes
  }

  #want(count: number): void {
    this.#wanted = count > 1 ? count : 0
    this.#open()
  }

  /** Lane 0 is gone: the epoch is over, for all its lanes. */
  closed(): void {
    for (const connection of this.#lanes.keys())
      this.#hub.emit({ kind: 'destroy', connection, reason: 'lane 0 of its epoch is gone' })
    this.#lanes.clear()
    this.#framesOnZero = 0
    this.#wanted = 0
    this.#count?.pause()
    this.#againAt = undefined
    this.#tail = undefined
  }

  // ---- dialer -----------------------------------------------------------------------------------------------------

  /** Asks for the lanes that are missing, a few at a time. */
  #open(): void {
    const taken = new Set([...this.#lanes.values()].map(({ lane }) => lane))
    let joining = [...this.#lanes.values()].filter(({ isOpen }) => !isOpen).length + this.#dialing.size
    for (let lane = 1; lane <= this.#wanted && joining < joiningMax; lane++) {
      if (taken.has(lane) || this.#dialing.has(lane)) continue
      this.#dialing.add(lane)
      joining++
      this.#hub.emit({ kind: 'dialLane', lane })
    }
  }

  connected({ connection, lane, attempt }: Input & { kind: 'laneConnected' }): void {
    const hub = this.#hub
    this.#dialing.delete(lane)
    if (hub.open === undefined || lane > this.#wanted)
      return hub.emit({ kind: 'destroy', connection, reason: 'nobody waits for this lane any more' })
    this.#add(connection, lane, attempt)
    hub.emit({ kind: 'send', connection, message: this.#owner.hello(lane, attempt) })
  }

  /** It could not be reached: the others carry on, and this one is tried again. */
  failed(lane: number): void {
    this.#dialing.delete(lane)
    this.#tryAgainLater()
  }

  #tryAgainLater(): void {
    if (this.#wanted === 0) return
    this.#againAt ??= this.#hub.now + this.#againMs
  }

  // ---- listener ---------------------------------------------------------------------------------------------------

  helloArrived({ connection, hello }: Input & { kind: 'helloArrived' }): void {
    const hub = this.#hub
    const { lane, epoch, instance, attempt } = hello
    if (hub.open === undefined || epoch !== hub.epoch || instance !== this.#owner.peerInstance)
      return this.#refuse(connection, 'stale', `Epoch ${epoch} is over.`, true)
    if (hub.lanes === 1 || lane > hub.lanes)
      return this.#refuse(connection, 'protocol', `Lane ${lane} was not agreed.`, false)
    for (const [older, its] of this.#lanes) {
      if (its.lane !== lane) continue
      if (its.attempt > attempt) return hub.emit({ kind: 'destroy', connection, reason: 'a newer attempt was here' })
      hub.emit({ kind: 'destroy', connection: older, reason: 'the lane was opened anew' })
      this.ended(older)
    }
    this.#add(connection, lane, attempt)
    hub.emit({ kind: 'send', connection, message: this.#owner.welcome() })
    this.#joined(connection)
  }

  #refuse(connection: ConnectionId, code: string, sentence: string, retry: boolean): void {
    this.#hub.emit({ kind: 'send', connection, message: { kind: 'refuse', code, sentence, retry } })
    this.#hub.emit({ kind: 'close', connection, code: 4007, reason: code })
  }

  // ---- both -------------------------------------------------------------------------------------------------------

  #add(connection: ConnectionId, lane: number, attempt: number): void {
    const pulse = new Pulse(this.#hub.settings.limits, this.#hub.now)
    this.#lanes.set(connection, { lane, attempt, pulse, pace: new Pace(), isOpen: false, unanswered: 0 })
  }

  #joined(connection: ConnectionId): void {
    this.#lanes.get(connection)!.isOpen = true
    this.#count?.joined(this.count, this.#hub.now, this.#carriedBytes)
    this.#againMs = againMs
    this.#open()
    this.#owner.joined()
  }

  messageArrived(connection: ConnectionId, message: Message): void {
    const it = this.#lanes.get(connection)!
    if (!isAcceptedOnLane(it.isOpen, message.kind))
      throw new Violation(`\`${message.kind}\` came on lane ${it.lane}${it.isOpen ? '' : ' before its welcome'}`)
    if (message.kind === 'welcome') {
      peerMust(message.epoch === this.#hub.epoch, 'a lane was welcomed to another epoch')
      this.#joined(connection)
    } else if (message.kind === 'refuse') {
      if (!message.retry) this.#wanted = Math.min(this.#wanted, it.lane - 1)
      this.#drop(connection, `lane refused: ${message.sentence}`)
    } else if (message.kind === 'abort') this.#drop(connection, `the other side ended it: ${message.sentence}`)
    else if (message.kind === 'ping' && it.isOpen) this.#say(connection, it, 'pong')
    else if (message.kind === 'pong') {
      it.unanswered = Math.max(0, it.unanswered - 1)
      this.#tail?.answered(connection, this.#hub.now)
    }
  }

  #say(connection: ConnectionId, lane: Lane, kind: 'ping' | 'pong'): void {
    lane.pulse.sent(this.#hub.now)
    if (kind === 'ping') lane.unanswered++
    this.#hub.emit({ kind: 'send', connection, message: { ...signOfLife, kind } })
  }

  #drop(connection: ConnectionId, reason: string): void {
    this.#hub.emit({ kind: 'destroy', connection, reason })
    this.ended(connection)
  }

  /** Whether it is a further lane of the epoch, or becomes one. */
  has(connection: ConnectionId): boolean {
    return this.#lanes.has(connection)
  }

  ended(connection: ConnectionId): void {
    if (!this.#lanes.delete(connection)) return
    this.#tryAgainLater()
    this.#owner.lost(connection)
  }

  // ---- data -------------------------------------------------------------------------------------------------------

  /** Connections that carry data. */
  get count(): number {
    let count = 0
    for (const lane of this.#lanes.values()) if (this.#carries(lane)) count++
    return count > 0 || this.#hub.open === undefined ? count : 1
  }

  /** One too many gets nothing more to carry. */
  #carries({ isOpen, lane }: Lane): boolean {
    return isOpen && (this.#wanted === 0 ? this.#count === undefined : lane <= this.#wanted)
  }

  /** Lanes that did not pay are closed once nothing of theirs is on its way. What the other side sends over them it would have to send again: they stay. */
  #closeIdle(): void {
    for (const [connection, lane] of this.#lanes) {
      if (this.#hub.settings.role === 'receiver' || this.#carries(lane) || !lane.isOpen) continue
      if (lane.pace.framesUnderWay > 0 || this.#owner.isOwed(connection)) continue
      this.#lanes.delete(connection)
      this.#hub.emit({ kind: 'close', connection, code: 1000, reason: 'it did not pay' })
    }
  }

  /** Whether data may come over it. */
  isOpen(connection: ConnectionId): boolean {
    return connection === this.#hub.open || this.#lanes.get(connection)?.isOpen === true
  }

  /** Who carries the next frame: of the open lanes the one with the least to do, if it has not enough. */
  free(): ConnectionId | undefined {
    let least = framesEach
    let best: ConnectionId | undefined
    let isAlone = true
    for (const [connection, lane] of this.#lanes) {
      if (!this.#carries(lane)) continue
      const { framesUnderWay } = lane.pace
      isAlone = false
      if (framesUnderWay >= least) continue
      least = framesUnderWay
      best = connection
    }
    return isAlone && this.#framesOnZero < framesAlone ? this.#hub.open : best
  }

  /** Whether a frame is on its way to lane 0, where messages would overtake it. */
  get isZeroBusy(): boolean {
    return this.#framesOnZero > 0
  }

  /** Whether no frame is on its way to a socket. */
  get isIdle(): boolean {
    return this.#framesOnZero === 0 && [...this.#lanes.values()].every(({ pace }) => pace.framesUnderWay === 0)
  }

  /** Nothing is left to be sent: from now on the slowest lane decides when all is there. */
  allSent(): void {
    if (this.#tail !== undefined) return
    const { now } = this.#hub
    const carriers = [...this.#lanes].filter(([, lane]) => this.#carries(lane))
    if (carriers.length < 2) return
    this.#tail = new Tail(new Map(carriers.map(([connection, { pace }]) => [connection, pace.frameMs(now)])), now)
    for (const [connection, lane] of carriers) this.#say(connection, lane, 'ping')
  }

  /** Nothing more is sent: each lane is asked for a sign of life, which comes behind all that went over it. */
  drain(): void {
    for (const [connection, lane] of this.#lanes) this.#drainOne(connection, lane)
  }

  #drainOne(connection: ConnectionId, lane: Lane): void {
    if (lane.isOpen && this.#hub.settings.role === 'sender') this.#say(connection, lane, 'ping')
  }

  /** Whether all that went over lanes is known to be there: what is not asked about is not waited for. */
  get isDrained(): boolean {
    if (this.#hub.settings.role === 'receiver') return true
    return [...this.#lanes.values()].every(({ unanswered }) => unanswered === 0)
  }

  /** A frame is on its way to the socket. */
  took(connection: ConnectionId): void {
    this.#tail = undefined
    const lane = this.#lanes.get(connection)
    if (lane === undefined) this.#framesOnZero++
    else lane.pace.took(this.#hub.now)
  }

  /** A frame is in the socket, or will never be; false if its connection is gone. */
  done(connection: ConnectionId): boolean {
    const lane = this.#lanes.get(connection)
    if (lane !== undefined) {
      lane.pace.done(this.#hub.now)
      lane.pulse.sent(this.#hub.now)
      if (this.#hub.pausing !== undefined || this.#hub.peerPaused !== undefined) this.#drainOne(connection, lane) // It went behind the last sign.
    } else if (connection === this.#hub.open) {
      this.#framesOnZero--
      this.#hub.sentAt = this.#hub.now
    } else return false
    return true
  }

  // ---- liveness ---------------------------------------------------------------------------------------------------

  heard(connection: ConnectionId, isReading: boolean): void {
    this.#lanes.get(connection)?.pulse.heard(this.#hub.now, isReading)
  }

  /** Time in which this side stood still proves nothing of them. */
  woke(heardAt: Millis): void {
    for (const { pulse } of this.#lanes.values()) pulse.woke(heardAt)
  }

  get deadline(): Millis | undefined {
    let first = earliest(this.#againAt, this.#count?.deadline, this.#tail?.deadline)
    for (const { pulse } of this.#lanes.values()) first = earliest(first, pulse.deadline)
    return first
  }

  deadlinePassed(): void {
    const { now } = this.#hub
    for (const [connection, lane] of this.#lanes) {
      const due = lane.pulse.due(now)
      if (due === 'dead') this.#drop(connection, 'peer-silent')
      else if (due === 'ping' && lane.isOpen) this.#say(connection, lane, 'ping')
      else if (due === 'ping') lane.pulse.sent(now) // Its hello was said, and is answered or not.
    }
    for (const connection of this.#tail?.late(now) ?? [])
      if (this.#owner.isOwed(connection)) this.#drop(connection, 'it holds up the end')
    if (this.#count?.look(now, this.#carriedBytes) === true) this.#want(this.#count.count)
    this.#closeIdle()
    if (this.#againAt === undefined || now < this.#againAt) return
    this.#againAt = undefined
    this.#againMs = Math.min(2 * this.#againMs, againMaxMs)
    this.#open()
  }
}
