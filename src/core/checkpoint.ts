// A journal folded into what a session is restored from. Pure: the records go in, in order, the checkpoint comes out. A
// connection is never part of it.

import type { IntentFile, JournalRecord, RevisedRecord } from '../model/records.ts'
import type { BoundRecord, EndedRecord, HeaderRecord, PageRecord } from '../model/records.ts'
import type { EntryOutcome } from '../model/messages.ts'
import type { Receipt } from '../model/session.ts'

/** One chunk that is durable, or adopted, with the hash it was checked against. */
export interface HeldChunk {
  readonly chunk: number
  readonly hash: bigint
  /** Left as a hole: it has no blocks. */
  readonly hole: boolean
}

export interface HeldPart {
  readonly revision: number
  readonly chunks: Map<number, HeldChunk>
}

/** Where the journal stands. */
export interface Checkpoint {
  header: HeaderRecord | undefined
  bound: BoundRecord | undefined
  isJoined: boolean
  epoch: number
  windowBytes: number
  pages: PageRecord[]
  serial: number
  /** Durable chunks of files without an outcome, by entry. */
  parts: Map<number, HeldPart>
  revised: Map<number, RevisedRecord>
  /** Published or about to be: intents without an outcome. */
  intents: Map<number, IntentFile>
  outcomes: Map<number, EntryOutcome>
  receipt: Receipt | undefined
  ended: EndedRecord | undefined
  pausedBy: string | null
}

export function emptyCheckpoint(): Checkpoint {
  return {
    header: undefined,
    bound: undefined,
    isJoined: false,
    epoch: 0,
    windowBytes: 0,
    pages: [],
    serial: 0,
    parts: new Map(),
    revised: new Map(),
    intents: new Map(),
    outcomes: new Map(),
    receipt: undefined,
    ended: undefined,
    pausedBy: null,
  }
}

/** Folds records into a checkpoint. Durable runs of a revision that is not the entry's current one are passed over. */
export function foldRecords(records: readonly JournalRecord[]): Checkpoint {
  const checkpoint = emptyCheckpoint()
  for (const record of records) fold(checkpoint, record)
  return checkpoint
}

function fold(checkpoint: Checkpoint, record: JournalRecord): void {
  switch (record.kind) {
    case 'header':
      checkpoint.header = record
      return
    case 'bound':
      checkpoint.bound = record
      return
    case 'joined':
      checkpoint.isJoined = true
      return
    case 'opened':
      checkpoint.epoch = record.epoch
      checkpoint.windowBytes = record.windowBytes
      checkpoint.pausedBy = null
      return
    case 'page':
      checkpoint.pages.push(record)
      return
    case 'durable':
      checkpoint.serial = Math.max(checkpoint.serial, record.serial)
      for (const run of record.runs) {
        if (checkpoint.outcomes.has(run.entry)) continue
        const part = partOf(checkpoint, run.entry)
        if (part.revision !== run.revision) continue
        run.hashes.forEach((hash, i) =>
          part.chunks.set(run.first + i, { chunk: run.first + i, hash, hole: run.holes > 0 }),
        )
      }
      return
    case 'revised': {
      const before = checkpoint.parts.get(record.entry)?.chunks ?? new Map<number, HeldChunk>()
      const chunks = new Map<number, HeldChunk>()
      for (const [first, count] of record.keep)
        for (let chunk = first; chunk < first + count; chunk++) {
          const held = before.get(chunk)
          if (held !== undefined) chunks.set(chunk, held)
        }
      checkpoint.revised.set(record.entry, record)
      checkpoint.parts.set(record.entry, { revision: record.revision, chunks })
      return
    }
    case 'bad':
      for (const [first, count] of record.chunks)
        for (let chunk = first; chunk < first + count; chunk++)
          checkpoint.parts.get(record.entry)?.chunks.delete(chunk)
      return
    case 'intent':
      for (const file of record.files) checkpoint.intents.set(file.entry, file)
      return
    case 'outcome':
      checkpoint.serial = Math.max(checkpoint.serial, record.serial)
      for (const outcome of record.outcomes) {
        checkpoint.outcomes.set(outcome.entry, outcome)
        checkpoint.intents.delete(outcome.entry)
        checkpoint.parts.delete(outcome.entry)
      }
      return
    case 'acknowledged':
      checkpoint.serial = Math.max(checkpoint.serial, record.serial)
      return
    case 'parked':
      return
    case 'paused':
      checkpoint.pausedBy = record.by
      return
    case 'receipt':
      checkpoint.receipt = record.receipt
      return
    case 'ended':
      checkpoint.ended = record
      return
  }
}

function partOf(checkpoint: Checkpoint, entry: number): HeldPart {
  const part = checkpoint.parts.get(entry)
  if (part !== undefined) return part
  const fresh: HeldPart = { revision: checkpoint.revised.get(entry)?.revision ?? 0, chunks: new Map() }
  checkpoint.parts.set(entry, fresh)
  return fresh
}
