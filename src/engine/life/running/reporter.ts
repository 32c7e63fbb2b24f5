// From what a runner tells, and from looking at where it stands, to the events users see: every event is stamped here,
// states are said once, `progress` comes by the clock and `summary` last (docs of the events: model/events.ts).

import { errorTable, type ErrorCode } from '../../../errors.ts'
import { encodeBase64 } from '../../../model/base64.ts'
import type { Clock, Millis } from '../../../model/clock.ts'
import type { EventBody, SessionEvent, SummaryEvent, WarningCode } from '../../../model/events.ts'
import { encodeName, isEscaped, pathText } from '../../../model/names.ts'
import type {
  Durability,
  Outcome,
  Receipt,
  Role,
  SessionId,
  SessionState,
  StateReason,
  Who,
} from '../../../model/session.ts'
import type { RunnerEvent, RunnerView } from '../../runner.ts'
import type { RunEvent } from './event-queue.ts'
import { Speed } from './rates.ts'

export interface ReporterOptions {
  readonly clock: Clock
  /** Null until it is known. */
  readonly role: () => Role | null
  /** Say `file` for every entry, not only for those neither delivered nor unchanged. */
  readonly files: boolean
  /** Between two `progress` events, ms; `Infinity` says none. */
  readonly intervalMs: Millis
  readonly sink: (event: RunEvent) => void
}

/** A runner and what the reporter has to know of it beside its view. */
export interface Reported {
  readonly session: SessionId
  /** Whether this run found the session to go on with. */
  readonly resumed: boolean
  view(): RunnerView
}

type Body = Exclude<EventBody, { readonly type: 'exit' }>

/** A state as it was last said. */
export interface Standing {
  readonly state: SessionState
  readonly reason: StateReason | null
  readonly who: Who | null
  /** RFC 3339. */
  readonly since: string
}

/** A condition that is waited for, as it was first met. */
export interface Parked {
  readonly reason: StateReason
  readonly who: Who
  readonly neededBytes: number
  readonly freeBytes: number
}

const sampleMsMax = 1_000 // Rates are averages over seconds: looking more seldom would make them coarse.

export class Reporter {
  readonly #options: ReporterOptions
  readonly #startedAt: Millis
  readonly #speed = new Speed()
  #reported: Reported | undefined
  #standing: Standing | undefined
  #stopTicking: (() => void) | undefined
  #progressDueAt: Millis
  #lastCheckpointAt: Millis | undefined
  /** What the journal of a receiver knew, and what its hints added. */
  #bytesFoundOnDisk = 0
  #addresses: readonly string[] = []
  #parked: Parked | null = null

  constructor(options: ReporterOptions) {
    this.#options = options
    this.#startedAt = options.clock.now()
    this.#progressDueAt = this.#startedAt
  }

  get standing(): Standing | undefined {
    return this.#standing
  }

  /** Why the peer has paused, as long as that is why nothing moves. */
  get pausedBy(): StateReason | null {
    return this.#standing?.state === 'paused' && this.#standing.who === 'peer' ? this.#standing.reason : null
  }

  /** The condition it waits for, or null. */
  get parkedBy(): Parked | null {
    return this.#standing?.state === 'parked' ? this.#parked : null
  }

  /** Where the followed runner stands. */
  get view(): RunnerView | undefined {
    return this.#reported?.view()
  }

  get speed(): { readonly bytesPerSecond: number; readonly etaSeconds: number | null } {
    const view = this.#reported?.view()
    const left = view === undefined || view.bytesTotal === null ? null : view.bytesTotal - view.bytesAcknowledged
    return { bytesPerSecond: this.#speed.bytesPerSecond, etaSeconds: this.#speed.secondsFor(left) }
  }

  /** Stamps an event and passes it on. */
  say(body: Body): void {
    this.#options.sink(this.#stamped(body))
  }

  #stamped<B extends Body>(body: B): RunEvent & { readonly type: B['type'] } {
    const { clock, role } = this.#options
    const session = this.#reported?.session ?? null
    return { v: 1, time: timeText(clock.wall()), session, role: role(), ...body } as RunEvent & {
      readonly type: B['type']
    }
  }

  /** Where this side listens; []: it dials. */
  get addresses(): readonly string[] {
    return this.#addresses
  }

  /** Says where this side listens, and how the other one gets here. */
  listening(body: Omit<Body & { readonly type: 'listening' }, 'type'>): void {
    this.#addresses = body.addresses
    this.say({ type: 'listening', ...body })
  }

  /** From now on the events belong to this session, and its progress is told. */
  follow(reported: Reported): void {
    this.#reported = reported
    this.#bytesFoundOnDisk += reported.view().bytesAcknowledged
    this.#tick()
  }

