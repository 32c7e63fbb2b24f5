// What the core asks for. Every effect is an order (imperative); the engine carries them out, and where one has a result,
// the result comes back as the input named behind it.

import type { HintCode } from '../model/events.ts'
import type { Fingerprint } from '../model/manifest.ts'
import type { AuthorisedFile, EntryOutcome, Message } from '../model/messages.ts'
import type { Place, Run } from '../model/places.ts'
import type { IntentFile, JournalRecord } from '../model/records.ts'
import type { PauseReason, Receipt, SessionState, StateReason, Who } from '../model/session.ts'
import type { ErrorCode } from '../errors.ts'
import type { ConnectionId } from './inputs.ts'

/** Why a commit was asked for; comes back with `committed`. */
export type CommitPurpose =
  | { readonly for: 'epoch'; readonly connection: ConnectionId }
  | { readonly for: 'checkpoint'; readonly serial: number }
  | { readonly for: 'outcomes'; readonly serial: number }
  | { readonly for: 'given-up'; readonly outcomes: readonly EntryOutcome[] }
  | { readonly for: 'revision'; readonly entry: number; readonly revision: number }
  | { readonly for: 'tree'; readonly outcomes: readonly EntryOutcome[] }
  | { readonly for: 'receipt' }
  | { readonly for: 'pause' }
  | { readonly for: 'end' }

/** A file to finish at a sync point: all bytes are written, its digest is authorised. */
export interface FinishFile extends AuthorisedFile {
  /** One of `plans`: link, replace or rename. */
  readonly plan: number
  /** How often its name was taken by another file meanwhile. */
  readonly taken: number
}

export type Effect = SharedEffect | SenderEffect | ReceiverEffect

/** What either side asks for. */
export type SharedEffect =
  // Connections
  | { readonly kind: 'send'; readonly connection: ConnectionId; readonly message: Message }
  | { readonly kind: 'close'; readonly connection: ConnectionId; readonly code: number; readonly reason: string }
  | { readonly kind: 'destroy'; readonly connection: ConnectionId; readonly reason: string }
  /** A further connection, for data. */
  | { readonly kind: 'dialLane'; readonly lane: number } // -> laneConnected, laneFailed
  // The journal
  | { readonly kind: 'commit'; readonly records: readonly JournalRecord[]; readonly purpose: CommitPurpose } // -> committed
  | { readonly kind: 'note'; readonly records: readonly JournalRecord[] }
  | { readonly kind: 'storeReceipt'; readonly receipt: Receipt } // -> receiptStored
  // What users hear of
  | {
      readonly kind: 'report'
      readonly state: SessionState
      readonly reason: StateReason | null
      readonly who: Who | null
      readonly neededBytes?: number
      readonly freeBytes?: number
    }
  | {
      readonly kind: 'reportCheckpoint'
      readonly serial: number
      readonly grade: 'minor' | 'major'
      readonly syncMs: number
    }
  | { readonly kind: 'reportOutcomes'; readonly outcomes: readonly EntryOutcome[] }
  | { readonly kind: 'warn'; readonly code: string; readonly sentence: string; readonly entry: number | null }
  | { readonly kind: 'hint'; readonly code: HintCode; readonly sentence: string }
  /** Nothing will follow: the session is over in this process. */
  | { readonly kind: 'finish'; readonly end: SessionEnd }

/** What only a sender asks for. */
export type SenderEffect =
  | { readonly kind: 'walkPage' } // -> pageWalked
  | { readonly kind: 'sendPage'; readonly connection: ConnectionId; readonly page: number } // -> pageSent
  | {
      readonly kind: 'sendChunk'
      readonly connection: ConnectionId
      readonly epoch: number
      readonly place: Place
      /** This run sent it before. */
      readonly again: boolean
    } // -> chunkSent, sendFailed, sourceFailed
  | {
      readonly kind: 'sendPack'
      readonly connection: ConnectionId
      readonly epoch: number
      readonly files: readonly { readonly entry: number; readonly revision: number; readonly again: boolean }[]
    } // -> packSent, sourceFailed for each that could not be read
  | { readonly kind: 'checkSource'; readonly entry: number; readonly revision: number } // -> sourceChecked, sourceFailed
  | { readonly kind: 'rehash'; readonly entry: number; readonly revision: number; readonly chunks: readonly number[] } // -> rehashed, sourceFailed
  /** From now on this version of the source is the right one. */
  | { readonly kind: 'expectSource'; readonly entry: number; readonly fingerprint: Fingerprint }
  | { readonly kind: 'closeSource'; readonly entry: number }

/** What only a receiver asks for. */
export type ReceiverEffect =
  | { readonly kind: 'storePage'; readonly message: Message & { readonly kind: 'manifest' } } // -> pageStored, pageRefused
  | { readonly kind: 'surveyPage'; readonly page: number } // -> pageSurveyed
  | {
      readonly kind: 'writeChunk'
      readonly frame: number
      readonly place: Place
      readonly length: number
      readonly fresh: boolean
    } // -> chunkWritten, chunkBad
  | { readonly kind: 'writePack'; readonly frame: number; readonly accept: readonly number[] } // -> packWritten
  | { readonly kind: 'dropFrame'; readonly frame: number; readonly reason: 'stale' | 'duplicate' }
  | {
      readonly kind: 'syncData'
      readonly serial: number
      readonly entries: readonly number[]
      readonly finish: readonly FinishFile[]
    } // -> dataSynced
  | { readonly kind: 'placeFiles'; readonly serial: number; readonly files: readonly IntentFile[] } // -> filesPlaced
  | { readonly kind: 'removeParts'; readonly entries: readonly number[] }
  | {
      readonly kind: 'revisePart'
      readonly entry: number
      readonly revision: number
      readonly size: number
      readonly keep: readonly Run[]
    } // -> partRevised
  | { readonly kind: 'finishTree' } // -> treeFinished
  | { readonly kind: 'digestSession' } // -> sessionDigested

/** How a session ended in this process. */
export type SessionEnd =
  | { readonly how: 'released'; readonly receipt: Receipt; readonly confirmed: boolean }
  | { readonly how: 'paused'; readonly by: PauseReason }
  | { readonly how: 'discarded'; readonly by: 'self' | 'peer' }
  | { readonly how: 'failed'; readonly code: ErrorCode; readonly sentence: string }

export type EffectKind = Effect['kind']
