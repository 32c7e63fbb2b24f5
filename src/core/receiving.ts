// The receiver's half of a session: which frames are written, what is wanted, and when it may end. When written chunks
// become durable and files get their names is sync-points.ts; hello and welcome are greeting.ts.

import { assert } from '../errors.ts'
import type { Millis } from '../model/clock.ts'
import { hex64, parseHex64 } from '../model/hash.ts'
import { badChunkTriesMax, hashesPerMessageMax, revisionMax } from '../model/limits.ts'
import type { End, EntryOutcome, Exception, Hashes, ManifestMessage, Resync, Sync } from '../model/messages.ts'
import { chunkLength, type Place } from '../model/places.ts'
import type { Receipt } from '../model/session.ts'
import type { Checkpoint } from './checkpoint.ts'
import { standing } from './entry-table.ts'
import { earliest, type Hub } from './hub.ts'
import { type ArrivedFrame, type ConnectionId, type Input, type PageShape, type PageSurvey, plans } from './inputs.ts'
import { Part } from './part.ts'
import { peerMust } from './violation.ts'
import { SyncPoints } from './sync-points.ts'
import { wantRuns } from './wants.ts'

export class Receiving {
  readonly #hub: Hub
  readonly #syncPoints: SyncPoints
  readonly #parts = new Map<number, Part>()
  /** One of `plans` per entry, known once its page is surveyed. */
  #plans = new Uint8Array(0)
  #pagesSurveyed = 0
  /** Pages asked to be stored and not yet surveyed. */
  #pagesUnderWay = 0
  #ending = false
  #finishingTree = false
  #receipt: Receipt | undefined
  #outcomesRestored: ReadonlyMap<number, EntryOutcome>
  #partsRestored: Checkpoint['parts']
  #revised: Checkpoint['revised']
  #lingerUntil: Millis | undefined
  #diskNeed: { neededBytes: number; freeBytes: number } | undefined

