// The receiver's half of a session: takes the manifest, looks at what is there, and says what it wants. The files themselves
// are arrivals.ts, the last pass and the receipt ending.ts; hello and welcome are greeting.ts.

import { assert } from '../errors.ts'
import type { Millis } from '../model/clock.ts'
import { pagesUnansweredMax } from '../model/limits.ts'
import type { ManifestMessage, Want } from '../model/messages.ts'
import { Arrivals } from './arrivals.ts'
import type { Checkpoint } from './checkpoint.ts'
import { grown, roomFor } from './columns.ts'
import { Ending } from './ending.ts'
import { standing } from './entry-table.ts'
import { mismatch } from './greeting.ts'
import { earliest, type Hub } from './hub.ts'
import { type AdoptedPlace, type PageShape, type PageSurvey, plans } from './inputs.ts'
import type { Lanes } from './lanes.ts'
import { peerMust } from './violation.ts'
import { wantRuns } from './wants.ts'

export class Receiving {
  readonly arrivals: Arrivals
  readonly ending: Ending
  readonly #hub: Hub
  /** One of `plans` per entry, known once its page is surveyed. */
  #plans = new Uint8Array(0)
  #pagesSurveyed = 0
  /** Pages asked to be stored or surveyed, and not yet surveyed. */
  #pagesUnderWay = 0
  /** Of these, the ones that are not in the table of entries yet: their digests. */
  readonly #arriving: string[] = []
  #adopted: readonly AdoptedPlace[] = []
  readonly #outcomesRestored: Checkpoint['outcomes']
  readonly #partsRestored: Checkpoint['parts']
  readonly #revised: Checkpoint['revised']
  #diskNeed: { readonly neededBytes: number; readonly freeBytes: number } | undefined

  constructor(hub: Hub, lanes: Lanes, checkpoint: Checkpoint) {
    this.#hub = hub
    this.arrivals = new Arrivals(hub, lanes, checkpoint.serial, {
      planOf: (entry) => this.#plans[entry]!,
      say: (wants) => this.#say(wants),
      sayEntry: (entry) => this.#sayEntries(entry, entry + 1),
      settled: () => this.ending.endIfDone(),
    })
    this.ending = new Ending(hub, this.arrivals, checkpoint.receipt)
    this.#outcomesRestored = checkpoint.outcomes
    this.#partsRestored = checkpoint.parts
    this.#revised = checkpoint.revised
  }

  /** Takes up the pages a journal holds, and asks for their survey. Before the first input. */
  restorePages(shapes: readonly PageShape[], adopted: readonly AdoptedPlace[]): void {
    this.#adopted = adopted
    for (const shape of shapes) {
      this.#addPage(shape)
      this.#hub.emit({ kind: 'surveyPage', page: shape.page })
      this.#pagesUnderWay++
    }
  }

  // ---- connection -------------------------------------------------------------------------------------------------

  /** An epoch is open: say where we stand, all of it, before any data may come. */
  opened(): void {
    this.ending.connectionChanged()
    this.#sayWhereWeStand()
  }

