// When what was written becomes durable, and when files get their names. One cycle at a time, while the next group fills:
//
//   1. syncData       data of the parts written so far, metadata of complete files, the parts directory
//                     crash after it: durable but unlisted; adopted through hints, or sent again to the same place
//   2. commit         durable places with their hashes, intents of the files to publish, one fdatasync
//                     crash after it: listed but not said; the next `want` says it
//   3. acknowledge    the places (minor). If no file is complete, the cycle ends here
//   4. placeFiles     link or rename into place, directories synced
//                     crash after it: the intent finds the file in place and settles it
//   5. commit         outcomes, one fdatasync
//   6. acknowledge    the outcomes (major), then part files are removed
//
// Nothing else acknowledges. In every other order some history loses what was promised.

import { assert } from '../errors.ts'
import type { Millis } from '../model/clock.ts'
import { outcomesPerMessageMax, runsPerMessageMax } from '../model/limits.ts'
import type { EntryOutcome } from '../model/messages.ts'
import { type Place, type PlaceRun, placeRuns } from '../model/places.ts'
import type { DurableRun, IntentFile, JournalRecord } from '../model/records.ts'
import type { FinishFile } from './effects.ts'
import type { Hub } from './hub.ts'
import type { Placed } from './inputs.ts'
import type { Part } from './part.ts'
import type { Parts } from './parts.ts'

const filesPerCycleMax = 1024 // Bounds an intent record and the descriptors and directory syncs of one cycle.

export interface SyncPointsOwner {
  /** One of `plans`. */
  planOf(entry: number): number
  /** Connections that carry data. */
  readonly lanes: number
  /** A cycle has ended. */
  ended(): void
  /** A file to be published is nowhere: neither part nor target. */
  lost(entry: number): void
}

interface Cycle {
  readonly serial: number
  readonly places: readonly Place[]
  readonly finish: readonly FinishFile[]
  intents: readonly IntentFile[]
  outcomes: readonly EntryOutcome[]
  durable: readonly PlaceRun[]
  syncMs: number
}

export class SyncPoints {
  readonly #hub: Hub
  readonly #parts: Pick<Parts, 'get'>
  readonly #owner: SyncPointsOwner
  #serial: number
  #cycle: Cycle | undefined
  #written: Place[] = []
  #writtenBytes = 0
  #oldest: Millis | undefined
  #finish: FinishFile[] = []
  #flush = false
  /** Writes under way: of chunks and packs. */
  #writing = 0
  /** As many of them were, when a flush was asked for, and are still. */
  #writingToFlush = 0

  constructor(hub: Hub, parts: Pick<Parts, 'get'>, serial: number, owner: SyncPointsOwner) {
    this.#hub = hub
    this.#parts = parts
    this.#owner = owner
    this.#serial = serial
  }

  /** Whether something is on its way to the disk. */
  get isBusy(): boolean {
    return this.#cycle !== undefined || this.#finish.length > 0 || this.#written.length > 0
  }

  /** Whether something is on its way to where it could be synced. */
  get isWriting(): boolean {
    return this.#writing > 0
  }

  writeBegun(): void {
    this.#writing++
  }

