// One call of send, receive or resume, as its caller holds it: events to iterate, promises to await, ways to stop it. What
// it does in between is its body's business; whatever happens there, the events end and `ending` is fulfilled.

import { errorTable, isTransferError, TransferError } from '../../../errors.ts'
import type { PauseReason, Receipt, Role, SessionId } from '../../../model/session.ts'
import type { SessionEnd } from '../../../core/effects.ts'
import type { Ending, RunOptions, Session } from '../../api.ts'
import { takeLock, type Lock, type Locker } from '../../../store/lock.ts'
import type { World } from '../../context.ts'
import type { Runner } from '../../runner.ts'
import { Allowance, pausedError } from './allowance.ts'
import { EventQueue, type RunEvent } from './event-queue.ts'
import { OutcomeCounts } from './outcome-counts.ts'
import { Reporter } from './reporter.ts'
import { answerer, type Controls, type Farewell, handedOver, type HandedOver } from './control.ts'
import { aborted, deferred } from './waiting.ts'

/** How a body came to its end: what became of the session, and where its receipt lies. */
export interface Finished {
  readonly end: SessionEnd
  readonly receiptPath: string | null
  /** Outcomes to count entries by; the runner's are those of this run only. */
  readonly counts: Pick<OutcomeCounts, 'tally'>
}

/** What a person or program asked a run to do. */
export type StopRequest = PauseReason | 'discard'

/** What the body of a run works with. */
export interface RunContext {
  readonly world: World
  readonly reporter: Reporter
  /** Aborted when the run is to end. */
  readonly stop: AbortSignal
  /** How it is to end, once it is. */
  request(): StopRequest | undefined
  /** As if whoever holds the run had asked. */
  ask(request: StopRequest): void
  /** Takes locks whose control channel leads to this run. */
  readonly locker: Locker
  /** From now on connections that other processes of this user hand over for a session of this run go there. */
  takeHandedOver(take: (handed: HandedOver) => void): void
  /** From now on who watches this lock hears the events, too. */
  broadcastTo(lock: Pick<Lock, 'broadcast'>): void
  /** Tells who watches how the run ends: its lock is about to be let go of. */
  sayFarewell(finished: Finished): void
  /** The role of this side is known. */
  become(role: Role): void
  /** The session of this run is known. */
  settle(session: SessionId): void
  /** From now on requests go to this runner. */
  employ(runner: Runner): void
  /** The ticket others may use, or null once it is of no use. */
  offer(ticket: string | null): void
  /** Another process does the work; its events are passed on as they are. What else it says is for the caller. */
  attach(events: AsyncIterable<RunEvent | Farewell>, onEvent: (event: RunEvent | Farewell) => void): Promise<void>
  /** Says an event as another process said it. */
  passOn(event: RunEvent): void
  /** Bytes of payload per second, as it is now; undefined: no limit. */
  rate(): number | undefined
  /** The same for what each lane sends: 0 once that is used up. */
  bandwidth(): number | undefined
  /** Counts a frame of so many bytes that is sent. */
  spend(bytes: number): void
}

export type Body = (context: RunContext) => Promise<Finished>

const progressIntervalMsDefault = 1_000

/** Starts a run. @param role null if the body has to find out @param makeWorld fails as the body may: `receipt` and `ending` tell of it */
export function startRun(role: Role | null, options: RunOptions, makeWorld: () => Promise<World>, body: Body): Session {
  const run = new Run(role, options)
  void run.live(makeWorld, body)
  return run
}

class Run implements Session {
  #role: Role | null
  readonly #options: RunOptions
  readonly #queue = new EventQueue()
  readonly #id = deferred<SessionId>()
  readonly #receipt = deferred<Receipt>()
  readonly #ending = deferred<Ending>()
  readonly #stop = new AbortController()
  #request: StopRequest | undefined
  #runner: Runner | undefined
  #ticket: string | null = null
  #isAttached = false
  readonly #allowance: Allowance
  #bandwidth: number | null
  #lock: Pick<Lock, 'broadcast'> | undefined
  #onHandedOver: ((handed: HandedOver) => void) | undefined

  constructor(role: Role | null, options: RunOptions) {
    this.#role = role
    this.#options = options
    this.#bandwidth = options.bwlimit ?? null
    this.#allowance = new Allowance(options, (reason) => this.#ask(reason))
  }

  get role(): Role {
    return this.#role ?? 'sender'
  }

  get id(): Promise<SessionId> {
    return this.#id.promise
  }

  get receipt(): Promise<Receipt> {
    return this.#receipt.promise
  }

  get ending(): Promise<Ending> {
    return this.#ending.promise
  }

  get ticket(): string | null {
    return this.#ticket
  }

  get attached(): boolean {
    return this.#isAttached
  }

  [Symbol.asyncIterator](): AsyncIterator<RunEvent> {
    return this.#queue[Symbol.asyncIterator]()
  }

  async pause(by: 'user' | 'signal' = 'user'): Promise<void> {
    this.#ask(by)
    await this.#ending.promise
  }

  async discard(): Promise<void> {
    this.#ask('discard')
    await this.#ending.promise
  }

  limitBandwidth(bytesPerSecond: number | null): void {
    this.#bandwidth = bytesPerSecond
  }

