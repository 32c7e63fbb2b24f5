// A ticket: what a person or script carries from one side to the other, as text that survives mail and chat. It says where to
// dial, under which id, and holds the secret that proves both sides to each other; keys are derived elsewhere. A checksum
// finds every single typo offline. Layout: docs/protocol.md, section Tickets.

import { TransferError, assert } from '../errors.ts'
import { base64Stray, decodeBase64, encodeBase64 } from './base64.ts'
import type { Role, SessionId } from './session.ts'

export interface Ticket {
  /** A one-session ticket's id is its session's. */
  readonly id: SessionId
  /** 32 random bytes. */
  readonly secret: Uint8Array
  /** Where to dial, best first: `host:port`, an IPv6 address in brackets; a path behind it if a proxy wants one. 1 to 16. */
  readonly addresses: readonly string[]
  /** The role of the side that will dial; `both` leaves it to that side. */
  readonly role: Role | 'both'
  /** Ms since 1970. Travels in whole seconds, rounded up. */
  readonly expiresAt: number
  /** Whether it opens one session, whose id is the ticket's, or many, each with an id of its own. */
  readonly uses: 1 | 'many'
  readonly tls: Trust
}

/** How the secret is proved: as the key of TLS 1.3, not at all (`ws://` on loopback), or behind a certificate. */
export type Trust = 'psk' | 'plain' | CertificateTrust

/**
 * How a listener with a certificate is told from an impostor, before the secret is proved to each other. `pin:`, by the
 * SHA-256 of its public key (64 hex digits). `public`, by name, by the authorities that the dialer's machine trusts.
 * `proxied`, the same of a proxy in front of it, where TLS ends: the proof cannot be bound to the TLS session.
 */
export type CertificateTrust = `pin:${string}` | 'public' | 'proxied'

export const ticketPrefix = 'carryon1:'
export const ticketAddressesMax = 16
const addressLengthMax = 255 // Its length is one byte.

const format = 1
const flags = { psk: 0, dialerReceives: 1, plain: 2, many: 4, bothWays: 8, pin: 16, public: 32, proxied: 64 } // All others are 0.
const flagsKnown = Object.values(flags).reduce((all, flag) => all | flag)
const idBytes = 16
const secretBytes = 32
const expiryBytes = 5 // Seconds since 1970, until the year 36812.
const pinBytes = 32
const checksumBytes = 4
const fixedBytes = 2 + idBytes + secretBytes + expiryBytes + 1
const addressForm =
  /^(?:\[[0-9a-fA-F:.]{2,64}\]|[0-9A-Za-z_-][0-9A-Za-z._-]{0,246}):([1-9][0-9]{0,4})(?:\/[0-9A-Za-z._~/-]{0,200})?$/
const versionForm = /^carryon(\d{1,4}):/
const trustForm = /^(?:psk|plain|public|proxied|pin:[0-9a-f]{64})$/

/** Whether text is an address a ticket can hold: `host:port`, an IPv6 address in brackets, a port that exists, perhaps a path. */
export function isTicketAddress(text: string): boolean {
  const port = Number(addressForm.exec(text)?.[1]) // NaN if it is none.
  return port <= 65_535 && text.length <= addressLengthMax
}

/** Whether text says how a secret is proved. */
export function isTrust(text: string): text is Trust {
  return trustForm.test(text)
}

/** Whether a listener of this kind shows a certificate, or a proxy does for it. */
export function isByCertificate(trust: Trust): trust is CertificateTrust {
  return trust !== 'psk' && trust !== 'plain'
}

/** Whether a text means to be a ticket, of whatever version. */
export function isTicketText(text: string): boolean {
  return versionForm.test(text.trim())
}

/** The text of a ticket: one line without white space. */
export function encodeTicket(ticket: Ticket): string {
  const { id, secret, addresses, expiresAt, tls } = ticket
  const seconds = Math.ceil(expiresAt / 1000)
  assert(/^[0-9a-f]{32}$/.test(id) && secret.length === secretBytes, 'a ticket has no whole id and secret')
  assert(addresses.length >= 1 && addresses.length <= ticketAddressesMax, 'a ticket has too few or too many addresses')
  assert(addresses.every(isTicketAddress), 'a ticket has an address nobody can dial')
  assert(isTrust(tls), 'a ticket says nothing of how it is proved')
  assert(seconds >= 0 && seconds < 2 ** (8 * expiryBytes), 'a ticket expires outside of what it can say')
  const bytes: number[] = [format, flagsOf(ticket), ...bytesOf(id), ...secret]
  for (let i = 0; i < expiryBytes; i++) bytes.push(Math.floor(seconds / 2 ** (8 * i)) % 256)
  bytes.push(addresses.length)
  for (const address of addresses) bytes.push(address.length, ...Array.from(address, (letter) => letter.charCodeAt(0)))
  if (tls.startsWith('pin:')) bytes.push(...bytesOf(tls.slice(4)))
  const checksum = crc32(Uint8Array.from(bytes))
  for (let i = 0; i < checksumBytes; i++) bytes.push((checksum >>> (8 * i)) & 255)
  return ticketPrefix + encodeBase64(Uint8Array.from(bytes), 'url')
}

