// Addresses as people write them: reading and writing HOST:PORT, and which ones lead to this machine.

import { BlockList, isIP } from 'node:net'
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os'
import { TransferError } from '../errors.ts'

export interface Address {
  /** A name or an IP address, without brackets; '' stands for all addresses of this machine. */
  readonly host: string
  /** 0 stands for any free one. */
  readonly port: number
}

/**
 * Reads `HOST:PORT`, `[IPV6]:PORT`, and, where a default stands in for the missing half, `:PORT`, `HOST` and `[IPV6]`.
 * @throws TransferError `usage`
 */
export function parseAddress(text: string, missing: Partial<Address> = {}): Address {
  const parts = /^(?:\[(?<inBrackets>[^\]]*)\]|(?<bare>[^:[\]]*))(?::(?<port>\d{1,5}))?$/.exec(text)?.groups
  const { inBrackets, bare } = parts ?? {}
  const host = inBrackets ?? (bare || missing.host)
  const port = parts?.port === undefined ? missing.port : Number(parts.port)
  if (host === undefined || port === undefined || port > 65_535) throw notAnAddress(text)
  if (inBrackets === undefined ? /[\s/]/.test(host) : isIP(inBrackets) !== 6) throw notAnAddress(text)
  return { host, port }
}

/** `HOST:PORT/PATH` as HOST:PORT and what stands behind the first slash. */
export function splitPath(text: string): readonly [place: string, path: string] {
  const cut = text.indexOf('/')
  return cut === -1 ? [text, ''] : [text.slice(0, cut), text.slice(cut + 1)]
}

/** The reverse of parseAddress: IPv6 addresses come in brackets. */
export function formatAddress({ host, port }: Address): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}

/** Whether `host` can only mean this machine. */
export function isLoopback(host: string): boolean {
  const family = isIP(host)
  return family === 0 ? host === 'localhost' : loopback.check(host, family === 4 ? 'ipv4' : 'ipv6')
}

/** Whether `host` asks to listen on every address. */
export function isWildcard(host: string): boolean {
  return host === '' || host === '0.0.0.0' || host === '::'
}

/**
 * This machine's own IP addresses, for a ticket: reachable ones first, loopback last, link-local ones (useless elsewhere
 * without a zone) left out. `interfaces` is the system's list unless a test passes its own.
 */
export function ownAddresses(interfaces: Interfaces = networkInterfaces()): string[] {
  const all = Object.values(interfaces).flatMap((addresses) => addresses ?? [])
  const usable = all.filter(({ address, family }) => !linkLocal.check(address, family === 'IPv4' ? 'ipv4' : 'ipv6'))
  const inOrder = [isOutside('IPv4'), isOutside('IPv6'), isInside].flatMap((belongs) => usable.filter(belongs))
  return [...new Set(inOrder.map(({ address }) => address))]
}

/** An IPv4 address that arrived at an IPv6 socket, as people know it. */
export function withoutMapping(address: string): string {
  return address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address
}

/** What one stranger can take addresses from at will: an IPv4 address, or the first 64 bits of an IPv6 one. '' for neither. */
export function networkOf(address: string): string {
  const plain = withoutMapping(address)
  if (isIP(plain) !== 6) return isIP(plain) === 4 ? plain : ''
  const [head, tail] = plain.replace(/%.*$/, '').split('::')
  const [front, back] = [head, tail].map((part) => (part ? part.split(':') : []))
  const zeros = Array.from({ length: 8 - front!.length - back!.length }, () => '0')
  const groups = tail === undefined ? front! : [...front!, ...zeros, ...back!]
  return `${groups.slice(0, 4).join(':')}::/64`
}

/**
 * Whether an address is one of `list`: addresses, or networks as `ADDRESS/BITS`.
 * @throws TransferError `usage`
 */
export function belongsTo(list: readonly string[]): (address: string) => boolean {
  const known = new BlockList()
  for (const text of list) {
    const [address, bits] = splitPath(text)
    const family = isIP(address)
    const bitsMax = family === 4 ? 32 : 128
    const count = text.includes('/') ? (/^\d{1,3}$/.test(bits) ? Number(bits) : Infinity) : bitsMax
    if (family === 0 || count > bitsMax)
      throw new TransferError('usage', {
        problem: `"${text}" is no IP address and no network.`,
        remedy: 'Write 10.0.0.2, 10.0.0.0/24 or fd00::/8, for example.',
      })
    known.addSubnet(address, count, family === 4 ? 'ipv4' : 'ipv6')
  }
  return (address) => {
    const plain = withoutMapping(address)
    const family = isIP(plain)
    return family !== 0 && known.check(plain, family === 4 ? 'ipv4' : 'ipv6')
  }
}

export type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

const linkLocal = new BlockList()
linkLocal.addSubnet('169.254.0.0', 16, 'ipv4')
linkLocal.addSubnet('fe80::', 10, 'ipv6')

const isInside = ({ internal }: NetworkInterfaceInfo) => internal
const isOutside = (wanted: 'IPv4' | 'IPv6') => (info: NetworkInterfaceInfo) => !info.internal && info.family === wanted

function notAnAddress(text: string): TransferError {
  return new TransferError('usage', {
    problem: `"${text}" is not an address.`,
    remedy: 'Write HOST:PORT, or [HOST]:PORT for an IPv6 address; ports go from 0 to 65535.',
  })
}
