// Minting, listing, exchanging and revoking the tickets of a served folder. The grant is on the disk before anybody hears of
// its ticket; a server that runs is told and takes it up at once, one that does not finds it when it starts. The secret is in
// the text handed out and nowhere else (R86).

import { TransferError } from '../../../errors.ts'
import type { Directory } from '../../../model/disk.ts'
import { grantKeysMax, parseBelow, type Grant, type GrantKey, type Scope } from '../../../model/grant.ts'
import { clockLeewayMs, ticketExpireMs } from '../../../model/limits.ts'
import { pathText } from '../../../model/names.ts'
import { encodeTicket, isTicketAddress, ticketAddressesMax, type Ticket } from '../../../model/ticket.ts'
import { askHolder } from '../../../store/lock.ts'
import { readAccount, readAddresses, readGrants, readTrust, writeGrant } from '../../../store/server-directory.ts'
import { formatAddress, parseAddress, splitPath } from '../../../transport/addresses.ts'
import { ticketKey } from '../../../transport/keys.ts'
import type { World } from '../../context.ts'
import type { NewTicket, TicketChange, TicketListing, TicketOptions } from '../../serve-api.ts'
import { timeText } from '../running/reporter.ts'
import { openServed } from './served-folder.ts'

const overlapMs = 24 * 3_600_000 // The old secret's, so that whoever holds it has time to be given the new one.
const neverMs = 2 ** 40 * 1000 - 1000 // The last second a ticket can name.
const askForMs = 3_000

export async function newTicket(world: World, folder: string, options: TicketOptions): Promise<NewTicket> {
  return atOffice(world, folder, async (office) => {
    const { expiresMs = ticketExpireMs } = options
    const wall = world.clock.wall()
    const expiresAt = expiresMs === Infinity ? null : wall + expiresMs
    const { text, key } = await office.mint(expiresAt, options.for, options.uses === 1 ? 1 : 'many', options.advertise)
    const grant: Grant = {
      id: key.ticket,
      scope: options.for,
      path: pathOf(options.path ?? ''),
      maxBytes: options.maxBytes ?? null,
      maxFiles: options.maxFiles ?? null,
      maxSessions: options.maxSessions ?? null,
      mayReplace: options.mayReplace === true,
      uses: options.uses ?? null,
      createdAt: wall,
      expiresAt,
      revokedAt: null,
      keys: [key],
    }
    return { ...(await office.keep(grant)), ticket: text }
  })
}

export async function listTickets(world: World, folder: string): Promise<readonly TicketListing[]> {
  return atOffice(world, folder, (office) => office.list())
}

export async function revokeTicket(world: World, folder: string, asked: string): Promise<TicketChange> {
  return atOffice(world, folder, async (office) => {
    const grant = await office.find(asked)
    return office.keep({ ...grant, revokedAt: grant.revokedAt ?? world.clock.wall() })
  })
}

/** The new secret comes first; the old one goes a day later, or at once where there were too many. */
export async function rotateTicket(
  world: World,
  folder: string,
  asked: string,
  { advertise }: Pick<TicketOptions, 'advertise'>,
): Promise<NewTicket> {
  return atOffice(world, folder, async (office) => {
    const grant = await office.find(asked)
    if (grant.revokedAt !== null) throw new TransferError('ticket-revoked', { ticket: grant.id.slice(0, 8) })
    const { text, key } = await office.mint(grant.expiresAt, grant.scope, grant.uses === 1 ? 1 : 'many', advertise)
    const wall = world.clock.wall()
    const old = grant.keys
      .filter(({ until }) => until === null || until > wall)
      .map((each) => ({ ...each, until: Math.min(each.until ?? Infinity, wall + overlapMs) }))
    return { ...(await office.keep({ ...grant, keys: [key, ...old].slice(0, grantKeysMax) })), ticket: text }
  })
}

/** The tickets of one folder. */
class Office {
  readonly #world: World
  readonly #server: Directory
  readonly #path: string

  constructor(world: World, server: Directory, path: string) {
    this.#world = world
    this.#server = server
    this.#path = path
  }

