// Whether the peer is alive and gets anywhere. Who has sent nothing for a while pings; who has heard no byte for longer,
// while reading, calls the peer dead; who is owed an acknowledge and sees neither figure of the peer's pings grow calls it
// stuck. The peer can switch none of this off (R31 to R33).

import type { Millis } from '../model/clock.ts'
import type { Ping } from '../model/messages.ts'
import { earliest, type Hub } from './hub.ts'

export class Liveness {
  readonly #hub: Hub
  readonly #isOwed: () => boolean
  #heardAt: Millis = 0
  #movedAt: Millis = 0
  #number = 0
  #peerBytes = 0

  /** @param isOwed whether the peer owes progress */
  constructor(hub: Hub, isOwed: () => boolean) {
    this.#hub = hub
    this.#isOwed = isOwed
  }

  opened(): void {
    const { now } = this.#hub
    this.#heardAt = now
    this.#movedAt = now
    this.#hub.sentAt = now
    this.#peerBytes = 0
  }

  /** Bytes came in, or we were not reading. */
  heard(): void {
    this.#heardAt = this.#hub.now
  }

  /** The peer got on: it acknowledged, wanted or counted further. */
  moved(): void {
    this.#movedAt = this.#hub.now
  }

  pingArrived({ kind, number, receivedBytes, durableBytes }: Ping): void {
    const peerBytes = receivedBytes + durableBytes
    if (peerBytes > this.#peerBytes) this.moved()
    this.#peerBytes = peerBytes
    if (kind === 'ping') this.#say('pong', number)
  }

  #say(kind: 'ping' | 'pong', number: number): void {
    const { receivedBytes, entries } = this.#hub
    this.#hub.send({ kind, number, receivedBytes, durableBytes: entries.bytesDurable })
  }

  get deadline(): Millis | undefined {
    const { open, sentAt, settings } = this.#hub
    if (open === undefined) return undefined
    const { pingIdleMs, deadAfterMs, watchdogMs } = settings.limits
    return earliest(
      sentAt + pingIdleMs,
      this.#heardAt + deadAfterMs,
      this.#isOwed() ? this.#movedAt + watchdogMs : undefined,
    )
  }

  deadlinePassed(): void {
    const { open, now, sentAt, settings } = this.#hub
    if (open === undefined) return
    const { pingIdleMs, deadAfterMs, watchdogMs } = settings.limits
    if (!this.#isOwed()) this.moved()
    if (now >= this.#heardAt + deadAfterMs) this.#hub.emit({ kind: 'destroy', connection: open, reason: 'peer-silent' })
    else if (now >= this.#movedAt + watchdogMs)
      this.#hub.emit({ kind: 'destroy', connection: open, reason: 'no-progress' })
    else if (now >= sentAt + pingIdleMs) this.#say('ping', ++this.#number)
  }
}
