// One session that a server works on: a run of its own, so that whatever becomes of it touches no other (R82). It begins
// when somebody comes for the session and ends with it, or when its other side stays away, or its ticket is good no more.

import { assert, TransferError } from '../../../errors.ts'
import type { Millis } from '../../../model/clock.ts'
import type { Grant } from '../../../model/grant.ts'
import type { HeaderRecord } from '../../../model/records.ts'
import type { CredentialEnd, Role, SessionId } from '../../../model/session.ts'
import { sessionKey } from '../../../transport/keys.ts'
import type { Meter } from '../../../transport/meter.ts'
import type { Session } from '../../api.ts'
import type { World } from '../../context.ts'
import type { ConnectionSink, Reserve, Runner } from '../../runner.ts'
import { endingFor, findSession, isOver, type Found } from '../known/catalog.ts'
import type { HandedOver } from '../running/control.ts'
import type { Pass } from './grant-book.ts'
import type { Home } from '../known/home.ts'
import type { Arrival } from '../roads/listening.ts'
import { startRun, type Finished, type RunContext } from '../running/run.ts'
import { shortId } from '../known/same-command.ts'
import { deferred, sleep } from '../running/waiting.ts'
import { Work, type WorkTools } from '../running/work.ts'
import { workOut } from '../running/work-out.ts'

/** What a session has of its server. */
export interface HostTools {
  readonly world: World
  readonly progressIntervalMs: Millis | undefined
  readonly stateDir: string | undefined
  /** Names this process in hellos: 16 hex digits. */
  readonly instance: string
  /** What marks the sessions of this server among others in its homes. */
  readonly identity: string
  /** Opens the home of sessions of this role and grant, and the disk they may touch. */
  openHome(role: Role, grant: Grant): Promise<{ readonly home: Home; readonly world: World }>
  /** The first record of a session that is begun here. */
  headerOf(home: Home, session: SessionId, pass: Pass): HeaderRecord
  /** @throws TransferError if the grant may begin no more sessions */
  begin(grant: Grant, session: SessionId): Promise<void>
  /** The session goes by this grant from now on. */
  renew(session: SessionId, from: string, grant: Grant): Promise<void>
  reserve(hosted: Hosted): Reserve
  /** What all sessions together may receive and send at a time. */
  readonly meter: Meter
  endOf(grant: string): CredentialEnd | undefined
  /** Somebody who came through ssh, and was handed over. */
  takeOver(handed: HandedOver): void
}

/** How it was left: as it lies on the disk, or undefined if nothing is left of it. */
export interface Left {
  readonly found: Found | undefined
  readonly grant: string
  /** In place by then. */
  readonly bytesPublished: number
  readonly filesDone: number
  readonly isReleased: boolean
}

/** A new session, begun under a ticket; or one that is there, and the grant it has gone by so far. */
export interface Origin {
  readonly pass?: Pass | undefined
  readonly goesBy?: string
}

const awayMs: Millis = 60_000 // A reconnect finds what is received and not yet durable; later ones go by the journal.
const lookEveryMs: Millis = 1_000 // How late expiry and revocation are noticed.
const patienceMs: Millis = 24 * 3_600_000 // With a full disk.

export class Hosted {
  readonly session: SessionId
  readonly role: Role
  readonly run: Session
  /** Undefined if it never came to life. Never rejects. */
  readonly left: Promise<Left | undefined>
  readonly #tools: HostTools
  readonly #seat = deferred<{ readonly work: Work; readonly runner: Runner; readonly context: RunContext }>()
  #grant: string
  #bound: { readonly nonce: string; readonly sessionKey: string } | undefined
  #isJoined = false
  /** Somebody was welcomed: until then nobody knows which ticket it goes by. */
  #isMet = false
  #isLeaving = false
  #isAtWork = true
  #view: (() => Runner['view']) | undefined

  /** @param grant of whoever came for it first: says in which folder it is */
  constructor(tools: HostTools, session: SessionId, role: Role, grant: Grant, { pass, goesBy }: Origin) {
    this.#tools = tools
    this.session = session
    this.role = role
    this.#grant = goesBy ?? grant.id
    const left = deferred<Left | undefined>()
    this.left = left.promise
    const { progressIntervalMs, stateDir } = tools
    const options = { progressIntervalMs, stateDir }
    this.run = startRun(
      role,
      options,
      async () => tools.world,
      (context) => this.#live(context, grant, pass, left.resolve),
    )
    void this.run.ending.then(({ error }) => {
      this.#isLeaving = true
      this.#seat.reject(error ?? new TransferError('session-unknown', { session }))
      left.resolve(undefined)
    })
  }

  get grant(): string {
    return this.#grant
  }

  /** False once its other side was let go of: all that is left is to put it away. */
  get isAtWork(): boolean {
    return this.#isAtWork
  }

  /** What it has brought onto the disk. */
  get writtenBytes(): number {
    const view = this.#view?.()
    return view === undefined ? 0 : Math.max(0, view.bytesAcknowledged - view.bytesUnchanged)
  }

  /** What both sides hold, as soon as somebody came. */
  get sessionKey(): string | undefined {
    return this.#bound?.sessionKey
  }

