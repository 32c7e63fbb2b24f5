// The signatures of the library, as src/index.ts exports them: types only, so that whoever calls (the command, a program)
// and whoever fulfils (the engine) agree in one place. Options are the long options of the command in camelCase, resolved:
// a secret is a ticket, a file of patterns is its lines, sizes are bytes, durations milliseconds.

import type { TransferError } from '../errors.ts'
import type { Event, ExitEvent } from '../model/events.ts'
import type {
  ConflictPolicy,
  Durability,
  LinkPolicy,
  Receipt,
  Role,
  SessionId,
  SessionState,
  SpecialPolicy,
  StateReason,
  Who,
} from '../model/session.ts'
import type { ServeApi } from './serve-api.ts'

/** Where a listener listens. */
export interface ListenAddress {
  /** '' is all addresses. */
  readonly host: string
  /** 0 is any free port. */
  readonly port: number
}

/** Options of every call that looks at sessions of this machine. */
export interface StateOptions {
  /** Where the sender's journals and all receipts are kept. Default: `$STATE_DIRECTORY`, `$XDG_STATE_HOME/carryon` or `~/.local/state/carryon`. */
  readonly stateDir?: string | undefined
}

/** What may differ from run to run of one session. Durations in ms, `Infinity` never ends; bytes are bytes. */
export interface RunOptions extends StateOptions {
  /** Where to listen. Default: all addresses, any free port. */
  readonly listen?: ListenAddress | undefined
  /** Further `HOST[:PORT]` for the ticket. */
  readonly advertise?: readonly string[] | undefined
  /** Write the ticket there, mode 0600, instead of into the `listening` event. */
  readonly ticketFile?: string | undefined
  /** Wait for the process that holds the session, instead of failing with `busy`. Default false. */
  readonly wait?: boolean | undefined
  /** Follow the process that holds the session, instead of failing with `busy`. Default false. */
  readonly attach?: boolean | undefined
  /** How long to redial or wait once joined. Default 24 h. */
  readonly retryForMs?: number | undefined
  /** A dialer: how long to try before first contact. Default 30 s. */
  readonly connectForMs?: number | undefined
  /** A peer this silent is dead. 3 s to 5 min; default 15 s. */
  readonly deadAfterMs?: number | undefined
  /** The session expires after this without progress: 1 min to 1 year. Default: as it was, at first 7 d. */
  readonly expiresMs?: number | undefined
  /** Yield a `file` event for every entry. Default false. */
  readonly files?: boolean | undefined
  /** Bytes per second of payload. Default: no limit. */
  readonly bwlimit?: number | undefined
  /** Bytes on their way and not acknowledged, at most: 2 MiB to 1 GiB; the smaller one of both sides holds. Default 192 MiB. */
  readonly windowBytes?: number | undefined
  /** Connections that carry data side by side: 1 to 16, or as many as pay, 8 at most. Default: as the other side asks, else 1. */
  readonly lanes?: number | 'auto' | undefined
  /** Pause once so many bytes of payload have crossed in this run; a receiver stops a little later. Default: no limit. */
  readonly maxTransfer?: number | undefined
  /** Pause this long after the start. Default: never. */
  readonly maxDurationMs?: number | undefined
  /** A certificate with those that vouch for it, and its private key, as PEM: TLS shows it, and tickets pin its key. */
  readonly tlsCert?: string | undefined
  readonly tlsKey?: string | undefined
  /** `ws://` without TLS, on loopback addresses only. Default false. */
  readonly insecurePlaintext?: boolean | undefined
  /** Whether ssh may ask for a password or a passphrase at the terminal. Default false: it fails instead. */
  readonly mayAsk?: boolean | undefined
  /** Between two `progress` events. Default 1000. */
  readonly progressIntervalMs?: number | undefined
  /** Aborting pauses the session (attached: stops following). `signal.reason` 'signal' says that TERM or HUP asked. */
  readonly signal?: AbortSignal | undefined
}

