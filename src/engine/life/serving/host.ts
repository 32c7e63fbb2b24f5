// The door of a server: which ticket or session a key belongs to, what its grant allows, and the session that is meant,
// brought to life when somebody comes for it. What is on the disk is the truth; what is remembered of it here is what must be
// known before a handshake is over, and is taken up anew whenever a session was worked on.

import { isTransferError, TransferError } from '../../../errors.ts'
import type { Grant } from '../../../model/grant.ts'
import type { Hello } from '../../../model/messages.ts'
import type { Path } from '../../../model/names.ts'
import type { ConflictPolicy, Role, SessionId } from '../../../model/session.ts'
import { parseIdentity } from '../../../transport/keys.ts'
import { endingFor, isOver, type Found } from '../known/catalog.ts'
import type { GrantBook, Pass } from './grant-book.ts'
import { Hosted, type HostTools, type Left, type Origin } from './hosted.ts'
import type { Ledger } from './ledger.ts'
import type { Door, Guest, Proof } from '../roads/listening.ts'

/** A session on the disk, as far as the door must know it. */
interface Known {
  readonly grant: string
  /** This side's. */
  readonly role: Role
  /** Below the served folder. */
  readonly path: Path
  readonly sessionKey: string
  readonly onConflict: ConflictPolicy | null
  /** What it has brought onto the disk. */
  readonly writtenBytes: number
  /** What a late peer is told; undefined: it is not over. */
  readonly ending: TransferError | undefined
}

export interface HostOptions {
  readonly book: GrantBook
  readonly ledger: Ledger
  readonly maxSessions: number
  readonly tools: HostTools
  /** A session is worked on from now on. */
  readonly onBegun: (hosted: Hosted) => void
  /** A session is over, and what it used up could not be noted: all that was set aside for it counts. */
  readonly onUnsettled: (session: SessionId, error: TransferError) => void
}

export class Host implements Door {
  readonly #options: HostOptions
  readonly #known = new Map<SessionId, Known>()
  readonly #active = new Map<SessionId, Hosted>()
  /** Until each session that was brought to life is settled. */
  readonly #followed = new Set<Promise<void>>()
  #isClosed = false

  constructor(options: HostOptions) {
    this.#options = options
  }

