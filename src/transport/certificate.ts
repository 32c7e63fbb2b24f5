// Certificates of listeners: what makes one usable here, what a ticket pins of it, and how a dialer looks at one (R84). That
// both sides know the secret is proved behind it, in proof.ts.

import { createHash, createPrivateKey, timingSafeEqual, X509Certificate, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { TransferError } from '../errors.ts'
import type { CertificateTrust } from '../model/ticket.ts'
import type { Address } from './addresses.ts'
import type { Binding } from './proof.ts'

/** A certificate, with those that vouch for it behind it, and its private key, as PEM. */
export interface Certificate {
  readonly chain: string
  readonly key: string
}

/** Whoever answers is not who the ticket is for. The message ends the sentence "NAME is not who this ticket is for: ...". */
export class Stranger extends Error {}

/**
 * Refuses what no listener could use.
 * @param name that dialers will look for in it; unless given it is theirs by its pin, whatever it is called
 * @throws TransferError `usage`
 */
export function checkCertificate({ chain, key }: Certificate, wall: number, name?: string): void {
  const certificate = parsed(chain)
  if (!certificate.checkPrivateKey(privateKey(key)))
    throw unusable('The certificate (--tls-cert) and the key (--tls-key) do not belong together.', pairRemedy)
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)]
  if (wall > to)
    throw unusable(
      `The certificate expired at ${timeText(to)}.`,
      'Renew it, for the same key if tickets are out: they pin it.',
    )
  if (wall < from)
    throw unusable(`The certificate is not valid before ${timeText(from)}.`, 'Look at the clock of this machine.')
  if (name !== undefined && !isFor(certificate, name))
    throw unusable(
      `The certificate is for ${namesOf(certificate)}, not for ${name}.`,
      'Give --public-url a name that the certificate has, or take one for that name.',
    )
}

/** What tickets pin: it stays when a certificate is renewed for the same key. */
export function pinOf({ chain }: Pick<Certificate, 'chain'>): CertificateTrust {
  return `pin:${digestOf(parsed(chain)).toString('hex')}`
}

/** TLS to a listener with a certificate. Pinned, it is compared by hand behind the handshake: see `assertTrusted`. */
export function connectCertified(target: Address, name: string, trust: CertificateTrust): TLSSocket {
  const options: ConnectionOptions = {
    ...target,
    ...tls13,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    rejectUnauthorized: !trust.startsWith('pin:'),
  }
  return connectTls(options)
}

export const tls13 = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const

/** @throws Stranger if the ticket pins another key than the one that was shown */
export function assertTrusted(socket: TLSSocket, trust: CertificateTrust): void {
  if (!trust.startsWith('pin:')) return
  const certificate = socket.getPeerX509Certificate()
  const pinned = Buffer.from(trust.slice(4), 'hex')
  if (certificate === undefined || !timingSafeEqual(digestOf(certificate), pinned))
    throw new Stranger('its certificate has another key than the ticket names')
}

/** What a proof is bound to (RFC 9266): nobody in between has the same on both of his connections. */
export function bindingOf(socket: TLSSocket): Binding {
  return socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)).toString('hex')
}

/** Why Node did not trust a certificate; undefined if that is not what went wrong. */
export function distrust(code: string): string | undefined {
  if (Object.hasOwn(reasons, code)) return reasons[code]
  return authorityFaults.test(code) ? 'no authority that this machine trusts vouches for its certificate' : undefined
}

const reasons: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
}

const authorityFaults = /^(?:CERT_|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|INVALID_)/

function digestOf({ publicKey }: X509Certificate): Buffer {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
}

function parsed(chain: string): X509Certificate {
  try {
    return new X509Certificate(chain)
  } catch (error) {
    throw unusable('The file of --tls-cert holds no certificate.', pemRemedy, error)
  }
}

function privateKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    throw unusable('The file of --tls-key holds no private key, or one with a passphrase.', pemRemedy, error)
  }
}

function isFor(certificate: X509Certificate, name: string): boolean {
  return (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined
}

function namesOf({ subjectAltName, subject }: X509Certificate): string {
  return subjectAltName?.replaceAll(/(?:DNS|IP Address):/g, '') ?? subject
}

const pairRemedy = 'Name the key that the certificate was made for.'
const pemRemedy = 'It must be PEM: text that begins with "-----BEGIN". Nothing was sent.'

function unusable(problem: string, remedy: string, cause?: unknown): TransferError {
  return new TransferError('usage', { problem, remedy }, { cause })
}

function timeText(at: number): string {
  return new Date(at).toISOString()
}
