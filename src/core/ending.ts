// How a receiver's session ends: once every file has its outcome and the sender said `end`, links and directories are
// finished, the receipt is stored and said as often as it is asked for, and `release` lets both go.

import type { Millis } from '../model/clock.ts'
import type { End, EntryOutcome } from '../model/messages.ts'
import type { Receipt } from '../model/session.ts'
import type { Arrivals } from './arrivals.ts'
import type { Hub } from './hub.ts'
import type { Input } from './inputs.ts'
import { peerMust } from './violation.ts'

export class Ending {
  readonly #hub: Hub
  readonly #arrivals: Arrivals
  /** The sender said `end` over the open connection. */
  #isAsked = false
  #isFinishingTree = false
  #receipt: Receipt | undefined
  /** The receipt is on the disk, in all its places: only now may anybody hear of it. */
  #isStored = false
  #lingerUntil: Millis | undefined

  constructor(hub: Hub, arrivals: Arrivals, receipt: Receipt | undefined) {
    this.#hub = hub
    this.#arrivals = arrivals
    this.#receipt = receipt
  }

  /** A receipt from the journal may not have reached its other place. */
  begin(): void {
    if (this.#receipt !== undefined) this.receiptCommitted()
  }

  /** Connections come and go: what was asked for over an older one is asked for again. */
  connectionChanged(): void {
    this.#isAsked = false
    if (this.#isStored) this.#linger()
  }

  endArrived({ manifest, entries, bytes }: End): void {
    const ours = this.#hub.entries.manifest
    peerMust(
      ours.complete && ours.digest === manifest && ours.entries === entries && ours.bytes === bytes,
      'the end names another manifest than the pages made up',
    )
    this.#isAsked = true
    this.#hub.phase = 'finishing'
    if (this.#isStored) this.#sayReceipt(this.#receipt!)
    else this.endIfDone()
  }

  /** Begins the last pass, if nothing is left to wait for. */
  endIfDone(): void {
    const { entries } = this.#hub
    if (!this.#isAsked || this.#isFinishingTree || this.#receipt !== undefined || entries.unfinished > 0) return
    if (this.#arrivals.syncPoints.isBusy) return
    this.#isFinishingTree = true
    this.#hub.emit({ kind: 'finishTree' })
  }

  treeFinished(outcomes: readonly EntryOutcome[]): void {
    this.#hub.commit([{ kind: 'outcome', serial: 0, outcomes }], { for: 'tree', outcomes })
  }

  treeCommitted(outcomes: readonly EntryOutcome[]): void {
    for (const outcome of outcomes) this.#arrivals.settle(outcome)
    this.#hub.emit({ kind: 'reportOutcomes', outcomes })
    this.#hub.emit({ kind: 'digestSession' })
  }

  sessionDigested({ digest, finishedAt, isDegraded }: Input & { kind: 'sessionDigested' }): void {
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
      durability: this.#hub.durability,
      ...(isDegraded ? { degraded: true } : {}),
      finishedAt,
    }
    this.#hub.commit([{ kind: 'receipt', receipt: this.#receipt }], { for: 'receipt' })
  }

  receiptCommitted(): void {
    this.#hub.emit({ kind: 'storeReceipt', receipt: this.#receipt! })
  }

  receiptStored(): void {
    this.#isStored = true
    this.#linger()
    if (this.#isAsked) this.#sayReceipt(this.#receipt!)
  }

  #sayReceipt(receipt: Receipt): void {
    this.#hub.send({ kind: 'receipt', receipt })
    this.#linger()
  }

  /** From the receipt on only politeness keeps us, connected or not: the same command says it again. */
  #linger(): void {
    this.#lingerUntil = this.#hub.now + this.#hub.settings.limits.lingerMs
  }

  /** The sender has the receipt: nothing is owed any more. */
  releaseArrived(): void {
    if (this.#receipt === undefined) return this.#sayForgotten()
    this.#lingerUntil = undefined
    this.#hub.commit([{ kind: 'ended', how: 'released', by: 'peer', at: 0 }], { for: 'end' })
  }

  /** The sender has a receipt that this side has not: it was restored from before it, and can't confirm it (R46). */
  #sayForgotten(): void {
    const sentence =
      'The receiver no longer knows of its receipt: its disk was restored, and what it received may be gone.'
    this.#hub.send({ kind: 'exception', code: 'rolled-back', sentence, entry: null, outcome: null })
  }

  endCommitted(): void {
    this.#hub.send({ kind: 'released' })
    this.#hub.finish({ how: 'released', receipt: this.#receipt!, confirmed: true })
  }

  get deadline(): Millis | undefined {
    return this.#lingerUntil
  }

  deadlinePassed(): void {
    if (this.#lingerUntil === undefined || this.#hub.now < this.#lingerUntil) return
    this.#hub.emit({
      kind: 'warn',
      code: 'release-unconfirmed',
      sentence: 'Everything is in place; the sender did not confirm that it has the receipt.',
      entry: null,
    })
    this.#hub.finish({ how: 'released', receipt: this.#receipt!, confirmed: false })
  }
}
