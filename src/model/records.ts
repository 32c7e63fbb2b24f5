// The records of journal v1 as plain values, and the checkpoint that a journal folds into. Bytes: docs/journal.md; `store`
// writes and reads them, `core` makes them and is restored from the checkpoint.

import type { Fingerprints } from './fingerprints.ts'
import type { Fingerprint, ManifestTotals } from './manifest.ts'
import type { EntryOutcome } from './messages.ts'
import type { Run } from './places.ts'
import type { CertificateTrust } from './ticket.ts'
import type { PauseReason, Receipt, Role, SessionId, Shape, ShapeWishes, StateReason } from './session.ts'

/** Written once, before the session is first shown to a peer. */
export interface HeaderRecord {
  readonly kind: 'header'
  readonly session: SessionId
  readonly role: Role
  /** Wall time, ms. */
  readonly createdAt: number
  /** Who opens the connection on this side. */
  readonly side: 'dialer' | 'listener'
  /** Only where the ticket opens many sessions: a dialer's the ticket's id, on a server that of its grant. 32 hex digits. */
  readonly ticket?: string
  /** HKDF(ticket secret): 64 hex digits. Emptied by `bound` + first use of the session key at the next rewrite. */
  readonly ticketKey: string
  readonly ticketExpiresAt: number
  /** A dialer's nonce, 32 hex digits; '' on a listener until `bound`. */
  readonly nonce: string
  /** How the two sides prove themselves, where that is behind a certificate. */
  readonly tls?: CertificateTrust
  /** Dialer: where to dial. Listener: where it listened. `host:port`. */
  readonly addresses: readonly string[]
  /** Receiver: random id of the root. Sender: ''. */
  readonly root: string
  /** Sender: real paths of the sources, each with the name it lands under. Receiver: []. */
  readonly sources: readonly SourceRoot[]
  /** Receiver: the directory received into, as typed and made absolute; for messages only. */
  readonly directory: string
  /** What makes "the same command" (INTERFACE.md 3.2): compared as text. */
  readonly identity: string
  /** Everything frozen on this side, name to value, compared option by option. */
  readonly frozen: Readonly<Record<string, string>>
  readonly wishes: ShapeWishes
}

export interface SourceRoot {
  /** Absolute real path, as a Name-escaped string. */
  readonly path: string
  /** First component of its entries; '' spills the contents. */
  readonly as: string
}

/** First contact is made: the peer proved the ticket, and from now on both sides hold the session key. */
export interface BoundRecord {
  readonly kind: 'bound'
  readonly nonce: string
  /** 64 hex digits. */
  readonly sessionKey: string
  readonly chunkBytes: number
  readonly shape: Shape
  /** The receiver's root id. */
  readonly root: string
  /** On a server: the grant it goes by from here on, if not the header's. Of several such records the last one counts. */
  readonly ticket?: string
}

/** The peer has dialed under the session key: the ticket opens nothing any more. */
export interface JoinedRecord {
  readonly kind: 'joined'
}

export interface OpenedRecord {
  readonly kind: 'opened'
  readonly epoch: number
  readonly windowBytes: number
}

export interface PageRecord {
  readonly kind: 'page'
  readonly page: number
  readonly first: number
  readonly count: number
  /** Where the page's text lies in the manifest file, bytes. */
  readonly offset: number
  readonly length: number
  readonly digest: string
  /** Sum of the sizes of the files of this page and all before. */
  readonly bytesSoFar: number
  readonly last?: ManifestTotals
  /** Sender: one per entry. Receiver: none. */
  readonly fingerprints: Fingerprints
  /** Receiver: indexes of directories and links that were there before this session, and are left as they are. Sender: []. */
  readonly existed: readonly number[]
}

/** Chunks now durable, with the hashes they were checked against. Vouches for these places only. */
export interface DurableRun {
  readonly entry: number
  readonly revision: number
  readonly first: number
  readonly hashes: BigUint64Array
  /** How many of the run's chunks were left as holes, without blocks on disk: all of them or none. */
  readonly holes: number
}
export interface DurableRecord {
  readonly kind: 'durable'
  readonly serial: number
  readonly runs: readonly DurableRun[]
}

/** The source changed: what is kept, and what the entry now is. On both sides. */
export interface RevisedRecord {
  readonly kind: 'revised'
  readonly entry: number
  readonly revision: number
  readonly size: number
  readonly mtimeUs: number
  readonly mode: number
  readonly keep: readonly Run[]
  /** Sender only. */
  readonly fingerprint: Fingerprint | null
}

/** Part data found bad: never offered again. */
export interface BadRecord {
  readonly kind: 'bad'
  readonly entry: number
  readonly revision: number
  readonly chunks: readonly Run[]
}

export interface IntentFile {
  readonly entry: number
  readonly revision: number
  readonly digest: string
  readonly size: number
  readonly mtimeUs: number
  /** Inode of the part file, decimal. */
  readonly inode: string
  /** Last component of the final name. */
  readonly target: string
  readonly method: 'link' | 'replace'
  /** Outcome once in place. */
  readonly outcome: 'delivered' | 'replaced' | 'renamed' | 'conflict'
}
export interface IntentRecord {
  readonly kind: 'intent'
  readonly files: readonly IntentFile[]
}

export interface OutcomeRecord {
  readonly kind: 'outcome'
  readonly serial: number
  readonly outcomes: readonly EntryOutcome[]
}

/** Sender, lazily, never awaited: the receiver is the truth. */
export interface AcknowledgedRecord {
  readonly kind: 'acknowledged'
  readonly serial: number
  readonly bytesDurable: number
}

export interface ParkedRecord {
  readonly kind: 'parked'
  readonly reason: StateReason | null
}

export interface PausedRecord {
  readonly kind: 'paused'
  readonly by: PauseReason | 'peer-user' | 'peer-signal' | null
}

export interface ReceiptRecord {
  readonly kind: 'receipt'
  readonly receipt: Receipt
}

export interface EndedRecord {
  readonly kind: 'ended'
  readonly how: 'released' | 'discarded' | 'expired'
  readonly by: 'self' | 'peer'
  /** Wall time, ms; the core says 0 and the engine, which has a clock, puts it in. */
  readonly at: number
}

export type JournalRecord =
  | HeaderRecord
  | BoundRecord
  | JoinedRecord
  | OpenedRecord
  | PageRecord
  | DurableRecord
  | RevisedRecord
  | BadRecord
  | IntentRecord
  | OutcomeRecord
  | AcknowledgedRecord
  | ParkedRecord
  | PausedRecord
  | ReceiptRecord
  | EndedRecord

export type RecordKind = JournalRecord['kind']
