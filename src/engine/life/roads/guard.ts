// How a listener is to be told from impostors, from the options of a command: what the transport shows and asks for, and
// what its tickets say of that. Which mode is for whom, and what each holds against: docs/decisions/0012.

import { TransferError } from '../../../errors.ts'
import { isByCertificate, isTicketAddress, type Trust } from '../../../model/ticket.ts'
import { belongsTo, formatAddress, parseAddress, splitPath } from '../../../transport/addresses.ts'
import { checkCertificate, pinOf, type Certificate } from '../../../transport/certificate.ts'
import type { ListenOptions } from '../../../transport/listen.ts'
import type { RunOptions } from '../../api.ts'
import type { ServeOptions } from '../../serve-api.ts'

export interface Guard {
  readonly trust: Trust
  readonly listen: Pick<ListenOptions, 'plain' | 'certificate' | 'proxied'>
  /** What tickets name instead of this machine's own addresses. */
  readonly publicAddress?: string
}

/**
 * @param wall by which a certificate must be valid
 * @throws TransferError `usage` for options that do not go together, or a certificate that is of no use
 */
export function guardOf(options: RunOptions & Pick<ServeOptions, 'publicUrl' | 'trustedProxies'>, wall: number): Guard {
  const { insecurePlaintext: plain = false, publicUrl, trustedProxies } = options
  const certificate = certificateOf(options)
  if (publicUrl === undefined && trustedProxies !== undefined)
    throw usage('A proxy in front (--trusted-proxy) has an address of its own.', 'Say it with --public-url wss://HOST.')
  if (plain && (certificate !== undefined || publicUrl !== undefined))
    throw usage('Plain text has no certificate and no proxy.', 'Leave --insecure-plaintext away.')
  if (publicUrl !== undefined) return publicGuard(publicUrl, trustedProxies, certificate, wall)
  if (certificate === undefined) return { trust: plain ? 'plain' : 'psk', listen: { plain } }
  checkCertificate(certificate, wall)
  return { trust: pinOf(certificate), listen: { plain: false, certificate } }
}

/** Dialers go by the name. TLS ends here if there is a certificate and no proxy; else the proof cannot be bound to it. */
function publicGuard(
  url: string,
  proxies: readonly string[] | undefined,
  certificate: Certificate | undefined,
  wall: number,
): Guard {
  const publicAddress = publicAddressOf(url)
  const [place, path] = splitPath(publicAddress)
  const isDirect = certificate !== undefined && proxies === undefined
  if (isDirect && path !== '')
    throw usage(`${url} has a path, which only a proxy can lead here.`, 'Leave the path away.')
  if (certificate !== undefined) checkCertificate(certificate, wall, isDirect ? parseAddress(place).host : undefined)
  if (isDirect) return { trust: 'public', listen: { plain: false, certificate }, publicAddress }
  const proxied = { path: `/${path}`, isProxy: belongsTo(proxies ?? []) }
  return { trust: 'proxied', listen: { plain: certificate === undefined, certificate, proxied }, publicAddress }
}

/** `wss://HOST[:PORT][/PATH]` as tickets have it. */
function publicAddressOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const extras = url === undefined || url.username + url.password + url.search + url.hash
  if (url?.protocol !== 'wss:' || extras !== '') throw notPublic(text)
  const host = url.hostname.replace(/[[\]]/g, '')
  const path = url.pathname === '/' ? '' : url.pathname
  const address = formatAddress({ host, port: url.port === '' ? 443 : Number(url.port) }) + path
  if (!isTicketAddress(address)) throw notPublic(text)
  return address
}

function certificateOf({ tlsCert: chain, tlsKey: key }: RunOptions): Certificate | undefined {
  if (chain !== undefined && key !== undefined) return { chain, key }
  if (chain === key) return undefined
  const [given, lacking] = chain === undefined ? ['--tls-key', '--tls-cert'] : ['--tls-cert', '--tls-key']
  throw usage(`${given} needs ${lacking} beside it.`, 'A certificate is of no use without its key.')
}

/** @throws TransferError `usage` if a session that began with a certificate would wait without one, or the other way round */
export function checkSameGuard(session: string, began: Trust, { trust }: Guard): void {
  if (isByCertificate(began) === isByCertificate(trust)) return
  throw isByCertificate(began)
    ? usage(`Session ${session} waits behind a certificate: its other side knows it by that.`, goOnWith)
    : usage(`Session ${session} waits without a certificate: its other side takes none.`, goOnWithout)
}

const goOnWith = 'Run the command it began with, --tls-cert and --tls-key included; or add --new to begin another one.'
const goOnWithout = 'Leave --tls-cert and --tls-key away to go on with it, or add --new to begin another one.'

function notPublic(text: string): TransferError {
  return usage(`"${text}" is no address for --public-url.`, 'Write wss://HOST, with :PORT or /PATH where it has them.')
}

function usage(problem: string, remedy: string): TransferError {
  return new TransferError('usage', { problem, remedy })
}
