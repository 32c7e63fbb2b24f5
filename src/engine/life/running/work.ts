// A session that this process holds, from its lock to what is left of it in the end: the runner is opened when it is first
// needed, and afterwards the session is put where its end says.

import { Compaction } from '../../../core/compact.ts'
import type { SessionEnd } from '../../../core/effects.ts'
import { assert, isTransferError, type ErrorCode } from '../../../errors.ts'
import type { Millis } from '../../../model/clock.ts'
import type { HeaderRecord } from '../../../model/records.ts'
import type { SessionId, Tally } from '../../../model/session.ts'
import { createSession, holdSession, type HeldSession } from '../../../store/session-directory.ts'
import { openRunner } from '../../open-runner.ts'
import type { World } from '../../context.ts'
import type { ReceiveLimits, Runner } from '../../runner.ts'
import { entomb, findSession, forget, foundAgain, type Found } from '../known/catalog.ts'
import { writeSent } from '../../../store/sent.ts'
import { noteTarget } from '../../../store/state-directory.ts'
import { receiptPath, type Home } from '../known/home.ts'
import { OutcomeCounts } from './outcome-counts.ts'
import type { Finished, RunContext } from './run.ts'
import { chunkBytesOf, expiresMsOf, shortId, walkOptions, withExpiry } from '../known/same-command.ts'
import { withLimits } from './with-limits.ts'
import { keepDelivered } from './verify.ts'

/** What a receiver refuses, and how fast it takes the rest. */
export type Quota = Omit<ReceiveLimits, 'target'>

export interface WorkTools {
  readonly context: RunContext
  /** The context's world, with this run's limits. */
  readonly world: World
  readonly home: Home
  readonly quota: Quota
  /** Names this process in hellos: 16 hex digits. */
  readonly instance: string
  /** After `journal-damaged`: go on with what can be verified. */
  readonly rebuild: boolean
  /** How long the session shall live without progress; undefined: as before. */
  readonly expiresMs: Millis | undefined
  /** Bytes of a chunk in sessions that begin; undefined: as usual. */
  readonly chunkBytes: number | undefined
}

/** One held session. */
export class Work {
  readonly found: Found
  readonly resumed: boolean
  readonly #held: HeldSession
  readonly #tools: WorkTools
  readonly #counts: OutcomeCounts
  #runner: Promise<Runner> | undefined
  /** Somebody at the other end may have stored something of this session. */
  isHeardOf: boolean
  /** Told what the runner tells, beside the reporter. */
  onLaneWanted: (lane: number) => void = () => {}
  onDisconnected: (event: { readonly reason: string; readonly permanent: boolean }) => void = () => {}

  private constructor(tools: WorkTools, held: HeldSession, found: Found, resumed: boolean) {
    this.#tools = tools
    this.#held = held
    this.found = found
    this.resumed = resumed
    this.isHeardOf = resumed
    this.#counts = new OutcomeCounts(found.header.frozen['special'] === 'fail' ? 'fail' : 'list')
    for (const outcome of found.checkpoint.outcomes) this.#counts.note(outcome)
  }

  /** Holds a session that was found; undefined if another process holds it, or if it is gone. */
  static async hold(tools: WorkTools, id: SessionId, listed?: Found): Promise<Work | undefined> {
    const { home, world, context } = tools
    const held = await holdSession(home.base, id, context.locker)
    if (held === undefined) return undefined
    const again = listed === undefined ? findSession(world, home.base, id) : foundAgain(world, listed)
    const found = await again // Under the lock: another process may have gone on.
    if (found !== undefined) return new Work(tools, held, found, true)
    await held.close()
    return undefined
  }

  /** Makes a session and holds it. */
  static async create(tools: WorkTools, header: HeaderRecord): Promise<Work> {
    const { home, world, context } = tools
    if (home.state !== undefined && home.role === 'receiver') {
      await noteTarget(home.state.directory, { id: header.session, path: home.folder }) // First: a pointer to nothing is harmless.
    }
    const held = await createSession(home.base, header.session, {
      records: [header],
      tools: { hash: world.hash, compact: () => new Compaction() },
      withParts: header.role === 'receiver',
      parents: home.target === undefined ? [] : [home.target.root],
      locker: context.locker,
    })
    const found = await findSession(world, home.base, header.session)
    assert(found !== undefined, 'a session that was made is there')
    return new Work(tools, held, found, false)
  }

  get id(): SessionId {
    return this.found.id
  }

  /** A sender with its receipt has nothing left to say that matters: its receiver may be done, too, and never come. */
  get isDelivered(): boolean {
    return this.header.role === 'sender' && this.found.checkpoint.receipt !== undefined
  }

  get header(): HeaderRecord {
    return this.found.header
  }

  /** Its runner, opened at the first call; from then on it is the run's. */
  runner(): Promise<Runner> {
    this.#runner ??= this.#open()
    return this.#runner
  }

