// Files on their way into a receiver: which frames are written, what becomes of damaged, changed and given-up ones, and when
// a file is complete. When written chunks become durable and files get their names is sync-points.ts.

import { assert } from '../errors.ts'
import { hex64s, parseHex64 } from '../model/hash.ts'
import { badChunkTriesMax, fileChunksMax, hashesPerMessageMax, revisionMax } from '../model/limits.ts'
import type { EntryOutcome, Exception, Hashes, Resync, Sync, Want } from '../model/messages.ts'
import { chunkLength, type Place } from '../model/places.ts'
import type { HeldPart } from './checkpoint.ts'
import { standing } from './entry-table.ts'
import type { Hub } from './hub.ts'
import type { AdoptedPlace, ArrivedFrame, ConnectionId, Input } from './inputs.ts'
import type { Lanes } from './lanes.ts'
import type { Part } from './part.ts'
import { Parts } from './parts.ts'
import { SyncPoints } from './sync-points.ts'
import { peerMust } from './violation.ts'

export interface ArrivalsOwner {
  /** One of `plans`: what the survey said of an entry. */
  planOf(entry: number): number
  /** Says one want, or where an entry now stands. */
  say(wants: readonly Want[]): void
  sayEntry(entry: number): void
  /** Entries have their outcomes, or a cycle has ended: perhaps all is done. */
  settled(): void
}

export class Arrivals {
  /** Files under way. */
  readonly parts: Parts
  readonly syncPoints: SyncPoints
  readonly #hub: Hub
  readonly #lanes: Lanes
  readonly #owner: ArrivalsOwner
  /** The hash of a file that came whole, as a list. */
  readonly #oneHash = new BigUint64Array(1)

  constructor(hub: Hub, lanes: Lanes, serial: number, owner: ArrivalsOwner) {
    this.#hub = hub
    this.#lanes = lanes
    this.#owner = owner
    this.parts = new Parts(hub)
    this.syncPoints = new SyncPoints(hub, this.parts, serial, {
      planOf: (entry) => owner.planOf(entry),
      get lanes() {
        return lanes.count
      },
      ended: () => owner.settled(),
      lost: (entry) => this.#lost(entry),
    })
  }