  /** Takes up a session that is on the disk, unless more is known of it because it is worked on. */
  remember(found: Found, path: Path): void {
    if (this.#active.has(found.id)) return
    const { bound } = found.checkpoint
    this.#known.set(found.id, {
      grant: grantOf(found),
      role: found.header.role,
      path,
      sessionKey: bound?.sessionKey ?? '',
      onConflict: bound?.shape.onConflict ?? null,
      writtenBytes: writtenBytesOf(found),
      ending: isOver(found) ? endingFor(found) : undefined,
    })
  }

  isKnown(session: SessionId): boolean {
    return this.#known.has(session)
  }

  writtenBytes(session: SessionId): number {
    return this.#active.get(session)?.writtenBytes ?? this.#known.get(session)?.writtenBytes ?? 0
  }

  get active(): readonly Hosted[] {
    return [...this.#active.values()]
  }

  keyFor(identity: string): string | undefined {
    const named = parseIdentity(identity)
    if (named === undefined) return undefined
    if (named.of === 'ticket') return this.#options.book.passOf(named.id)?.key
    return this.#active.get(named.id)?.sessionKey ?? (this.#known.get(named.id)?.sessionKey || undefined)
  }

  guestFor(hello: Hello, proof: Proof): Pick<Guest, 'role' | 'welcome'> {
    if (this.#isClosed || proof === undefined) throw new TransferError('ticket-refused', { peer: 'The other side' })
    if (proof.of === 'session' && proof.id !== hello.session)
      throw new TransferError('protocol', { why: 'the key of another session was proven' })
    const pass = proof.of === 'ticket' ? this.#passFor(proof.id, hello) : undefined
    const hosted = this.#hostedFor(hello, pass)
    return { role: hosted.role, welcome: (arrival) => hosted.welcome(arrival, pass) }
  }

  #passFor(ticket: string, { session }: Hello): Pass {
    const pass = this.#options.book.passOf(ticket)
    const opensOne = pass?.grant.uses === 1 // Such a ticket's id is its session's.
    if (pass === undefined || (opensOne && session !== ticket))
      throw new TransferError('ticket-refused', { peer: 'The other side' })
    return pass
  }

  /** The session that is asked for, if the grant it goes by allows it. */
  #hostedFor(hello: Hello, pass: Pass | undefined): Hosted {
    const { book } = this.#options
    const active = this.#active.get(hello.session)
    const known = this.#known.get(hello.session)
    if (known?.ending !== undefined && active === undefined) throw known.ending
    const grantId = pass?.grant.id ?? active?.grant ?? known?.grant
    if (grantId === undefined) throw new TransferError('session-unknown', { session: hello.session })
    const { role, shape } = hello
    const isThere = active !== undefined || known !== undefined
    const path = known?.path ?? (active === undefined ? undefined : book.get(active.grant)?.path)
    const onConflict = known?.onConflict ?? shape.onConflict
    const grant = book.check(grantId, { role, onConflict, ...(path === undefined ? {} : { path }) })
    if (active !== undefined) return active
    if (known?.role === role) throw new TransferError('protocol', { why: `both sides are the ${role} of this session` })
    // What was opened before and is not here was here once: it is not begun again behind its sender's back.
    if (!isThere && hello.epoch > 0) throw new TransferError('session-unknown', { session: hello.session })
    this.#checkRoom(grant)
    return this.#bringToLife(hello, grant, known === undefined ? { pass } : { goesBy: known.grant })
  }

  /** Whoever heard `released` may begin the next one at once, however long it takes to put away the one before. */
  #checkRoom({ id, maxSessions }: Grant): void {
    const all = this.active.filter(({ isAtWork }) => isAtWork)
    const own = all.filter(({ grant }) => grant === id).length
    const [limit, asked] =
      maxSessions !== null && own >= maxSessions ? [maxSessions, own] : [this.#options.maxSessions, all.length]
    if (asked >= limit) throw new TransferError('limit', { what: 'sessions at once', limit, asked: asked + 1 })
  }

  #bringToLife({ session, role }: Hello, grant: Grant, origin: Origin): Hosted {
    const { tools, onBegun } = this.#options
    const hosted = new Hosted(tools, session, role === 'sender' ? 'receiver' : 'sender', grant, origin)
    this.#active.set(session, hosted)
    const followed = this.#follow(hosted, grant.path).finally(() => this.#followed.delete(followed))
    this.#followed.add(followed)
    onBegun(hosted)
    return hosted
  }

  async #follow(hosted: Hosted, path: Path): Promise<void> {
    const left = await hosted.left
    await hosted.run.ending
    this.#active.delete(hosted.session)
    if (left === undefined) return // It never came to life: what was known of it still holds.
    const { found } = left
    if (found === undefined) this.#known.delete(hosted.session)
    else this.remember(found, path)
    if (found === undefined || isOver(found)) await this.#settle(hosted.session, left)
  }

  /** A disk that takes no note costs no other session anything (R82). */
  async #settle(
    session: SessionId,
    { grant, isReleased, bytesPublished: bytes, filesDone: files }: Left,
  ): Promise<void> {
    const { ledger, onUnsettled } = this.#options
    try {
      await ledger.settle(grant, session, isReleased ? undefined : { bytes, files })
    } catch (error) {
      if (!isTransferError(error)) throw error
      onUnsettled(session, error)
    }
  }

  /** Ends all sessions at a sync point; they go on after the next start. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.active.map(({ run }) => run.pause('signal')))
    await Promise.all(this.#followed)
  }
}

/** Which grant a session of a server goes by. */
export function grantOf({ header, checkpoint }: Found): string {
  return checkpoint.bound?.ticket ?? header.ticket ?? header.session
}

/** What is not in place was received whole chunks at a time; what was found in place was not brought in. */
function writtenBytesOf({ checkpoint, partBytes }: Found): number {
  let bytes = partBytes
  for (const { outcome, bytes: its } of checkpoint.outcomes) if (outcome !== 'unchanged') bytes += its
  return bytes
}