  constructor(hub: Hub, checkpoint: Checkpoint) {
    this.#hub = hub
    this.#syncPoints = new SyncPoints(hub, this.#parts, checkpoint.serial, {
      planOf: (entry) => this.#plans[entry]!,
      ended: () => this.#cycleEnded(),
      lost: (entry) => this.#lost(entry),
    })
    this.#outcomesRestored = checkpoint.outcomes
    this.#partsRestored = checkpoint.parts
    this.#revised = checkpoint.revised
    this.#receipt = checkpoint.receipt
  }

  /** Takes up the pages a journal holds, and asks for their survey. Before the first input. */
  restorePages(shapes: readonly PageShape[]): void {
    for (const shape of shapes) {
      this.#addPage(shape)
      this.#hub.emit({ kind: 'surveyPage', page: shape.page })
      this.#pagesUnderWay++
    }
  }

  /** Chunks read back and written again after a crash: received, and durable with the next sync point. */
  restoreAdopted(places: readonly (Place & { readonly hash: bigint; readonly hole: boolean })[]): void {
    for (const place of places) {
      const part = this.#part(place.entry)
      if (part.revision !== place.revision || place.chunk >= part.chunks || part.held.has(place.chunk)) continue
      part.hold(place.chunk, place.hash, place.hole)
      this.#syncPoints.written(place, chunkLength(part.size, this.#hub.chunkBytes, place.chunk))
    }
  }

  // ---- connection -------------------------------------------------------------------------------------------------

  /** An epoch is open: say where we stand, all of it, before any data may come. */
  opened(): void {
    this.#lingerUntil = undefined
    this.#ending = false
    this.#sayWhereWeStand()
  }

  #sayWhereWeStand(): void {
    const hub = this.#hub
    if (hub.open === undefined || hub.phase !== 'agreeing' || this.#pagesUnderWay > 0) return
    const entries = hub.entries.firstOf(this.#pagesSurveyed)
    for (const wants of wantRuns(hub.entries, this.#parts, 0, entries))
      hub.send({ kind: 'want', wants, pages: this.#pagesSurveyed, last: false })
    hub.send({ kind: 'want', wants: [], pages: this.#pagesSurveyed, last: true })
    hub.phase = 'transferring'
    if (this.#diskNeed !== undefined) this.#sayTurn()
  }

  closed(): void {
    this.#ending = false
    this.#lingerUntil = undefined
  }

  // ---- manifest ---------------------------------------------------------------------------------------------------

  manifestArrived(message: ManifestMessage): void {
    const { manifest } = this.#hub.entries
    const expected = manifest.pages + this.#pagesNotYetAdded
    if (message.page < expected) return // Sent twice: the answer is under way or in the last `want`.
    peerMust(message.page === expected, `page ${message.page} came where page ${expected} was due`)
    peerMust(!manifest.complete, 'a page came behind the last one')
    this.#pagesUnderWay++
    this.#pagesNotYetAdded++
    this.#hub.emit({ kind: 'storePage', message })
  }
  #pagesNotYetAdded = 0

  pageStored(shape: PageShape, survey: PageSurvey): void {
    this.#pagesNotYetAdded--
    this.#addPage(shape)
    this.pageSurveyed(survey)
  }

  pageRefused(code: 'protocol' | 'limit' | 'bad-name', sentence: string): void {
    this.#hub.fail(code, sentence)
  }

  #addPage(shape: PageShape): void {
    const { entries } = this.#hub
    entries.addPage(shape)
    const plansBefore = this.#plans
    this.#plans = new Uint8Array(entries.manifest.entries)
    this.#plans.set(plansBefore)
  }

  pageSurveyed({ page, plans: found, outcomes }: PageSurvey): void {
    const { entries } = this.#hub
    assert(page === this.#pagesSurveyed, 'pages are surveyed in order')
    const first = entries.firstOf(page)
    this.#plans.set(found, first)
    for (let i = 0; i < found.length; i++) this.#takeUp(first + i, found[i]!)
    for (const outcome of outcomes) if (!this.#outcomesRestored.has(outcome.entry)) this.#settle(outcome)
    this.#pagesSurveyed++
    this.#pagesUnderWay--
    if (this.#hub.phase === 'agreeing') this.#sayWhereWeStand()
    else
      for (const wants of wantRuns(entries, this.#parts, first, first + found.length))
        this.#hub.send({ kind: 'want', wants, pages: this.#pagesSurveyed, last: false })
    this.#endIfDone()
  }

  /** Gives an entry its standing from the journal, or else from the survey. */
  #takeUp(entry: number, plan: number): void {
    const { entries } = this.#hub
    const revised = this.#revised.get(entry)
    if (revised !== undefined) entries.revise(entry, revised.revision, revised.size)
    const outcome = this.#outcomesRestored.get(entry)
    if (outcome !== undefined) this.#settle(outcome)
    else if (plan === plans.later) entries.stand(entry, standing.later)
    else if (plan !== plans.done) entries.stand(entry, standing.missing)
    const held = this.#partsRestored.get(entry)
    if (outcome !== undefined || held === undefined || entries.standing(entry) !== standing.missing) return
    const part = this.#part(entry)
    for (const run of held.runs)
      run.hashes.forEach((hash, i) => {
        if (run.first + i < part.chunks) part.restore(run.first + i, hash, run.holes > 0)
      })
    entries.credit(entry, part.durableBytes(this.#hub.chunkBytes))
  }

  #settle({ entry, outcome, bytes, digest }: EntryOutcome): void {
    this.#hub.entries.finish(entry, outcome, bytes, digest === undefined ? 0n : parseHex64(digest))
    this.#parts.delete(entry)
  }

  #part(entry: number): Part {
    const { entries, chunkBytes } = this.#hub
    let part = this.#parts.get(entry)
    if (part === undefined) {
      part = new Part(entry, entries.revision(entry), entries.size(entry), chunkBytes)
      this.#parts.set(entry, part)
      entries.stand(entry, standing.part)
    }
    return part
  }

  // ---- data -------------------------------------------------------------------------------------------------------

  frameArrived(connection: ConnectionId, frame: ArrivedFrame): void {
    const hub = this.#hub
    if (connection !== hub.open || frame.epoch !== hub.epoch) {
      hub.emit({ kind: 'dropFrame', frame: frame.frame, reason: 'stale' })
      hub.emit({ kind: 'destroy', connection, reason: 'a newer connection took over' })
      return
    }
    peerMust(hub.phase === 'transferring', 'data came before the last want, or behind the end')
    if (frame.kind === 'pack') this.#packArrived(frame)
    else this.#chunkArrived(frame)
  }

  #chunkArrived({ frame, place, length }: ArrivedFrame & { kind: 'chunk' | 'zeros' }): void {
    const hub = this.#hub
    this.#checkPlace(place)
    if (!this.#awaits(place)) {
      hub.emit({ kind: 'dropFrame', frame, reason: 'duplicate' })
      return
    }
    const part = this.#part(place.entry)
    peerMust(place.chunk < part.chunks, 'a chunk lies behind the end of its file')
    const expected = chunkLength(part.size, hub.chunkBytes, place.chunk)
    peerMust(length === expected || length === -1, `a chunk has ${length} bytes where ${expected} are due`)
    part.writing.add(place.chunk)
    hub.emit({ kind: 'writeChunk', frame, place, length: expected, fresh: part.isFresh(place.chunk) })
  }

  #packArrived({ frame, files }: ArrivedFrame & { kind: 'pack' }): void {
    const hub = this.#hub
    const accept: number[] = []
    files.forEach(({ entry, revision, length }, row) => {
      const place = { entry, revision, chunk: 0 }
      this.#checkPlace(place)
      if (!this.#awaits(place)) return
      const size = hub.entries.size(entry)
      peerMust(length === size && size <= hub.chunkBytes, `a file of a pack has ${length} bytes where ${size} are due`)
      this.#part(entry).writing.add(0)
      accept.push(row)
    })
    hub.emit({ kind: 'writePack', frame, accept })
  }

  #checkPlace({ entry, revision }: Place): void {
    const { entries } = this.#hub
    peerMust(entries.isFile(entry), `entry ${entry} is no file of the manifest`)
    peerMust(entries.standing(entry) !== standing.unknown, `entry ${entry} was sent before it was wanted`)
    peerMust(revision <= entries.revision(entry), `entry ${entry} came in a revision that was not announced`)
  }

  /** Whether a frame for this place would be written: not older, not held, not being written, not published. */
  #awaits({ entry, revision, chunk }: Place): boolean {
    const { entries } = this.#hub
    const where = entries.standing(entry)
    if (where !== standing.missing && where !== standing.part) return false
    if (revision < entries.revision(entry)) return false
    const part = this.#parts.get(entry)
    if (part === undefined) return true
    if (part.revising !== undefined) return false
    return chunk >= part.chunks || !(part.held.has(chunk) || part.writing.has(chunk))
  }

  chunkWritten({ place, hash, hole }: Input & { kind: 'chunkWritten' }): void {
    const part = this.#written(place)
    if (part === undefined) return
    const bytes = chunkLength(part.size, this.#hub.chunkBytes, place.chunk)
    part.hold(place.chunk, hash, hole)
    this.#hub.receivedBytes += bytes
    this.#syncPoints.written(place, bytes)
    this.#finishIfComplete(part)
    this.#syncPoints.startIfDue()
  }

  packWritten({ files, bad }: Input & { kind: 'packWritten' }): void {
    for (const { entry, revision, hash } of files) {
      const part = this.#written({ entry, revision, chunk: 0 })
      if (part === undefined) continue
      part.hold(0, hash, false)
      this.#hub.receivedBytes += part.size
      const hashes = BigUint64Array.of(hash)
      part.authorised = this.#hub.settings.fileDigest(hashes, part.size) // A pack authorises itself (R112).
      this.#finishIfComplete(part)
    }
    for (const place of bad) this.chunkBad(place, 'the hash in its frame', 'another')
    this.#syncPoints.startIfDue()
  }

  /** A write has ended; the part it belongs to, unless that moved on meanwhile. */
  #written({ entry, revision, chunk }: Place): Part | undefined {
    const part = this.#parts.get(entry)
    if (part === undefined) return undefined
    part.writing.delete(chunk)
    if (part.revising !== undefined || part.givenUp !== undefined) {
      if (part.writing.size === 0) this.#afterWrites(part)
      return undefined
    }
    return part.revision === revision ? part : undefined
  }

  /** A chunk arrived damaged: wanted again alone, three times at most (R50). */
  chunkBad({ entry, revision, chunk }: Place, expected: string, found: string): void {
    const part = this.#written({ entry, revision, chunk })
    if (part === undefined) return
    const tries = (part.bad.get(chunk) ?? 0) + 1
    part.bad.set(chunk, tries)
    if (tries > badChunkTriesMax) {
      const reason = `chunk ${chunk} arrived damaged ${tries} times (expected ${expected}, found ${found})`
      this.#giveUp(part, { entry, outcome: 'failed', bytes: 0, reason })
      return
    }
    this.#hub.send({
      kind: 'want',
      wants: [{ need: 'again', from: entry, revision, chunks: [[chunk, 1]] }],
      pages: this.#pagesSurveyed,
      last: false,
    })
  }

  #finishIfComplete(part: Part): void {
    if (part.authorised === undefined || !part.isComplete) return
    const found = this.#hub.settings.fileDigest(part.hashes, part.size)
    if (found === part.authorised) {
      this.#hub.entries.stand(part.entry, standing.finishing)
      this.#syncPoints.finish(part, found)
      return
    }
    const reason = `its digest is ${found}, the sender says ${part.authorised}`
    this.#giveUp(part, { entry: part.entry, outcome: 'failed', bytes: 0, reason })
  }

  // ---- what the sender says of entries ----------------------------------------------------------------------------

  syncArrived(message: Sync): void {
    peerMust(this.#hub.phase === 'transferring', 'sync came before the last want, or behind the end')
    if (message.grade === 'major')
      for (const { entry, revision, digest } of message.files) {
        this.#checkPlace({ entry, revision, chunk: 0 })
        const part = this.#parts.get(entry)
        if (part === undefined || part.revision !== revision) continue // Published, or of an older revision.
        if (this.#hub.entries.standing(entry) !== standing.part) continue
        part.authorised = digest
        this.#finishIfComplete(part)
      }
    else this.#syncPoints.flush()
    this.#syncPoints.startIfDue()
  }

  resyncArrived(message: Resync): void {
    const { entries } = this.#hub
    peerMust(entries.isFile(message.entry), `entry ${message.entry} is no file of the manifest`)
    peerMust(message.revision <= revisionMax, 'a revision is out of range')
    const where = entries.standing(message.entry)
    if (where !== standing.missing && where !== standing.part) return // Published: its outcome is or will be said.
    if (message.revision <= entries.revision(message.entry)) {
      if (message.revision === entries.revision(message.entry)) this.#sayEntry(message.entry)
      return
    }
    const part = this.#part(message.entry)
    part.revising = message
    part.authorised = undefined
    if (part.writing.size === 0) this.#afterWrites(part)
  }

  /** One write at a time per place, whatever revision: what must wait for the writes goes on here (R111). */
  #afterWrites(part: Part): void {
    if (part.givenUp !== undefined) {
      const outcomes = [part.givenUp]
      this.#hub.entries.stand(part.entry, standing.finishing)
      this.#hub.commit([{ kind: 'outcome', serial: 0, outcomes }], { for: 'given-up', outcomes })
      return
    }
    if (part.revising === undefined) return
    const { entry, revision, size, mtimeUs, mode, keep } = part.revising
    this.#hub.commit([{ kind: 'revised', entry, revision, size, mtimeUs, mode, keep, fingerprint: null }], {
      for: 'revision',
      entry,
      revision,
    })
  }

  /** The revision is on disk: now the part file may change. */
  revisionCommitted(entry: number): void {
    const message = this.#parts.get(entry)?.revising
    assert(message !== undefined, 'a revision is committed once')
    this.#hub.emit({ kind: 'revisePart', entry, revision: message.revision, size: message.size, keep: message.keep })
  }

  partRevised(entry: number): void {
    const { entries, chunkBytes } = this.#hub
    const before = this.#parts.get(entry)
    assert(before?.revising !== undefined, 'a part is revised once')
    const { revision, size, keep } = before.revising
    entries.revise(entry, revision, size)
    const part = before.revised(revision, size, chunkBytes, keep)
    this.#parts.set(entry, part)
    this.#syncPoints.revised(part)
    entries.credit(entry, part.durableBytes(chunkBytes))
    this.#sayEntry(entry)
  }

  #sayEntry(entry: number): void {
    for (const wants of wantRuns(this.#hub.entries, this.#parts, entry, entry + 1))
      this.#hub.send({ kind: 'want', wants, pages: this.#pagesSurveyed, last: false })
  }

  exceptionArrived({ entry, outcome, sentence }: Exception): void {
    if (entry === null || outcome === null) return
    const { entries } = this.#hub
    peerMust(entries.isFile(entry), `entry ${entry} is no file of the manifest`)
    peerMust(outcome === 'vanished' || outcome === 'failed', `a sender can't give an entry the outcome ${outcome}`)
    const where = entries.standing(entry)
    if (where === standing.missing || where === standing.part)
      this.#giveUp(this.#part(entry), { entry, outcome, bytes: 0, reason: sentence })
  }

  #giveUp(part: Part, outcome: EntryOutcome): void {
    part.givenUp = outcome
    if (part.writing.size === 0) this.#afterWrites(part)
  }

  outcomesCommitted(outcomes: readonly EntryOutcome[]): void {
    for (const outcome of outcomes) this.#settle(outcome)
    const hub = this.#hub
    this.#syncPoints.acknowledge([], outcomes)
    hub.emit({ kind: 'reportOutcomes', outcomes })
    hub.emit({ kind: 'removeParts', entries: outcomes.map(({ entry }) => entry) })
    this.#endIfDone()
  }

  cycleOutcomesCommitted(serial: number): void {
    const outcomes = this.#syncPoints.outcomesCommitted(serial)
    if (outcomes.length > 0) this.outcomesCommitted(outcomes)
    this.#syncPoints.outcomesSettled()
  }

  /** Neither the part nor the published file is there: begin that file again. */
  #lost(entry: number): void {
    this.#parts.delete(entry)
    this.#hub.entries.stand(entry, standing.missing)
    this.#hub.entries.credit(entry, 0)
    this.#sayEntry(entry)
  }

  hashesAsked({ entry, revision, first, count }: Hashes & { way: 'ask' }): void {
    const part = this.#parts.get(entry)
    peerMust(count <= hashesPerMessageMax, 'too many hashes were asked for at once')
    let hashes = ''
    if (part !== undefined && part.revision === revision)
      for (let chunk = first; chunk < Math.min(first + count, part.chunks) && part.held.has(chunk); chunk++)
        hashes += hex64(part.hashes[chunk]!)
    this.#hub.send({ kind: 'hashes', way: 'answer', entry, revision, first, hashes })
  }

  /** Entries whose standing is known. */
  get entriesSurveyed(): number {
    return this.#hub.entries.firstOf(this.#pagesSurveyed)
  }

  // ---- conditions -------------------------------------------------------------------------------------------------

  diskFilled(neededBytes: number, freeBytes: number): void {
    this.#diskNeed = { neededBytes, freeBytes }
    this.#hub.parked = { reason: 'disk-full', who: 'self', neededBytes, freeBytes }
    this.#sayTurn()
  }

  diskCleared(): void {
    this.#diskNeed = undefined
    this.#hub.parked = undefined
    this.#sayTurn()
  }

  #sayTurn(): void {
    const need = this.#diskNeed
    this.#hub.send({
      kind: 'turn',
      holder: need === undefined ? 'sender' : 'receiver',
      reason: need === undefined ? null : 'disk-full',
      neededBytes: need?.neededBytes ?? null,
      freeBytes: need?.freeBytes ?? null,
    })
  }

  // ---- sync points and the end ------------------------------------------------------------------------------------

  get syncPoints(): SyncPoints {
    return this.#syncPoints
  }

  endArrived({ manifest, entries, bytes }: End): void {
    const ours = this.#hub.entries.manifest
    peerMust(
      ours.complete && ours.digest === manifest && ours.entries === entries && ours.bytes === bytes,
      'the end names another manifest than the pages made up',
    )
    this.#ending = true
    this.#hub.phase = 'finishing'
    if (this.#receipt !== undefined) this.#sayReceipt(this.#receipt)
    else this.#endIfDone()
  }

  #cycleEnded(): void {
    this.#endIfDone()
  }

  #endIfDone(): void {
    const { entries } = this.#hub
    if (!this.#ending || this.#finishingTree || this.#receipt !== undefined || entries.unfinished > 0) return
    if (this.#syncPoints.isBusy) return
    this.#finishingTree = true
    this.#hub.emit({ kind: 'finishTree' })
  }

  treeFinished(outcomes: readonly EntryOutcome[]): void {
    this.#hub.commit([{ kind: 'outcome', serial: 0, outcomes }], { for: 'tree', outcomes })
  }

  treeCommitted(outcomes: readonly EntryOutcome[]): void {
    for (const outcome of outcomes) this.#settle(outcome)
    this.#hub.emit({ kind: 'reportOutcomes', outcomes })
    this.#hub.emit({ kind: 'digestSession' })
  }

  sessionDigested(digest: string, finishedAt: string): void {
    const { entries, settings } = this.#hub
    this.#receipt = {
      version: 1,
      session: settings.session,
      manifest: entries.manifest.digest,
      digest,
      entries: entries.manifest.entries,
      files: entries.filesDone,
      bytes: entries.bytesPublished,
      outcomes: entries.outcomeCounts(),
      durability: 'checkpoint',
      finishedAt,
    }
    this.#hub.commit([{ kind: 'receipt', receipt: this.#receipt }], { for: 'receipt' })
  }

  receiptCommitted(): void {
    this.#hub.emit({ kind: 'storeReceipt', receipt: this.#receipt! })
  }

  receiptStored(): void {
    if (this.#ending) this.#sayReceipt(this.#receipt!)
  }

  #sayReceipt(receipt: Receipt): void {
    this.#hub.send({ kind: 'receipt', receipt })
    this.#lingerUntil = this.#hub.now + this.#hub.settings.limits.lingerMs
  }

  /** The sender has the receipt: nothing is owed any more. */
  releaseArrived(): void {
    peerMust(this.#receipt !== undefined, 'release came before the receipt')
    this.#lingerUntil = undefined
    this.#hub.commit([{ kind: 'ended', how: 'released', by: 'peer', at: 0 }], { for: 'end' })
  }

  endCommitted(): void {
    this.#hub.send({ kind: 'released' })
    this.#hub.finish({ how: 'released', receipt: this.#receipt!, confirmed: true })
  }

  get receipt(): Receipt | undefined {
    return this.#receipt
  }

  get deadline(): Millis | undefined {
    return earliest(this.#lingerUntil, this.#syncPoints.deadline)
  }

  deadlinePassed(): void {
    const { now } = this.#hub
    if (this.#lingerUntil !== undefined && now >= this.#lingerUntil) {
      this.#hub.emit({
        kind: 'warn',
        code: 'release-unconfirmed',
        sentence: 'Everything is in place; the sender did not confirm that it has the receipt.',
        entry: null,
      })
      this.#hub.finish({ how: 'released', receipt: this.#receipt!, confirmed: false })
      return
    }
    this.#syncPoints.startIfDue()
  }
}