  /** Chunks read back and written again after a crash: received, and durable with the next sync point. */
  restoreAdopted(places: readonly AdoptedPlace[]): void {
    const { entries } = this.#hub
    for (const place of places) {
      const where = entries.standing(place.entry)
      if (where !== standing.missing && where !== standing.part) continue // Something else is there by now.
      const part = this.parts.begun(place.entry)
      part.restored()
      if (part.revision !== place.revision || place.chunk >= part.chunks || part.held.has(place.chunk)) continue
      part.hold(place.chunk, place.hash, place.hole)
      this.syncPoints.written(place, chunkLength(part.size, this.#hub.chunkBytes, place.chunk))
    }
  }

  /** Takes up what the journal calls durable of a file. */
  restoreHeld(entry: number, { runs }: HeldPart): void {
    const part = this.parts.begun(entry)
    part.restored()
    for (const { first, hashes, holes } of runs) part.restore(first, hashes, holes > 0)
    this.#hub.entries.credit(entry, part.durableBytes(this.#hub.chunkBytes))
  }

  /** Bytes that are written and not yet durable: they have their room on the disk. */
  get bytesStaged(): number {
    return this.parts.bytesStaged
  }

  /** Gives an entry its outcome. */
  settle({ entry, outcome, bytes, digest }: EntryOutcome): void {
    this.#hub.entries.finish(entry, outcome, bytes, digest === undefined ? 0n : parseHex64(digest))
    this.parts.drop(entry)
  }

  // ---- data -------------------------------------------------------------------------------------------------------

  frameArrived(connection: ConnectionId, frame: ArrivedFrame): void {
    const hub = this.#hub
    if (!this.#lanes.isOpen(connection) || frame.epoch !== hub.epoch) {
      hub.emit({ kind: 'dropFrame', frame: frame.frame, reason: 'stale' })
      hub.emit({ kind: 'destroy', connection, reason: 'a newer connection took over' })
      return
    }
    if (hub.phase === 'finishing' && connection !== hub.open) {
      hub.emit({ kind: 'dropFrame', frame: frame.frame, reason: 'duplicate' }) // The end, on lane 0, overtook it.
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
    const part = this.parts.begun(place.entry)
    peerMust(place.chunk < part.chunks, 'a chunk lies behind the end of its file')
    const expected = chunkLength(part.size, hub.chunkBytes, place.chunk)
    peerMust(length === expected || length === -1, `a chunk has ${length} bytes where ${expected} are due`)
    part.writing.add(place.chunk)
    this.syncPoints.writeBegun()
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
      this.parts.writeWhole(entry)
      accept.push(row)
    })
    this.syncPoints.writeBegun()
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
    return revision >= entries.revision(entry) && this.parts.awaits(entry, chunk)
  }

  chunkWritten({ place, hash, hole }: Input & { kind: 'chunkWritten' }): void {
    this.syncPoints.writeEnded()
    const part = this.#written(place)
    if (part === undefined) return
    const bytes = chunkLength(part.size, this.#hub.chunkBytes, place.chunk)
    part.hold(place.chunk, hash, hole)
    this.#hub.receivedBytes += bytes
    this.syncPoints.written(place, bytes)
    this.#finishIfComplete(part)
    this.syncPoints.startIfDue()
  }

  packWritten({ files, bad }: Input & { kind: 'packWritten' }): void {
    const { entries, settings } = this.#hub
    this.syncPoints.writeEnded()
    for (const file of files) {
      const { entry, hash } = file
      if (!this.parts.wroteWhole(entry, hash)) {
        const part = this.#written({ ...file, chunk: 0 })
        if (part === undefined) continue
        part.hold(0, hash, false)
      }
      const size = entries.size(entry)
      this.#hub.receivedBytes += size
      this.#oneHash[0] = hash
      this.#finish(file, settings.fileDigest(this.#oneHash, size)) // A pack authorises itself (R112).
    }
    for (const place of bad) this.#damaged(place, 'the hash in its frame', 'another')
    this.syncPoints.startIfDue()
  }

  /** A write has ended; the part it belongs to, unless that moved on meanwhile. */
  #written({ entry, revision, chunk }: Place): Part | undefined {
    const part = this.parts.get(entry)
    if (part === undefined) return undefined
    part.writing.remove(chunk)
    if (part.revising !== undefined || part.givenUp !== undefined) {
      if (part.writing.count === 0) this.#afterWrites(part)
      return undefined
    }
    return part.revision === revision ? part : undefined
  }

  chunkBad(place: Place, expected: string, found: string): void {
    this.syncPoints.writeEnded()
    this.#damaged(place, expected, found)
  }

  /** A chunk arrived damaged: wanted again alone, three times at most (R50). */
  #damaged({ entry, revision, chunk }: Place, expected: string, found: string): void {
    const part = this.#written({ entry, revision, chunk })
    if (part === undefined) return
    const tries = part.damaged(chunk)
    if (tries > badChunkTriesMax) {
      const reason = `integrity: chunk ${chunk} arrived damaged ${tries} times (expected ${expected}, found ${found})`
      this.#giveUp(part, { entry, outcome: 'failed', bytes: 0, reason })
      return
    }
    this.#owner.say([{ need: 'again', from: entry, revision, chunks: [[chunk, 1]] }])
  }

