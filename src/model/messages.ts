// The messages of protocol v1 as plain values. What each field means on the wire, its limits and its place in the dialogue:
// docs/protocol.md. `wire` turns them into text frames and proves that its schemas fit these types.

import type { Entry, ManifestState, ManifestTotals } from './manifest.ts'
import type { PlaceRun, Run } from './places.ts'
import type {
  Durability,
  Outcome,
  Receipt,
  Role,
  SessionId,
  SessionState,
  Shape,
  ShapeWishes,
  StateReason,
} from './session.ts'

export const protocolName = 'carryon.v1'
export const protocolVersion = 1

/** What a side would like, in bytes; clamped by whoever answers. */
export interface Wishes {
  readonly chunkBytes: number
  readonly windowBytes: number
  readonly lanes: number
}

/** Opens every connection. From the dialer. */
export interface Hello {
  readonly kind: 'hello'
  /** Protocol majors spoken, best first. */
  readonly versions: readonly number[]
  readonly role: Role
  readonly session: SessionId
  readonly lane: number
  /** The newest epoch the dialer stored; 0 before the first. */
  readonly epoch: number
  /** Names this process: 16 hex digits, random per process. */
  readonly instance: string
  /** Counts this process's connections for the session, from 1. */
  readonly attempt: number
  readonly state: SessionState
  readonly capabilities: readonly string[]
  readonly wishes: Wishes
  readonly shape: ShapeWishes
  /** Binds first contact: 32 hex digits, minted and synced by the dialer before it dialed. */
  readonly nonce: string
  /** Random id of the receiver's root, 32 hex digits; null from a sender that knows none yet. */
  readonly root: string | null
  readonly manifest: ManifestState
}

/** The listener's yes. The new epoch is already stored on its disk. */
export interface Welcome {
  readonly kind: 'welcome'
  readonly version: number
  readonly epoch: number
  readonly instance: string
  readonly state: SessionState
  readonly capabilities: readonly string[]
  readonly agreed: Wishes
  readonly shape: Shape
  readonly root: string | null
  readonly manifest: ManifestState
}

/** The listener's no. */
export interface Refuse {
  readonly kind: 'refuse'
  /** An error code of errors.ts, or one of a newer peer. */
  readonly code: string
  readonly sentence: string
  /** Whether trying again later can help. */
  readonly retry: boolean
}

export interface ManifestMessage {
  readonly kind: 'manifest'
  readonly page: number
  readonly first: number
  readonly entries: readonly Entry[]
  readonly digest: string
  readonly last?: ManifestTotals
}

/**
 * The receiver's word on a run of entries; the latest for an entry replaces earlier ones, except `again`, which adds.
 * - `all`: nothing is here, send every chunk
 * - `later`: no bytes needed (directories, links, omitted entries): done when the session ends
 * - `done`: has its outcome
 * - `part`: some chunks are here (`durable`, and beyond those `received`, not yet durable), send the others
 * - `again`: these chunks arrived damaged, send them once more
 */
export type Want =
  | { readonly need: 'all'; readonly from: number; readonly count: number; readonly revision: number }
  | { readonly need: 'later'; readonly from: number; readonly count: number }
  | { readonly need: 'done'; readonly from: number; readonly count: number; readonly outcome: Outcome }
  | {
      readonly need: 'part'
      readonly from: number
      readonly revision: number
      readonly durable: readonly Run[]
      readonly received: readonly Run[]
    }
  | { readonly need: 'again'; readonly from: number; readonly revision: number; readonly chunks: readonly Run[] }

export interface WantMessage {
  readonly kind: 'want'
  readonly wants: readonly Want[]
  /** Manifest pages that are now stored and answered, counted from the start. */
  readonly pages: number
  /** Ends the answer to `welcome`: from here on the sender may send data. */
  readonly last: boolean
}

export interface AuthorisedFile {
  readonly entry: number
  readonly revision: number
  /** File digest, 16 hex digits. */
  readonly digest: string
}

export type Sync =
  | { readonly kind: 'sync'; readonly grade: 'minor' }
  | { readonly kind: 'sync'; readonly grade: 'major'; readonly files: readonly AuthorisedFile[] }

