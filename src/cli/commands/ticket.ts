// carryon ticket new | ls | revoke ID | rotate ID: the tickets of a served folder. A ticket's text goes to stdout, or into a
// file and to no stream; what is said about it goes to stderr.

import { TransferError } from '../../errors.ts'
import { display, type CarryonApi, type NewTicket, type TicketChange, type TicketListing } from '../../index.ts'
import type { Call, Result } from '../call.ts'
import { success } from '../exit.ts'
import { flagName, type OptionName } from '../options.ts'
import type { Values } from '../parse.ts'
import { printJson, printLines } from '../print.ts'
import { counted, formatBytes, formatDuration } from '../quantities.ts'
import { shellQuoted } from '../quote.ts'

type Word = 'new' | 'ls' | 'revoke' | 'rotate'

/** What each takes, beside what every command takes: `root` names the folder. */
const taken: Readonly<Record<Word, readonly OptionName[]>> = {
  new: ['for', 'path', 'maxBytes', 'maxFiles', 'sessionsMax', 'mayReplace', 'uses', 'expires', 'advertise', 'file'],
  ls: [],
  revoke: [],
  rotate: ['advertise', 'file'],
}

export async function ticket(call: Call): Promise<Result> {
  const { shell, operands, values } = call
  const [word, id] = operands
  if (!isWord(word))
    throw usage(`There is no carryon ticket ${display(word ?? '')}.`, 'Say new, ls, revoke ID or rotate ID.')
  refuseOthers(word, values)
  if ((word === 'revoke' || word === 'rotate') !== (id !== undefined))
    throw usage(
      id === undefined ? 'Which ticket?' : `carryon ticket ${word} takes no ID.`,
      '`carryon ticket ls` lists them.',
    )
  const library = await shell.library()
  const folder = values.root ?? '.'
  if (word === 'new') await handOut(call, library, await library.newTicket(folder, optionsOf(values)))
  else if (word === 'ls') await list(call, await library.listTickets(folder))
  else if (word === 'rotate')
    await handOut(call, library, await library.rotateTicket(folder, id!, { advertise: values.advertise }))
  else await tell(call, await library.revokeTicket(folder, id!), 'revoked: its sessions end at their next sync point')
  return { exit: success, signal: null }
}

function isWord(word: string | undefined): word is Word {
  return word !== undefined && Object.hasOwn(taken, word)
}

function refuseOthers(word: Word, values: Values): void {
  const odd = taken.new.find((name) => values[name] !== undefined && !taken[word].includes(name))
  if (odd !== undefined)
    throw usage(`carryon ticket ${word} takes no --${flagName(odd)}.`, '`carryon help tickets` explains.')
}

function optionsOf(values: Values): Parameters<CarryonApi['newTicket']>[1] {
  if (values.for === undefined) throw usage('What may its holder do?', 'Say --for send, --for receive or --for both.')
  return {
    for: values.for,
    path: values.path,
    maxBytes: values.maxBytes,
    maxFiles: values.maxFiles,
    maxSessions: values.sessionsMax,
    mayReplace: values.mayReplace,
    uses: values.uses,
    expiresMs: values.expires,
    advertise: values.advertise,
  }
}

/** The text goes to one place only. */
async function handOut({ shell, values }: Call, library: CarryonApi, made: NewTicket): Promise<void> {
  const { ticket, ...change } = made
  if (values.file !== undefined) await library.writeTicket(values.file, ticket)
  const shown = values.file === undefined ? ticket : null
  if (values.json) return printJson(shell.stdout, { v: 1, ticket: shown, file: values.file ?? null, ...change })
  if (shown !== null) await printLines(shell.stdout, [shown])
  if (values.quiet) return
  const text = values.file === undefined ? '@FILE' : `@${values.file}`
  const { for: scope, uses } = change.listing
  const lines = [
    `Ticket ${handedOutRow(change.listing, shell.clock.wall())}.`,
    ...(values.file === undefined && uses !== 1
      ? ['Keep it in a file that only its user may read (chmod 600); it is shown once.']
      : []),
    ...(scope === 'receive' ? [] : [`To send:     carryon send PATH --to ${shellQuoted([text])}`]),
    ...(scope === 'send' ? [] : [`To receive:  carryon receive DIR --from ${shellQuoted([text])}`]),
    ...liveness(change),
  ]
  for (const line of lines) shell.stderr.write(`${line}\n`)
}

async function list({ shell, values }: Call, tickets: readonly TicketListing[]): Promise<void> {
  if (values.json) return printJson(shell.stdout, { v: 1, tickets })
  const wall = shell.clock.wall()
  if (tickets.length > 0)
    return printLines(
      shell.stdout,
      tickets.map((each) => rowOf(each, wall)),
    )
  if (!values.quiet) shell.stderr.write('There is no ticket. Make one: carryon ticket new --for send\n')
}

async function tell({ shell, values }: Call, change: TicketChange, what: string): Promise<void> {
  if (values.json) return printJson(shell.stdout, { v: 1, ...change })
  if (values.quiet) return
  const lines = [`Ticket ${change.listing.id.slice(0, idDigits)} is ${what}.`, ...liveness(change)]
  for (const line of lines) shell.stderr.write(`${line}\n`)
}

function liveness({ isLive }: TicketChange): string[] {
  return isLive ? [] : ['No server runs in that folder now; the next one will know.']
}

const idDigits = 8

/** `9f2c1a2b  send in photos  good for 24 h  at most 10 GiB`: nothing of what it was used for, which is nothing yet. */
function handedOutRow(ticket: TicketListing, wall: number): string {
  const { maxBytes, maxFiles, uses } = ticket
  return row(ticket, wall, [
    ...(uses === null ? [] : [counted(uses, 'session')]),
    ...(maxBytes === null ? [] : [`at most ${formatBytes(maxBytes)}`]),
    ...(maxFiles === null ? [] : [`at most ${counted(maxFiles, 'file')}`]),
  ])
}

/** `9f2c1a2b  send in photos  good for 23 h  3 sessions, 1.2 of 10 GiB`. */
function rowOf(ticket: TicketListing, wall: number): string {
  const { maxBytes, maxFiles, uses, used } = ticket
  const of = (value: string, bound: string | null): string => (bound === null ? value : `${value} of ${bound}`)
  return row(ticket, wall, [
    of(counted(used.sessions, 'session'), uses === null ? null : String(uses)),
    of(formatBytes(used.bytes), maxBytes === null ? null : formatBytes(maxBytes)),
    of(counted(used.files, 'file'), maxFiles === null ? null : String(maxFiles)),
  ])
}

function row(ticket: TicketListing, wall: number, numbers: readonly string[]): string {
  const { maxSessions } = ticket
  const facts = [
    ...numbers,
    ...(maxSessions === null ? [] : [`${maxSessions} at once`]),
    ...(ticket.mayReplace ? ['may replace'] : []),
  ]
  const scope = ticket.for === 'both' ? 'send and receive' : ticket.for
  return [
    ticket.id.slice(0, idDigits),
    ticket.path === '' ? scope : `${scope} in ${display(ticket.path)}`,
    standingOf(ticket, wall),
    ...(facts.length === 0 ? [] : [facts.join(', ')]),
  ].join('  ')
}

function standingOf({ state, expiresAt }: TicketListing, wall: number): string {
  if (state !== 'good') return state
  if (expiresAt === null) return 'good until revoked'
  return `good for ${formatDuration(Math.max(0, Date.parse(expiresAt) - wall))}`
}

function usage(problem: string, remedy: string): TransferError {
  return new TransferError('usage', { problem, remedy })
}
