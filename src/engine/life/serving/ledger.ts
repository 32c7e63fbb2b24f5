// What the sessions of each grant have used up, and what is set aside for those under way, so that a quota holds before a
// byte is written (R79). Every change is on the disk before it counts; one that is repeated after a crash changes nothing.

import type { Directory } from '../../../model/disk.ts'
import type { Grant } from '../../../model/grant.ts'
import type { SessionId } from '../../../model/session.ts'
import { readAccount, writeAccount, type Account, type Reserved } from '../../../store/server-directory.ts'
import { inTurns } from '../../in-turns.ts'
import type { Reserve } from '../../runner.ts'

const nothing: Reserved = { pages: 0, bytes: 0, files: 0 }

export class Ledger {
  readonly #server: Directory
  readonly #maxBytes: number
  readonly #accounts = new Map<string, Account>()
  readonly #inTurn = inTurns()

  /** @param maxBytes that the sessions of all grants together may bring in */
  constructor(server: Directory, maxBytes: number = Infinity) {
    this.#server = server
    this.#maxBytes = maxBytes
  }

  /** Takes up a grant's account. Sessions in it that are over, though nobody had time to say so, used what was set aside. */
  async open(grant: string, isUnderWay: (session: SessionId) => boolean): Promise<void> {
    if (this.#accounts.has(grant)) return
    this.#accounts.set(grant, await readAccount(this.#server, grant))
    for (const session of Object.keys(this.account(grant).open))
      if (!isUnderWay(session)) await this.settle(grant, session)
  }

  account(grant: string): Account {
    return this.#accounts.get(grant) ?? { begun: 0, bytes: 0, files: 0, open: {} }
  }

  /** Counts a new session; false if the grant may not begin another one. */
  begin({ id, uses }: Grant, session: SessionId): Promise<boolean> {
    return this.#inTurn(async () => {
      const account = this.account(id)
      if (session in account.open) return true // Begun before a crash, and not made then.
      if (uses !== null && account.begun >= uses) return false
      await this.#write(id, { ...account, begun: account.begun + 1, open: { ...account.open, [session]: nothing } })
      return true
    })
  }

  /** A session goes by another grant from now on, and with it what is set aside for it. It is no new session there. */
  move(session: SessionId, from: string, to: string): Promise<void> {
    return this.#inTurn(async () => {
      const reserved = this.account(from).open[session] ?? nothing
      if (from === to || session in this.account(to).open) return
      await this.#write(to, { ...this.account(to), open: { ...this.account(to).open, [session]: reserved } })
      await this.#write(from, without(this.account(from), session))
    })
  }

  /** Sets aside what a session is about to bring in. @returns why it may not */
  reserve(grant: Grant, session: SessionId, more: Parameters<Reserve>[0]): Promise<string | undefined> {
    return this.#inTurn(async () => {
      const account = this.account(grant.id)
      const before = account.open[session] ?? nothing
      if (more.page !== null && more.page < before.pages) return undefined
      const after: Reserved = {
        pages: more.page === null ? before.pages : more.page + 1,
        bytes: before.bytes + more.bytes,
        files: before.files + more.files,
      }
      const { bytes, files } = this.#totals(account)
      if (grant.maxBytes !== null && bytes + more.bytes > grant.maxBytes)
        return `This ticket may bring in ${grant.maxBytes} bytes in all; with this it would be ${bytes + more.bytes}.`
      if (grant.maxFiles !== null && files + more.files > grant.maxFiles)
        return `This ticket may bring in ${grant.maxFiles} files in all; with this it would be ${files + more.files}.`
      if (more.bytes > 0 && this.#bytesOfAll + more.bytes > this.#maxBytes)
        return `The tickets of this server may bring in ${this.#maxBytes} bytes in all; with this it would be more.`
      await this.#write(grant.id, { ...account, open: { ...account.open, [session]: after } })
      return undefined
    })
  }

  reservedBytes(grant: string, session: SessionId): number {
    return this.account(grant).open[session]?.bytes ?? 0
  }

  /** All that is set aside, written or not, by session. */
  get reservations(): ReadonlyMap<SessionId, number> {
    const all = [...this.#accounts.values()].flatMap(({ open }) => Object.entries(open))
    return new Map(all.map(([session, { bytes }]) => [session, bytes]))
  }

  /** A session is over. @param used what it brought in; all that was set aside unless given */
  settle(grant: string, session: SessionId, used?: Omit<Reserved, 'pages'>): Promise<void> {
    return this.#inTurn(async () => {
      const account = this.account(grant)
      const reserved = account.open[session]
      if (reserved === undefined) return
      const { bytes, files } = used ?? reserved
      const rest = without(account, session)
      await this.#write(grant, { ...rest, bytes: account.bytes + bytes, files: account.files + files })
    })
  }

  /** What counts against the grant: settled, or set aside. */
  used(grant: string): { readonly begun: number; readonly bytes: number; readonly files: number } {
    const account = this.account(grant)
    return { begun: account.begun, ...this.#totals(account) }
  }

  get #bytesOfAll(): number {
    return [...this.#accounts.values()].reduce((sum, account) => sum + this.#totals(account).bytes, 0)
  }

  #totals({ bytes, files, open }: Account): { readonly bytes: number; readonly files: number } {
    const reserved = Object.values(open)
    return {
      bytes: reserved.reduce((sum, each) => sum + each.bytes, bytes),
      files: reserved.reduce((sum, each) => sum + each.files, files),
    }
  }

  async #write(grant: string, account: Account): Promise<void> {
    await writeAccount(this.#server, grant, account)
    this.#accounts.set(grant, account)
  }
}

function without(account: Account, session: SessionId): Account {
  const { [session]: _, ...open } = account.open
  return { ...account, open }
}
