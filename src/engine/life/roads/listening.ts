// The listening side of sessions' lives: one port for all sessions that are to be had here. It reads the first message of
// each connection, has a door find the session that it names, and hands both over, or refuses with a reason. Whose key opens
// which session is the door's to know; what happens from `welcome` on is the runner's.

import { errorTable, isTransferError, TransferError, type ErrorCode } from '../../../errors.ts'
import type { Clock, Millis } from '../../../model/clock.ts'
import type { Connection } from '../../../model/connection.ts'
import { signOfLifeEveryMs } from '../../../model/limits.ts'
import { type Hello, signOfLife } from '../../../model/messages.ts'
import type { Role, SessionId } from '../../../model/session.ts'
import { parseIdentity } from '../../../transport/keys.ts'
import { grantUpgrade } from '../../../transport/upgrade.ts'
import { decodeHello, encodeMessage } from '../../../wire/messages.ts'
import { withoutPaths } from '../../reasons.ts'
import type { ConnectionSink } from '../../runner.ts'
import type { HandedOver } from '../running/control.ts'

/** A session that waits here for its other side. */
export interface Guest {
  readonly session: SessionId
  /** This side's. */
  readonly role: Role
  /** The key behind `t.<id>` or `s.<id>`, 64 hex digits; undefined where that opens nothing (any more). */
  keyFor(of: 'ticket' | 'session'): string | undefined
  /**
   * A hello that proved the key and named this session.
   * @throws TransferError to refuse it
   */
  welcome(arrival: Arrival): Promise<ConnectionSink>
}

export interface Arrival {
  readonly connection: Connection
  readonly hello: Hello
  /** Which key was proven; undefined in plain text. */
  readonly proven: 'ticket' | 'session' | undefined
}

/** A session that is over, with what its other side is told. */
export interface Tombstone {
  readonly session: SessionId
  /** 64 hex digits; '' if there never was one. */
  readonly sessionKey: string
  readonly error: TransferError
}

/** What a connection proved: a ticket's key or a session's. */
export type Proof = ReturnType<typeof parseIdentity>

/** Knows who may come in, and to which session he leads. */
export interface Door {
  /** The key behind an identity that a stranger named; undefined if it opens nothing. */
  keyFor(identity: string): string | undefined
  /** The session that a hello asks for. @throws TransferError to refuse it */
  guestFor(hello: Hello, proof: Proof, peer: string): Pick<Guest, 'role' | 'welcome'>
}

export interface ReceptionOptions {
  readonly clock: Clock
  readonly door: Door
  /** From the connection to its hello. */
  readonly helloDeadlineMs: Millis
}

/** The door of a command that waits: sessions that are held for it, each opened by its own keys. */
export class WaitingRoom implements Door {
  readonly #plain: boolean
  readonly #guests = new Map<SessionId, Guest>()
  readonly #tombstones = new Map<SessionId, Tombstone>()

  /** @param plain no proofs: the session id alone leads to the session */
  constructor(plain: boolean) {
    this.#plain = plain
  }

  add(guest: Guest): void {
    this.#guests.set(guest.session, guest)
  }

  remove(session: SessionId): void {
    this.#guests.delete(session)
  }

  bury(tombstone: Tombstone): void {
    this.#guests.delete(tombstone.session)
    this.#tombstones.set(tombstone.session, tombstone)
  }

  keyFor(identity: string): string | undefined {
    const named = parseIdentity(identity)
    if (named === undefined) return undefined
    const key = this.#guests.get(named.id)?.keyFor(named.of)
    if (key !== undefined || named.of === 'ticket') return key
    return this.#tombstones.get(named.id)?.sessionKey || undefined
  }

  guestFor(hello: Hello, proof: Proof, peer: string): Guest {
    const guest = this.#guests.get(hello.session)
    if (!this.#plain && proof?.id !== hello.session) throw notYours(peer)
    if (guest !== undefined) return guest
    throw this.#tombstones.get(hello.session)?.error ?? new TransferError('session-unknown', { session: hello.session })
  }
}

/** Who comes, and where he is led. */
export class Reception {
  readonly #options: ReceptionOptions

  constructor(options: ReceptionOptions) {
    this.#options = options
  }

