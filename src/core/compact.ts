// A journal's records said again, shorter: what opening for writing writes into the new journal. Folding the result gives
// the same checkpoint, but for parts of which nothing is held: their files are strays, and go.

import type { EntryOutcome } from '../model/messages.ts'
import type { DurableRun, JournalRecord } from '../model/records.ts'
import { type Checkpoint, emptyCheckpoint, fold, hashesPerRun, type HeldRun } from './checkpoint.ts'

const outcomesPerRecord = 4_096 // Keeps a record far below recordMaxBytes, long names included.
const hashesPerRecord = hashesPerRun // 8 bytes each, 11 as text: short texts cost a reader of a million hashes little memory.

/** Folds the records of a journal as they are read, and says them again. */
export class Compaction {
  readonly checkpoint: Checkpoint = emptyCheckpoint()

  take(record: JournalRecord): void {
    fold(this.checkpoint, record)
  }

  /** The fewest records that fold into the same checkpoint, in an order that can be folded; made anew by each who asks. */
  records(): Iterable<JournalRecord> {
    const { checkpoint } = this
    const { parts } = checkpoint
    for (const [entry, { revision, runs }] of parts)
      if (runs.length === 0) parts.delete(entry)
      else parts.set(entry, { revision, runs: inOrder(runs) })
    return { [Symbol.iterator]: () => recordsOf(checkpoint) }
  }
}

function* recordsOf(checkpoint: Checkpoint): Generator<JournalRecord> {
  const { header, bound, isJoined, epoch, windowBytes, pages, receipt, ended } = checkpoint
  // The ticket opens nothing once the session key was used: its key is not kept.
  if (header !== undefined) yield isJoined ? { ...header, ticketKey: '' } : header
  if (bound !== undefined) yield bound
  if (isJoined) yield { kind: 'joined' }
  if (epoch > 0) yield { kind: 'opened', epoch, windowBytes }
  yield* pages
  yield* checkpoint.revised.values()
  yield* durableRecords(checkpoint)
  if (checkpoint.intents.size > 0) yield { kind: 'intent', files: [...checkpoint.intents.values()] }
  yield* outcomeRecords(checkpoint)
  const { serial, bytesAcknowledged: bytesDurable } = checkpoint
  if (serial > 0) yield { kind: 'acknowledged', serial, bytesDurable }
  if (checkpoint.pausedBy !== null) yield { kind: 'paused', by: checkpoint.pausedBy }
  if (receipt !== undefined) yield { kind: 'receipt', receipt }
  if (ended !== undefined) yield ended
}

function* durableRecords({ parts, serial }: Checkpoint): Generator<JournalRecord> {
  let runs: DurableRun[] = []
  let hashes = 0
  for (const [entry, { revision, runs: held }] of parts)
    for (const run of held.flatMap(cut)) {
      runs.push({ entry, revision, ...run })
      hashes += run.hashes.length
      if (hashes < hashesPerRecord) continue
      yield { kind: 'durable', serial, runs }
      runs = []
      hashes = 0
    }
  if (runs.length > 0) yield { kind: 'durable', serial, runs }
}

/** A long run in pieces, none of them copied: there may be a million hashes. */
function cut({ first, hashes, holes }: HeldRun): HeldRun[] {
  const pieces: HeldRun[] = []
  for (let from = 0; from < hashes.length; from += hashesPerRecord) {
    const piece = hashes.subarray(from, from + hashesPerRecord)
    pieces.push({ first: first + from, hashes: piece, holes: holes > 0 ? piece.length : 0 })
  }
  return pieces
}

/** Runs in the order of their chunks, each chunk once. Most often they are, for a file is sent from its beginning. */
function inOrder(runs: HeldRun[]): HeldRun[] {
  const isSorted = runs.every(({ first }, i) => i === 0 || first >= runs[i - 1]!.first + runs[i - 1]!.hashes.length)
  return isSorted ? runs : joined(runs)
}

/** Neighbours of one kind joined; where runs overlap, the later one wins. */
function joined(runs: readonly HeldRun[]): HeldRun[] {
  const end = runs.reduce((max, { first, hashes }) => Math.max(max, first + hashes.length), 0)
  const hashes = new BigUint64Array(end)
  const states = new Uint8Array(end) // 0 not held, 1 data, 2 hole
  for (const run of runs) {
    hashes.set(run.hashes, run.first)
    states.fill(run.holes > 0 ? 2 : 1, run.first, run.first + run.hashes.length)
  }
  const result: HeldRun[] = []
  for (let first = 0; first < end;) {
    const state = states[first]!
    let next = first + 1
    while (next < end && states[next] === state) next++
    const run = hashes.subarray(first, next)
    if (state !== 0) result.push({ first, hashes: run, holes: state === 2 ? run.length : 0 })
    first = next
  }
  return result
}

function* outcomeRecords({ outcomes, serial }: Checkpoint): Generator<JournalRecord> {
  let batch: EntryOutcome[] = []
  for (const outcome of outcomes) {
    batch.push(outcome)
    if (batch.length < outcomesPerRecord) continue
    yield { kind: 'outcome', serial, outcomes: batch }
    batch = []
  }
  if (batch.length > 0) yield { kind: 'outcome', serial, outcomes: batch }
}
