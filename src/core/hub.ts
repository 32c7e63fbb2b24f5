// What the small machines of one session share: the settings, the effects under way to the engine, the entries, and where
// the session stands. Nothing here decides.

import type { ErrorCode } from '../errors.ts'
import type { Millis } from '../model/clock.ts'
import type { Limits } from '../model/limits.ts'
import type { Message } from '../model/messages.ts'
import type { JournalRecord } from '../model/records.ts'
import type {
  Durability,
  PauseReason,
  Role,
  SessionId,
  Shape,
  ShapeWishes,
  StateReason,
  Who,
} from '../model/session.ts'
import type { CommitPurpose, Effect, SessionEnd } from './effects.ts'
import { EntryTable } from './entry-table.ts'
import type { ConnectionId } from './inputs.ts'

/** What the core is given once: who it is, what it may, and the two functions it can't compute without help. */
export interface Settings {
  readonly role: Role
  readonly session: SessionId
  readonly instance: string
  /** A dialer's; '' on a listener. */
  readonly nonce: string
  /** What a dialer will dial under once it is bound; '' on a listener. */
  readonly sessionKey: string
  /** Receiver: the root's id. Sender: the id bound at first contact, '' before. */
  readonly root: string
  readonly limits: Limits
  readonly wishes: ShapeWishes
  /** xxh64 over chunk hashes and size, 16 hex digits. */
  readonly fileDigest: (hashes: BigUint64Array, size: number) => string
  /** Uniform in [0, 1): which chunks are sampled. */
  readonly fraction: () => number
}

/** Agreed at first contact, frozen from then on. */
export interface Agreement {
  readonly chunkBytes: number
  readonly shape: Shape
  readonly root: string
}

/**
 * Where the dialogue stands on the open connection.
 * - `greeting`: hello or welcome is under way
 * - `agreeing`: open; the receiver is saying where it stands
 * - `transferring`: data may flow
 * - `finishing`: `end` was said
 */
export type Phase = 'greeting' | 'agreeing' | 'transferring' | 'finishing'

export class Hub {
  readonly settings: Settings
  readonly entries: EntryTable = new EntryTable()
  now: Millis = 0
  agreement: Agreement | undefined
  windowBytes: number
  epoch = 0
  /** Lanes that carry data, as agreed; with 1 it is lane 0. */
  lanes = 1
  /** To the listener and back; undefined where this side is the listener, or nobody knows. */
  roundTripMs: Millis | undefined
  phase: Phase = 'greeting'
  /** The connection of the current epoch, once it is open. */
  open: ConnectionId | undefined
  /** Why there is none: a peer that is silent or stuck is named. */
  lostBy: 'network' | 'peer-silent' | 'no-progress' = 'network'
  /** A condition that stops data: told by either side. */
  parked:
    | { readonly reason: StateReason; readonly who: Who; readonly neededBytes?: number; readonly freeBytes?: number }
    | undefined
  /** The peer said `pause` and has not come back. */
  peerPaused: 'user' | 'signal' | undefined
  /** A person or signal asked to pause here; the peer is told and the last sync point made until then. */
  pausing: { readonly by: PauseReason; readonly until: Millis; isConfirmed: boolean; isCommitted: boolean } | undefined
  /** When something was last sent over the open connection. */
  sentAt: Millis = 0
  /** Payload bytes written by this process; a receiver's ping tells them. */
  receivedBytes = 0
  /** Payload bytes that a sender's sockets took in this process. */
  sentBytes = 0
  end: SessionEnd | undefined
  #effects: Effect[] = []
  #reported = ''

  constructor(settings: Settings) {
    this.settings = settings
    this.windowBytes = settings.limits.windowBytes
  }

  get chunkBytes(): number {
    return this.agreement?.chunkBytes ?? this.settings.limits.chunkBytes
  }

  /** What an acknowledge promises in this session. */
  get durability(): Durability {
    return this.agreement?.shape.durability ?? 'checkpoint'
  }

  /** Bytes at the receiver that outlive a power cut. */
  get bytesDurable(): number {
    const { bytesAcknowledged, bytesPublished } = this.entries
    return { checkpoint: bytesAcknowledged, file: bytesPublished, none: 0 }[this.durability]
  }

  emit(effect: Effect): void {
    this.#effects.push(effect)
  }

  /** Says something to the peer, if a connection is open; else it is said anew after the next `welcome`. */
  send(message: Message): void {
    if (this.open === undefined) return
    this.sentAt = this.now
    this.emit({ kind: 'send', connection: this.open, message })
  }

  commit(records: readonly JournalRecord[], purpose: CommitPurpose): void {
    this.emit({ kind: 'commit', records, purpose })
  }

  finish(end: SessionEnd): void {
    if (this.end !== undefined) return
    this.end = end
    this.emit({ kind: 'finish', end })
  }

  /** Ends the session in this process for a reason that trying again can't cure; the peer is told. */
  fail(code: ErrorCode, sentence: string): void {
    this.send({ kind: 'abort', code, sentence })
    this.finish({ how: 'failed', code, sentence })
  }

  /** Reports the state, if it is another than the one reported last. */
  report(): void {
    const { state, reason, who } = this.#standing()
    const { neededBytes, freeBytes } = this.parked ?? {}
    const text = `${state} ${reason} ${who} ${neededBytes}`
    if (text === this.#reported) return
    this.#reported = text
    this.emit({
      kind: 'report',
      state,
      reason,
      who,
      ...(neededBytes === undefined ? {} : { neededBytes }),
      ...(freeBytes === undefined ? {} : { freeBytes }),
    })
  }

  #standing(): Pick<Effect & { kind: 'report' }, 'state' | 'reason' | 'who'> {
    if (this.end?.how === 'released') return { state: 'released', reason: null, who: null }
    if (this.end?.how === 'discarded')
      return { state: 'discarded', reason: this.end.by === 'peer' ? 'peer-user' : 'user', who: this.end.by }
    if (this.end?.how === 'paused') return { state: 'paused', reason: this.end.by, who: 'self' }
    if (this.peerPaused !== undefined)
      return { state: 'paused', reason: this.peerPaused === 'user' ? 'peer-user' : 'peer-signal', who: 'peer' }
    if (this.open === undefined)
      return this.agreement === undefined
        ? { state: 'greeting', reason: null, who: null }
        : { state: 'interrupted', reason: this.lostBy, who: this.lostBy === 'network' ? 'both' : 'peer' }
    if (this.parked !== undefined) return { state: 'parked', reason: this.parked.reason, who: this.parked.who }
    return { state: this.phase, reason: null, who: null }
  }

  /** Hands over what was emitted since the last call. */
  drain(): readonly Effect[] {
    const effects = this.#effects
    this.#effects = []
    return effects
  }
}

/** The earliest of some times, of which some may not be set. */
export function earliest(...times: readonly (Millis | undefined)[]): Millis | undefined {
  let first: Millis | undefined
  for (const time of times) if (time !== undefined && (first === undefined || time < first)) first = time
  return first
}
