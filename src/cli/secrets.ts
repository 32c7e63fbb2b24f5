// From what stands behind --to or --from to a ticket, or to a place that ssh leads to. One grammar wherever a secret is
// wanted: a ticket itself, @FILE, `-`, env:NAME, credential:NAME; what is none of these and has a colon is HOST:PATH. Nothing here prints, keeps or quotes a secret in an error.

import { TransferError } from '../errors.ts'
import type { CarryonApi } from '../index.ts'
import { askHidden } from './prompt.ts'
import type { Shell } from './shell.ts'
import { readSmallFile } from './user-files.ts'

const ticketPrefix = 'carryon1:'
const nameLengthMax = 63
const ticketOfAnyVersion = /^carryon\d{1,4}:/ // What this one cannot read, the library refuses by its version.

/**
 * The ticket that `target` stands for, or `target` itself where it names a place over ssh.
 * @throws usage, secret-unreadable, ticket-damaged, cancelled-prompt
 */
export async function targetFrom(target: string, shell: Shell, mayAsk: boolean): Promise<string> {
  if (ticketOfAnyVersion.test(target) || isSshPlace(target)) return target
  const text = (await secretText(target, shell, mayAsk)).trim()
  if (text.startsWith(ticketPrefix) && !/\s/.test(text)) return text
  const why = text === '' ? 'it is empty' : `it does not begin with "${ticketPrefix}", or goes on behind its end`
  throw new TransferError('ticket-damaged', { why })
}

/** `nas:photos`, but neither a secret nor a path of this machine such as `./a:b`. What is wrong with it the library says. */
function isSshPlace(target: string): boolean {
  const isSecret = /^@|^-$|^(env|credential|cmd):/.test(target) || holdsTicket(target)
  return !isSecret && /^[^:/[]*(\[[^\]]*\])?:/.test(target)
}

/** A ticket that opens more than one session is worth stealing: it does not belong where `ps` shows it (R89). @throws usage */
export function refuseReusable(target: string | undefined, ticket: string | undefined, library: CarryonApi): void {
  if (target === undefined || ticket === undefined || !ticketOfAnyVersion.test(target)) return
  if (library.describeTicket(ticket).uses === 1) return
  throw new TransferError('usage', {
    problem: 'This ticket opens many sessions, and stands in the command line, where others can read it.',
    remedy: 'Keep it in a file that you alone may read (chmod 600) and pass @FILE; or pass - and paste it.',
  })
}

/** Whether a word of the command line is a ticket, which may not be shown again. */
export function holdsTicket(word: string): boolean {
  return word.toLowerCase().includes(ticketPrefix) // One in capitals is mistyped, and no machine of that name.
}

async function secretText(target: string, shell: Shell, mayAsk: boolean): Promise<string> {
  if (target.startsWith('@')) return fromFile(target.slice(1), target)
  if (target === '-') return shell.stdin.isTTY ? askHidden('Ticket: ', 'the ticket', shell, mayAsk) : fromPipe(shell)
  if (holdsTicket(target)) throw new TransferError('ticket-damaged', { why: 'something stands before "carryon1:"' })
  const name = target.slice(target.indexOf(':') + 1)
  if (target.startsWith('env:')) return fromVariable(name, shell)
  if (target.startsWith('credential:')) return fromCredential(name, shell)
  if (target.startsWith('cmd:')) throw notBuilt('A ticket from a command (cmd:)')
  // What is too long for a name is probably a ticket without its beginning, and not repeated.
  if (target.length > nameLengthMax)
    throw new TransferError('ticket-damaged', { why: `it does not begin with "${ticketPrefix}"` })
  throw new TransferError('usage', {
    problem: `"${target}" is not a ticket, and a saved peer is not built yet.`,
    remedy: /[/\s]/.test(target) ? tickets : `Over ssh it is ${target}:PATH. ${tickets}`,
  })
}

async function fromFile(path: string, source: string): Promise<string> {
  try {
    return await readSmallFile(path, true)
  } catch (error) {
    throw new TransferError('secret-unreadable', { source, cause: (error as Error).message }, { cause: error })
  }
}

async function fromPipe(shell: Shell): Promise<string> {
  let text = ''
  for await (const piece of shell.stdin.setEncoding('utf8')) {
    text += String(piece)
    if (text.length > 65_536) throw new TransferError('ticket-damaged', { why: 'standard input is too long for one' })
  }
  return text
}

function fromVariable(name: string, shell: Shell): string {
  const text = shell.env[name]
  delete shell.env[name] // No program that this one starts inherits it.
  if (text !== undefined) return text
  throw new TransferError('secret-unreadable', { source: `env:${name}`, cause: 'the variable is not set' })
}

async function fromCredential(name: string, shell: Shell): Promise<string> {
  const source = `credential:${name}`
  const directory = shell.env['CREDENTIALS_DIRECTORY']
  if (directory === undefined || directory === '')
    throw new TransferError('secret-unreadable', { source, cause: 'CREDENTIALS_DIRECTORY is not set' })
  if (name === '' || name.includes('/') || name.startsWith('.'))
    throw new TransferError('secret-unreadable', { source, cause: 'that is no name of a credential' })
  return fromFile(`${directory}/${name}`, source)
}

const tickets = 'Pass a ticket: carryon1:..., @FILE, -, env:NAME or credential:NAME.'

function notBuilt(what: string): TransferError {
  return new TransferError('usage', {
    problem: `${what} is not built yet.`,
    remedy: tickets,
  })
}
