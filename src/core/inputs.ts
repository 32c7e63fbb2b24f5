// What the core is told. Every input has happened (past tense). The engine delivers them one at a time; results of effects
// come back as inputs too.

import type { Millis } from '../model/clock.ts'
import type { Fingerprint, ManifestTotals } from '../model/manifest.ts'
import type { EntryOutcome, Hello, Message } from '../model/messages.ts'
import type { Place } from '../model/places.ts'
import type { IntentFile, JournalRecord } from '../model/records.ts'
import type { PauseReason } from '../model/session.ts'
import type { CommitPurpose } from './effects.ts'

/** Numbers a connection within one process, growing. */
export type ConnectionId = number

/** Kinds of the entries of a page, one byte each. */
export const entryKinds = { file: 0, directory: 1, link: 2, omitted: 3 } as const

/** What the receiver's survey says of each entry of a page, one byte each. */
export const plans = { link: 0, replace: 1, rename: 2, later: 3, done: 4 } as const

/** What the core keeps of a page: kinds and sizes. */
export interface PageShape {
  readonly page: number
  readonly first: number
  readonly kinds: Uint8Array
  /** Bytes; 0 for what is no file. */
  readonly sizes: Float64Array
  /** Running digest up to and with this page. */
  readonly digest: string
  readonly last?: ManifestTotals
}

/** What the survey found, receiver only. */
export interface PageSurvey {
  readonly page: number
  /** One of `plans` per entry. */
  readonly plans: Uint8Array
  /** Outcomes of those that are `done`. */
  readonly outcomes: readonly EntryOutcome[]
}

/** A chunk known only from hints, read back and written again after a crash. */
export type AdoptedPlace = Place & { readonly hash: bigint; readonly hole: boolean }

/** A version of a source file, as found on the disk. */
export interface SourceVersion {
  readonly fingerprint: Fingerprint
  readonly mtimeUs: number
  readonly mode: number
}

/** Why a source file could not be sent as listed. */
export type SourceProblem =
  | { readonly kind: 'vanished' }
  | { readonly kind: 'unreadable'; readonly reason: string }
  | { readonly kind: 'changed'; readonly version: SourceVersion }

/** Where a file landed, or why not. */
export interface Placed {
  readonly entry: number
  /** `exists`: another file came first, a new name is needed. `lost`: neither part nor target is there. */
  readonly result: 'placed' | 'exists' | 'lost' | Refused
}

/** The disk takes no such name: the file is left out. */
export interface Refused {
  readonly reason: string
}

