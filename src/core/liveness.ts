// Whether the peer is alive and gets anywhere. Who has sent nothing for a while pings; who has heard no byte for longer,
// while reading, calls the peer dead; who is owed an acknowledge and sees neither figure of the peer's pings move calls it
// stuck. That is lane 0's; each further lane has a pulse.ts. The peer can switch none of this off (R31 to R33). Time in which this side stood still itself proves nothing (R37).

import type { Millis } from '../model/clock.ts'
import { signOfLifeEveryMs } from '../model/limits.ts'
import type { Ping } from '../model/messages.ts'
import { earliest, type Hub } from './hub.ts'
import type { Lanes } from './lanes.ts'

const standstillMs: Millis = 2_000 // A deadline heard of so much later found this process stopped, or starved.
const answerMs: Millis = 1_000 // On top of `pingIdleMs`: by then a live peer has answered, or pinged of its own accord.

export class Liveness {
  readonly #hub: Hub
  readonly #lanes: Lanes
  readonly #isOwed: () => boolean
  #heardAt: Millis = 0
  #movedAt: Millis = 0
  #number = 0
  #peerBytes = 0
  /** Of a frame under way to us: on a slow link a whole one takes minutes. */
  #arrivingBytes = 0
  /** Who does not read answers no ping: the peer hears from us of our own accord, and more often. */
  #isReading = true

  /** @param isOwed whether the peer owes progress */
  constructor(hub: Hub, lanes: Lanes, isOwed: () => boolean) {
    this.#hub = hub
    this.#lanes = lanes
    this.#isOwed = isOwed
  }

  opened(): void {
    const { now } = this.#hub
    this.#heardAt = now
    this.#movedAt = now
    this.#hub.sentAt = now
    this.#peerBytes = 0
    this.#arrivingBytes = 0
    this.#isReading = true
  }

  /** Bytes came in, or we are not reading. */
  heard(arrivingBytes: number, isReading: boolean): void {
    this.#heardAt = this.#hub.now
    this.#arrivingBytes = arrivingBytes
    this.#isReading = isReading
  }

  /** The peer got on: it acknowledged, wanted or counted further. */
  moved(): void {
    this.#movedAt = this.#hub.now
  }

  /** Before anything else is looked at: whether this process stood still when it should have done something. */
  noticeStop(): void {
    const lateMs = this.#hub.now - (earliest(this.deadline, this.#lanes.deadline) ?? Infinity)
    if (lateMs >= standstillMs) this.woke(lateMs)
  }

  /**
   * This side was away for so long: nobody could be heard. Asks at once whether the peer is there. One that was left alone
   * for longer than a peer waits has probably given up, and if the way to it is gone, nobody will tell: that answer is
   * waited for no longer than a live peer needs.
   */
  woke(awayMs: Millis): void {
    const { open, now, settings } = this.#hub
    if (open === undefined) return
    const { deadAfterMs, pingIdleMs } = settings.limits
    const patienceMs = awayMs < deadAfterMs ? deadAfterMs : Math.min(deadAfterMs, pingIdleMs + answerMs)
    this.#heardAt = now - deadAfterMs + patienceMs
    this.#movedAt = now
    this.#lanes.woke(this.#heardAt)
    this.#say('ping', ++this.#number)
  }

  pingArrived({ kind, number, receivedBytes, durableBytes }: Ping): void {
    const peerBytes = receivedBytes + durableBytes
    if (peerBytes !== this.#peerBytes) this.moved() // A frame under way counts less once it waits for the disk.
    this.#peerBytes = peerBytes
    if (kind === 'ping') this.#say('pong', number)
  }

  #say(kind: 'ping' | 'pong', number: number): void {
    const { receivedBytes, bytesDurable: durableBytes } = this.#hub
    this.#hub.send({ kind, number, receivedBytes: receivedBytes + this.#arrivingBytes, durableBytes })
  }

  get deadline(): Millis | undefined {
    const { open, settings } = this.#hub
    if (open === undefined) return undefined
    const { deadAfterMs, watchdogMs } = settings.limits
    return earliest(this.#pingAt, this.#heardAt + deadAfterMs, this.#isOwed() ? this.#movedAt + watchdogMs : undefined)
  }

  get #pingAt(): Millis {
    const { sentAt, settings } = this.#hub
    const { pingIdleMs } = settings.limits
    return sentAt + (this.#isReading ? pingIdleMs : Math.min(pingIdleMs, signOfLifeEveryMs))
  }

  deadlinePassed(): void {
    const { open, now, settings } = this.#hub
    if (open === undefined) return
    const { deadAfterMs, watchdogMs } = settings.limits
    if (!this.#isOwed()) this.moved()
    if (now >= this.#heardAt + deadAfterMs) this.#hub.emit({ kind: 'destroy', connection: open, reason: 'peer-silent' })
    else if (now >= this.#movedAt + watchdogMs)
      this.#hub.emit({ kind: 'destroy', connection: open, reason: 'no-progress' })
    else if (now >= this.#pingAt) this.#say('ping', ++this.#number)
  }
}