/**
 * The ticket a text holds; white space around it does not matter. Whether it has expired is not looked at.
 * @throws TransferError `ticket-damaged`, with what is wrong with the text and nothing of what it holds
 */
export function decodeTicket(text: string): Ticket {
  const bytes = checkedBytes(bodyOf(text.trim()))
  if (bytes[0] !== format) throw damaged(`it has format ${bytes[0]}, and this carryon reads format ${format}`)
  const flagged = bytes[1]!
  if ((flagged & ~flagsKnown) !== 0) throw damaged('it asks for what only a newer carryon can do')
  const [trust, second] = trustsOf(flagged)
  if (second !== undefined) throw damaged('it says two things of how it is proved')
  const isBothWays = (flagged & flags.bothWays) !== 0
  if (isBothWays && (flagged & flags.dialerReceives) !== 0) throw damaged('it says two things of who receives')
  const pinAt = bytes.length - (trust === 'pin' ? pinBytes : 0)
  if (pinAt < fixedBytes) throw damaged('most of it is missing')
  return {
    id: hexOf(bytes.subarray(2, 2 + idBytes)),
    secret: bytes.slice(2 + idBytes, 2 + idBytes + secretBytes),
    addresses: addressesOf(bytes.subarray(0, pinAt)),
    role: isBothWays ? 'both' : (flagged & flags.dialerReceives) === 0 ? 'sender' : 'receiver',
    expiresAt: expiryOf(bytes) * 1000,
    uses: (flagged & flags.many) === 0 ? 1 : 'many',
    tls: trust === 'pin' ? `pin:${hexOf(bytes.subarray(pinAt))}` : (trust ?? 'psk'),
  }
}

function flagsOf({ role, uses, tls }: Ticket): number {
  const ways = role === 'both' ? flags.bothWays : role === 'receiver' ? flags.dialerReceives : 0
  const trust = tls.startsWith('pin:') ? 'pin' : (tls as Exclude<Trust, `pin:${string}`>)
  return ways | flags[trust] | (uses === 'many' ? flags.many : 0)
}

/** What the flags say of how it is proved; nothing: by the key of TLS. */
function trustsOf(flagged: number): readonly ('plain' | 'pin' | 'public' | 'proxied')[] {
  return (['plain', 'pin', 'public', 'proxied'] as const).filter((name) => (flagged & flags[name]) !== 0)
}

function bytesOf(hex: string): number[] {
  return Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16))
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** What follows the prefix. */
function bodyOf(text: string): string {
  if (text === '') throw damaged('it is empty')
  if (text.startsWith(ticketPrefix)) return text.slice(ticketPrefix.length)
  const version = versionForm.exec(text)?.[1]
  if (version !== undefined) throw damaged(`it is of version ${version}, and this carryon reads version 1`)
  throw damaged(`it does not begin with "${ticketPrefix}"`)
}

/** The bytes without their checksum, which agreed. */
function checkedBytes(body: string): Uint8Array {
  const stray = base64Stray(body, 'url')
  if (stray >= 0) {
    const space = /\s/.test(body[stray]!)
    const what = space ? 'a space or line break' : 'a character that no ticket has'
    throw damaged(`there is ${what} at position ${ticketPrefix.length + stray + 1}`)
  }
  const bytes = decodeBase64(body, 'url')
  if (bytes === undefined) throw damaged('its end is missing, or its last letter is wrong')
  if (bytes.length < fixedBytes + checksumBytes) throw damaged('most of it is missing')
  const content = bytes.subarray(0, bytes.length - checksumBytes)
  const sum = new DataView(bytes.buffer, content.length).getUint32(0, true)
  if (sum !== crc32(content)) throw damaged('a letter of it is wrong, or its end is missing')
  return content
}

function expiryOf(bytes: Uint8Array): number {
  let seconds = 0
  for (let i = 0; i < expiryBytes; i++) seconds += bytes[2 + idBytes + secretBytes + i]! * 2 ** (8 * i)
  return seconds
}

/** The checksum agreed, so whatever is wrong from here on was written so. */
function addressesOf(bytes: Uint8Array): string[] {
  const count = bytes[fixedBytes - 1]!
  if (count < 1 || count > ticketAddressesMax) throw damaged(`it has ${count} addresses`)
  const addresses: string[] = []
  let at = fixedBytes
  for (let i = 0; i < count; i++) {
    const start = at + 1
    at = start + (bytes[at] ?? 0)
    if (at > bytes.length) throw damaged('an address in it is cut')
    const address = String.fromCharCode(...bytes.subarray(start, at))
    if (!isTicketAddress(address)) throw damaged('an address in it is none')
    addresses.push(address)
  }
  if (at !== bytes.length) throw damaged('there is something behind its last address')
  return addresses
}

function damaged(why: string): TransferError<'ticket-damaged'> {
  return new TransferError('ticket-damaged', { why })
}

/** CRC-32 as in zip and PNG (reflected, polynomial 0xEDB88320). Bit by bit: a ticket is short. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}
