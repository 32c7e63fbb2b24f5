// Keys derived from a ticket, against RFC 5869 spelled out and against golden values that never change.

import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  isSameSecret,
  parseIdentity,
  pipeProof,
  proofKey,
  sessionIdentity,
  sessionKey,
  ticketIdentity,
  ticketKey,
} from '../../../src/transport/keys.ts'

/** RFC 5869, spelled out for one block of output. */
function hkdf(secret: Buffer, salt: Buffer, info: string): string {
  const hmac = (key: Buffer, data: Buffer) => createHmac('sha256', key).update(data).digest()
  const extracted = hmac(salt.length > 0 ? salt : Buffer.alloc(32), secret)
  return hmac(extracted, Buffer.concat([Buffer.from(info), Buffer.of(1)])).toString('hex')
}

const secret = Buffer.alloc(32, 0xab)
const session = '0f'.repeat(16)
const nonce = 'c3'.repeat(16)

describe('keys', () => {
  it('a ticket key is HKDF-SHA256 of the secret, and nothing else can be read from it', () => {
    expect(ticketKey(secret)).toBe(hkdf(secret, Buffer.alloc(0), 'carryon v1 ticket psk'))
    expect(ticketKey(secret)).toBe('992340b425abec55bb3e31a7eaf060246e74bfb173e48b386db6081da723e829')
  })

  it('a session key depends on ticket key, nonce and session', () => {
    const key = sessionKey(ticketKey(secret), nonce, session)
    const expected = hkdf(
      Buffer.from(ticketKey(secret), 'hex'),
      Buffer.from(nonce, 'hex'),
      `carryon v1 session ${session}`,
    )
    expect(key).toBe(expected)
    expect(key).toBe('437b8192a6b5bdd645505712cbe1470ce9fe3095b58952a9bac2cadfc00c5ae3')
    const others = [
      sessionKey(ticketKey(Buffer.alloc(32)), nonce, session),
      sessionKey(ticketKey(secret), 'c4'.repeat(16), session),
      sessionKey(ticketKey(secret), nonce, '0e'.repeat(16)),
    ]
    expect(new Set([key, ...others]).size).toBe(4)
  })

  it('a key is proved behind a certificate, and over a pipe, by one that TLS never takes', () => {
    const proving = hkdf(Buffer.from(ticketKey(secret), 'hex'), Buffer.alloc(0), 'carryon v1 proof')
    expect(proofKey(ticketKey(secret)).toString('hex')).toBe(proving)
    const mac = createHmac('sha256', Buffer.from(proving, 'hex')).update(`carryon v1 pipe ${nonce} ${session}`)
    expect(pipeProof(ticketKey(secret), nonce, session)).toBe(mac.digest('hex'))
  })

  it('secrets are the same only where all of them is', () => {
    expect(isSameSecret('5a5a', '5a5a')).toBe(true)
    for (const other of ['5a5b', '5a', '5a5a00', '']) expect(isSameSecret('5a5a', other)).toBe(false)
  })

  it('identities say what they name, and anything else names nothing', () => {
    expect(parseIdentity(ticketIdentity(session))).toEqual({ of: 'ticket', id: session })
    expect(parseIdentity(sessionIdentity(session))).toEqual({ of: 'session', id: session })
    const strange = [
      '',
      't.',
      `t.${session}0`,
      `x.${session}`,
      `tt.${session}`,
      `t.${session.toUpperCase()}`,
      `t.${session}\n`,
      '__proto__',
    ]
    expect(strange.map(parseIdentity)).toEqual(strange.map(() => undefined))
  })
})