  #sayWhereWeStand(): void {
    const hub = this.#hub
    if (hub.open === undefined || hub.phase !== 'agreeing' || this.#pagesUnderWay > 0) return
    this.#sayEntries(0, this.#entriesSurveyed)
    this.#say([], true)
    hub.phase = 'transferring'
    if (this.#diskNeed !== undefined) this.#sayTurn()
  }

  closed(): void {
    this.ending.connectionChanged()
  }

  #sayEntries(from: number, to: number): void {
    for (const wants of wantRuns(this.#hub.entries, this.arrivals.parts, from, to)) this.#say(wants)
  }

  #say(wants: readonly Want[], last = false): void {
    this.#hub.send({ kind: 'want', wants, pages: this.#pagesSurveyed, last })
  }

  // ---- manifest ---------------------------------------------------------------------------------------------------

  manifestArrived(message: ManifestMessage): void {
    const { manifest } = this.#hub.entries
    const expected = manifest.pages + this.#arriving.length
    if (message.page < expected) return this.#pageCameAgain(message)
    peerMust(message.page === expected, `page ${message.page} came where page ${expected} was due`)
    peerMust(!manifest.complete, 'a page came behind the last one')
    peerMust(this.#arriving.length < pagesUnansweredMax, 'too many pages came before they were answered')
    this.#pagesUnderWay++
    this.#arriving.push(message.digest)
    this.#hub.emit({ kind: 'storePage', message })
  }

  /**
   * The answer is under way or in the last `want`, if it is the same page. A sender that was restored may have made another
   * one, and the greeting knew nothing of those that were not stored yet: files would be taken for each other.
   */
  #pageCameAgain({ page, digest }: ManifestMessage): void {
    const { entries } = this.#hub
    const known =
      page < entries.manifest.pages ? entries.digestAt(page + 1) : this.#arriving[page - entries.manifest.pages]
    if (digest === known) return
    const { code, sentence } = mismatch('a manifest page came again as another one')
    this.#hub.fail(code, sentence)
  }

  pageStored(shape: PageShape, survey: PageSurvey): void {
    this.#arriving.shift()
    this.#addPage(shape)
    this.pageSurveyed(survey)
  }

  pageRefused(code: 'protocol' | 'limit' | 'bad-name', sentence: string): void {
    this.#hub.fail(code, sentence)
  }

  #addPage(shape: PageShape): void {
    const { entries } = this.#hub
    entries.addPage(shape)
    const count = entries.manifest.entries
    if (count <= this.#plans.length) return
    this.#plans = grown(this.#plans, roomFor(count, this.#plans))
  }

  pageSurveyed({ page, plans: found, outcomes }: PageSurvey): void {
    const { entries } = this.#hub
    assert(page === this.#pagesSurveyed, 'pages are surveyed in order')
    const first = entries.firstOf(page)
    this.#plans.set(found, first)
    for (let i = 0; i < found.length; i++) this.#takeUp(first + i, found[i]!)
    for (const outcome of outcomes) if (!this.#outcomesRestored.has(outcome.entry)) this.arrivals.settle(outcome)
    this.#pagesSurveyed++
    this.#pagesUnderWay--
    this.#adopt()
    if (this.#hub.phase === 'agreeing') this.#sayWhereWeStand()
    else {
      this.#sayEntries(first, first + found.length)
      if (found.length === 0) this.#say([]) // The page is answered all the same.
    }
    this.ending.endIfDone()
  }

  /** Gives an entry its standing from the journal, or else from the survey. */
  #takeUp(entry: number, plan: number): void {
    const { entries } = this.#hub
    const revised = this.#revised.get(entry)
    if (revised !== undefined) entries.revise(entry, revised.revision, revised.size)
    const outcome = this.#outcomesRestored.get(entry)
    if (outcome !== undefined) this.arrivals.settle(outcome)
    else if (plan === plans.later) entries.stand(entry, standing.later)
    else if (plan !== plans.done) entries.stand(entry, standing.missing)
    const held = this.#partsRestored.get(entry)
    this.#partsRestored.delete(entry) // A million hashes are not kept twice.
    if (outcome !== undefined || held === undefined || entries.standing(entry) !== standing.missing) return
    this.arrivals.restoreHeld(entry, held)
  }

  /** Entries whose standing is known. */
  get #entriesSurveyed(): number {
    return this.#hub.entries.firstOf(this.#pagesSurveyed)
  }

  /** Takes up what was adopted after a crash, as soon as its entries are surveyed. */
  #adopt(): void {
    const ready = this.#adopted.filter(({ entry }) => entry < this.#entriesSurveyed)
    if (ready.length === 0) return
    this.#adopted = this.#adopted.filter(({ entry }) => entry >= this.#entriesSurveyed)
    this.arrivals.restoreAdopted(ready)
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

  // ---- time -------------------------------------------------------------------------------------------------------

  get deadline(): Millis | undefined {
    return earliest(this.ending.deadline, this.arrivals.syncPoints.deadline)
  }

  deadlinePassed(): void {
    this.ending.deadlinePassed()
    this.arrivals.syncPoints.startIfDue()
  }
}
