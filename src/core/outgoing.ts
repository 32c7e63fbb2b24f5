// Bytes on their way out of a sender: which chunks go next, within window, turn and pipeline; what the receiver has of each
// file; when a file may be published. Files whose source changed are revisions.ts.

import { packRowBytes, revisionMax } from '../model/limits.ts'
import type { EntryOutcome, Hashes, Turn, Want } from '../model/messages.ts'
import { chunkLength, type PlaceRun } from '../model/places.ts'
import type { Outcome } from '../model/session.ts'
import { checkDamaged, checkReceived, noteAcknowledged } from './acknowledged.ts'
import type { Checkpoint } from './checkpoint.ts'
import { isInPlace, standing } from './entry-table.ts'
import type { Hub } from './hub.ts'
import type { ConnectionId, Input } from './inputs.ts'
import type { Lanes } from './lanes.ts'
import { Queue } from './queue.ts'
import { Revisions } from './revisions.ts'
import { SendingFile } from './sending-file.ts'
import { peerMust } from './violation.ts'
import type { Window } from './window.ts'

const packFilesMax = 1024

export class Outgoing {
  readonly revisions: Revisions
  readonly #hub: Hub
  readonly #lanes: Lanes
  readonly #window: Window
  readonly #files = new Map<number, SendingFile>()
  readonly #queue = new Queue()
  /** Entries with places that were sent and are not at the receiver: free of the window, they come before anything new. */
  readonly #resends = new Queue()
  /** The receiver holds the right to send. */
  #turnHeld: Turn | undefined
  #isSourceGone = false

