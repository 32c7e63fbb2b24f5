// What a session tells its users: the events of NDJSON v1. The library yields them, `--json` writes them one a line, the
// screen is drawn from them. Additions are free, changes need a new major version. Schema: docs/events.v1.schema.json.
// Bytes are integers; times are RFC 3339 in UTC with milliseconds; null means "not known (yet)", an absent field "does not apply".

import type { Durability, Outcome, Role, SessionId, SessionState, StateReason, Who } from './session.ts'

/** On every event. */
export interface Envelope {
  readonly v: 1
  readonly time: string
  /** Null until the session is known, and on a usage error. */
  readonly session: SessionId | null
  /** Null only where there is no session, as on a usage error of `ls`. */
  readonly role: Role | null
}

/** This side listens; said again when one of these changes. The only event that ever holds a ticket. */
export interface ListeningEvent extends Envelope {
  readonly type: 'listening'
  /** `host:port`, as the ticket names them. */
  readonly addresses: readonly string[]
  /** Null with `ticketFile`, or where none is needed because both sides hold the session key. */
  readonly ticket: string | null
  /** What to run on the other machine, shell-quoted. */
  readonly command: string
  /** When the ticket stops being good for first contact; null without a ticket. */
  readonly expiresAt: string | null
}

/** The state of the session changed. */
export interface SessionEvent extends Envelope {
  readonly type: 'session'
  readonly state: SessionState
  readonly previous: SessionState | null
  /** Set in every state that is not progress. */
  readonly reason: StateReason | null
  readonly who: Who | null
  /** Whether a live process of this machine works on it. */
  readonly held: boolean
  readonly epoch: number
  /** Whether this run found a session to go on with. */
  readonly resumed: boolean
  /** `host:port` of the other side, or null while there is none. */
  readonly peer: string | null
  readonly filesTotal?: number
  readonly bytesTotal?: number
  readonly bytesDurable: number
  /** Only where less than `checkpoint` was agreed: what an acknowledge promises instead. */
  readonly level?: Durability
  /** With `level`: what was acknowledged, durable or not. */
  readonly bytesAcknowledged?: number
}

export type Phase = 'scanning' | 'transferring' | 'verifying' | 'publishing'

/** Where it stands. Once per `progressIntervalMs`; the only event that may be dropped. */
export interface ProgressEvent extends Envelope {
  readonly type: 'progress'
  readonly phase: Phase
  /** Null until the manifest has ended. */
  readonly bytesTotal: number | null
  /** Bytes of the files listed so far: grows while scanning, then `bytesTotal`. */
  readonly bytesFound: number
  /** All runs: bytes of distinct places handed to the network, or durable before. */
  readonly bytesSent: number
  /** Bytes the receiver has; on the sender, as of the last ping. */
  readonly bytesReceived: number
  /** Bytes on disk for good: the percentage. Falls only with a `rolled-back` warning. */
  readonly bytesDurable: number
  /** With a `level` below `checkpoint`: what was acknowledged, durable or not; then the percentage is made of it. */
  readonly bytesAcknowledged?: number
  /** `bytesDurable` when this run began. */
  readonly bytesDurableAtStart: number
  /** Bytes of files in place under their final name. */
  readonly bytesPublished: number
  /** Payload of this run, moving average over 5 s. */
  readonly rateBytesPerSecond: number
  /** Bytes not yet durable over the durable rate of the last 30 s. */
  readonly etaSeconds: number | null
  /** Grows while scanning. */
  readonly filesTotal: number
  readonly filesDone: number
  readonly filesOmitted: number
  readonly lanes: number
}

/** A sync point was acknowledged. `major`: with outcomes of files. */
export interface CheckpointEvent extends Envelope {
  readonly type: 'checkpoint'
  readonly serial: number
  readonly grade: 'minor' | 'major'
  readonly level: Durability
  readonly bytesDurable: number
  readonly bytesAcknowledged?: number
  readonly filesDone: number
  /** How long the receiver's disk took. */
  readonly syncMs: number
  /** Since the sync point before; null for the first one of a run. */
  readonly sinceLastMs: number | null
}

/** Receiver, after a restart: what was found on disk beyond the last sync point and made to count. */
export interface AdoptedEvent extends Envelope {
  readonly type: 'adopted'
  readonly bytesHinted: number
  readonly bytesAdopted: number
  readonly durationMs: number
}