/** What both ends of a transfer may say. */
export interface TransferOptions extends RunOptions {
  /** Part of what makes "the same session"; a sender's: the name the source lands under. */
  readonly as?: string | undefined
  /** What happens to a target that exists and differs. Default: as the peer asks, else `fail`. Frozen in the session. */
  readonly onConflict?: ConflictPolicy | undefined
  /** What an acknowledge has to outlive. Default: a sender's `checkpoint`, a receiver's as the sender asks; the stronger holds. Frozen. */
  readonly durability?: Durability | undefined
  /** Begin another session beside an unfinished one. Default false. */
  readonly new?: boolean | undefined
  /** Begin another session in place of an unfinished one, which stays until discarded or expired. Default false. */
  readonly restart?: boolean | undefined
}

export interface SendOptions extends TransferOptions {
  /** Dial the peer with this ticket (`carryon1:…`), or over ssh the one that receives at `[user@]HOST:PATH`. Without it this side listens. */
  readonly to?: string | undefined
  /** Patterns in the words of .gitignore, in order. Frozen. */
  readonly exclude?: readonly string[] | undefined
  /** Default `keep`. Frozen. */
  readonly links?: LinkPolicy | undefined
  /** What `ending.omissions` counts of sockets, devices and the like. Default `list`: nothing. Frozen. */
  readonly special?: SpecialPolicy | undefined
  /** Compare existing files by content instead of size and modification time. Default false. Frozen. */
  readonly checksum?: boolean | undefined
  /** Bytes that are sent, checked and sent again as one: 64 KiB to 1 MiB. Default 1 MiB. A session keeps those it began with. */
  readonly chunkBytes?: number | undefined
}

export interface ReceiveOptions extends TransferOptions {
  /** Dial the peer with this ticket (`carryon1:…`), or over ssh the one that sends `[user@]HOST:PATH`. Without it this side listens. */
  readonly from?: string | undefined
  /** Refuse a manifest with more bytes. Default: no limit. */
  readonly maxBytes?: number | undefined
  /** Refuse a manifest with more entries. Default: carryon's own limit. */
  readonly maxFiles?: number | undefined
}

/** How a run came to its end, for whoever chooses an exit code. */
export interface Ending {
  /** State the session was left in; null if none ever began. */
  readonly state: SessionState | null
  /** Whether the same command goes on with it. */
  readonly resumable: boolean
  /** What stopped it; null if it ran to its end. A bug or an unforeseen error is an `Error` of another class. */
  readonly error: TransferError | Error | null
  readonly receipt: Receipt | null
  /** Files that failed verification for good. */
  readonly integrity: number
  /** Files whose target existed and differed under policy `fail`, early or late. */
  readonly conflicts: number
  /** Entries left out: unreadable, changing without end, refused by name, special under `--special fail`. */
  readonly omissions: number
  /** Entries deleted after the walk. */
  readonly vanished: number
}

/**
 * A running transfer. Iterate it once: it yields events up to the `summary` and then ends; it never throws. Unread,
 * only `progress` is dropped, and `file` events hold the transfer back.
 */
export interface Session extends AsyncIterable<Exclude<Event, ExitEvent>> {
  /** Settles once it is known which session this is. Rejects as `receipt` does. */
  readonly id: Promise<SessionId>
  /** Set while this side listens with a ticket and no `ticketFile`. */
  readonly ticket: string | null
  readonly role: Role
  /** True once it is known that another process holds the session and this one only follows. */
  readonly attached: boolean
  /** The receipt, durable on this side. Rejects with TransferError. Need not be handled. */
  readonly receipt: Promise<Receipt>
  /** Always fulfils, after the last event, once everything is closed. */
  readonly ending: Promise<Ending>
  /** Last sync point, tells the peer, ends the run: at most 2 s. Default `user`; `signal` for TERM and HUP. Safe to call twice. */
  pause(by?: 'user' | 'signal'): Promise<void>
  /** Both sides forget; a tombstone stays until expiry. */
  discard(): Promise<void>
  /** Bytes per second of payload from now on; null lifts the limit. */
  limitBandwidth(bytesPerSecond: number | null): void
}

