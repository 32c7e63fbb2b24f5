// The words both sides, the journal, the events and the screen share about a session: roles, states with their reasons,
// outcomes of entries, the options that shape the result, the receipt.

/** The role in the flow of data; who opens the connection is another matter. */
export type Role = 'sender' | 'receiver'

/** 128 random bits as 32 lower-case hex digits. */
export type SessionId = string

export type SessionState =
  | 'listening'
  | 'greeting'
  | 'agreeing'
  | 'transferring'
  | 'finishing'
  | 'released'
  | 'interrupted'
  | 'parked'
  | 'paused'
  | 'unresumable'
  | 'discarded'
  | 'expired'

/** Why a session is not making progress. */
export type StateReason =
  | 'no-peer-yet'
  | 'receipt-unconfirmed'
  | 'network'
  | 'peer-silent'
  | 'peer-busy'
  | 'port-in-use'
  | 'crash'
  | 'retry-over'
  | 'disk-full'
  | 'disk-failed'
  | 'quota'
  | 'source-gone'
  | 'no-progress'
  | 'user'
  | 'signal'
  | 'transfer-limit'
  | 'time-limit'
  | 'ticket-expired'
  | 'ticket-revoked'
  | 'peer-user'
  | 'peer-signal'
  | 'peer-expired'
  | 'peer-released'
  | 'ttl'

/** Why a run stopped on purpose, with all kept: a person, a signal, or the end of what it was allowed. */
export type PauseReason = 'user' | 'signal' | 'transfer-limit' | 'time-limit' | CredentialEnd

/** Why a server ends a session whose ticket is not good any more; another ticket goes on with it. */
export type CredentialEnd = 'ticket-expired' | 'ticket-revoked'

/** Who has to act, or whose condition it is. */
export type Who = 'self' | 'peer' | 'both'

/** What became of an entry. */
export type Outcome =
  | 'delivered'
  | 'unchanged'
  | 'kept'
  | 'replaced'
  | 'renamed'
  | 'skipped'
  | 'omitted'
  | 'vanished'
  | 'conflict'
  | 'failed'

export type ConflictPolicy = 'fail' | 'keep' | 'replace' | 'update' | 'rename'
export type LinkPolicy = 'keep' | 'keep-all' | 'follow' | 'skip'
export type SpecialPolicy = 'list' | 'fail'
export type VanishedPolicy = 'report' | 'ok' | 'fail'

/**
 * What an acknowledge promises to outlive, strongest first.
 * - `checkpoint`: everything, a power cut too: data and journal are synced before it is said
 * - `file`: a chunk outlives the receiver's process; a file in its place outlives everything
 * - `none`: both outlive the receiver's process, no more
 */
export type Durability = 'checkpoint' | 'file' | 'none'

const durabilities: readonly Durability[] = ['checkpoint', 'file', 'none']

/** Whether a level promises at least what another one does. */
export function isAsDurable(level: Durability, asked: Durability): boolean {
  return durabilities.indexOf(level) <= durabilities.indexOf(asked)
}

/** What shapes the result, as one side wishes it; null means "as you like". Frozen in the session once agreed. */
export interface ShapeWishes {
  readonly onConflict: ConflictPolicy | null
  /** Compare existing files by content instead of size and modification time. */
  readonly checksum: boolean
  /** At least this. Absent: a sender's is `checkpoint`, a receiver takes what the sender asks for. */
  readonly durability?: Durability
}

/** What shapes the result, as agreed. */
export interface Shape {
  readonly onConflict: ConflictPolicy
  readonly checksum: boolean
  /** Absent: `checkpoint`. */
  readonly durability?: Durability
}

export interface OutcomeCount {
  readonly outcome: Outcome
  readonly count: number
}

/** Entries that are not in place, by what that means for an exit code. Reasons count, which a receipt has not. */
export interface Tally {
  readonly integrity: number
  readonly conflicts: number
  readonly omissions: number
  readonly vanished: number
}

/** The durable statement, the same on both disks, of what was delivered. */
export interface Receipt {
  readonly version: 1
  readonly session: SessionId
  /** Running digest of the whole manifest, 16 hex digits. */
  readonly manifest: string
  /** Session digest, `xxh64c:` and 16 hex digits: over paths, kinds, sizes and digests of what was delivered. */
  readonly digest: string
  readonly entries: number
  /** Files in place: delivered, replaced, renamed or found unchanged. */
  readonly files: number
  /** Their bytes. */
  readonly bytes: number
  readonly outcomes: readonly OutcomeCount[]
  readonly durability: Durability
  /** The receiver's file system cannot sync directories: a power cut may take the newest names (R7). */
  readonly degraded?: true
  /** Wall time of the receiver, RFC 3339. */
  readonly finishedAt: string
}
