// The dialing side of a session's life: connect, hand the connection to the runner, wait until it is gone, back off, connect
// again, until the session ends here or trying has become pointless. Which key is proven is decided here too: the
// session's own, or the ticket's while it is not certain that the other side has stored the former (R114).

import { hasCode, isTransferError, TransferError } from '../../../errors.ts'
import type { Millis } from '../../../model/clock.ts'
import type { Connection } from '../../../model/connection.ts'
import type { StateReason } from '../../../model/session.ts'
import type { World } from '../../context.ts'
import type { Runner, RunnerEvent } from '../../runner.ts'
import { Backoff } from './backoff.ts'
import { Surroundings } from './surroundings.ts'
import { deferred } from '../running/waiting.ts'

/** A PSK identity and its key, 64 hex digits. */
export interface DialKey {
  readonly identity: string
  readonly hex: string
}

export interface WayThere {
  readonly addresses: readonly string[]
  /** The keys the other side may know this session by, the likelier one first; none in plain text. */
  keys(): readonly DialKey[]
  /** This machine's own addresses: others mean another network. */
  readonly ownAddresses: () => readonly string[]
  /** One attempt for a further lane, where there can be several connections. */
  dialLane?(signal: AbortSignal): Promise<Connection>
  /** One attempt with one key; as `dialAny` of the transport. */
  dial(key: DialKey | undefined, signal: AbortSignal): Promise<Connection>
}

export interface DialingOptions {
  readonly world: World
  readonly way: WayThere
  /** Until first contact. `Infinity` never gives up. */
  readonly connectForMs: Millis
  /** Without a connection since the last durable progress, once the two sides know each other. */
  readonly retryForMs: Millis
  /** Aborted when the session has ended in this process. */
  readonly signal: AbortSignal
  /** Tells users that the next attempt comes after `delayMs`; `retryUntil` is wall time. */
  readonly onRetry: (retry: Retry) => void
}

export interface Retry {
  /** Counts from 1 since the connection was lost. */
  readonly attempt: number
  readonly reason: StateReason
  readonly delayMs: Millis
  /** Wall time; null: it never gives up. */
  readonly retryUntil: number | null
}

/** What a dialer needs of a runner. */
export type Dialed = Pick<Runner, 'connected'> & {
  readonly view: Pick<Runner['view'], 'isBound' | 'epoch' | 'bytesAcknowledged'>
}

/** Redials for one session. `disconnected` is the runner's event of that name, passed on. */
export class Dialing {
  readonly #options: DialingOptions
  readonly #backoff = new Backoff()
  readonly #surroundings: Surroundings
  #onLost: ((reason: StateReason) => void) | undefined

  constructor(options: DialingOptions) {
    this.#options = options
    this.#surroundings = new Surroundings(options.world.clock, options.way.ownAddresses)
  }

  /** The runner told that its connection is gone. For good: it is about to end, and nobody dials again. */
  disconnected({ reason, permanent }: Pick<RunnerEvent & { kind: 'disconnected' }, 'reason' | 'permanent'>): void {
    if (!permanent) this.#onLost?.(stateReason(reason))
  }

