// From a ticket's secret to the keys that are proved with it, in TLS or behind a certificate, and the names they go by. docs/protocol.md, section Greeting.

import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { SessionId } from '../model/session.ts'

const keyBytes = 32

/** The key a ticket proves itself with, 64 hex digits. The secret itself is never stored. */
export function ticketKey(secret: Uint8Array): string {
  return derive(secret, new Uint8Array(0), 'carryon v1 ticket psk')
}

/** The key both sides hold once first contact is made, 64 hex digits. `nonce` is the one of the dialer's hello, in hex. */
export function sessionKey(ticketKeyHex: string, nonce: string, session: SessionId): string {
  return derive(Buffer.from(ticketKeyHex, 'hex'), Buffer.from(nonce, 'hex'), `carryon v1 session ${session}`)
}

/** What a key, of a ticket or a session, is proved with behind a certificate: never the one that TLS takes. */
export function proofKey(keyHex: string): Buffer {
  return Buffer.from(derive(Buffer.from(keyHex, 'hex'), new Uint8Array(0), 'carryon v1 proof'), 'hex')
}

/** What shows over a pipe that one knows a session's key, bound to the nonce of the other end's greeting. 64 hex digits. */
export function pipeProof(sessionKeyHex: string, nonce: string, session: SessionId): string {
  const proof = createHmac('sha256', proofKey(sessionKeyHex))
  return proof.update(`carryon v1 pipe ${nonce} ${session}`).digest('hex')
}

/** Whether two keys or proofs, in hex, are the same; takes as long whether they are or not. */
export function isSameSecret(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other))
}

/** The PSK identity under which a ticket's key is proven. */
export function ticketIdentity(ticket: string): string {
  return `t.${ticket}`
}

/** The PSK identity under which a session's key is proven. */
export function sessionIdentity(session: SessionId): string {
  return `s.${session}`
}

/** What an identity names; undefined for anything that is none of ours. */
export function parseIdentity(
  identity: string,
): { readonly of: 'ticket' | 'session'; readonly id: string } | undefined {
  const match = /^([ts])\.([0-9a-f]{32})$/.exec(identity)
  const [, letter, id] = match ?? []
  return id === undefined ? undefined : { of: letter === 't' ? 'ticket' : 'session', id }
}

function derive(secret: Uint8Array, salt: Uint8Array, info: string): string {
  return Buffer.from(hkdfSync('sha256', secret, salt, info, keyBytes)).toString('hex')
}
