// What a listener shows and asks for, and what its tickets say of that, by the options of its command.

import { describe, expect, it } from 'vitest'
import { checkSameGuard, guardOf } from '../../../../../src/engine/life/roads/guard.ts'
import { pinOf } from '../../../../../src/transport/certificate.ts'
import { certificate } from '../../../../support/certificates.ts'

const wall = Date.UTC(2026, 10, 26)
const { chain, key } = certificate('listener')
const own = { tlsCert: chain, tlsKey: key }
type Options = Parameters<typeof guardOf>[0]

/** The problem of options that are refused. */
function problemOf(options: Options): string {
  try {
    guardOf(options, wall)
    return 'none'
  } catch (error) {
    return (error as Error).message
  }
}

describe('guardOf', () => {
  it('goes by the key of TLS, unless told otherwise', () => {
    expect(guardOf({}, wall)).toEqual({ trust: 'psk', listen: { plain: false } })
    expect(guardOf({ insecurePlaintext: true }, wall)).toEqual({ trust: 'plain', listen: { plain: true } })
  })

  it('R84: has tickets pin a certificate, or go by the name that it has', () => {
    const shown = { plain: false, certificate: { chain, key } }
    expect(guardOf(own, wall)).toEqual({ trust: pinOf({ chain }), listen: shown })
    const publicAddress = 'localhost:8443'
    expect(guardOf({ ...own, publicUrl: 'wss://localhost:8443' }, wall)).toEqual({
      trust: 'public',
      listen: shown,
      publicAddress,
    })
  })

  it('R40: binds no proof where TLS ends at a proxy, whether the way from there is TLS or not', () => {
    for (const options of [{}, { trustedProxies: ['10.0.0.0/24'] }, { ...own, trustedProxies: ['10.0.0.0/24'] }]) {
      const guard = guardOf({ ...options, publicUrl: 'wss://a.test/drop/' }, wall)
      expect(guard).toMatchObject({ trust: 'proxied', publicAddress: 'a.test:443/drop/' })
      const { plain, certificate: shown, proxied } = guard.listen
      expect([plain, shown]).toEqual('tlsCert' in options ? [false, { chain, key }] : [true, undefined])
      expect(proxied?.path).toBe('/drop/')
      expect(proxied?.isProxy('10.0.0.7')).toBe('trustedProxies' in options)
      expect(proxied?.isProxy('192.0.2.1')).toBe(false)
    }
  })

  it.each([
    ['wss://a.test', 'a.test:443'],
    ['wss://a.test/', 'a.test:443'],
    ['wss://a.test:22779/x/y', 'a.test:22779/x/y'],
    ['wss://[2001:db8::7]:1', '[2001:db8::7]:1'],
    ['wss://192.0.2.7', '192.0.2.7:443'],
  ])('reads %s as %s', (publicUrl, address) => {
    expect(guardOf({ publicUrl }, wall).publicAddress).toBe(address)
  })

  it.each([
    '',
    'a.test',
    'ws://a.test',
    'https://a.test',
    'wss://',
    'wss://user@a.test',
    'wss://:secret@a.test',
    'wss://a.test/?x=1',
    'wss://a.test/#x',
    'wss://a.test/%20',
    'wss://a.test:0',
  ])('refuses "%s" as a public URL', (publicUrl) => {
    expect(problemOf({ publicUrl })).toBe(`"${publicUrl}" is no address for --public-url.`)
  })

  it.each<readonly [string, Options, RegExp]>([
    ['a certificate without its key', { tlsCert: chain }, /^--tls-cert needs --tls-key/],
    ['a key without its certificate', { tlsKey: key }, /^--tls-key needs --tls-cert/],
    ['a proxy without a URL', { trustedProxies: [] }, /has an address of its own/],
    ['a certificate for plain text', { ...own, insecurePlaintext: true }, /^Plain text has no certificate/],
    ['a URL for plain text', { publicUrl: 'wss://a.test', insecurePlaintext: true }, /^Plain text has no/],
    ['a path that nobody leads here', { ...own, publicUrl: 'wss://localhost/x' }, /only a proxy can lead here/],
    ['a name that the certificate has not', { ...own, publicUrl: 'wss://a.test' }, /not for a\.test/],
    ['another key', { tlsCert: chain, tlsKey: certificate('rival').key }, /do not belong together/],
    [
      'a useless certificate behind a proxy, too',
      { tlsCert: certificate('expired').chain, tlsKey: key, publicUrl: 'wss://a.test', trustedProxies: ['10.0.0.1'] },
      /expired/,
    ],
    ['a proxy that is none', { publicUrl: 'wss://a.test', trustedProxies: ['proxy'] }, /is no IP address/],
  ])('refuses %s', (_, options, sentence) => {
    expect(problemOf(options)).toMatch(sentence)
  })

  it.each<readonly [Options, string]>([
    [{ trustedProxies: [] }, 'Say it with --public-url wss://HOST.'],
    [{ ...own, insecurePlaintext: true }, 'Leave --insecure-plaintext away.'],
    [{ ...own, publicUrl: 'wss://localhost/x' }, 'Leave the path away.'],
    [{ tlsCert: chain }, 'A certificate is of no use without its key.'],
    [{ publicUrl: 'a.test' }, 'Write wss://HOST, with :PORT or /PATH where it has them.'],
  ])('says what to do instead (%#)', (options, remedy) => {
    expect(() => guardOf(options, wall)).toThrow(expect.objectContaining({ hint: remedy }))
  })

  it('asks for no name behind a proxy: dialers never see this certificate', () => {
    const options = { ...own, publicUrl: 'wss://a.test', trustedProxies: ['10.0.0.1'] }
    expect(guardOf(options, wall).trust).toBe('proxied')
  })
})

describe('a session that waits again', () => {
  const [byKey, shown] = [guardOf({}, wall), guardOf(own, wall)]

  it('does so behind the kind of door that it began at', () => {
    checkSameGuard('9f2c', 'psk', byKey)
    checkSameGuard('9f2c', 'public', shown) // Another certificate, or another mode: its dialer takes it or does not.
    expect(() => checkSameGuard('9f2c', pinOf({ chain }), byKey)).toThrow(
      expect.objectContaining({
        message: 'Session 9f2c waits behind a certificate: its other side knows it by that.',
        hint: 'Run the command it began with, --tls-cert and --tls-key included; or add --new to begin another one.',
      }),
    )
    expect(() => checkSameGuard('9f2c', 'psk', shown)).toThrow(
      expect.objectContaining({
        message: 'Session 9f2c waits without a certificate: its other side takes none.',
        hint: 'Leave --tls-cert and --tls-key away to go on with it, or add --new to begin another one.',
      }),
    )
  })
})