  constructor(hub: Hub, lanes: Lanes, window: Window, revised: Checkpoint['revised']) {
    this.#hub = hub
    this.#lanes = lanes
    this.#window = window
    this.revisions = new Revisions(hub, this.#files, revised, {
      giveUp: (entry, outcome, sentence) => this.#giveUp(entry, outcome, sentence),
      goOn: (file) => this.#goOn(file),
    })
  }

  // ---- connection -------------------------------------------------------------------------------------------------

  /** A new epoch: what the receiver wants is said anew, what is out stays out. */
  opened(): void {
    this.#window.limitBytes = this.#hub.windowBytes
    this.#turnHeld = undefined
    if (this.#hub.parked?.who === 'peer') this.#hub.parked = undefined // It says so again if it still is.
    this.#queue.clear()
    this.#resends.clear()
    for (const file of this.#files.values()) file.epochBegan()
  }

  /** The receiver has said where it stands: data may flow. */
  begin(): void {
    for (const file of this.#files.values()) this.#goOn(file)
  }

  // ---- what the receiver says -------------------------------------------------------------------------------------

  /** Nothing of an entry is there. */
  wantedWhole(entry: number, revision: number): void {
    const { entries } = this.#hub
    peerMust(entries.isFile(entry), `bytes are wanted of entry ${entry}, which is no file`)
    if (this.#isOver(entry) || this.#isForgotten(entry, revision)) return
    entries.credit(entry, 0)
    entries.stand(entry, standing.missing)
    const file = this.#files.get(entry)
    file?.heldBy(undefined, undefined)
    if (revision < entries.revision(entry)) this.revisions.announce(this.#file(entry))
    else if (file?.changedTo !== undefined) this.revisions.wanted(file)
    else (this.#window.isOut(entry) ? this.#resends : this.#queue).add(entry)
  }

  /** Some chunks arrived damaged. */
  wantedAgain({ from: entry, revision, chunks }: Want & { need: 'again' }): void {
    const { entries } = this.#hub
    peerMust(entries.isFile(entry), `bytes are wanted of entry ${entry}, which is no file`)
    const where = entries.standing(entry)
    if (where === standing.done || revision !== entries.revision(entry)) return
    const file = this.#file(entry)
    peerMust(
      chunks.every(([first, count]) => first + count <= file.chunks),
      'a want names chunks behind the end',
    )
    checkDamaged(chunks, this.#window)
    file.sendAgain(chunks)
    entries.stand(entry, standing.part)
    this.#resends.addFirst(entry)
  }

  /** Some chunks are there. */
  wantedPart({ from: entry, revision, durable, received }: Want & { need: 'part' }): void {
    const { entries, chunkBytes } = this.#hub
    peerMust(entries.isFile(entry), `bytes are wanted of entry ${entry}, which is no file`)
    if (this.#isOver(entry) || this.#isForgotten(entry, revision)) return
    entries.stand(entry, standing.part)
    const file = this.#file(entry)
    if (revision < entries.revision(entry)) {
      file.heldBy(undefined, undefined) // What it holds is of an older revision: begin from what the announcement keeps.
      this.revisions.announce(file)
      return
    }
    const inside = ([first, count]: readonly [number, number]): boolean => first + count <= file.chunks
    peerMust(durable.every(inside) && received.every(inside), 'a want names chunks behind the end of a file')
    checkReceived(received, this.#window, this.#hub.durability)
    file.heldBy(durable, received)
    for (const run of durable) this.#window.settle(entry, run) // What else was sent stays out: it may be sent again.
    for (const [first, count] of received)
      for (let chunk = first; chunk < first + count; chunk++)
        this.#window.add(entry, chunk, chunkLength(file.size, chunkBytes, chunk), undefined)
    entries.credit(entry, file.durableBytes(chunkBytes))
    this.revisions.wanted(file)
  }

  /** What is done is wanted again only by a receiver that was rolled back, and it says so as an epoch begins (R46). */
  #isOver(entry: number): boolean {
    const { entries, phase } = this.#hub
    if (phase === 'agreeing') entries.reopen(entry)
    return entries.standing(entry) === standing.done
  }

  /**
   * A revision that this side does not remember: it was restored from an older state (R46). What the receiver holds may be
   * of any content, so a newer revision takes the place of it, from the beginning.
   */
  #isForgotten(entry: number, revision: number): boolean {
    const { entries, phase } = this.#hub
    if (revision > entries.revision(entry)) {
      peerMust(phase === 'agreeing' && revision < revisionMax, 'a want names a revision that was not announced')
      entries.revise(entry, revision, entries.size(entry))
      this.#window.settleEntry(entry)
      this.#file(entry).isForgotten = true
    } else if (this.#files.get(entry)?.isForgotten !== true) return false
    entries.credit(entry, 0)
    entries.stand(entry, standing.part)
    this.revisions.replace(this.#file(entry))
    return true
  }

  #file(entry: number): SendingFile {
    const { entries, chunkBytes } = this.#hub
    let file = this.#files.get(entry)
    if (file === undefined || file.revision !== entries.revision(entry)) {
      file = new SendingFile(entry, entries.revision(entry), entries.size(entry), chunkBytes)
      this.#files.set(entry, file)
    }
    return file
  }

  /** Places are durable at the receiver. */
  acknowledged(places: readonly PlaceRun[]): void {
    const { entries, chunkBytes, durability } = this.#hub
    for (const file of noteAcknowledged(places, entries, this.#files, this.#window, durability)) {
      this.#goOn(file)
      entries.credit(file.entry, file.durableBytes(chunkBytes))
    }
  }

  /** An entry has its outcome: nothing of it is owed any more. `detail` is absent where only the outcome was said. */
  done(entry: number, outcome: Outcome, detail: EntryOutcome | undefined): void {
    const { entries } = this.#hub
    const bytes = detail?.bytes ?? (isInPlace(outcome) && entries.isFile(entry) ? entries.size(entry) : 0)
    entries.finish(entry, outcome, Math.min(bytes, entries.sizeAtMost(entry)), 0n) // The receipt tells of digests, and the receiver has them.
    this.#window.settleEntry(entry)
    if (this.#files.delete(entry)) this.#hub.emit({ kind: 'closeSource', entry })
  }

  turnArrived(turn: Turn): void {
    const hub = this.#hub
    if (turn.holder === 'sender') {
      this.#turnHeld = undefined
      if (hub.parked?.who === 'peer') hub.parked = undefined
    } else {
      this.#turnHeld = turn
      hub.parked = {
        reason: turn.reason ?? 'quota',
        who: 'peer',
        ...(turn.neededBytes === null ? {} : { neededBytes: turn.neededBytes }),
        ...(turn.freeBytes === null ? {} : { freeBytes: turn.freeBytes }),
      }
    }
    this.pump()
  }

  hashesArrived(message: Hashes & { way: 'answer' }): void {
    this.revisions.hashesArrived(message)
    this.pump()
  }

  // ---- data -------------------------------------------------------------------------------------------------------

  /** Sends as much as turn, window and pipeline allow. */
  pump(): void {
    const hub = this.#hub
    if (hub.phase !== 'transferring' || hub.open === undefined) return
    if (this.#turnHeld !== undefined || this.#isSourceGone || hub.end !== undefined) return
    if (hub.pausing !== undefined || hub.peerPaused !== undefined) return
    for (let carrier = this.#lanes.free(); carrier !== undefined; carrier = this.#lanes.free()) {
      if (!this.#sendNext(carrier)) return
      this.#lanes.took(carrier)
    }
  }

  /** Sends one frame; false if there is none to send now. */
  #sendNext(connection: ConnectionId): boolean {
    for (const queue of [this.#resends, this.#queue])
      for (let entry = queue.first(); entry !== undefined; entry = queue.first()) {
        const sent = this.#sendOf(connection, entry, queue)
        if (sent === 'sent') return true
        if (sent === 'full') return false
        queue.shift()
        if (sent === 'new') this.#queue.addFirst(entry)
      }
    if (this.#hub.entries.manifest.complete) this.#lanes.allSent()
    return false
  }

  /** Sends something of a queue's first entry; `new`: what is left of a resend was never sent. */
  #sendOf(connection: ConnectionId, entry: number, queue: Queue): 'sent' | 'full' | 'new' | 'nothing' {
    const where = this.#hub.entries.standing(entry)
    if (where !== standing.missing && where !== standing.part) return 'nothing'
    if (where === standing.missing && !this.#files.has(entry) && this.#isSmall(entry))
      return this.#sendPack(connection, queue) ? 'sent' : 'full'
    return this.#sendChunk(connection, entry, queue)
  }

  #isSmall(entry: number): boolean {
    return this.#hub.entries.size(entry) + packRowBytes <= this.#hub.chunkBytes / 8
  }

  #sendChunk(connection: ConnectionId, entry: number, queue: Queue): 'sent' | 'full' | 'new' | 'nothing' {
    const hub = this.#hub
    const file = this.#file(entry)
    if (hub.entries.standing(entry) === standing.missing) {
      hub.entries.stand(entry, standing.part)
      file.start()
    }
    // What is out goes first, even behind chunks that were acknowledged and are lost: else they could wait for each other.
    const next = file.next
    const chunk = queue === this.#resends ? file.nextOf(this.#window.chunksOf(entry)) : next
    if (chunk === undefined) return next === undefined ? 'nothing' : 'new'
    const bytes = chunkLength(file.size, hub.chunkBytes, chunk)
    const again = this.#window.holds(entry, chunk)
    if (!again && !this.#window.admits(bytes)) return 'full'
    this.#window.add(entry, chunk, bytes, connection)
    file.send(chunk, connection)
    const place = { entry, revision: file.revision, chunk }
    hub.emit({ kind: 'sendChunk', connection, epoch: hub.epoch, place, again })
    return 'sent'
  }

  /** Takes small files off the queue while they fit into one frame and the window. */
  #sendPack(connection: ConnectionId, queue: Queue): boolean {
    const { entries, chunkBytes, epoch } = this.#hub
    const files: { entry: number; revision: number; again: boolean }[] = []
    let packBytes = 0
    for (let entry = queue.first(); entry !== undefined; entry = queue.first()) {
      const size = entries.size(entry)
      const again = this.#window.holds(entry, 0)
      if (entries.standing(entry) !== standing.missing || this.#files.has(entry) || !this.#isSmall(entry)) break
      if (packBytes + size + packRowBytes > chunkBytes || files.length === packFilesMax) break
      if (!again && !this.#window.admits(size)) break
      queue.shift()
      this.#window.add(entry, 0, size, connection)
      entries.stand(entry, standing.finishing)
      packBytes += size + packRowBytes
      files.push({ entry, revision: entries.revision(entry), again })
    }
    if (files.length === 0) return false
    this.#hub.emit({ kind: 'sendPack', connection, epoch, files })
    return true
  }

  /** Whether places are out: sent and not acknowledged, although nothing holds the receiver up that we know of. */
  get isOwed(): boolean {
    return this.#window.usedBytes > 0 && this.#turnHeld === undefined
  }

  owes(connection: ConnectionId): boolean {
    return this.#window.carriedBy(connection).size > 0
  }

  chunkSent({ connection, place, hash }: Input & { kind: 'chunkSent' }): void {
    const file = this.#files.get(place.entry)
    if (file?.revision === place.revision) file.know(place.chunk, hash)
    if (!this.#lanes.done(connection)) return
    this.#hub.sentBytes += file === undefined ? 0 : chunkLength(file.size, this.#hub.chunkBytes, place.chunk)
    if (file?.revision === place.revision) {
      file.sending.delete(place.chunk)
      file.held.add(place.chunk)
      this.#goOn(file)
    }
    this.pump()
  }

  packSent({ connection, files }: Input & { kind: 'packSent' }): void {
    for (const { entry } of files) this.#hub.sentBytes += this.#hub.entries.size(entry)
    if (this.#lanes.done(connection)) this.pump()
  }

  /** A chunk was not sent, for its source could not be read: why is told apart. */
  sendFailed({ connection, places }: Input & { kind: 'sendFailed' }): void {
    if (!this.#lanes.done(connection)) return
    for (const { entry, revision, chunk } of places) {
      const file = this.#files.get(entry)
      if (file?.revision === revision) file.sending.delete(chunk)
    }
    this.pump()
  }

  /** A lane is gone: what went over it and was not acknowledged goes out again, over the others. */
  laneLost(connection: ConnectionId): void {
    const { entries } = this.#hub
    const carried = this.#window.carriedBy(connection)
    for (const entry of carried.keys()) {
      if (this.#files.has(entry)) continue
      entries.stand(entry, standing.missing) // It was in a pack.
      this.#resends.add(entry)
    }
    for (const file of this.#files.values()) {
      const chunks = new Set([...(carried.get(file.entry) ?? []), ...file.sendingOver(connection)])
      if (chunks.size === 0) continue
      if (file.stage === 'sent') entries.stand(file.entry, standing.part)
      file.lost(chunks)
      this.#goOn(file)
    }
    this.pump()
  }

  /** Checks the source once all of a file is at the receiver, and sends more of it otherwise. */
  #goOn(file: SendingFile): void {
    if (file.stage !== 'sending' || this.#hub.phase !== 'transferring') return
    const { entry, next } = file
    const again = file.nextOf(this.#window.chunksOf(entry))
    if (next !== undefined) (again === undefined ? this.#queue : this.#resends).addFirst(entry)
    else if (file.isSent && file.hasUnknown) this.revisions.collect(file)
    else if (file.isSent) {
      file.stage = 'checking'
      this.#hub.emit({ kind: 'checkSource', entry: file.entry, revision: file.revision })
    }
    this.pump()
  }

  /** Descriptor and path are as they were, behind the last read: the file may be published (R112). */
  sourceChecked(entry: number, revision: number): void {
    const hub = this.#hub
    const file = this.#files.get(entry)
    if (file?.revision !== revision || file.stage !== 'checking') return
    if (hub.phase !== 'transferring') return // Said again after the next want.
    file.stage = 'sent'
    hub.entries.stand(entry, standing.finishing)
    const digest = hub.settings.fileDigest(file.hashes, file.size)
    hub.send({ kind: 'sync', grade: 'major', files: [{ entry, revision, digest }] })
    hub.emit({ kind: 'closeSource', entry })
  }

  /** What a read of an older epoch met is met again, once the entry is wanted in this one. */
  sourceFailed({ entry, revision, problem }: Input & { kind: 'sourceFailed' }): void {
    const { entries } = this.#hub
    const where = entries.standing(entry)
    if (where === standing.unknown || where === standing.done || revision !== entries.revision(entry)) return
    if (problem.kind === 'vanished') this.#giveUp(entry, 'vanished', 'it was deleted after it was listed')
    else if (problem.kind === 'unreadable') this.#giveUp(entry, 'failed', problem.reason)
    else this.revisions.changed(this.#file(entry), problem.version)
  }

  /** Gives up one entry and goes on with the others; the receiver records the outcome. */
  #giveUp(entry: number, outcome: 'vanished' | 'failed', sentence: string): void {
    this.#hub.entries.stand(entry, standing.finishing)
    const code = outcome === 'vanished' ? 'source-vanished' : 'source-changed'
    this.#hub.send({ kind: 'exception', code, sentence, entry, outcome })
  }

  rehashed(input: Input & { kind: 'rehashed' }): void {
    this.revisions.rehashed(input)
    this.pump()
  }

  revisionCommitted(entry: number): void {
    this.#window.settleEntry(entry)
    this.revisions.committed(entry)
  }

  sourceGone(isGone: boolean): void {
    this.#isSourceGone = isGone
    this.#hub.parked = isGone ? { reason: 'source-gone', who: 'self' } : undefined
    if (!isGone) this.pump()
  }

  /** Asks for a sync point now. */
  flush(): void {
    if (this.#hub.phase === 'transferring') this.#hub.send({ kind: 'sync', grade: 'minor' })
  }
}
