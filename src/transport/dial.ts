// The dialing end: reaches a listener, makes it prove the key before a byte is said, upgrades to a WebSocket. What goes
// wrong on the way comes out as one of three errors: nobody there, not ours, or the key is not wanted.

import { lookup } from 'node:dns/promises'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { assert, hasCode, isTransferError, TransferError } from '../errors.ts'
import type { Connection } from '../model/connection.ts'
import { isByCertificate, type CertificateTrust, type Trust } from '../model/ticket.ts'
import { formatAddress, isLoopback, parseAddress, splitPath, type Address } from './addresses.ts'
import { assertTrusted, bindingOf, connectCertified } from './certificate.ts'
import { explain, NoAnswer, NotCarryon, type Stage } from './dial-errors.ts'
import { proveTo, type ProofKey } from './proof.ts'
import { firstToSucceed } from './race.ts'
import { upgrade } from './upgrade.ts'
import { tlsWithKey } from './ws-limits.ts'
import type { WsConnection } from './ws-connection.ts'

export interface DialOptions {
  /** How the two sides prove themselves; `plain`, no TLS and no proof, to loopback only. */
  readonly trust: Trust
  /** What to prove, and be proven, unless `plain`. */
  readonly key: ProofKey | undefined
  /** Whether large frames are read past ws; yes unless set. */
  readonly directReads?: boolean
  /** For one attempt: TCP, TLS and upgrade together. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

const staggerMs = 250 // RFC 8305's recommended delay between attempts.

/**
 * Connects to one listener, trying each IP address its name has. Call `start` on the result at once.
 * @throws TransferError `peer-unreachable`, `ticket-refused`, `not-the-peer`, `not-carryon`, `usage` (malformed; plain
 * beyond loopback); `signal.reason` when aborted
 */
export async function dial({ address, ...options }: DialOptions & { readonly address: string }): Promise<Connection> {
  const isPlain = options.trust === 'plain'
  assert(isPlain === (options.key === undefined), 'dialing takes a key, or plain text')
  const [place, path] = splitPath(address)
  const { host, port } = parseAddress(place)
  if (isPlain && !isLoopback(host)) throw plainBeyondLoopback(host)
  const targets = (await resolve(host, address)).map((ip) => ({ host: ip, port, name: host, path }))
  return race(
    targets.map((target) => (signal: AbortSignal) => attempt(target, { ...options, signal })),
    options.signal,
    [address],
  )
}

/**
 * Connects to the first of `addresses` that answers: a ticket names every address its listener may have.
 * @throws the most telling of the errors of `dial`
 */
export function dialAny(addresses: readonly string[], options: DialOptions): Promise<Connection> {
  return race(
    addresses.map((address) => (signal: AbortSignal) => dial({ ...options, address, signal })),
    options.signal,
    addresses,
  )
}

async function race(
  ways: readonly ((signal: AbortSignal) => Promise<Connection>)[],
  signal: AbortSignal,
  addresses: readonly string[],
): Promise<Connection> {
  try {
    return await firstToSucceed(ways, { staggerMs, signal, discard: (connection) => connection.destroy() })
  } catch (error) {
    throw error instanceof AggregateError ? mostTelling(error.errors, addresses) : error
  }
}

/** Who refuses the key has understood us; who speaks something else is at least there. */
function mostTelling(errors: readonly unknown[], addresses: readonly string[]): unknown {
  const bug = errors.find((error) => !isTransferError(error))
  if (bug !== undefined) return bug
  for (const code of ['ticket-refused', 'not-the-peer', 'not-carryon', 'usage'] as const) {
    const found = errors.find((error) => hasCode(error, code))
    if (found !== undefined) return found
  }
  const causes = errors.map((error) => (hasCode(error, 'peer-unreachable') ? error.details.cause : ''))
  const cause = [...new Set(causes)].join('; ') || 'it has no address'
  return new TransferError('peer-unreachable', { addresses, cause }, { cause: errors[0] })
}

async function resolve(host: string, address: string): Promise<string[]> {
  if (isIP(host) !== 0) return [host]
  try {
    const found = await lookup(host, { all: true, verbatim: true })
    return found.map(({ address: ip }) => ip)
  } catch (error) {
    throw explain('reaching', address, error)
  }
}

/** One IP address, and the name and path it was found for. */
interface Target extends Address {
  readonly name: string
  readonly path: string
}

/** What is known of the way once TCP has been there and back. */
interface Reached extends DialOptions {
  readonly roundTripMs: number
}

/** Every way out but success destroys the socket. */
async function attempt(target: Target, options: DialOptions): Promise<Connection> {
  const { trust, key } = options
  const address = formatAddress(target)
  let stage: Stage = 'reaching'
  let roundTripMs = 0
  const began = performance.now()
  const socket = open(target, options)
  socket.on('error', () => {}) // Between two waits too, an error must find a listener.
  socket.once('connect', () => {
    roundTripMs = performance.now() - began
    stage = trust === 'plain' ? 'upgrading' : 'proving'
  })
  const limit = limitTo(socket, options)
  try {
    await happened(socket, trust === 'plain' ? 'connect' : 'secureConnect')
    if (trust === 'psk') assertProven(socket as TLSSocket)
    if (!isByCertificate(trust) || key === undefined) {
      stage = 'upgrading'
      return await upgradeTo(socket, target, { ...options, roundTripMs })
    }
    assertTrusted(socket as TLSSocket, trust)
    return await proven(socket as TLSSocket, target, { ...options, key, trust, roundTripMs })
  } catch (error) {
    socket.destroy()
    throw options.signal.aborted ? options.signal.reason : explain(stage, address, error, trust)
  } finally {
    limit.lift()
  }
}

function open(target: Target, { trust, key }: DialOptions): Socket {
  const { host, port } = target
  if (isByCertificate(trust)) return connectCertified({ host, port }, target.name, trust)
  return key === undefined ? connect({ host, port, noDelay: true }) : connectProving({ host, port }, key)
}

/** Behind a certificate both sides prove the key, before a word of the session is said. */
async function proven(
  socket: TLSSocket,
  target: Target,
  options: Reached & { readonly key: ProofKey; readonly trust: CertificateTrust },
): Promise<Connection> {
  const binding = options.trust === 'proxied' ? '' : bindingOf(socket) // Before the upgrade takes its handle.
  const connection = await upgradeTo(socket, target, options)
  await proveTo(connection, options.key, binding)
  return connection
}

/**
 * TLS in which both sides prove the same key. An impostor with a certificate, trusted or not, gets no byte: with no
 * authorities none is valid, and Node asks checkServerIdentity only where a certificate was used.
 */
function connectProving(target: Address, key: ProofKey): TLSSocket {
  return connectTls({
    ...target,
    ...tlsWithKey,
    ca: [],
    checkServerIdentity: () => new NotCarryon(showsCertificate),
    pskCallback: () => ({ identity: key.identity, psk: Buffer.from(key.hex, 'hex') }),
  })
}

/** Belt and braces: a pre-shared key shows as a resumed session, and there is no certificate. */
function assertProven(socket: TLSSocket): void {
  const isCertified = Object.keys(socket.getPeerCertificate()).length > 0
  if (isCertified || !socket.isSessionReused()) throw new NotCarryon(showsCertificate)
}

const showsCertificate = 'it shows a certificate where the ticket must be proven'

/** A proxy or a certificate goes by the name; whoever is met directly by the address that answered. */
function upgradeTo(socket: Socket, target: Target, options: Reached): Promise<WsConnection> {
  const { trust, key, directReads, roundTripMs } = options
  const peer = formatAddress(target)
  const place = isByCertificate(trust) ? formatAddress({ host: target.name, port: target.port }) : peer
  const url = `${trust === 'plain' ? 'ws' : 'wss'}://${place}/${target.path}`
  const ends = { peer, proof: trust === 'psk' ? (key?.identity ?? '') : '', roundTripMs }
  return upgrade(socket, url, ends, { directReads, refusal: (status) => unexpected(status, trust) })
}

/** A proxy tells so that what it stands for is down. */
function unexpected(status: number, trust: Trust): Error {
  const isDown = trust === 'proxied' && status >= 502 && status <= 504
  return isDown
    ? new NoAnswer(`the proxy there finds no carryon (HTTP ${status})`)
    : new NotCarryon(`it answers with HTTP ${status}`)
}

/** Destroys the socket when its time is over or the owner aborts, until lifted. */
function limitTo(socket: Socket, { timeoutMs, signal }: DialOptions): { lift(): void } {
  const timer = setTimeout(() => socket.destroy(new NoAnswer(`no answer within ${timeoutMs} ms`)), timeoutMs)
  const abort = () => socket.destroy(new Error('aborted'))
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  return {
    lift() {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    },
  }
}

function happened(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolveEvent, reject) => {
    socket.once(event, resolveEvent)
    socket.once('error', reject)
    socket.once('close', () => reject(new NoAnswer('it hung up')))
  })
}

function plainBeyondLoopback(host: string): TransferError {
  return new TransferError('usage', {
    problem: `Plain text is for this machine only; ${host} is another.`,
    remedy: 'Leave the flag for plain text away on both sides: TLS needs no set-up.',
  })
}