  /** What the runner told. */
  hear(event: RunnerEvent): void {
    switch (event.kind) {
      case 'state':
        this.stand(event.state, event.reason, event.who)
        this.#parked = null
        if (event.state === 'parked' && event.reason !== null) this.#park(event, event.reason)
        return
      case 'checkpoint':
        return this.#sayCheckpoint(event)
      case 'outcome':
        return this.#sayFile(event)
      case 'warning':
        return this.warn(event.code as WarningCode, event.sentence, event.path)
      case 'hint':
        return this.say({ type: 'hint', code: event.code, message: event.sentence })
      case 'adopted': {
        const { bytesHinted, bytesAdopted, durationMs } = event
        this.#bytesFoundOnDisk += bytesAdopted
        return this.say({ type: 'adopted', bytesHinted, bytesAdopted, durationMs })
      }
      case 'disconnected':
      case 'laneWanted':
        return
    }
  }

  /** Says a state, unless it was the last one said. @param told what is known of a session that another process works on */
  stand(state: SessionState, reason: StateReason | null, who: Who | null, told: Partial<SessionEvent> = {}): void {
    const last = this.#standing
    if (last?.state === state && last.reason === reason && last.who === who) return
    const view = this.#reported?.view()
    this.#standing = { state, reason, who, since: timeText(this.#options.clock.wall()) }
    this.say({
      type: 'session',
      state,
      previous: last?.state ?? null,
      reason,
      who,
      held: true,
      epoch: view?.epoch ?? 0,
      resumed: this.#reported?.resumed ?? false,
      peer: view?.peer ?? null,
      ...(view === undefined || view.filesTotal === null ? {} : { filesTotal: view.filesTotal }),
      ...(view === undefined || view.bytesTotal === null ? {} : { bytesTotal: view.bytesTotal }),
      bytesDurable: view?.bytesDurable ?? 0,
      ...(view === undefined ? {} : levelOf(view)),
      ...told,
    })
  }

  warn(code: WarningCode, message: string, path: string | null = null): void {
    this.say({ type: 'warning', code, message, ...(path === null ? {} : named(path)) })
  }

  /** The last progress, then the summary, if a session was known. Nothing may be said after it. */
  conclude(receipt: Receipt | null, receiptPath: string | null): void {
    this.#stopTicking?.()
    if (this.#reported === undefined) return
    if (this.#options.intervalMs < Infinity) this.#sayProgress(this.#reported.view())
    const summary = this.summary(receipt, receiptPath)
    if (summary !== undefined) this.#options.sink(summary)
  }

  /** What a run would say of itself if it ended now; undefined if no session is known. */
  summary(receipt: Receipt | null, receiptPath: string | null): SummaryEvent | undefined {
    const view = this.#reported?.view()
    if (view === undefined) return undefined
    // What a receiver had, lost and got once more went twice, too.
    const bytesResent = Math.max(view.bytesResent, receipt === null ? 0 : view.bytesSentThisRun - receipt.bytes)
    return this.#stamped({
      type: 'summary',
      files: receipt?.files ?? view.filesDone,
      bytes: receipt?.bytes ?? view.bytesPublished,
      bytesSentThisRun: view.bytesSentThisRun,
      bytesReused: this.#bytesReused(view, receipt),
      bytesResent,
      bytesOnWire: view.bytesOnWire,
      reconnects: view.reconnects,
      checkpoints: view.checkpoints,
      durationMs: Math.round(this.#options.clock.now() - this.#startedAt),
      digest: receipt?.digest ?? null,
      receipt: receiptPath,
      outcomes: receipt === null ? (view.outcomes as Partial<Record<Outcome, number>>) : countsOf(receipt),
    })
  }

  /** Stops the clock without a summary. */
  close(): void {
    this.#stopTicking?.()
  }

  #tick(): void {
    const { clock, intervalMs } = this.#options
    const view = this.#reported!.view()
    const now = clock.now()
    this.#speed.note(now, view.bytesSentThisRun, view.bytesAcknowledged)
    if (now >= this.#progressDueAt && intervalMs < Infinity) {
      this.#progressDueAt = now + intervalMs
      if (view.isConnected) this.#sayProgress(view)
    }
    this.#stopTicking = clock.after(Math.min(intervalMs, sampleMsMax), () => this.#tick())
  }