/** The connection is gone; the next attempt comes after `delayMs`. */
export interface ReconnectingEvent extends Envelope {
  readonly type: 'reconnecting'
  /** Counts from 1 since the connection was lost. */
  readonly attempt: number
  readonly reason: StateReason
  readonly delayMs: number
  /** Null: it never gives up. */
  readonly retryUntil: string | null
  /** Sent and not durable. */
  readonly bytesAtRisk: number
}

/** Something other than the network is waited for. */
export interface WaitingEvent extends Envelope {
  readonly type: 'waiting'
  readonly reason: StateReason
  readonly who: Who
  readonly since: string
  readonly retryUntil?: string
  readonly bytesNeeded?: number
  readonly bytesFree?: number
  /** What a person can do about it. */
  readonly hint: string
}

/** What became of an entry. Only entries neither delivered nor unchanged, unless `files` is set. */
export interface FileEvent extends Envelope {
  readonly type: 'file'
  readonly path: string
  /** The name's bytes, where they are not UTF-8. */
  readonly pathBase64?: string
  readonly index: number
  readonly outcome: Outcome
  /** Bytes in place; 0 where nothing is. */
  readonly bytes: number
  /** `xxh64c:` and 16 hex digits. */
  readonly digest?: string
  /** The name it landed under, if not its own: the last component. */
  readonly target?: string
  readonly reason?: string
}

export type WarningCode =
  | 'rolled-back'
  | 'durability-degraded'
  | 'late-conflict'
  | 'release-unconfirmed'
  | 'root-moved'
  | 'insecure'
  | 'hook-failed'
  | 'source-changed'
  | 'slow-sync'
  | 'names-alike'
  | 'chunk-repaired'
  | 'torn-journal'
  | 'frozen-chunk-size'
  | 'expires-soon'
  | 'expired'
  | 'passed-over'
  | 'list-not-kept'
  | 'session-ended'
  | 'ssh'

/** Something a person should know; the transfer goes on. */
export interface WarningEvent extends Envelope {
  readonly type: 'warning'
  readonly code: WarningCode
  readonly message: string
  readonly path?: string
  readonly pathBase64?: string
  readonly details?: Readonly<Record<string, string | number | boolean | null>>
}

export type HintCode = 'window-small' | 'new-entries' | 'folder-made' | 'delivered-before'

/** Something that could go better next time. */
export interface HintEvent extends Envelope {
  readonly type: 'hint'
  readonly code: HintCode
  readonly message: string
}

/**
 * The last event of a session's run, whenever a session was known, failed or not. Once all is well,
 * `bytesReused + bytesSentThisRun - bytesResent = bytes`.
 */
export interface SummaryEvent extends Envelope {
  readonly type: 'summary'
  readonly files: number
  readonly bytes: number
  readonly bytesSentThisRun: number
  /** Durable there before this run, or found unchanged. */
  readonly bytesReused: number
  /** Places sent more than once. */
  readonly bytesResent: number
  /** Framing and messages included; holes count for their frames only. */
  readonly bytesOnWire: number
  readonly reconnects: number
  readonly checkpoints: number
  readonly durationMs: number
  /** Session digest, `xxh64c:` and 16 hex digits; null before the end. */
  readonly digest: string | null
  /** Path of the receipt, or null before the end. */
  readonly receipt: string | null
  /** How many entries had which outcome; an absent one had none. */
  readonly outcomes: Readonly<Partial<Record<Outcome, number>>>
}

/** The last line of every command, exactly once. Written by the command: the library yields none. */
export interface ExitEvent extends Envelope {
  readonly type: 'exit'
  /** As `carryon help exit-codes` lists them. */
  readonly code: number
  readonly name: string
  /** By the session's state. */
  readonly resumable: boolean
  /** Shell-quoted; never holds a ticket. */
  readonly resumeCommand: string | null
  readonly error?: { readonly code: string; readonly message: string; readonly hint: string }
}

export type Event =
  | ListeningEvent
  | SessionEvent
  | ProgressEvent
  | CheckpointEvent
  | AdoptedEvent
  | ReconnectingEvent
  | WaitingEvent
  | FileEvent
  | WarningEvent
  | HintEvent
  | SummaryEvent
  | ExitEvent

export type EventType = Event['type']

/** An event before it is stamped with its envelope. */
export type EventBody = Event extends infer E ? (E extends Event ? Omit<E, keyof Envelope> : never) : never
