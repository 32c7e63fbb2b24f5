// How work on a session ends before its time: a person or signal pauses it, or gives it up, here or on the other side. What
// was sent is made durable first, the other side is told and confirms, and both have a deadline. Who sends lets what is on
// further lanes come there before it says or confirms a pause on lane 0, which would overtake it.

import { assert } from '../errors.ts'
import type { Millis } from '../model/clock.ts'
import type { CredentialEnd, PauseReason } from '../model/session.ts'
import { earliest, type Hub } from './hub.ts'

const credentialEnds: Readonly<Record<CredentialEnd, string>> = {
  'ticket-expired':
    'The ticket of this session has expired. What arrived is kept: the same command with a new ticket goes on.',
  'ticket-revoked':
    'The ticket of this session was revoked. What arrived is kept: the same command with a new ticket goes on.',
}

const isCredentialEnd = (by: PauseReason): by is CredentialEnd => by in credentialEnds

const goodbyeMs = 1_500 // For the last sync point and the peer's confirmation: Ctrl-C answers within 2 s.
const drainMs = 700 // Of these, for what is on further lanes: the rest is for the last sync point and the confirmation.

/** What a goodbye needs of the half that works. */
export interface Worker {
  /** Makes a sync point due now, or asks for one. */
  flush(): void
  /** Whether something is on its way to the disk. */
  readonly isBusy: boolean
  /** Asks for a sign that what was sent over further lanes is there. */
  drain(): void
  /** Whether it is, as far as it is asked for. */
  readonly isDrained: boolean
}

export class Goodbyes {
  readonly #hub: Hub
  readonly #worker: Worker
  /** The peer is told of a pause once what was sent before is there. */
  #pauseToSay: 'user' | 'signal' | undefined
  /** Until then that is waited for; undefined: it is there, or too late. */
  #drainUntil: Millis | undefined
  /** The peer's pause is confirmed once what it sent is durable. */
  #pauseToConfirm: 'user' | 'signal' | undefined
  #discardUntil: Millis | undefined
  #isDiscardedByPeer = false

  constructor(hub: Hub, worker: Worker) {
    this.#hub = hub
    this.#worker = worker
  }

  pauseRequested(by: PauseReason): void {
    const hub = this.#hub
    if (hub.pausing !== undefined) return
    const isExpelled = isCredentialEnd(by)
    const isConfirmed = isExpelled || hub.open === undefined
    hub.pausing = { by, until: hub.now + goodbyeMs, isConfirmed, isCommitted: false }
    this.#worker.flush()
    if (!isExpelled) {
      this.#pauseToSay = by === 'user' ? 'user' : 'signal' // All the peer needs: a person, or not.
      this.#drain()
    }
    hub.commit([{ kind: 'paused', by }], { for: 'pause' })
  }

  pauseArrived(confirm: boolean, reason: 'user' | 'signal'): void {
    const hub = this.#hub
    if (confirm) {
      if (hub.pausing === undefined) return
      hub.pausing.isConfirmed = true
      if (hub.settings.role === 'receiver') this.#worker.flush() // What has come since we asked.
      return
    }
    hub.peerPaused = reason
    this.#pauseToConfirm = reason
    this.#worker.flush()
    this.#drain()
  }

  #drain(): void {
    this.#worker.drain()
    this.#drainUntil = this.#hub.now + drainMs
  }

  discardRequested(): void {
    const hub = this.#hub
    if (this.#discardUntil !== undefined) return
    this.#discardUntil = hub.now + (hub.open === undefined ? 0 : goodbyeMs)
    hub.commit([{ kind: 'ended', how: 'discarded', by: 'self', at: 0 }], { for: 'end' })
    hub.send({ kind: 'discard', confirm: false })
  }

  discardArrived(confirm: boolean): void {
    if (confirm) {
      if (this.#discardUntil !== undefined) this.#discardUntil = this.#hub.now
      return
    }
    this.#isDiscardedByPeer = true
    this.#hub.commit([{ kind: 'ended', how: 'discarded', by: 'peer', at: 0 }], { for: 'end' })
  }

  /** What is said last, once what it waits for has happened. */
  sayWhatIsDue(): void {
    const hub = this.#hub
    const isDurable = !this.#worker.isBusy
    if (this.#drainUntil !== undefined && (this.#worker.isDrained || hub.now >= this.#drainUntil))
      this.#drainUntil = undefined
    const isDrained = this.#drainUntil === undefined
    if (this.#pauseToSay !== undefined && isDrained) {
      hub.send({ kind: 'pause', reason: this.#pauseToSay, confirm: false })
      this.#pauseToSay = undefined
    }
    if (this.#pauseToConfirm !== undefined && isDurable && isDrained) {
      hub.send({ kind: 'pause', reason: this.#pauseToConfirm, confirm: true })
      this.#pauseToConfirm = undefined
    }
    const { pausing } = hub
    if (pausing !== undefined) {
      const isInOrder = pausing.isConfirmed && pausing.isCommitted && isDurable
      if (isInOrder || hub.now >= pausing.until) this.#leave(pausing.by)
    }
    if (this.#discardUntil !== undefined && hub.now >= this.#discardUntil) hub.finish({ how: 'discarded', by: 'self' })
  }

  /** Whose ticket is not good any more is not waited for, and told which it was: dialing again with it is of no use. */
  #leave(by: PauseReason): void {
    const hub = this.#hub
    if (isCredentialEnd(by)) hub.send({ kind: 'abort', code: by, sentence: credentialEnds[by] })
    hub.finish({ how: 'paused', by })
  }

  connectionEnded(): void {
    const hub = this.#hub
    this.#pauseToSay = undefined
    this.#pauseToConfirm = undefined
    this.#drainUntil = undefined
    if (hub.pausing !== undefined) hub.pausing.isConfirmed = true // Nobody is left to confirm it.
    if (this.#discardUntil !== undefined) this.#discardUntil = hub.now
  }

  pauseCommitted(): void {
    assert(this.#hub.pausing !== undefined, 'a pause is asked for before it is committed')
    this.#hub.pausing.isCommitted = true
  }

  /** The end of the session is on the disk; false if it is no discard. */
  endCommitted(): boolean {
    if (this.#discardUntil !== undefined) return true // Over when the peer confirms, or the deadline passes.
    if (!this.#isDiscardedByPeer) return false
    this.#hub.send({ kind: 'discard', confirm: true })
    this.#hub.finish({ how: 'discarded', by: 'peer' })
    return true
  }

  get deadline(): Millis | undefined {
    return earliest(this.#hub.pausing?.until, this.#discardUntil, this.#drainUntil)
  }
}
