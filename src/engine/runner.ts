// The loop that feeds inputs to one session's core and carries out its effects, for as long as this process works on the
// session. It owns the journal, the connections and the buffers of that session; who dials, listens, retries and tells
// users about it is above (life/).

import type { Connection } from '../model/connection.ts'
import type { Directory } from '../model/disk.ts'
import type { HintCode } from '../model/events.ts'
import type { EntryOutcome, Hello } from '../model/messages.ts'
import type { Path } from '../model/names.ts'
import type { HeaderRecord, JournalRecord } from '../model/records.ts'
import type {
  Durability,
  Outcome,
  PauseReason,
  Role,
  SessionId,
  SessionState,
  StateReason,
  Who,
} from '../model/session.ts'
import type { SessionEnd } from '../core/effects.ts'
import type { Meter } from '../transport/meter.ts'
import type { Target } from '../store/target.ts'
import type { World } from './context.ts'

/** What a runner is given. The session's lock is already held. */
export interface RunnerOptions {
  readonly world: World
  readonly session: SessionId
  /** STATE/<id> or DIR/.carryon/<id>, pinned. */
  readonly directory: Directory
  /** Whether the lock is still ours; asked before each record (R44). */
  readonly isHeld?: () => Promise<boolean>
  /** Where receipts go: STATE/receipts, or undefined where there is no state directory. */
  readonly receipts: Directory | undefined
  /** Names this process in hellos: 16 hex digits. */
  readonly instance: string
  /** Sender only. */
  readonly walk?: WalkOptions
  /** Receiver only. */
  readonly receive?: ReceiveLimits
  /** Keep what a damaged journal still says instead of refusing it. */
  readonly rebuild?: boolean
  readonly observer: (event: RunnerEvent) => void
}

export interface WalkOptions {
  readonly exclude: readonly string[]
  readonly links: 'keep' | 'keep-all' | 'follow' | 'skip'
  /** Entries of a manifest page, at most; all that fit unless given. */
  readonly pageEntries?: number | undefined
}

export interface ReceiveLimits {
  readonly target: Target
  /** Infinity: no bound. */
  readonly maxBytes: number
  readonly maxFiles: number
  /** Sets room aside for what a page, or a file that grew, brings in, before any of it is written. */
  readonly reserve?: Reserve | undefined
  /** How fast it is taken; as it comes unless given. */
  readonly meter?: Meter | undefined
}

/** @returns why there is no room for it, as a sentence, or undefined: it is set aside */
export type Reserve = (more: {
  /** Counts once, however often it comes; null: in addition to what was set aside before. */
  readonly page: number | null
  readonly bytes: number
  readonly files: number
}) => Promise<string | undefined>

/** What a runner tells as it happens. */
export type RunnerEvent =
  | {
      readonly kind: 'state'
      readonly state: SessionState
      readonly reason: StateReason | null
      readonly who: Who | null
      readonly neededBytes: number | null
      readonly freeBytes: number | null
    }
  | { readonly kind: 'checkpoint'; readonly serial: number; readonly grade: 'minor' | 'major'; readonly syncMs: number }
  | { readonly kind: 'outcome'; readonly path: Path; readonly outcome: EntryOutcome; readonly bytes: number }
  | { readonly kind: 'warning'; readonly code: string; readonly sentence: string; readonly path: string | null }
  | { readonly kind: 'hint'; readonly code: HintCode; readonly sentence: string }
  /** Chunks known only from hints, read back and written again after a crash. Receiver only, before anything else. */
  | {
      readonly kind: 'adopted'
      readonly bytesHinted: number
      readonly bytesAdopted: number
      readonly durationMs: number
    }
  /** The connection in use is gone: the dialer dials again, the listener waits. */
  | { readonly kind: 'disconnected'; readonly reason: string; readonly permanent: boolean }
  /** The dialer shall connect once more, for a lane that carries data: `laneDialed` answers. */
  | { readonly kind: 'laneWanted'; readonly lane: number }

/** Where a session stands, read at any time. Bytes are payload. */
export interface RunnerView {
  readonly role: Role
  readonly state: SessionState
  readonly reason: StateReason | null
  readonly who: Who | null
  readonly epoch: number
  readonly isConnected: boolean
  /** Connections that carry data now. */
  readonly lanes: number
  readonly peer: string | null
  /** Whether first contact was made: both sides hold the session key. */
  readonly isBound: boolean
  /** null until the manifest has ended. */
  readonly filesTotal: number | null
  readonly bytesTotal: number | null
  /** Entries listed so far. */
  readonly entriesSoFar: number
  readonly bytesSoFar: number
  readonly filesDone: number
  readonly filesOmitted: number
  /** Durable on the receiver's disk, as far as this side knows. */
  readonly bytesDurable: number
  /** What an acknowledge promises; `checkpoint` until it is agreed. */
  readonly durability: Durability
  /** At that level. */
  readonly bytesAcknowledged: number
  readonly bytesDurableAtStart: number
  readonly bytesAcknowledgedAtStart: number
  /** Found in place since then. */
  readonly bytesUnchanged: number
  readonly bytesPublished: number
  /** Distinct and repeated payload bytes that crossed in this run. */
  readonly bytesSentThisRun: number
  readonly bytesResent: number
  readonly bytesOnWire: number
  readonly checkpoints: number
  readonly reconnects: number
  readonly phase: 'scanning' | 'transferring' | 'verifying' | 'publishing'
  /** Outcomes so far, by name. */
  readonly outcomes: Readonly<Record<string, number>>
}

/** One session, worked on by this process. */
export interface Runner {
  readonly session: SessionId
  readonly header: HeaderRecord
  readonly view: RunnerView
  /** What became of an entry; undefined while that is open, and where nobody has looked yet. */
  outcomeOf(entry: number): Outcome | undefined
  /** Dialer: a transport is up. The runner starts it and greets. */
  connected(connection: Connection): void
  /** Dialer: a further transport is up for that lane, or is not to be had. */
  laneDialed(lane: number, connection: Connection | undefined): void
  /** Listener: a proven hello came in over a connection that was started by the listener; its further frames go to `runner.handlersOf(connection)`. */
  accepted(connection: Connection, hello: Hello, records: readonly JournalRecord[]): ConnectionSink
  /** Sync point or hints, goodbye to the peer, within 2 s; then `ended` is `paused`. */
  pause(by: PauseReason): void
  discard(): void
  /** Lazily journals something about the session itself (joined, parked). */
  note(records: readonly JournalRecord[]): void
  /** Resolves when nothing will follow; the journal and all files are closed. Never rejects: bugs end as `failed`. */
  readonly ended: Promise<SessionEnd>
  /** Leaves now without goodbye, journal closed: for retry-over and the like. */
  stop(): Promise<void>
}

/** Where the frames of an accepted connection go. */
export interface ConnectionSink {
  text(text: string): void
  data(frame: Uint8Array, release?: () => void): void
  ended(reason: string): void
}