  /** Before what it wrote is told. */
  writeEnded(): void {
    this.#writing--
    if (this.#writingToFlush > 0) this.#writingToFlush--
  }

  /** A chunk was written; it joins the next cycle. */
  written(place: Place, bytes: number): void {
    this.#written.push(place)
    this.#writtenBytes += bytes
    this.#oldest ??= this.#hub.now
    this.startIfDue()
  }

  /** A file is complete and authorised; it is published in the next cycle. */
  finish({ entry, revision }: Pick<Part, 'entry' | 'revision'>, digest: string): void {
    this.#finish.push({ entry, revision, digest, plan: this.#owner.planOf(entry), taken: 0 })
  }

  /** A part began a new revision: what it kept and is not durable joins the next cycle. */
  revised(part: Part): void {
    this.#written = this.#written.filter(({ entry }) => entry !== part.entry)
    if (this.#written.length === 0) this.#oldest = undefined
    for (const [first, count] of part.held.runs())
      for (let chunk = first; chunk < first + count; chunk++)
        if (!part.durable.has(chunk)) this.written({ entry: part.entry, revision: part.revision, chunk }, 0)
  }

  /** Makes the next cycle due at once, and those after it until what is being written now is in one. */
  flush(): void {
    this.#writingToFlush = this.#writing
    if (this.#written.length > 0 || this.#finish.length > 0 || this.isWriting) this.#flush = true
    this.startIfDue()
  }

  get deadline(): Millis | undefined {
    if (this.#cycle !== undefined || this.#oldest === undefined) return undefined
    return this.#oldest + this.#hub.settings.limits.syncEveryMs
  }

  startIfDue(): void {
    if (this.#cycle !== undefined || !this.#isDue) return
    const places = this.#written
    const finish = this.#finish.splice(0, filesPerCycleMax)
    this.#written = []
    this.#writtenBytes = 0
    this.#oldest = undefined
    this.#flush = this.#writingToFlush > 0
    const entries = this.#syncsChunks ? entriesOf(places, finish) : []
    this.#cycle = { serial: ++this.#serial, places, finish, intents: [], outcomes: [], durable: [], syncMs: 0 }
    this.#hub.emit({ kind: 'syncData', serial: this.#serial, entries, finish })
  }

  /** Below `checkpoint` hints alone stand for chunks: they outlive the process, and no record says that they are durable. */
  get #syncsChunks(): boolean {
    return this.#hub.durability === 'checkpoint'
  }

  get #isDue(): boolean {
    const { limits } = this.#hub.settings
    // At most half of W syncs while the rest fills. Who has several lanes has a long way: there acknowledges are under way, too.
    const share = this.#owner.lanes > 1 ? 4 : 2
    const every = Math.min(limits.syncEveryBytes, this.#hub.windowBytes / share)
    return (
      this.#finish.length > 0 ||
      this.#writtenBytes >= every ||
      (this.#written.length > 0 && (this.#flush || this.#hub.now - this.#oldest! >= limits.syncEveryMs))
    )
  }

  dataSynced(serial: number, intents: readonly IntentFile[], syncMs: number): void {
    const cycle = this.#current(serial)
    cycle.intents = intents
    cycle.syncMs = syncMs
    // A part that begins a new revision is listed no more; what it keeps joins the next cycle.
    const places = cycle.places.filter((place) => this.#isCurrent(place))
    cycle.durable = placeRuns(places)
    const records: JournalRecord[] = []
    const runs = this.#syncsChunks && places.length > 0 ? this.#runsBeside(intents, cycle.durable) : []
    if (runs.length > 0) records.push({ kind: 'durable', serial, runs })
    if (intents.length > 0) records.push({ kind: 'intent', files: intents })
    this.#hub.commit(records, { for: 'checkpoint', serial })
  }

  /** Whether its part has that revision, and no newer one is on its way to the disk. */
  #isCurrent({ entry, revision }: { readonly entry: number; readonly revision: number }): boolean {
    const part = this.#parts.get(entry)
    return part?.revision === revision && part.revising === undefined
  }

  /** What is to be listed of chunks: of a file of one the intent says it all. */
  #runsBeside(intents: readonly IntentFile[], durable: readonly PlaceRun[]): DurableRun[] {
    const intended = new Set(intents.map(({ entry }) => entry))
    return durable
      .filter(({ entry }) => !(intended.has(entry) && this.#parts.get(entry)!.chunks === 1))
      .flatMap((run) => this.#durableRuns(run))
  }

  /** A run with its hashes, cut where data and holes meet. */
  #durableRuns({ entry, revision, first, count }: PlaceRun): DurableRun[] {
    const part = this.#parts.get(entry)!
    const runs: DurableRun[] = []
    for (let start = first; start < first + count;) {
      const isHole = part.holes.has(start)
      let next = start + 1
      while (next < first + count && part.holes.has(next) === isHole) next++
      const hashes = part.hashes.slice(start, next)
      runs.push({ entry, revision, first: start, hashes, holes: isHole ? hashes.length : 0 })
      start = next
    }
    return runs
  }

  checkpointCommitted(serial: number): void {
    const cycle = this.#current(serial)
    const hub = this.#hub
    const durable = cycle.durable.filter((run) => this.#isCurrent(run)) // A newer revision may be in the journal before them.
    for (const { entry, first, count } of durable) {
      const part = this.#parts.get(entry)!
      part.durable.addRun(first, count)
      hub.entries.credit(entry, part.durableBytes(hub.chunkBytes))
    }
    if (durable.length > 0) this.acknowledge(durable, [])
    if (cycle.intents.length > 0) hub.emit({ kind: 'placeFiles', serial, files: cycle.intents })
    else this.#end()
  }

  filesPlaced(serial: number, results: readonly Placed[]): void {
    const cycle = this.#current(serial)
    const outcomes: EntryOutcome[] = []
    for (let i = 0; i < results.length; i++) {
      const { entry, result } = results[i]!
      const intent = cycle.intents[i]
      assert(intent?.entry === entry, 'what was placed was intended, in this order')
      if (result === 'placed') outcomes.push(outcomeOf(intent))
      else if (result === 'exists') this.#finishAgain(cycle.finish.find((file) => file.entry === entry))
      else if (result === 'lost') this.#owner.lost(entry)
      else outcomes.push({ entry, outcome: 'omitted', bytes: 0, reason: result.reason })
    }
    cycle.outcomes = outcomes
    this.#hub.commit(outcomes.length > 0 ? [{ kind: 'outcome', serial, outcomes }] : [], { for: 'outcomes', serial })
  }

  /** Under another name. */
  #finishAgain(file: FinishFile | undefined): void {
    assert(file !== undefined, 'what was intended was finished')
    this.#finish.push({ ...file, taken: file.taken + 1 })
  }

  /** Outcomes that are now on disk, for the owner to settle. */
  outcomesCommitted(serial: number): readonly EntryOutcome[] {
    return this.#current(serial).outcomes
  }

  /** Says what is durable, in messages of bounded length, each true on its own. The only line that acknowledges. */
  acknowledge(places: readonly PlaceRun[], outcomes: readonly EntryOutcome[]): void {
    const syncMs = Math.round(this.#cycle?.syncMs ?? 0)
    const serial = this.#cycle?.serial ?? this.#serial
    const messages = Math.max(
      Math.ceil(places.length / runsPerMessageMax),
      Math.ceil(outcomes.length / outcomesPerMessageMax),
    )
    for (let i = 0; i < messages; i++)
      this.#hub.send({
        kind: 'acknowledge',
        serial,
        places: places.slice(i * runsPerMessageMax, (i + 1) * runsPerMessageMax),
        outcomes: outcomes.slice(i * outcomesPerMessageMax, (i + 1) * outcomesPerMessageMax),
        level: this.#hub.durability,
        syncMs,
      })
    this.#hub.emit({ kind: 'reportCheckpoint', serial, grade: outcomes.length > 0 ? 'major' : 'minor', syncMs })
  }

  /** The cycle's outcomes are settled. */
  outcomesSettled(): void {
    this.#end()
  }

  #end(): void {
    this.#cycle = undefined
    this.startIfDue()
    this.#owner.ended()
  }

  #current(serial: number): Cycle {
    assert(this.#cycle?.serial === serial, 'one cycle at a time')
    return this.#cycle
  }
}

function outcomeOf({ entry, outcome, size, digest, target }: IntentFile): EntryOutcome {
  if (outcome === 'renamed' || outcome === 'conflict') return { entry, outcome, bytes: size, digest, target }
  return { entry, outcome, bytes: size, digest }
}

/** Those of which chunks were written and that are not finished in the same cycle: that syncs them, too. */
function entriesOf(places: readonly Place[], finish: readonly FinishFile[]): number[] {
  if (places.length === 0) return []
  const finishing = new Set(finish.map(({ entry }) => entry))
  return [...new Set(places.map(({ entry }) => entry))].filter((entry) => !finishing.has(entry))
}
