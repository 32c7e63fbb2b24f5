// A journal folded into what a session is restored from. Pure: the records go in, in order, the checkpoint comes out. A
// connection is never part of it.

import type { DurableRun, IntentFile, JournalRecord, RevisedRecord } from '../model/records.ts'
import type { BoundRecord, EndedRecord, HeaderRecord, PageRecord, PausedRecord } from '../model/records.ts'
import type { Run } from '../model/places.ts'
import type { Receipt } from '../model/session.ts'
import { Outcomes } from './outcomes.ts'

/** A run this long is grown no further: growing a run of a million hashes left twice as much behind (R15, measured). */
export const hashesPerRun: number = 8 * 1024

/** Neighbouring chunks that are durable, or adopted, with the hashes they were checked against. */
export interface HeldRun {
  readonly first: number
  readonly hashes: BigUint64Array
  /** How many of them were left as holes. */
  readonly holes: number
  /** What `hashes` is the front of: nobody else's, and room to grow into. */
  readonly room?: BigUint64Array
}

/** What is held of a file under way. Where runs overlap, the later one is right. */
export interface HeldPart {
  readonly revision: number
  readonly runs: HeldRun[]
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
  /** Sender: bytes durable on the other side, as last acknowledged. */
  bytesAcknowledged: number
  /** Durable chunks of files without an outcome, by entry. */
  parts: Map<number, HeldPart>
  revised: Map<number, RevisedRecord>
  /** Published or about to be: intents without an outcome. */
  intents: Map<number, IntentFile>
  outcomes: Outcomes
  receipt: Receipt | undefined
  ended: EndedRecord | undefined
  pausedBy: PausedRecord['by']
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
    bytesAcknowledged: 0,
    parts: new Map(),
    revised: new Map(),
    intents: new Map(),
    outcomes: new Outcomes(),
    receipt: undefined,
    ended: undefined,
    pausedBy: null,
  }
}

/** Takes one more record. Durable runs of a revision that is not the entry's current one are passed over. */
export function fold(checkpoint: Checkpoint, record: JournalRecord): void {
  switch (record.kind) {
    case 'header':
      checkpoint.header = record
      return
    case 'bound':
      checkpoint.bound = record
      return
    case 'joined':
      checkpoint.isJoined = checkpoint.bound !== undefined // Until that is on the disk the ticket is the only way in.
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
      for (const run of record.runs) foldRun(checkpoint, run)
      return
    case 'revised': {
      const runs = within(checkpoint.parts.get(record.entry)?.runs ?? [], record.keep)
      checkpoint.intents.delete(record.entry)
      checkpoint.revised.set(record.entry, record)
      checkpoint.parts.set(record.entry, { revision: record.revision, runs })
      return
    }
    case 'bad': {
      checkpoint.intents.delete(record.entry)
      checkpoint.outcomes.delete(record.entry) // It was in its place, with nothing synced, and is not there any more.
      const part = checkpoint.parts.get(record.entry)
      if (part?.revision === record.revision) checkpoint.parts.set(record.entry, withoutChunks(part, record.chunks))
      return
    }
    case 'intent':
      for (const file of record.files) checkpoint.intents.set(file.entry, file)
      return
    case 'outcome':
      checkpoint.serial = Math.max(checkpoint.serial, record.serial)
      for (const outcome of record.outcomes) {
        checkpoint.outcomes.set(outcome)
        checkpoint.intents.delete(outcome.entry)
        checkpoint.parts.delete(outcome.entry)
      }
      return
    case 'acknowledged':
      checkpoint.bytesAcknowledged = record.bytesDurable
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

function foldRun(checkpoint: Checkpoint, run: DurableRun): void {
  if (checkpoint.outcomes.has(run.entry)) return
  const part = partOf(checkpoint, run.entry)
  if (part.revision !== run.revision) return
  append(part.runs, run)
  checkpoint.intents.delete(run.entry) // What is written to is not about to be published any more.
}

/** Joins a run to the last one where it goes on from there, until that is long: of a large file, thousands to one. */
function append(runs: HeldRun[], { first, hashes, holes }: HeldRun): void {
  const last = runs.at(-1)
  const isNext = last !== undefined && first === last.first + last.hashes.length && last.holes > 0 === holes > 0
  if (!isNext || last.hashes.length >= hashesPerRun) return void runs.push({ first, hashes, holes })
  const length = last.hashes.length + hashes.length
  let { room } = last
  if (room === undefined || room.length < length) {
    room = new BigUint64Array(Math.max(length, Math.min(2 * length, hashesPerRun)))
    room.set(last.hashes)
  }
  room.set(hashes, last.hashes.length)
  runs[runs.length - 1] = { first: last.first, hashes: room.subarray(0, length), holes: last.holes + holes, room }
}

function partOf(checkpoint: Checkpoint, entry: number): HeldPart {
  const part = checkpoint.parts.get(entry)
  if (part !== undefined) return part
  const fresh: HeldPart = { revision: checkpoint.revised.get(entry)?.revision ?? 0, runs: [] }
  checkpoint.parts.set(entry, fresh)
  return fresh
}

/** What is held of a part but for chunks that are bad. */
export function withoutChunks(part: HeldPart, bad: readonly Run[]): HeldPart {
  return { ...part, runs: within(part.runs, complement(bad)) }
}

/** The parts of `held` that lie within `keep`. */
function within(held: readonly HeldRun[], keep: readonly Run[]): HeldRun[] {
  const kept: HeldRun[] = []
  for (const run of held)
    for (const [first, count] of keep) {
      const from = Math.max(first, run.first)
      const to = Math.min(first + count, run.first + run.hashes.length)
      if (from >= to) continue
      const hashes = run.hashes.subarray(from - run.first, to - run.first)
      kept.push({ first: from, hashes, holes: run.holes > 0 ? hashes.length : 0 })
    }
  return kept
}

/** All chunks but these. */
function complement(runs: readonly Run[]): Run[] {
  const others: Run[] = []
  let next = 0
  for (const [first, count] of runs.toSorted((a, b) => a[0] - b[0])) {
    if (first > next) others.push([next, first - next])
    next = Math.max(next, first + count)
  }
  others.push([next, Infinity])
  return others
}