export type Input =
  // Connections
  | {
      readonly kind: 'connected'
      readonly connection: ConnectionId
      readonly attempt: number
      readonly roundTripMs?: Millis | undefined
    }
  /** A further lane of the open epoch is up: dialer only. */
  | {
      readonly kind: 'laneConnected'
      readonly connection: ConnectionId
      readonly lane: number
      readonly attempt: number
    }
  | { readonly kind: 'laneFailed'; readonly lane: number }
  | {
      /** A proven hello. `records` are committed together with the epoch (first contact: `bound`). */
      readonly kind: 'helloArrived'
      readonly connection: ConnectionId
      readonly hello: Hello
      readonly records: readonly JournalRecord[]
    }
  | { readonly kind: 'messageArrived'; readonly connection: ConnectionId; readonly message: Message }
  /** What came can't be a message or frame of a carryon peer. */
  | {
      readonly kind: 'peerBroke'
      readonly connection: ConnectionId
      readonly code: 'protocol' | 'bad-name' | 'version'
      readonly sentence: string
    }
  | { readonly kind: 'connectionEnded'; readonly connection: ConnectionId; readonly reason: string }
  /** Bytes came in, `arrivingBytes` of them of a frame under way; or we are not reading. */
  | {
      readonly kind: 'heard'
      readonly connection: ConnectionId
      readonly arrivingBytes: number
      readonly isReading: boolean
    }
  /** This machine slept. */
  | { readonly kind: 'woke'; readonly sleptMs: Millis }
  | { readonly kind: 'deadlinePassed' }
  // The journal
  | { readonly kind: 'committed'; readonly purpose: CommitPurpose }
  // People and conditions
  | { readonly kind: 'pauseRequested'; readonly by: PauseReason }
  | { readonly kind: 'discardRequested' }
  | { readonly kind: 'diskFilled'; readonly neededBytes: number; readonly freeBytes: number }
  | { readonly kind: 'diskCleared' }
  | { readonly kind: 'sourceGone' }
  | { readonly kind: 'sourceReturned' }
  // Manifest
  | { readonly kind: 'pageWalked'; readonly shape: PageShape }
  | { readonly kind: 'pageStored'; readonly shape: PageShape; readonly survey: PageSurvey }
  | { readonly kind: 'pageSurveyed'; readonly survey: PageSurvey }
  | { readonly kind: 'pageRefused'; readonly code: 'protocol' | 'limit' | 'bad-name'; readonly sentence: string }
  // Sender's data
  | { readonly kind: 'pageSent'; readonly connection: ConnectionId }
  | {
      readonly kind: 'chunkSent'
      readonly connection: ConnectionId
      readonly place: Place
      readonly hash: bigint
      readonly zeros: boolean
    }
  | {
      readonly kind: 'packSent'
      readonly connection: ConnectionId
      readonly files: readonly { readonly entry: number; readonly revision: number; readonly hash: bigint }[]
    }
  | { readonly kind: 'sendFailed'; readonly connection: ConnectionId; readonly places: readonly Place[] }
  | {
      readonly kind: 'sourceFailed'
      readonly entry: number
      readonly revision: number
      readonly problem: SourceProblem
    }
  | { readonly kind: 'sourceChecked'; readonly entry: number; readonly revision: number }
  | {
      /** Hashes of the source's chunks as they are now, in the order asked. */
      readonly kind: 'rehashed'
      readonly entry: number
      readonly revision: number
      readonly chunks: readonly number[]
      readonly hashes: BigUint64Array
      readonly version: SourceVersion
    }
  // Receiver's data
  | {
      readonly kind: 'frameArrived'
      readonly connection: ConnectionId
      readonly frame: ArrivedFrame
    }
  | { readonly kind: 'chunkWritten'; readonly place: Place; readonly hash: bigint; readonly hole: boolean }
  | { readonly kind: 'chunkBad'; readonly place: Place; readonly expected: string; readonly found: string }
  | { readonly kind: 'packWritten'; readonly files: readonly WrittenFile[]; readonly bad: readonly Place[] }
  | {
      readonly kind: 'dataSynced'
      readonly serial: number
      readonly finished: readonly IntentFile[]
      readonly syncMs: number
    }
  | { readonly kind: 'filesPlaced'; readonly serial: number; readonly results: readonly Placed[] }
  | { readonly kind: 'partRevised'; readonly entry: number; readonly revision: number }
  | { readonly kind: 'treeFinished'; readonly outcomes: readonly EntryOutcome[] }
  | {
      readonly kind: 'sessionDigested'
      readonly digest: string
      readonly finishedAt: string
      readonly isDegraded: boolean
    }
  | { readonly kind: 'receiptStored' }

export type InputKind = Input['kind']

/** A data frame as the core sees it: where its bytes belong and how many there are. */
export type ArrivedFrame =
  | {
      readonly kind: 'chunk' | 'zeros'
      readonly frame: number
      readonly epoch: number
      readonly place: Place
      /** Payload bytes of a chunk; -1 for zeros, which take the place's length. */
      readonly length: number
    }
  | {
      readonly kind: 'pack'
      readonly frame: number
      readonly epoch: number
      readonly files: readonly { readonly entry: number; readonly revision: number; readonly length: number }[]
    }

export interface WrittenFile {
  readonly entry: number
  readonly revision: number
  readonly hash: bigint
}