  /**
   * Keeps the runner connected. Resolves when `signal` aborts.
   * @param first a connection that is there already
   * @throws TransferError `peer-unreachable` or `retry-over` when the time is over; what makes trying again pointless
   */
  async run(runner: Dialed, first?: Connection): Promise<void> {
    const { world, signal } = this.#options
    let lostAt = world.clock.now()
    let { epoch, bytesAcknowledged } = runner.view
    for (let connection = first; !signal.aborted; connection = undefined) {
      connection ??= await this.#reach(runner, lostAt)
      if (connection === undefined) return
      const upAt = world.clock.now()
      const reason = await this.#useUp(runner, connection)
      const { view } = runner
      // Progress gives all the time for trying anew; a connection that brought none only stops the clock (R35).
      const gotOn = view.bytesAcknowledged > bytesAcknowledged || (epoch === 0 && view.epoch > 0)
      lostAt = gotOn ? world.clock.now() : lostAt + world.clock.now() - upAt
      epoch = view.epoch
      bytesAcknowledged = Math.max(bytesAcknowledged, view.bytesAcknowledged)
      if (!(await this.#pause(runner, lostAt, reason))) return
    }
  }

  /** Resolves with the reason when the runner has lost the connection, or when the session has ended. */
  async #useUp(runner: Dialed, connection: Connection): Promise<StateReason> {
    const over = deferred<StateReason>()
    const onAbort = (): void => over.resolve('network')
    this.#onLost = over.resolve
    this.#options.signal.addEventListener('abort', onAbort)
    runner.connected(connection)
    try {
      return await over.promise
    } finally {
      this.#options.signal.removeEventListener('abort', onAbort)
      this.#onLost = undefined
    }
  }

  /** A connection, however many attempts it takes; undefined if the session ended meanwhile. */
  async #reach(runner: Dialed, lostAt: Millis): Promise<Connection | undefined> {
    for (;;) {
      this.#surroundings.note()
      try {
        return await dialWithAnyKey(this.#options)
      } catch (error) {
        if (this.#options.signal.aborted) return undefined
        if (!isWorthRetrying(error, runner.view.isBound)) throw error
        if (!(await this.#pause(runner, lostAt, 'network', error))) return undefined
      }
    }
  }

  /** Backs off before the next attempt, unless something has changed here since the last one began; false if the session ended meanwhile. @throws if there may be no next attempt */
  async #pause(runner: Dialed, lostAt: Millis, reason: StateReason, error?: TransferError): Promise<boolean> {
    const { world, signal, connectForMs, retryForMs, onRetry } = this.#options
    const { clock } = world
    if (signal.aborted) return false
    const { isBound, bytesAcknowledged } = runner.view
    const giveUpAt = lostAt + (isBound ? retryForMs : connectForMs)
    const delayMs = this.#backoff.next(world.random.fraction(), bytesAcknowledged)
    if (clock.now() + delayMs > giveUpAt) throw this.#outOfTime(clock.now() - lostAt, isBound, error)
    const retryUntil = giveUpAt === Infinity ? null : clock.wall() + giveUpAt - clock.now()
    onRetry({ attempt: this.#backoff.attempts, reason, delayMs, retryUntil })
    await this.#surroundings.sleepUntilChange(delayMs, signal)
    return !signal.aborted
  }

  #outOfTime(triedForMs: Millis, isBound: boolean, error: TransferError | undefined): TransferError {
    if (!isBound && error !== undefined) return error
    const last = error?.message ?? 'The connection was lost.'
    return new TransferError('retry-over', { triedForMs, last }, { cause: error })
  }
}

/**
 * One attempt: each key in turn, as long as the answer is that the key is not known.
 * @throws as `dial`; `ticket-refused` if no key is
 */
export async function dialWithAnyKey({ way, signal }: Pick<DialingOptions, 'way' | 'signal'>): Promise<Connection> {
  const keys = way.keys()
  if (keys.length === 0) return way.dial(undefined, signal)
  let refusal: unknown
  for (const key of keys) {
    try {
      return await way.dial(key, signal)
    } catch (error) {
      if (!hasCode(error, 'ticket-refused')) throw error
      refusal = error
    }
  }
  throw refusal
}

/** One attempt to open a further lane; the runner is told of it, whatever becomes of it. */
export async function openLane(
  runner: Pick<Runner, 'laneDialed'>,
  lane: number,
  way: Pick<WayThere, 'dialLane'>,
  signal: AbortSignal,
): Promise<void> {
  if (way.dialLane === undefined) return // One connection leads there, and the runner goes on with it.
  try {
    runner.laneDialed(lane, await way.dialLane(signal))
  } catch (error) {
    if (!isTransferError(error) && !signal.aborted) throw error
    runner.laneDialed(lane, undefined)
  }
}

/** Before first contact a refusal is an answer. Later it may be another listener on that port, or a key not stored yet (R35). */
function isWorthRetrying(error: unknown, isBound: boolean): error is TransferError {
  if (!isTransferError(error)) return false
  return error.retryable !== 'never' || (isBound && laterRetried.some((code) => hasCode(error, code)))
}

const laterRetried = ['ticket-refused', 'not-carryon', 'ssh-refused', 'no-carryon'] as const

/** A runner's word for why the connection went, as a reason users know. */
function stateReason(reason: string): StateReason {
  const known: readonly StateReason[] = ['peer-silent', 'peer-busy', 'no-progress', 'peer-user', 'peer-signal']
  return known.find((name) => name === reason) ?? 'network'
}