  /** Takes a connection that came in; it must not be started yet. */
  receive(connection: Connection): void {
    const visit = new Visit(connection)
    const cancel = this.#options.clock.after(this.#options.helloDeadlineMs, () => connection.destroy())
    visit.first
      .finally(cancel)
      .then((text) => this.#greet(connection, text))
      .then((sink) => visit.handTo(sink))
      .catch((error: unknown) => refuse(connection, error))
  }

  /** Takes a connection that ssh let in, or that another process handed over. Resolves once it is up, or is not. */
  async takeOver({ stream, proof }: HandedOver, wrap: (raw: Connection) => Connection = (raw) => raw): Promise<void> {
    const cancel = this.#options.clock.after(this.#options.helloDeadlineMs, () => stream.destroy())
    try {
      this.receive(wrap(await grantUpgrade(stream, { peer: 'ssh', proof })))
    } catch {
      stream.destroy() // It ended, or was never ours.
    } finally {
      cancel()
    }
  }

  async #greet(connection: Connection, text: string): Promise<ConnectionSink> {
    const hello = decodeHello(text)
    const proof = parseIdentity(connection.proof)
    const guest = this.#options.door.guestFor(hello, proof, connection.peer)
    if (hello.role === guest.role) throw sameRole(guest.role)
    const fallSilent = this.#giveSignsOfLife(connection)
    return guest.welcome({ connection, hello, proven: proof?.of }).finally(fallSilent)
  }

  /** Until the function returned is called. */
  #giveSignsOfLife(connection: Connection): () => void {
    const { clock } = this.#options
    const next = (): (() => void) =>
      clock.after(signOfLifeEveryMs, () => {
        connection.sendText(encodeMessage(signOfLife))
        cancel = next()
      })
    let cancel = next()
    return () => cancel()
  }
}

const framesHeldMax = 16 // A dialer that has only said hello waits for the answer: at most it pings.

/** A connection before somebody feels responsible: keeps the messages behind the first one until there is a sink. Data has no business here. */
class Visit {
  readonly first: Promise<string>
  readonly #connection: Connection
  #onFirst: ((text: string) => void) | undefined
  #sink: ConnectionSink | undefined
  #held: ((sink: ConnectionSink) => void)[] = []

  constructor(connection: Connection) {
    this.#connection = connection
    this.first = new Promise((resolve) => (this.#onFirst = resolve))
    connection.start({
      text: (text) => this.#pass((sink) => sink.text(text), text),
      data: (frame, release) => (this.#sink === undefined ? connection.destroy() : this.#sink.data(frame, release)),
      ended: ({ detail }) => this.#pass((sink) => sink.ended(detail)),
    })
  }

  handTo(sink: ConnectionSink): void {
    this.#sink = sink
    for (const pass of this.#held.splice(0)) pass(sink)
  }

  #pass(pass: (sink: ConnectionSink) => void, first?: string): void {
    if (this.#sink !== undefined) return pass(this.#sink)
    const onFirst = this.#onFirst
    this.#onFirst = undefined
    if (onFirst !== undefined && first !== undefined) return onFirst(first)
    this.#held.push(pass)
    if (this.#held.length > framesHeldMax) this.#connection.destroy()
  }
}

function notYours(peer: string): TransferError {
  return new TransferError('protocol', { why: `${peer} proved the key of another session than it asks for` })
}

function sameRole(role: Role): TransferError {
  const verb = role === 'sender' ? 'send' : 'receive'
  return new TransferError('usage', {
    problem: `Both sides want to ${verb}: one must send and the other receive.`,
    remedy: `Run carryon ${role === 'sender' ? 'receive' : 'send'} on one of them.`,
  })
}

const closeForBugs = 4001

function refuse(connection: Connection, fault: unknown): void {
  const error = withoutPaths(fault)
  if (!isTransferError(error)) {
    connection.sendText(encodeMessage({ kind: 'refuse', code: 'failed', sentence: 'It failed there.', retry: true }))
    return connection.close(closeForBugs, 'failed')
  }
  const code: ErrorCode = error.code
  const retry = errorTable[code].retryable !== 'never'
  connection.sendText(encodeMessage({ kind: 'refuse', code, sentence: error.message, retry }))
  connection.close(errorTable[code].close, code)
}