export interface EntryOutcome {
  readonly entry: number
  readonly outcome: Outcome
  /** Bytes in place; 0 where nothing is. */
  readonly bytes: number
  /** File digest, 16 hex digits, where this session verified one. */
  readonly digest?: string
  /** Where it landed, if not under its own name: the last component. */
  readonly target?: string
  readonly reason?: string
}

export interface Acknowledge {
  readonly kind: 'acknowledge'
  readonly serial: number
  readonly places: readonly PlaceRun[]
  readonly outcomes: readonly EntryOutcome[]
  readonly level: Durability
  readonly syncMs: number
}

export interface Resync {
  readonly kind: 'resync'
  readonly entry: number
  /** The new one: what was sent before belongs to an older revision. */
  readonly revision: number
  readonly size: number
  readonly mtimeUs: number
  readonly mode: number
  /** Chunks whose bytes did not change. */
  readonly keep: readonly Run[]
}

export type Hashes =
  | {
      readonly kind: 'hashes'
      readonly way: 'ask'
      readonly entry: number
      readonly revision: number
      readonly first: number
      readonly count: number
    }
  | {
      readonly kind: 'hashes'
      readonly way: 'answer'
      readonly entry: number
      readonly revision: number
      readonly first: number
      /** 16 hex digits a chunk, one after the other; an unheld chunk is left out by ending there. */
      readonly hashes: string
    }

export interface Turn {
  readonly kind: 'turn'
  readonly holder: Role
  readonly reason: StateReason | null
  readonly neededBytes: number | null
  readonly freeBytes: number | null
}

export interface Exception {
  readonly kind: 'exception'
  readonly code: string
  readonly sentence: string
  /** The entry given up, with its outcome; null where the whole session waits for a cure. */
  readonly entry: number | null
  readonly outcome: Outcome | null
}

export interface Pause {
  readonly kind: 'pause'
  readonly reason: 'user' | 'signal'
  /** True in the confirmation. */
  readonly confirm: boolean
}

export interface Discard {
  readonly kind: 'discard'
  readonly confirm: boolean
}

export interface End {
  readonly kind: 'end'
  readonly manifest: string
  readonly entries: number
  readonly bytes: number
}

export interface ReceiptMessage {
  readonly kind: 'receipt'
  readonly receipt: Receipt
}

export interface Release {
  readonly kind: 'release'
}
export interface Released {
  readonly kind: 'released'
}

export interface Abort {
  readonly kind: 'abort'
  readonly code: string
  readonly sentence: string
}

export interface Ping {
  readonly kind: 'ping' | 'pong'
  /** Answered with the same number. */
  readonly number: number
  readonly receivedBytes: number
  readonly durableBytes: number
}

/** Said by who has got a greeting and whose disk takes its time to answer. */
export const signOfLife: Ping = { kind: 'ping', number: 0, receivedBytes: 0, durableBytes: 0 }

/** A kind this version does not know, marked by its sender as safe to skip. */
export interface Skippable {
  readonly kind: 'skippable'
  readonly name: string
}

export type Message =
  | Hello
  | Welcome
  | Refuse
  | ManifestMessage
  | WantMessage
  | Sync
  | Acknowledge
  | Resync
  | Hashes
  | Turn
  | Exception
  | Pause
  | Discard
  | End
  | ReceiptMessage
  | Release
  | Released
  | Abort
  | Ping
  | Skippable

export type MessageKind = Message['kind']

/** A data frame's header. Layout: docs/protocol.md. `epoch` is checked by the core, hashes by the engine. */
export type FrameHeader =
  | {
      readonly kind: 'chunk' | 'zeros'
      readonly epoch: number
      readonly revision: number
      readonly entry: number
      readonly chunk: number
      readonly hash: bigint
    }
  | {
      readonly kind: 'pack'
      readonly epoch: number
      readonly revision: 0
      /** Number of files. */
      readonly files: number
      /** Bytes of the table, `files` x `packRowBytes`. */
      readonly tableBytes: number
      readonly hash: bigint
    }

/** One file's row in a pack. */
export interface PackRow {
  readonly entry: number
  readonly revision: number
  readonly length: number
  /** xxh64 of the file's bytes: the hash of its only chunk. */
  readonly hash: bigint
}
