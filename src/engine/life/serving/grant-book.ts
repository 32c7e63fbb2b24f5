// The grants of a server as it has read them: whose key a ticket is, and whether what it is used for is allowed. Scope,
// expiry and revocation are decided here and nowhere else (R90, R91).

import { TransferError } from '../../../errors.ts'
import type { Clock } from '../../../model/clock.ts'
import type { Directory } from '../../../model/disk.ts'
import type { Grant } from '../../../model/grant.ts'
import { clockLeewayMs } from '../../../model/limits.ts'
import { pathText, type Path } from '../../../model/names.ts'
import type { ConflictPolicy, CredentialEnd, Role } from '../../../model/session.ts'
import { readGrants } from '../../../store/server-directory.ts'

/** A ticket that was proven. */
export interface Pass {
  readonly grant: Grant
  /** 64 hex digits. */
  readonly key: string
}

/** What somebody wants to do. */
export interface Wanted {
  /** The dialer's. */
  readonly role: Role
  /** Of the session, if there is one. */
  readonly path?: Path
  readonly onConflict: ConflictPolicy | null
}

export class GrantBook {
  readonly #server: Directory
  readonly #clock: Clock
  #grants = new Map<string, Grant>()
  #passes = new Map<string, { readonly pass: Pass; readonly until: number | null }>()

  constructor(server: Directory, clock: Clock) {
    this.#server = server
    this.#clock = clock
  }

  /** Reads them again. What is in force until then is what was read before. */
  async reload(): Promise<void> {
    const grants = await readGrants(this.#server)
    this.#grants = new Map(grants.map((grant) => [grant.id, grant]))
    const passes = grants.flatMap((grant) =>
      grant.keys.map(({ ticket, key, until }) => [ticket, { pass: { grant, key }, until }] as const),
    )
    this.#passes = new Map(passes)
  }

  get all(): readonly Grant[] {
    return [...this.#grants.values()]
  }

  get(id: string): Grant | undefined {
    return this.#grants.get(id)
  }

  /** The grant and key behind a ticket's id; what has expired still tells its holder so, what was exchanged opens nothing. */
  passOf(ticket: string): Pass | undefined {
    const found = this.#passes.get(ticket)
    const isOver = found?.until !== null && found !== undefined && this.#clock.wall() > found.until
    return isOver ? undefined : found?.pass
  }

  /** Why a grant is good for nothing any more; undefined: it is good. One that is gone counts as revoked. */
  endOf(id: string): CredentialEnd | undefined {
    const grant = this.#grants.get(id)
    if (grant === undefined || grant.revokedAt !== null) return 'ticket-revoked'
    const { expiresAt } = grant
    return expiresAt !== null && this.#clock.wall() > expiresAt + clockLeewayMs ? 'ticket-expired' : undefined
  }

  /**
   * Lets pass what the grant allows.
   * @throws TransferError `ticket-expired`, `ticket-revoked`, `scope`
   */
  check(id: string, wanted: Wanted): Grant {
    const grant = this.#grants.get(id)
    const end = this.endOf(id)
    if (grant === undefined || end === 'ticket-revoked')
      throw new TransferError('ticket-revoked', { ticket: id.slice(0, 8) })
    if (end === 'ticket-expired')
      throw new TransferError('ticket-expired', { expiredAt: new Date(grant.expiresAt ?? 0).toISOString() })
    const refusal = refusalOf(grant, wanted)
    if (refusal !== undefined) throw new TransferError('scope', { what: refusal })
    return grant
  }
}

function refusalOf({ scope, path, mayReplace }: Grant, wanted: Wanted): string | undefined {
  const verb = wanted.role === 'sender' ? 'send' : 'receive'
  if (scope !== 'both' && scope !== verb) return `to ${verb}`
  if (wanted.path !== undefined && pathText(wanted.path) !== pathText(path))
    return 'the session is in another folder (--new begins another one)'
  const replaces = wanted.onConflict === 'replace' || wanted.onConflict === 'update'
  return wanted.role === 'sender' && replaces && !mayReplace ? 'to replace files (--on-conflict)' : undefined
}