  /** Lives the run from begin to end. Never rejects. */
  async live(makeWorld: () => Promise<World>, body: Body): Promise<void> {
    const { signal } = this.#options
    const onAbort = (): void => this.#ask(signal?.reason === 'signal' ? 'signal' : 'user')
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort)
    let reporter: Reporter | undefined
    let outcome: Outcome
    try {
      const world = await makeWorld()
      reporter = this.#reporter(world)
      this.#allowance.begin(world.clock, () => this.#runner?.view)
      outcome = outcomeOf(await body(this.#context(world, reporter)), this.#options)
    } catch (error) {
      outcome = failureOf(error)
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.#allowance.end()
    }
    reporter?.conclude(outcome.ending.receipt, outcome.receiptPath)
    this.#ticket = null
    this.#queue.end()
    this.#settleAll({ ...outcome.ending, state: reporter?.standing?.state ?? null })
  }

  #settleAll(ending: Ending): void {
    const { receipt, error } = ending
    if (receipt !== null) this.#receipt.resolve(receipt)
    else this.#receipt.reject(error)
    this.#id.reject(error)
    this.#ending.resolve(ending)
  }

  #ask(request: StopRequest): void {
    if (this.#request === 'discard' || this.#request === request) return
    this.#request = request
    if (this.#runner !== undefined) tell(this.#runner, request)
    this.#stop.abort()
  }

  /** Until the other process lets go, or this run is to stop following. */
  async #passOn(...[events, onEvent]: Parameters<RunContext['attach']>): Promise<void> {
    const stopped = aborted(this.#stop.signal)
    const iterator = events[Symbol.asyncIterator]()
    for (;;) {
      const next = await Promise.race([iterator.next(), stopped])
      if (next === undefined || next.done === true) break
      if (next.value.type !== 'farewell') this.#queue.push(next.value)
      onEvent(next.value)
    }
    void iterator.return?.()
  }

  #reporter(world: World): Reporter {
    return new Reporter({
      clock: world.clock,
      role: () => this.#role,
      files: this.#options.files === true,
      intervalMs: this.#options.progressIntervalMs ?? progressIntervalMsDefault,
      sink: (event) => {
        this.#queue.push(event)
        this.#lock?.broadcast(JSON.stringify(event))
      },
    })
  }

  get #controls(): Controls {
    return { stop: (how) => this.#ask(how), limitBandwidth: (rate) => this.limitBandwidth(rate) }
  }

  /** Each lane keeps its share of the limit. */
  get #bandwidthOfLane(): number | undefined {
    if (this.#allowance.isUsedUp()) return 0
    return this.#bandwidth === null ? undefined : this.#bandwidth / Math.max(1, this.#runner?.view.lanes ?? 1)
  }

  #context(world: World, reporter: Reporter): RunContext {
    return {
      world,
      reporter,
      stop: this.#stop.signal,
      request: () => this.#request,
      rate: () => this.#bandwidth ?? undefined,
      bandwidth: () => this.#bandwidthOfLane,
      spend: (bytes) => this.#allowance.spend(bytes),
      ask: (request) => this.#ask(request),
      locker: (directory) =>
        takeLock(directory, answerer(reporter, this.#controls), (request) => handedOver(request, this.#onHandedOver)),
      takeHandedOver: (take) => (this.#onHandedOver = take),
      broadcastTo: (lock) => (this.#lock = lock),
      sayFarewell: (finished) => this.#lock?.broadcast(JSON.stringify(farewellOf(finished, reporter))),
      become: (role) => (this.#role = role),
      settle: (session) => this.#id.resolve(session),
      offer: (ticket) => (this.#ticket = ticket),
      employ: (runner) => {
        this.#runner = runner
        if (this.#request !== undefined) tell(runner, this.#request)
      },
      attach: async (events, onEvent) => {
        this.#isAttached = true
        await this.#passOn(events, onEvent)
      },
      passOn: (event) => this.#queue.push(event),
    }
  }
}

function farewellOf({ end, receiptPath, counts }: Finished, reporter: Reporter): Farewell {
  const receipt = end.how === 'released' ? end.receipt : null
  const summary = reporter.summary(receipt, receiptPath) ?? null
  return { v: 1, type: 'farewell', end, tally: counts.tally(receipt), summary }
}

function tell(runner: Runner, request: StopRequest): void {
  if (request === 'discard') runner.discard()
  else runner.pause(request)
}

interface Outcome {
  readonly ending: Omit<Ending, 'state'>
  readonly receiptPath: string | null
}

function outcomeOf({ end, receiptPath, counts }: Finished, options: RunOptions): Outcome {
  const receipt = end.how === 'released' ? end.receipt : null
  const error = errorOf(end, options)
  return { ending: { resumable: isResumable(error), error, receipt, ...counts.tally(receipt) }, receiptPath }
}

function failureOf(thrown: unknown): Outcome {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  const none = { integrity: 0, conflicts: 0, omissions: 0, vanished: 0 }
  return { ending: { resumable: isResumable(error), error, receipt: null, ...none }, receiptPath: null }
}

function errorOf(end: SessionEnd, options: RunOptions): TransferError | null {
  switch (end.how) {
    case 'released':
      return null
    case 'paused':
      return pausedError(end.by, options)
    case 'discarded':
      return new TransferError('discarded', { by: end.by })
    case 'failed':
      return TransferError.told(end.code, end.sentence)
  }
}

/** Exit codes after which the same command goes on: failed, interrupted, what a run was allowed, busy, disk-full. Of a success nothing is left. */
const resumableExits: readonly number[] = [1, 5, 8, 10, 11, 14]

function isResumable(error: Error | null): boolean {
  if (error === null) return false
  return !isTransferError(error) || resumableExits.includes(errorTable[error.code].exit)
}