  /**
   * Somebody who proved the session's key, or a ticket that may be used for it (`pass`).
   * @throws TransferError to refuse him
   */
  async welcome({ connection, hello }: Arrival, pass: Pass | undefined): Promise<ConnectionSink> {
    const { work, runner, context } = await this.#seat.promise
    if (this.#isLeaving) throw new TransferError('peer-busy', { session: shortId(this.session) })
    if (pass !== undefined && this.#bound !== undefined && this.#bound.nonce !== hello.nonce)
      throw new TransferError('ticket-refused', { peer: 'The other side' }) // The session is somebody else's.
    const bound = this.#bound ?? this.#bindingTo(hello.nonce, pass)
    const isRenewed = pass !== undefined && pass.grant.id !== this.#grant
    if (isRenewed) await this.#tools.renew(this.session, this.#grant, pass.grant)
    this.#bound = bound
    if (pass !== undefined) this.#grant = pass.grant.id
    this.#isMet = true
    const isNews = isRenewed || !runner.view.isBound
    const shape = { onConflict: 'fail', checksum: false } as const // The core, which agrees it, fills it in.
    const record = { kind: 'bound', ...bound, chunkBytes: 0, shape, root: '', ticket: this.#grant } as const
    this.#spendBy(connection, context)
    const sink = runner.accepted(connection, hello, isNews ? [record] : [])
    if (pass === undefined && !this.#isJoined) {
      this.#isJoined = true
      if (!work.found.checkpoint.isJoined) runner.note([{ kind: 'joined' }])
    }
    return sink
  }

  #bindingTo(nonce: string, pass: Pass | undefined): { readonly nonce: string; readonly sessionKey: string } {
    assert(pass !== undefined, 'the key of a session is there before somebody proves it')
    return { nonce, sessionKey: sessionKey(pass.key, nonce, this.session) }
  }

  async #live(
    context: RunContext,
    grant: Grant,
    pass: Pass | undefined,
    resolveLeft: (left: Left) => void,
  ): Promise<Finished> {
    const { home, world } = await this.#tools.openHome(this.role, grant)
    try {
      const { instance } = this.#tools
      const quota = {
        maxBytes: Number.MAX_SAFE_INTEGER,
        maxFiles: Number.MAX_SAFE_INTEGER,
        reserve: this.#tools.reserve(this),
        meter: this.#tools.meter,
      }
      const asUsual = { rebuild: false, expiresMs: undefined, chunkBytes: undefined } as const
      const tools: WorkTools = { context, world, home, quota, instance, ...asUsual }
      const work = await this.#hold(tools, grant, pass)
      const { bound, isJoined } = work.found.checkpoint
      context.takeHandedOver((handed) => this.#tools.takeOver(handed))
      this.#bound = bound
      this.#isJoined = isJoined
      let seen: Runner['view'] | undefined
      try {
        return await workOut(
          work,
          async (runner, over) => {
            void runner.ended.then(({ how }) => {
              this.#isLeaving = true
              this.#isAtWork = how !== 'released'
            })
            this.#view = () => runner.view
            this.#seat.resolve({ work, runner, context })
            await this.#watch(runner, context, over)
            seen = runner.view
          },
          { tools, home, retryForMs: patienceMs },
        )
      } finally {
        const found = await findSession(world, home.base, this.session)
        const { bytesPublished = 0, filesDone = 0, state } = seen ?? {}
        resolveLeft({ found, grant: this.#grant, bytesPublished, filesDone, isReleased: state === 'released' })
      }
    } finally {
      await home.close()
    }
  }

  async #hold(tools: WorkTools, grant: Grant, pass: Pass | undefined): Promise<Work> {
    const { home } = tools
    if (pass !== undefined && (await home.base.stat(this.session)) === undefined) {
      await this.#tools.begin(grant, this.session)
      return Work.create(tools, this.#tools.headerOf(home, this.session, pass))
    }
    const work = await Work.hold(tools, this.session)
    if (work === undefined) throw new TransferError('peer-busy', { session: shortId(this.session) })
    const isOurs = work.header.identity === this.#tools.identity
    if (isOurs && !isOver(work.found)) return work
    await work.release()
    throw isOurs ? endingFor(work.found) : new TransferError('ticket-refused', { peer: 'The other side' })
  }

  /** Ends it when its ticket does, at a sync point; or when the other side has been away for a while. */
  async #watch(runner: Runner, context: RunContext, over: AbortSignal): Promise<void> {
    const { clock } = this.#tools.world
    let lastSeenAt = clock.now()
    while (!over.aborted) {
      const now = clock.now()
      const end = this.#isMet ? this.#tools.endOf(this.#grant) : undefined
      if (end !== undefined) {
        this.#isLeaving = true
        context.ask(end)
      }
      if (runner.view.isConnected) lastSeenAt = now
      else if (now - lastSeenAt > awayMs) {
        this.#isLeaving = true
        throw new TransferError('connection-lost', {
          peer: 'the other side',
          cause: 'it did not come back for a while',
        })
      }
      await sleep(clock, lookEveryMs, over)
    }
  }

  #spendBy(connection: Arrival['connection'], context: RunContext): void {
    limits.set(connection, context)
  }
}

/** By connection: the run whose limits it keeps; none until somebody was welcomed over it. */
const limits = new WeakMap<Arrival['connection'], Pick<RunContext, 'bandwidth' | 'spend'>>()

/** Bytes per second that a connection may send. */
export function bandwidthOf(connection: Arrival['connection']): number | undefined {
  return limits.get(connection)?.bandwidth()
}