  /** A secret with the text that carries it. @throws TransferError `usage` where nobody knows where the server listens */
  async mint(
    expiresAt: number | null,
    scope: Scope,
    uses: Ticket['uses'],
    advertise: readonly string[] = [],
  ): Promise<{ readonly text: string; readonly key: GrantKey }> {
    const { random } = this.#world
    const ticket: Ticket = {
      id: Buffer.from(random.bytes(16)).toString('hex'),
      secret: random.bytes(32),
      addresses: await this.#addresses(advertise),
      role: scope === 'both' ? 'both' : scope === 'send' ? 'sender' : 'receiver',
      expiresAt: expiresAt ?? neverMs,
      uses,
      tls: await readTrust(this.#server),
    }
    return { text: encodeTicket(ticket), key: { ticket: ticket.id, key: ticketKey(ticket.secret), until: null } }
  }

  async #addresses(advertise: readonly string[]): Promise<string[]> {
    const listening = await readAddresses(this.#server)
    const port = listening[0] === undefined ? undefined : parseAddress(splitPath(listening[0])[0]).port
    const named = advertise.map((text) => formatAddress(parseAddress(text, port === undefined ? {} : { port })))
    const all = [...new Set([...named, ...listening])].filter(isTicketAddress).slice(0, ticketAddressesMax)
    if (all.length > 0) return all
    throw new TransferError('usage', {
      problem: `Nobody knows yet where ${this.#path} is served.`,
      remedy: 'Run carryon serve there once, or say --advertise HOST:PORT.',
    })
  }

  /** Puts a grant on the disk, and tells the server. */
  async keep(grant: Grant): Promise<TicketChange> {
    await writeGrant(this.#server, grant)
    const answer = (await askHolder(this.#server, { want: 'grants' }, askForMs)) as
      { readonly done?: unknown } | undefined
    return { listing: await this.#listingOf(grant), isLive: answer?.done === true }
  }

  async list(): Promise<TicketListing[]> {
    const listings: TicketListing[] = []
    for (const grant of await readGrants(this.#server)) listings.push(await this.#listingOf(grant))
    return listings
  }

  /** By its id or digits it begins with; that of any of its secrets will do. @throws TransferError `ticket-not-found` */
  async find(asked: string): Promise<Grant> {
    const begins = (id: string): boolean => asked.length >= idDigitsMin && id.startsWith(asked.toLowerCase())
    const grants = (await readGrants(this.#server)).filter(
      ({ id, keys }) => begins(id) || keys.some(({ ticket }) => begins(ticket)),
    )
    if (grants.length !== 1) throw new TransferError('ticket-not-found', { asked, folder: this.#path })
    return grants[0]!
  }

  async #listingOf(grant: Grant): Promise<TicketListing> {
    const { begun, bytes, files, open } = await readAccount(this.#server, grant.id)
    const reserved = Object.values(open)
    const wall = this.#world.clock.wall()
    const isExpired = grant.expiresAt !== null && wall > grant.expiresAt + clockLeewayMs
    const { id, scope, path, maxBytes, maxFiles, maxSessions, mayReplace, uses, createdAt, expiresAt, revokedAt } =
      grant
    return {
      id,
      for: scope,
      path: pathText(path),
      maxBytes,
      maxFiles,
      maxSessions,
      mayReplace,
      uses,
      used: {
        sessions: begun,
        bytes: reserved.reduce((sum, each) => sum + each.bytes, bytes),
        files: reserved.reduce((sum, each) => sum + each.files, files),
      },
      createdAt: timeText(createdAt),
      expiresAt: expiresAt === null ? null : timeText(expiresAt),
      revokedAt: revokedAt === null ? null : timeText(revokedAt),
      state: revokedAt !== null ? 'revoked' : isExpired ? 'expired' : 'good',
    }
  }
}

const idDigitsMin = 4

async function atOffice<T>(world: World, folder: string, act: (office: Office) => Promise<T>): Promise<T> {
  const { server, path } = await openServed(world, folder)
  try {
    return await act(new Office(world, server, path))
  } finally {
    await server.close()
  }
}

function pathOf(text: string): Grant['path'] {
  const path = parseBelow(text)
  if (path !== undefined && !text.startsWith('/')) return path
  throw new TransferError('usage', {
    problem: `"${text}" is no folder below the served one.`,
    remedy: 'Name it from there on, as in photos/2026, without "..".',
  })
}