/** A session as `ls` shows it: from its journal, or from the process that holds it. */
export interface SessionListing {
  readonly id: SessionId
  readonly role: Role
  readonly state: SessionState
  readonly reason: StateReason | null
  readonly who: Who | null
  /** Since when it is in that state: RFC 3339. */
  readonly since: string
  /** Whether a live process of this machine works on it. */
  readonly held: boolean
  readonly epoch: number
  /** What is sent: absolute paths, for showing. A receiver: []. */
  readonly sources: readonly string[]
  /** The folder received into, absolute, for showing. A sender: null. */
  readonly directory: string | null
  /** `host:port` last spoken to. */
  readonly peer: string | null
  readonly bytesDurable: number
  /** Null until the manifest has ended. */
  readonly bytesTotal: number | null
  readonly filesDone: number
  readonly filesTotal: number | null
  readonly createdAt: string
  /** Last progress. */
  readonly updatedAt: string
  /** Null for what is delivered: its receipt is kept. */
  readonly expiresAt: string | null
  /** Unfinished, held by nobody and without progress for a day, or with a folder that is gone. */
  readonly stale: boolean
  /** Null when there is nothing to go on with. */
  readonly resumeCommand: string | null
}

/** A session as `status` shows it. */
export interface SessionStatus extends SessionListing {
  /** Directory of its journal; null once only the receipt is left. */
  readonly stateDirectory: string | null
  readonly onConflict: ConflictPolicy | null
  readonly chunkBytes: number | null
  /** Entries by outcome, so far. */
  readonly outcomes: Receipt['outcomes']
  /** Path of the receipt, once there is one. */
  readonly receipt: string | null
  /** From the process that holds it; null when nobody does. */
  readonly live: {
    readonly rateBytesPerSecond: number
    readonly etaSeconds: number | null
    readonly bytesSent: number
    readonly bytesReceived: number
    /** Where it listens; []: it dials. */
    readonly addresses: readonly string[]
  } | null
  /** The other side as it last told; null before first contact. */
  readonly other: {
    readonly state: SessionState
    readonly reason: StateReason | null
    readonly bytesReceived: number
    readonly bytesDurable: number
    readonly heardAt: string
  } | null
}

export interface ListOptions extends StateOptions {
  /** Ended ones too, and those of which only the receipt or an unused ticket is left. Default false. */
  readonly all?: boolean | undefined
  /** Also look into this folder for sessions received into it. */
  readonly root?: string | undefined
  /** Only stale ones. Default false. */
  readonly stale?: boolean | undefined
  /** Told of sessions that are there and cannot be gone on with, and why. */
  readonly onPassedOver?: ((session: SessionId, why: TransferError) => void) | undefined
}

export interface ResumeOptions extends RunOptions {
  /** After `journal-damaged`: keep what the part files prove and go on. Default false. */
  readonly rebuild?: boolean | undefined
}

export type WatchOptions = StateOptions & Pick<RunOptions, 'signal'>

export interface DiscardOptions extends StateOptions {
  /** Do not try to tell the peer. Default false. */
  readonly localOnly?: boolean | undefined
}

export interface ExpiredOptions extends StateOptions {
  /** Also look into this folder for sessions received into it. */
  readonly root?: string | undefined
  /** Without progress for longer than this. Default: than each one's own time, 7 d unless `expiresMs` said otherwise. */
  readonly olderThanMs?: number | undefined
}

export interface DoctorOptions extends StateOptions {
  /** The folder to receive into. Default: the current one. */
  readonly root?: string | undefined
}

