// A held session that waits at a listener: which keys open it, how first contact binds it to one dialer, and its runner,
// opened when somebody comes (R114).

import { TransferError } from '../../../errors.ts'
import { clockLeewayMs } from '../../../model/limits.ts'
import type { Role, SessionId } from '../../../model/session.ts'
import { sessionKey } from '../../../transport/keys.ts'
import type { World } from '../../context.ts'
import type { ConnectionSink } from '../../runner.ts'
import type { Arrival, Guest } from './listening.ts'
import { isPlain } from '../running/plan.ts'
import type { Work } from '../running/work.ts'

/** What a seat needs of the session that waits. */
export type Seated = Pick<Work, 'id' | 'header' | 'found' | 'runner'>

export class Seat implements Guest {
  readonly #work: Seated
  readonly #world: Pick<World, 'clock'>
  readonly #onClaim: () => void
  /** Of the dialer this session belongs to; known before it is stored. */
  #bound: { readonly nonce: string; readonly sessionKey: string } | undefined
  #isJoined: boolean

  /** @param onClaim called when somebody comes whose claim holds; may throw to refuse him */
  constructor(work: Seated, world: Pick<World, 'clock'>, onClaim: () => void) {
    this.#work = work
    this.#world = world
    this.#onClaim = onClaim
    this.#bound = work.found.checkpoint.bound
    this.#isJoined = work.found.checkpoint.isJoined
  }

  get session(): SessionId {
    return this.#work.id
  }

  get role(): Role {
    return this.#work.header.role
  }

  /** Whether first contact was made at some time: both sides hold the session's key, or one is about to learn it. */
  get isBound(): boolean {
    return this.#bound !== undefined
  }

  keyFor(of: 'ticket' | 'session'): string | undefined {
    if (of === 'session') return this.#bound?.sessionKey
    return this.#isTicketGood ? this.#work.header.ticketKey || undefined : undefined
  }

  /** The ticket opens until the dialer has shown that it knows the session's key; its time bounds first contact only. */
  get #isTicketGood(): boolean {
    const { ticketExpiresAt } = this.#work.header
    if (this.#isJoined) return false
    return this.isBound || this.#world.clock.wall() <= ticketExpiresAt + clockLeewayMs
  }

  async welcome({ connection, hello, proven }: Arrival): Promise<ConnectionSink> {
    const { header } = this.#work
    if (proven === undefined && !isPlain(header)) throw new TransferError('ticket-refused', { peer: 'This side' })
    if (proven !== 'session' && !this.#isTicketGood && !isPlain(header)) throw spent()
    const bound = this.#bound ?? {
      nonce: hello.nonce,
      sessionKey: sessionKey(header.ticketKey, hello.nonce, header.session),
    }
    if (proven !== 'session' && bound.nonce !== hello.nonce) throw spent() // Another dialer with the same text came first.
    this.#onClaim()
    this.#bound = bound
    const runner = await this.#work.runner()
    const isJoining = proven === 'session' && !this.#isJoined
    if (isJoining) this.#isJoined = true
    const sink = runner.accepted(connection, hello, runner.view.isBound ? [] : [bindingOf(bound)])
    if (isJoining) runner.note([{ kind: 'joined' }])
    return sink
  }
}

function spent(): TransferError {
  return new TransferError('ticket-refused', { peer: 'The other side' })
}

/** What was agreed is filled in by the core, which agrees it. */
function bindingOf(bound: { readonly nonce: string; readonly sessionKey: string }) {
  const shape = { onConflict: 'fail', checksum: false } as const
  return { kind: 'bound', ...bound, chunkBytes: 0, shape, root: '' } as const
}
