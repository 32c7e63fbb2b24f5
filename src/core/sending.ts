// The sender's half of a session: offers the manifest page by page and hears what the receiver wants and has. The bytes are
// outgoing.ts, sources that changed revisions.ts, receipt and release releasing.ts; hello and welcome are greeting.ts.

import { pagesUnansweredMax } from '../model/limits.ts'
import type { Acknowledge, EntryOutcome, Exception, Want, WantMessage } from '../model/messages.ts'
import type { Outcome } from '../model/session.ts'
import type { Checkpoint } from './checkpoint.ts'
import { standing } from './entry-table.ts'
import type { Hub } from './hub.ts'
import { type ConnectionId, entryKinds, type PageShape } from './inputs.ts'
import type { Lanes } from './lanes.ts'
import { Outgoing } from './outgoing.ts'
import { Releasing } from './releasing.ts'
import { peerMust } from './violation.ts'
import { Window } from './window.ts'
import { WindowWatch } from './window-watch.ts'

export class Sending {
  readonly outgoing: Outgoing
  readonly releasing: Releasing
  readonly #hub: Hub
  readonly #lanes: Lanes
  #pagesSent = 0
  /** Of this epoch, being read: what is said meanwhile overtakes them. */
  #pagesUnderWay = 0
  #pagesAnswered = 0
  /** What the receiver had made durable when this epoch began, as far as this side knows; 0 once compared. */
  #bytesRemembered: number
  readonly #window: Window
  readonly #windowWatch = new WindowWatch()
  #isWalking = true // Until `begin`: the journal's pages come first.

  constructor(hub: Hub, lanes: Lanes, checkpoint: Checkpoint) {
    this.#hub = hub
    this.#lanes = lanes
    this.#bytesRemembered = checkpoint.revised.size === 0 ? checkpoint.bytesAcknowledged : 0 // A new revision begins lower.
    this.#window = new Window(hub.windowBytes)
    this.outgoing = new Outgoing(hub, lanes, this.#window, checkpoint.revised)
    this.releasing = new Releasing(hub, checkpoint.receipt)
  }

  /** Takes up the pages a journal holds. Before the first input. */
  restorePages(shapes: readonly PageShape[]): void {
    for (const shape of shapes) this.#addPage(shape)
  }

  #addPage(shape: PageShape): void {
    const { entries } = this.#hub
    entries.addPage(shape)
    shape.kinds.forEach((kind, i) => {
      const entry = shape.first + i
      if (kind !== entryKinds.file) entries.stand(entry, standing.later)
      const revised = this.outgoing.revisions.recordOf(entry)
      if (revised !== undefined) entries.revise(entry, revised.revision, revised.size)
    })
  }

  // ---- connection -------------------------------------------------------------------------------------------------

  /** An epoch is open: pages behind the receiver's may follow at once, data only after its last `want`. */
  opened(pagesAtReceiver: number): void {
    const { entries, bytesDurable } = this.#hub
    this.#bytesRemembered = Math.max(this.#bytesRemembered, bytesDurable)
    this.#pagesSent = pagesAtReceiver
    this.#pagesUnderWay = 0
    this.#pagesAnswered = 0
    this.outgoing.opened()
    if (this.releasing.receipt !== undefined) return this.releasing.opened()
    const known = entries.firstOf(pagesAtReceiver)
    for (let entry = 0; entry < entries.manifest.entries; entry++) {
      if (entry >= known) entries.reopen(entry) // A receiver that was rolled back may not even have heard of it (R46).
      const where = entries.standing(entry)
      if (where === standing.later || where === standing.done) continue
      entries.stand(entry, entries.isFile(entry) ? standing.unknown : standing.later)
    }
    this.#pumpPages()
  }

  closed(): void {
    this.releasing.closed()
  }

  // ---- manifest ---------------------------------------------------------------------------------------------------