  async #open(): Promise<Runner> {
    const { context, home, world, quota, instance, rebuild } = this.#tools
    const { reporter } = context
    const early: Parameters<typeof reporter.hear>[0][] = []
    let isFollowed = false
    const runner = await openRunner({
      world: withLimits(world, { chunkBytes: chunkBytesOf(this.header) }),
      session: this.id,
      directory: this.#held.directory,
      isHeld: () => this.#held.lock.isHeld(),
      receipts: home.state?.directory,
      instance,
      ...(home.target === undefined
        ? { walk: walkOptions(this.header) }
        : { receive: { target: home.target, ...quota } }),
      rebuild,
      observer: (event) => {
        if (event.kind === 'outcome') this.#counts.note(event.outcome)
        if (event.kind === 'disconnected') this.onDisconnected(event)
        if (event.kind === 'laneWanted') this.onLaneWanted(event.lane)
        if (isFollowed) reporter.hear(event)
        else early.push(event)
      },
    })
    this.#noteExpiry(runner)
    isFollowed = true
    context.settle(this.id)
    context.broadcastTo(this.#held.lock)
    reporter.follow({ session: this.id, resumed: this.resumed, view: () => runner.view })
    for (const event of early) reporter.hear(event)
    this.#noteChunks()
    context.employ(runner)
    return runner
  }

  #noteExpiry(runner: Runner): void {
    const { expiresMs } = this.#tools
    if (expiresMs === undefined || expiresMs === expiresMsOf(this.header)) return
    const ticketKey = this.found.checkpoint.isJoined ? '' : this.header.ticketKey
    runner.note([withExpiry({ ...this.header, ticketKey }, expiresMs)])
  }

  /** Its places and hashes are counted in chunks: they can't become others. */
  #noteChunks(): void {
    const { context, world, chunkBytes: asked } = this.#tools
    const chunkBytes = chunkBytesOf(this.header) ?? world.limits.chunkBytes
    if (asked === undefined || asked === chunkBytes) return
    const sentence = `Session ${shortId(this.id)} began with chunks of ${chunkBytes} bytes and keeps them.`
    context.reporter.warn('frozen-chunk-size', sentence)
  }

  /** Where its receipt is, or will be. */
  get receiptPath(): string | null {
    const { state } = this.#tools.home
    return state === undefined ? null : receiptPath(state, this.id)
  }

  /** Puts the session where its end says, once its runner has ended, and lets go of it. */
  async conclude(end: SessionEnd): Promise<Finished> {
    const { home, world } = this.#tools
    if (end.how === 'released') await this.#remember(this.#counts.tally(end.receipt))
    const isGone = (end.how === 'released' && end.confirmed) || (await this.#isRefused(end))
    if (isGone) await forget(home, this.#held)
    else {
      if (isOver(end, this.header)) await this.#entomb(world, end)
      await this.#held.close()
    }
    return this.finished(end)
  }

  /** What an end means for the run. */
  finished(end: SessionEnd): Finished {
    return { end, receiptPath: end.how === 'released' ? this.receiptPath : null, counts: this.#counts }
  }

  /** For `verify`, `ls --all` and the same command. Without room for it the session is released all the same. */
  async #remember(tally: Tally): Promise<void> {
    const { home, world, context } = this.#tools
    try {
      if (home.role === 'sender') await this.#keepSent(tally)
      else {
        const found = await findSession(world, home.base, this.id)
        const outcomeOf = (await this.#runner)?.outcomeOf ?? nothingLooked
        if (found !== undefined) await keepDelivered(world, home, this.#held, { ...found.checkpoint, outcomeOf }, tally)
      }
    } catch (error) {
      if (!isTransferError(error)) throw error
      context.reporter.warn('list-not-kept', `Later commands will not know this session: ${error.message}`)
    }
  }

  async #keepSent(tally: Tally): Promise<void> {
    const { state } = this.#tools.home
    const { session, identity, sources } = this.header
    const paths = sources.map(({ path }) => path)
    if (state !== undefined) await writeSent(state.directory, { version: 1, session, identity, sources: paths, tally })
  }

  /** The other side wants nothing of this session, and never agreed on one: nothing is left to go on with. */
  async #isRefused(end: SessionEnd): Promise<boolean> {
    if (end.how !== 'failed' || !refusals.includes(end.code)) return false
    return !(await this.runner()).view.isBound
  }

  async #entomb(world: World, end: SessionEnd): Promise<void> {
    const { home } = this.#tools
    const found = await findSession(world, home.base, this.id)
    if (found === undefined) return
    const how = end.how === 'released' || end.how === 'discarded' ? end.how : 'expired'
    const by = end.how === 'discarded' ? end.by : 'self'
    await entomb(world, home, this.#held, {
      ...found.checkpoint,
      ended: { kind: 'ended', how, by, at: world.clock.wall() },
    })
  }

  /** Lets go of it as it is. */
  async release(): Promise<void> {
    await this.#held.close()
  }

  /** Removes it: nobody ever came. */
  async forget(): Promise<void> {
    await forget(this.#tools.home, this.#held)
  }
}

/** Of a process that put away what another one had brought to its end. */
const nothingLooked = (): undefined => undefined

const refusals: readonly ErrorCode[] = [
  ...(['ticket-refused', 'ticket-expired', 'ticket-revoked', 'scope', 'limit'] as const),
  ...(['session-unknown', 'peer-refused', 'version', 'protocol'] as const),
]

/**
 * What leaves a tombstone. A receiver that was not told `release` keeps everything, so that the same command gives the
 * receipt again; a sender has it on its disk and is done.
 */
function isOver(end: SessionEnd, { role }: HeaderRecord): boolean {
  if (end.how === 'discarded') return true
  if (end.how === 'released') return role === 'sender'
  return end.how === 'failed' && end.code === 'expired'
}