  #sayProgress(view: RunnerView): void {
    const crossed = view.bytesAcknowledgedAtStart + view.bytesSentThisRun - view.bytesResent
    const bytesSent = Math.max(crossed, view.bytesAcknowledged)
    this.say({
      type: 'progress',
      phase: view.phase,
      bytesTotal: view.bytesTotal,
      bytesFound: view.bytesSoFar,
      bytesSent,
      bytesReceived: view.role === 'receiver' ? bytesSent : view.bytesAcknowledged,
      bytesDurable: view.bytesDurable,
      ...acknowledged(view),
      bytesDurableAtStart: view.bytesDurableAtStart,
      bytesPublished: view.bytesPublished,
      rateBytesPerSecond: this.speed.bytesPerSecond,
      etaSeconds: this.speed.etaSeconds,
      filesTotal: view.filesTotal ?? view.entriesSoFar,
      filesDone: view.filesDone,
      filesOmitted: view.filesOmitted,
      lanes: view.lanes,
    })
  }

  /**
   * What did not have to cross in this run: durable before, found on the disk, or found in place. In the end that is all
   * that did not cross: what the other side had received before, and not yet synced, counts too.
   */
  #bytesReused(view: RunnerView, receipt: Receipt | null): number {
    if (receipt !== null) return Math.max(0, receipt.bytes - (view.bytesSentThisRun - view.bytesResent))
    return Math.max(view.bytesAcknowledgedAtStart, this.#bytesFoundOnDisk) + view.bytesUnchanged
  }

  #park(event: RunnerEvent & { readonly kind: 'state' }, reason: StateReason): void {
    const { who, neededBytes, freeBytes } = event
    this.#parked = { reason, who: who ?? 'self', neededBytes: neededBytes ?? 0, freeBytes: freeBytes ?? 0 }
    this.say({
      type: 'waiting',
      reason,
      who: event.who ?? 'self',
      since: this.#standing!.since,
      ...(event.neededBytes === null ? {} : { bytesNeeded: event.neededBytes }),
      ...(event.freeBytes === null ? {} : { bytesFree: event.freeBytes }),
      hint: hintOf(reason),
    })
  }

  #sayCheckpoint({ serial, grade, syncMs }: RunnerEvent & { readonly kind: 'checkpoint' }): void {
    const view = this.#reported!.view()
    const { bytesDurable, durability: level, filesDone } = view
    const now = this.#options.clock.now()
    const sinceLastMs = this.#lastCheckpointAt === undefined ? null : Math.round(now - this.#lastCheckpointAt)
    this.#lastCheckpointAt = now
    const bytes = { bytesDurable, ...acknowledged(view) }
    this.say({ type: 'checkpoint', serial, grade, level, ...bytes, filesDone, syncMs, sinceLastMs })
  }

  #sayFile({ path, outcome, bytes }: RunnerEvent & { readonly kind: 'outcome' }): void {
    const { entry: index, outcome: became, digest, target, reason } = outcome
    if (!this.#options.files && (became === 'delivered' || became === 'unchanged')) return
    this.say({
      type: 'file',
      ...named(pathText(path)),
      index,
      outcome: became,
      bytes,
      ...(digest === undefined ? {} : { digest: `xxh64c:${digest}` }),
      ...(target === undefined ? {} : { target }),
      ...(reason === undefined ? {} : { reason }),
    })
  }
}

const isCheckpoint = ({ durability }: RunnerView): boolean => durability === 'checkpoint'

/** Said only where less than the usual was agreed. */
export function levelOf(view: RunnerView): { readonly level?: Durability; readonly bytesAcknowledged?: number } {
  return isCheckpoint(view) ? {} : { level: view.durability, ...acknowledged(view) }
}

/** Where it is not the same as what is durable. */
function acknowledged(view: RunnerView): { readonly bytesAcknowledged?: number } {
  return isCheckpoint(view) ? {} : { bytesAcknowledged: view.bytesAcknowledged }
}

/** RFC 3339, UTC, milliseconds. */
export function timeText(wallMs: number): string {
  return new Date(wallMs).toISOString()
}

function named(path: string): { readonly path: string; readonly pathBase64?: string } {
  return isEscaped(path) ? { path, pathBase64: encodeBase64(encodeName(path), 'padded') } : { path }
}

function countsOf({ outcomes }: Receipt): Partial<Record<Outcome, number>> {
  return Object.fromEntries(outcomes.map(({ outcome, count }) => [outcome, count]))
}

/** What a person can do about a condition that is waited for. */
function hintOf(reason: StateReason): string {
  const told: Partial<Record<StateReason, ErrorCode>> = {
    'disk-full': 'disk-full',
    'disk-failed': 'disk-failed',
    'source-gone': 'source-gone',
    'port-in-use': 'port-in-use',
    'peer-busy': 'peer-busy',
    'no-progress': 'no-progress',
    'peer-silent': 'peer-silent',
  }
  const code = told[reason]
  return code === undefined ? 'It goes on by itself.' : errorTable[code].hint
}