/** A folder carryon would write to. What could not be found out is null. */
export interface FolderHealth {
  readonly kind: 'state' | 'folder'
  readonly path: string
  readonly exists: boolean
  /** Why it cannot be used; null: it can. */
  readonly problem: string | null
  readonly freeBytes: number | null
  /** To make 1 MiB durable. */
  readonly syncMs: number | null
  readonly hasLinks: boolean | null
  /** Whether names in it can be made durable. */
  readonly syncsNames: boolean | null
}

export interface Diagnosis {
  /** `now`: RFC 3339. Behind: earlier than what the journals have seen. */
  readonly clock: { readonly now: string; readonly isBehind: boolean }
  readonly folders: readonly FolderHealth[]
  readonly ports: { readonly canListen: boolean; readonly isUsualFree: boolean }
  readonly stale: readonly SessionListing[]
  /** Sessions that are there and cannot be gone on with. */
  readonly passedOver: readonly { readonly session: SessionId; readonly why: string }[]
  /** The last session that stands still though no person asked for it. */
  readonly lastBreak: SessionListing | null
}

export interface VerifyOptions extends StateOptions {
  /** Told now and then how many bytes have been read. */
  readonly onProgress?: ((bytes: number) => void) | undefined
}

/** What reading again has shown. */
export interface Verification {
  readonly session: SessionId
  /** The folder received into. */
  readonly folder: string
  /** RFC 3339; null: it is unfinished. */
  readonly finishedAt: string | null
  /** Files looked at, unfinished ones included. */
  readonly files: number
  /** Bytes read and found as they were received. */
  readonly bytes: number
  /** Files that were there before the session, by size and time: their content was never known. */
  readonly unread: number
  readonly differences: readonly { readonly path: string; readonly what: string }[]
}

/**
 * What src/index.ts exports to programs and to the command. `id` is a session's id, a prefix of it of 4 digits or more,
 * or '' when only one fits. Functions that return a promise reject with TransferError (`session-not-found`,
 * `session-ambiguous`, `busy`, `no-state-directory`, …); those that return a Session never throw, its `receipt` rejects.
 */
export interface CarryonApi extends ServeApi {
  /** Sends files and folders. A path is as typed; `photos/.` spills the contents. */
  send(paths: readonly string[], options?: SendOptions): Session
  /** Receives into a folder, which is made if its parent exists. */
  receive(directory: string, options?: ReceiveOptions): Session
  /** Newest first. */
  listSessions(options?: ListOptions): Promise<readonly SessionListing[]>
  sessionStatus(id: string, options?: StateOptions): Promise<SessionStatus>
  /** Goes on with a session as it began: same paths, same filters. */
  resumeSession(id: string, options?: ResumeOptions): Session
  /**
   * Follows a session that another process works on, and ends as that one does; aborting stops following and touches
   * nothing. Where none works on it `ending` tells of `retry-over` at once.
   */
  watchSession(id: string, options?: WatchOptions): Session
  /** Asks the process that holds it to pause; without one, marks it paused. Returns how it stands then. */
  pauseSession(id: string, options?: StateOptions): Promise<SessionListing>
  /** Puts away unfinished sessions whose time is over and that nobody holds, each under a tombstone. Returns how they stood. */
  discardExpired(options?: ExpiredOptions): Promise<readonly SessionListing[]>
  /** What of this machine could stand in a session's way. */
  doctor(options?: DoctorOptions): Promise<Diagnosis>
  /** Reads what was received again and compares: of a session, by its id, or of what was received at a path. Changes no file. */
  verify(asked: string, options?: VerifyOptions): Promise<Verification>
  /** Bytes per second of payload from now on, null for no limit, in the process that holds it. Returns how it stands: `held` is false if none does. */
  limitSession(id: string, bytesPerSecond: number | null, options?: StateOptions): Promise<SessionListing>
  /** Returns how it stood; `peerTold` is false if the peer will hear of it later, from the tombstone. */
  discardSession(id: string, options?: DiscardOptions): Promise<SessionListing & { readonly peerTold: boolean }>
}