  #finishIfComplete(part: Part): void {
    if (part.authorised === undefined || !part.isComplete) return
    const found = this.#hub.settings.fileDigest(part.hashes, part.size)
    if (found === part.authorised) return this.#finish(part, found)
    const reason = `integrity: its digest is ${found}, the sender says ${part.authorised}`
    this.#giveUp(part, { entry: part.entry, outcome: 'failed', bytes: 0, reason })
  }

  /** It is complete, and what it was meant to be. */
  #finish(file: Pick<Part, 'entry' | 'revision'>, digest: string): void {
    this.#hub.entries.stand(file.entry, standing.finishing)
    this.syncPoints.finish(file, digest)
  }

  // ---- what the sender says of entries ----------------------------------------------------------------------------

  syncArrived(message: Sync): void {
    if (message.grade === 'major')
      for (const { entry, revision, digest } of message.files) {
        this.#checkPlace({ entry, revision, chunk: 0 })
        const where = this.#hub.entries.standing(entry)
        if (where !== standing.missing && where !== standing.part) continue // Published.
        const part = this.parts.begun(entry) // On other lanes all its chunks may still be on their way.
        if (part.revision !== revision) continue
        part.authorised = digest
        this.#finishIfComplete(part)
      }
    else this.syncPoints.flush()
    this.syncPoints.startIfDue()
  }

  resyncArrived(message: Resync): void {
    const { entries } = this.#hub
    peerMust(entries.isFile(message.entry), `entry ${message.entry} is no file of the manifest`)
    peerMust(message.revision <= revisionMax, 'a revision is out of range')
    peerMust(message.size <= fileChunksMax * this.#hub.chunkBytes, 'a file grew to more bytes than a receiver takes')
    const where = entries.standing(message.entry)
    if (where !== standing.missing && where !== standing.part) return // Published: its outcome is or will be said.
    if (message.revision <= entries.revision(message.entry)) {
      if (message.revision === entries.revision(message.entry)) this.#owner.sayEntry(message.entry)
      return
    }
    const part = this.parts.begun(message.entry)
    if (part.revising !== undefined) {
      peerMust(part.revising.revision === message.revision, 'a file changed again before its change was answered')
      return // Said again over a newer connection: the answer is under way.
    }
    part.revising = message
    part.authorised = undefined
    if (part.writing.count === 0) this.#afterWrites(part)
  }

  /** One write at a time per place, whatever revision: what must wait for the writes goes on here (R111). */
  #afterWrites(part: Part): void {
    if (part.givenUp !== undefined) {
      const outcomes = [part.givenUp]
      this.#hub.entries.stand(part.entry, standing.finishing)
      this.#hub.commit([{ kind: 'outcome', serial: 0, outcomes }], { for: 'given-up', outcomes })
      return
    }
    assert(part.revising !== undefined, 'writes are waited for by what comes after them')
    const { entry, revision, size, mtimeUs, mode, keep } = part.revising
    this.#hub.commit([{ kind: 'revised', entry, revision, size, mtimeUs, mode, keep, fingerprint: null }], {
      for: 'revision',
      entry,
      revision,
    })
  }

  /** The revision is on disk: now the part file may change. */
  revisionCommitted(entry: number): void {
    const part = this.parts.get(entry)
    if (part === undefined || part.givenUp !== undefined) return
    const message = part.revising
    assert(message !== undefined, 'a revision is committed once')
    this.#hub.emit({ kind: 'revisePart', entry, revision: message.revision, size: message.size, keep: message.keep })
  }

  partRevised(entry: number): void {
    const { entries, chunkBytes } = this.#hub
    const before = this.parts.get(entry)
    if (before === undefined || before.givenUp !== undefined) return
    assert(before.revising !== undefined, 'a part is revised once')
    const { revision, size, keep } = before.revising
    entries.revise(entry, revision, size)
    const part = before.revised(revision, size, chunkBytes, keep)
    this.parts.keep(part)
    this.syncPoints.revised(part)
    entries.credit(entry, part.durableBytes(chunkBytes))
    this.#owner.sayEntry(entry)
  }

  exceptionArrived({ entry, outcome, sentence }: Exception): void {
    if (entry === null || outcome === null) return
    const { entries } = this.#hub
    peerMust(entries.isFile(entry), `entry ${entry} is no file of the manifest`)
    peerMust(outcome === 'vanished' || outcome === 'failed', `a sender can't give an entry the outcome ${outcome}`)
    const where = entries.standing(entry)
    if (where === standing.missing || where === standing.part)
      this.#giveUp(this.parts.begun(entry), { entry, outcome, bytes: 0, reason: sentence })
  }

  #giveUp(part: Part, outcome: EntryOutcome): void {
    part.givenUp = outcome
    if (part.writing.count === 0) this.#afterWrites(part)
  }

  outcomesCommitted(outcomes: readonly EntryOutcome[]): void {
    for (const outcome of outcomes) this.settle(outcome)
    const hub = this.#hub
    this.syncPoints.acknowledge([], outcomes)
    hub.emit({ kind: 'reportOutcomes', outcomes })
    hub.emit({ kind: 'removeParts', entries: outcomes.map(({ entry }) => entry) })
    this.#owner.settled()
  }

  cycleOutcomesCommitted(serial: number): void {
    const outcomes = this.syncPoints.outcomesCommitted(serial)
    if (outcomes.length > 0) this.outcomesCommitted(outcomes)
    this.syncPoints.outcomesSettled()
  }

  /** Neither the part nor the published file is there: begin that file again. */
  #lost(entry: number): void {
    const part = this.parts.get(entry)!
    const { revision, chunks } = part
    this.#hub.emit({ kind: 'note', records: [{ kind: 'bad', entry, revision, chunks: [[0, chunks]] }] })
    this.parts.drop(entry)
    this.#hub.entries.stand(entry, standing.missing)
    this.#hub.entries.credit(entry, 0)
    this.#owner.sayEntry(entry)
  }

  hashesAsked({ entry, revision, first, count }: Hashes & { way: 'ask' }): void {
    const part = this.parts.get(entry)
    peerMust(count <= hashesPerMessageMax, 'too many hashes were asked for at once')
    const hashes = part?.revision === revision ? hex64s(part.heldFrom(first, count)) : ''
    this.#hub.send({ kind: 'hashes', way: 'answer', entry, revision, first, hashes })
  }
}
