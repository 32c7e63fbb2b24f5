// A place on another machine, as scp and rsync spell it: `[user@]HOST:PATH`. Read here once, so that nothing of it can turn
// into a flag or a word of a shell later: what goes to ssh is the destination, what goes to carryon over there is the path.

import { TransferError } from '../errors.ts'

export interface SshTarget {
  /** For ssh: `[user@]host`, an IPv6 address without its brackets. Begins with no dash, and has no letter a shell knows. */
  readonly destination: string
  /** For carryon at the other end; relative paths begin where ssh begins, at the home folder. '' is that folder. */
  readonly path: string
}

const targetForm = /^(?:(?<user>[^:/[\]]+)@)?(?:\[(?<address>[^\]]*)\]|(?<host>[^:/@[\]]+)):(?<path>.*)$/s
const userForm = /^[\p{L}\p{N}_.+][\p{L}\p{N}_.+@-]*$/u
const hostForm = /^[\p{L}\p{N}_.][\p{L}\p{N}_.-]*$/u
const addressForm = /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(?:%[\w.-]+)?$/
const scheme = 'ssh:'

export const targetMaxLength = 4_352 // A path of 4,096 letters, and a name before it.

/**
 * The place a text names; undefined if it has another form, as a ticket, a file name or `./a:b` has.
 * @throws TransferError `usage` for what is nearly one: a host that looks like a flag, `HOST::`, a path of Windows
 */
export function parseSshTarget(text: string): SshTarget | undefined {
  const { user, address, host, path } = targetForm.exec(text)?.groups ?? {}
  const name = address ?? host
  if (name === undefined || path === undefined) return undefined
  if (/^[A-Za-z]:\\/.test(text)) throw unusable(text, 'is a path of Windows')
  if (address === undefined && path.startsWith(':')) throw unusable(text, 'has two colons')
  const isHost = address === undefined ? hostForm.test(name) : addressForm.test(name)
  if (!isHost || (user !== undefined && !userForm.test(user))) throw unusable(text, 'names no user and host')
  if (text.length > targetMaxLength || path.includes('\0')) throw unusable(text, 'has a path that cannot be')
  return { destination: user === undefined ? name : `${user}@${name}`, path }
}

/** Where a session goes, as its header keeps it among the addresses. */
export function sshAddress(text: string): string {
  return scheme + text
}

/** The reverse of `sshAddress`: undefined for an address of another kind. */
export function targetOfAddress(address: string | undefined): SshTarget | undefined {
  return address?.startsWith(scheme) === true ? parseSshTarget(address.slice(scheme.length)) : undefined
}

function unusable(text: string, why: string): TransferError {
  return new TransferError('usage', {
    problem: `"${text}" ${why}.`,
    remedy: 'Over ssh it is [user@]HOST:PATH, with an IPv6 address in brackets, as in [::1]:photos.',
  })
}
