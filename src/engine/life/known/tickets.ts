// Tickets as commands meet them: read from what was typed, minted by a listener, written into a file, and put into the
// command that the other side runs. A secret leaves here only inside a ticket's text (R86, R89).

import { hasCode, TransferError } from '../../../errors.ts'
import { clockLeewayMs, ticketExpireMs } from '../../../model/limits.ts'
import type { Role } from '../../../model/session.ts'
import {
  decodeTicket,
  encodeTicket,
  isTicketAddress,
  ticketAddressesMax,
  type Ticket,
  type Trust,
} from '../../../model/ticket.ts'
import { replaceFile } from '../../../store/whole-file.ts'
import { formatAddress, parseAddress, type Address } from '../../../transport/addresses.ts'
import type { World } from '../../context.ts'
import type { TicketText } from '../../serve-api.ts'
import { absolutePath } from './home.ts'
import { quoted } from './same-command.ts'

/**
 * The ticket that a dialer was given.
 * @param role this side's
 * @throws TransferError `ticket-damaged`; `ticket-expired`; `usage` if it is for the other role, or needs plain text allowed
 */
export function readTicket(text: string, role: Role, allowsPlain: boolean): Ticket {
  const ticket = decodeTicket(text)
  if (ticket.role !== role && ticket.role !== 'both') {
    const [here, there] = role === 'sender' ? ['send', 'receive'] : ['receive', 'send']
    throw new TransferError('usage', {
      problem: `This ticket was made by a listening carryon ${here}: both sides want to ${here}.`,
      remedy: `Use it with carryon ${there}.`,
    })
  }
  if (ticket.tls === 'plain' && !allowsPlain) {
    throw new TransferError('usage', {
      problem: 'This ticket is for plain text, without any protection.',
      remedy: 'Add --insecure-plaintext on this side too, or leave it out on the other.',
    })
  }
  return ticket
}

/** A ticket's time bounds first contact only. @throws TransferError `ticket-expired` */
export function checkExpiry({ expiresAt }: Ticket, wall: number): void {
  if (wall <= expiresAt + clockLeewayMs) return
  throw new TransferError('ticket-expired', { expiredAt: new Date(expiresAt).toISOString() })
}

export interface Minting {
  /** This side's role: the dialer has the other one. */
  readonly role: Role
  readonly listening: readonly Address[]
  /** Further `HOST[:PORT]`, first in the ticket. */
  readonly advertise: readonly string[]
  readonly trust: Trust
}

/** A new one-session ticket. */
export function mintTicket({ random, clock }: World, { role, listening, advertise, trust }: Minting): Ticket {
  return {
    id: Buffer.from(random.bytes(16)).toString('hex'),
    secret: random.bytes(32),
    addresses: ticketAddresses(listening, advertise),
    role: role === 'sender' ? 'receiver' : 'sender',
    expiresAt: clock.wall() + ticketExpireMs,
    uses: 1,
    tls: trust,
  }
}

/** @throws TransferError `usage` for what is no address */
function ticketAddresses(listening: readonly Address[], advertise: readonly string[]): string[] {
  const port = listening[0]?.port ?? 0
  const named = advertise.map((text) => formatAddress(parseAddress(text, { port })))
  const all = [...new Set([...named, ...listening.map(formatAddress)])]
  return all.filter(isTicketAddress).slice(0, ticketAddressesMax)
}

/** What to run on the other machine. A ticket in a file is passed as a file. */
export function commandForPeer(ticket: Ticket, file: string | undefined): string {
  const secret = file === undefined ? encodeTicket(ticket) : `@${file}`
  const plain = ticket.tls === 'plain' ? ['--insecure-plaintext'] : []
  return ticket.role === 'receiver'
    ? quoted('carryon', 'receive', '--from', secret, ...plain)
    : `carryon send PATH ${quoted('--to', secret, ...plain)}`
}

/** What is to be seen in a ticket's text. @throws TransferError `ticket-damaged` */
export function describe(text: string): TicketText {
  const { id, role, uses, addresses, expiresAt } = decodeTicket(text)
  return { id, role, uses, addresses, expiresAt: new Date(expiresAt).toISOString() }
}

/** Writes a ticket's text into a file, 0600, replacing it whole. @throws TransferError `folder-not-writable` */
export async function writeTicketFile({ disk }: World, path: string, ticket: string): Promise<void> {
  const whole = absolutePath(path)
  const cut = whole.lastIndexOf('/')
  const folder = whole.slice(0, cut) || '/'
  try {
    const directory = await disk.openRoot(folder)
    try {
      await replaceFile(directory, whole.slice(cut + 1), Buffer.from(`${ticket}\n`))
    } finally {
      await directory.close()
    }
  } catch (error) {
    if (!hasCode(error, 'not-found') && !hasCode(error, 'permission-denied') && !hasCode(error, 'not-a-directory'))
      throw error
    const cause = error.message.replace(/\.$/, '')
    throw new TransferError('folder-not-writable', { path: folder, cause }, { cause: error })
  }
}
