// The proof of a key behind a certificate (docs/protocol.md, section Certificates): three messages, before the greeting, in
// which each side shows the other that it knows the key, for this connection and no other. The listener is proved first, as
// far as the dialer is concerned: it says nothing of the session before.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { proofKey } from './keys.ts'

/** What of a connection a proof is bound to: the exporter of its TLS session (RFC 9266) in hex; '' behind a proxy. */
export type Binding = string

/** As much of a connection as is needed before its owner takes over. */
export interface Converser {
  /** Hears text frames, and the end, until `start`. */
  converse(handlers: { text(text: string): void; ended(code: number, detail: string): void }): void
  sendText(text: string): void
  /** From here on `proof` says this. */
  proved(identity: string): void
  close(code: number, reason: string): void
  destroy(): void
}

export interface ProofKey {
  readonly identity: string
  /** 64 hex digits. */
  readonly hex: string
}

/** The listener does not know the key that it was dialed for. */
export class Unproven extends Error {}

/** The listener does not accept the proof. */
export class ProofRefused extends Error {}

const refusedCode = 4003 // The close code of `ticket-refused`.
const refusedReason = 'ticket-refused'
const nonceForm = /^[0-9a-f]{64}$/
const identityMax = 64

/** The dialer's part. @throws Unproven, ProofRefused; Error as of a socket if the connection ended */
export function proveTo(connection: Converser, key: ProofKey, binding: Binding): Promise<void> {
  const dialerNonce = newNonce()
  let listenerNonce: string | undefined
  return new Promise((resolve, reject) => {
    connection.converse({
      text(text) {
        const said = fieldsOf(text)
        const nonce = said['nonce'] ?? ''
        if (listenerNonce === undefined) {
          if (said['kind'] !== 'challenge' || !nonceForm.test(nonce))
            return reject(new Unproven('it asks for no proof'))
          listenerNonce = nonce
          const mac = macOf('dialer', key, { binding, listenerNonce, dialerNonce })
          return connection.sendText(
            JSON.stringify({ kind: 'proof', identity: key.identity, nonce: dialerNonce, mac: mac.toString('hex') }),
          )
        }
        const wanted = macOf('listener', key, { binding, listenerNonce, dialerNonce })
        if (said['kind'] !== 'proven' || !isSame(said['mac'], wanted))
          return reject(new Unproven('it does not know the secret of the ticket, or passes on what another one says'))
        connection.proved(key.identity)
        resolve()
      },
      ended: (code, detail) => reject(code === refusedCode ? new ProofRefused() : hungUp(detail)),
    })
  })
}

export interface Examiner {
  readonly binding: Binding
  keyFor(identity: string): string | undefined
  /** The connection may be handed over; its peer knows the key. */
  onProven(): void
  /** Named a key and did not have it. */
  onFailed(identity: string): void
}

/** The listener's part. Who does not prove a key is sent away, always in the same words. */
export function askForProof(connection: Converser, { binding, keyFor, onProven, onFailed }: Examiner): void {
  const listenerNonce = newNonce()
  connection.converse({
    text(text) {
      const { kind, identity = '', nonce: dialerNonce = '', mac } = fieldsOf(text)
      if (kind !== 'proof' || identity.length > identityMax || !nonceForm.test(dialerNonce)) return connection.destroy()
      const key = { identity, hex: keyFor(identity) ?? newNonce() } // Unknown is wrong, and takes as long.
      const said = { binding, listenerNonce, dialerNonce }
      if (!isSame(mac, macOf('dialer', key, said))) {
        onFailed(identity)
        return connection.close(refusedCode, refusedReason)
      }
      connection.proved(identity)
      connection.sendText(JSON.stringify({ kind: 'proven', mac: macOf('listener', key, said).toString('hex') }))
      onProven()
    },
    ended() {},
  })
  connection.sendText(JSON.stringify({ kind: 'challenge', nonce: listenerNonce }))
}

/** As a socket tells it: who was about to answer may be overloaded. */
function hungUp(detail: string): Error {
  return Object.assign(new Error(detail), { code: 'ECONNRESET' })
}

/** Who speaks is part of it, so that no side's proof serves as the other's; and the identity, so that no key's as another's. */
function macOf(
  by: 'dialer' | 'listener',
  { identity, hex }: ProofKey,
  { binding, listenerNonce, dialerNonce }: { binding: Binding; listenerNonce: string; dialerNonce: string },
): Buffer {
  const said = ['carryon v1', by, identity, binding, listenerNonce, dialerNonce].join(' ')
  return createHmac('sha256', proofKey(hex)).update(said).digest()
}

function isSame(mac: string | undefined, wanted: Buffer): boolean {
  const given = Buffer.from(mac ?? '', 'hex')
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}

function newNonce(): string {
  return randomBytes(32).toString('hex')
}

/** What text there is in a JSON object; nothing where it is none. */
function fieldsOf(text: string): Readonly<Partial<Record<string, string>>> {
  try {
    const fields = Object.entries(JSON.parse(text) as object) // What is no object has none by our names, or throws.
    return Object.fromEntries(fields.filter(([, field]) => typeof field === 'string')) as Record<string, string>
  } catch {
    return {}
  }
}