  #pumpPages(): void {
    const hub = this.#hub
    const { pages, complete } = hub.entries.manifest
    if (hub.open !== undefined && hub.phase !== 'greeting')
      while (this.#pagesSent < pages && this.#pagesSent - this.#pagesAnswered < pagesUnansweredMax) {
        this.#pagesUnderWay++
        hub.emit({ kind: 'sendPage', connection: hub.open, page: this.#pagesSent++ })
      }
    const ahead = pages - Math.max(this.#pagesAnswered, 0)
    if (complete || this.#isWalking || ahead >= pagesUnansweredMax) return
    this.#isWalking = true
    hub.emit({ kind: 'walkPage' })
  }

  /** Begins the walk, connected or not: the first pages are ready when the peer comes. */
  begin(): void {
    this.releasing.begin()
    this.#isWalking = false
    this.#pumpPages()
  }

  pageWalked(shape: PageShape): void {
    this.#isWalking = false
    this.#addPage(shape)
    this.#pumpPages()
    this.endIfDone()
  }

  /** A page is in the socket. One of an older connection says nothing of this one's. */
  pageSent(connection: ConnectionId): void {
    if (connection !== this.#hub.open) return
    this.#pagesUnderWay--
    this.endIfDone()
  }

  // ---- what the receiver says -------------------------------------------------------------------------------------

  wantArrived({ wants, pages, last }: WantMessage): void {
    const hub = this.#hub
    peerMust(pages <= hub.entries.manifest.pages, 'a want answers pages that were not sent')
    this.#pagesSent = Math.max(this.#pagesSent, pages) // Some may have gone out over an older connection.
    for (const want of wants) this.#wanted(want)
    this.#pagesAnswered = Math.max(this.#pagesAnswered, pages)
    if (last && hub.phase === 'agreeing') {
      hub.phase = 'transferring'
      this.#compareWithMemory()
      this.outgoing.begin()
    }
    this.#pumpPages()
    this.outgoing.pump()
    this.endIfDone()
  }

  /** A receiver that knows less than it had promised was rolled back: it is gone on from its state, and said (R46). */
  #compareWithMemory(): void {
    const missing = this.#bytesRemembered - this.#hub.bytesDurable
    this.#bytesRemembered = 0
    if (missing <= 0) return
    const sentence = `The other side had made ${missing} bytes safe that it no longer has: its disk was changed or restored. They are sent again.`
    this.#hub.emit({ kind: 'warn', code: 'rolled-back', sentence, entry: null })
  }

  #wanted(want: Want): void {
    const { entries } = this.#hub
    const end = want.from + ('count' in want ? want.count : 1)
    peerMust(end <= entries.manifest.entries && end > want.from, 'a want names an entry that was not sent')
    switch (want.need) {
      case 'later':
        return
      case 'done':
        return this.#wantedNothing(want.from, end, want.outcome)
      case 'all':
        for (let entry = want.from; entry < end; entry++) this.outgoing.wantedWhole(entry, want.revision)
        return
      case 'again':
        this.outgoing.wantedAgain(want)
        return
      case 'part':
        this.outgoing.wantedPart(want)
    }
  }

  /** The receiver says what became of entries without asking for a byte: this process hears it for the first time, or again. */
  #wantedNothing(from: number, end: number, outcome: Outcome): void {
    const news: EntryOutcome[] = []
    for (let entry = from; entry < end; entry++) {
      const { entries, phase } = this.#hub
      // What had nothing synced may have been lost, and is not what it was acknowledged to be.
      if (phase === 'agreeing' && entries.outcome(entry) !== outcome) entries.reopen(entry)
      const isNew = this.#hub.entries.standing(entry) !== standing.done
      this.outgoing.done(entry, outcome, undefined)
      if (isNew && isNews(outcome)) news.push({ entry, outcome, bytes: this.#hub.entries.credited(entry) })
    }
    if (news.length > 0) this.#hub.emit({ kind: 'reportOutcomes', outcomes: news })
  }

  acknowledgeArrived({ serial, places, outcomes, level }: Acknowledge): void {
    const { entries, durability } = this.#hub
    peerMust(level === durability, `what is acknowledged is ${level} where ${durability} was agreed`)
    const isHeldUp = this.#window.isFull && this.#lanes.isIdle
    if (this.#windowWatch.acknowledged(this.#hub.now, isHeldUp)) this.#hintAtWindow()
    this.outgoing.acknowledged(places)
    for (const outcome of outcomes) {
      peerMust(outcome.entry < entries.manifest.entries, 'an outcome names an entry that was not sent')
      this.outgoing.done(outcome.entry, outcome.outcome, outcome)
    }
    const news = outcomes.filter(({ outcome }) => isNews(outcome))
    if (news.length > 0) this.#hub.emit({ kind: 'reportOutcomes', outcomes: news })
    const { bytesDurable } = this.#hub
    this.#hub.emit({ kind: 'note', records: [{ kind: 'acknowledged', serial, bytesDurable }] })
    const grade = outcomes.length > 0 ? 'major' : 'minor'
    this.#hub.emit({ kind: 'reportCheckpoint', serial, grade, syncMs: 0 })
    this.outgoing.pump()
    this.endIfDone()
  }

  #hintAtWindow(): void {
    const mebibytes = Math.round(this.#hub.windowBytes / 2 ** 20)
    const sentence = `No more than ${mebibytes} MiB may be on their way and not acknowledged, and that is what holds the rate down. A larger --window on both sides lets more flow.`
    this.#hub.emit({ kind: 'hint', code: 'window-small', sentence })
  }

  exceptionArrived({ code, sentence }: Exception): void {
    this.#hub.emit({ kind: 'warn', code, sentence, entry: null })
  }

  // ---- the end ----------------------------------------------------------------------------------------------------

  /** No data and no page may come behind the end: a chunk or a page may still be being read that nobody needs any more. */
  endIfDone(): void {
    const hub = this.#hub
    const { manifest, unfinished } = hub.entries
    if (hub.phase !== 'transferring' || !manifest.complete || unfinished > 0) return
    if (this.#pagesAnswered < manifest.pages || this.#pagesUnderWay > 0 || this.#lanes.isZeroBusy) return
    hub.phase = 'finishing'
    hub.send({ kind: 'end', manifest: manifest.digest, entries: manifest.entries, bytes: manifest.bytes })
  }
}

/** What a person wants to hear of by name. */
function isNews(outcome: Outcome): boolean {
  return outcome !== 'delivered' && outcome !== 'unchanged'
}
