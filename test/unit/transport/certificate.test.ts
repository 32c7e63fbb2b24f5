// Listeners with a certificate: who is let in by which proof, and what a dialer makes of certificates.

import type { Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { Connection } from '../../../src/model/connection.ts'
import { belongsTo, formatAddress, parseAddress } from '../../../src/transport/addresses.ts'
import { checkCertificate, distrust, pinOf } from '../../../src/transport/certificate.ts'
import type { Listener, ListenOptions } from '../../../src/transport/listen.ts'
import { record } from '../../conformance/connection-suite.ts'
import { certificate, macOf, standBetween } from '../../support/certificates.ts'
import { addressOf, dialTo, listenOn, ticket } from '../../support/loopback.ts'
import { goHome, knock, serveTls, upgradeRequest } from '../../support/strangers.ts'

const listeners: Listener[] = []
const wall = Date.UTC(2026, 10, 26)
const own = certificate('listener')
const trust = pinOf(own)
const unknown = { identity: `t.${'00'.repeat(16)}`, hex: ticket.hex }
const wrong = { identity: ticket.identity, hex: 'ff'.repeat(32) }

afterEach(async () => {
  goHome()
  for (const listener of listeners.splice(0)) await listener.close()
})

async function open(options: Partial<ListenOptions> = {}) {
  const accepted: Connection[] = []
  const onConnection = (connection: Connection) => accepted.push(connection)
  const listener = await listenOn({ certificate: own, onConnection, ...options })
  listeners.push(listener)
  return { accepted, address: addressOf(listener), port: listener.addresses[0]!.port }
}

/** Behind a proxy that speaks from loopback. */
const proxied = { path: '/drop', isProxy: belongsTo(['127.0.0.0/8']) }
const behindProxy = { certificate: undefined, plain: true, proxied }

/** A dialer made by hand: its WebSocket, its TLS session, and what the listener says first. */
async function byHand(address: string, isTls: boolean, headers: Record<string, string> = {}) {
  const { host, port } = parseAddress(address)
  const tls = isTls ? connectTls({ host, port, rejectUnauthorized: false, minVersion: 'TLSv1.3' }) : undefined
  if (tls !== undefined) await new Promise((resolve) => tls.once('secureConnect', resolve))
  const secure = tls === undefined ? {} : { createConnection: () => tls }
  const websocket = new WebSocket(`${isTls ? 'wss' : 'ws'}://${address}/`, 'carryon.v1', { ...secure, headers })
  const closed = new Promise<number>((resolve) => websocket.once('close', resolve))
  websocket.on('error', () => {})
  const texts: string[] = []
  let wake = (): void => {}
  websocket.on('message', (bytes: Buffer) => {
    texts.push(bytes.toString())
    wake()
  })
  const next = async (): Promise<Record<string, string>> => {
    while (texts.length === 0) await new Promise<void>((resolve) => (wake = resolve))
    return JSON.parse(texts.shift()!) as Record<string, string>
  }
  return { websocket, tls, closed, next }
}

const bindingOf = (tls: TLSSocket | undefined): string =>
  tls?.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)).toString('hex') ?? ''
const dialerNonce = 'ab'.repeat(32)

/** The proof that a dialer gives who knows the key. */
function proofFor(listenerNonce: string, binding: string, by: 'dialer' | 'listener' = 'dialer'): string {
  const mac = macOf(by, ticket, { binding, listenerNonce, dialerNonce })
  return JSON.stringify({ kind: 'proof', identity: ticket.identity, nonce: dialerNonce, mac })
}

describe('a listener with a certificate', () => {
  it.each([true, false])(
    'hands over a connection with the identity that was proven, at both ends (direct reads %s)',
    async (directReads) => {
      const { address, accepted } = await open({ directReads })
      const dialed = await dialTo(address, { trust, directReads })
      expect([dialed.proof, accepted[0]?.proof]).toEqual([ticket.identity, ticket.identity])
      const [atDialed, atAccepted] = [record(dialed), record(accepted[0]!)]
      dialed.sendText('here')
      expect(await atAccepted.heard(1)).toEqual(['here'])
      accepted[0]!.destroy()
      await atDialed.end()
    },
  )

  it('R84: is told by the key its ticket pins: another one, vouched for or not, hears no byte', async () => {
    let heard = 0
    for (const name of ['rival', 'elsewhere'] as const) {
      const { chain: cert, key } = certificate(name)
      const address = await serveTls((socket) => socket.on('data', (bytes) => (heard += bytes.length)), { cert, key })
      await expect(dialTo(address, { trust })).rejects.toMatchObject({ code: 'not-the-peer' })
    }
    expect(heard).toBe(0)
  })

  it('R83: is spoken to in TLS 1.3 alone, even with the right certificate: an older exporter binds less', async () => {
    let heard = 0
    const onSocket = (socket: Socket) => void socket.on('data', (bytes) => (heard += bytes.length))
    const { chain: cert, key } = own
    const address = await serveTls(onSocket, { cert, key, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })
    await expect(dialTo(address, { trust })).rejects.toMatchObject({ code: 'not-carryon' })
    expect(heard).toBe(0)
  })

  it('R84: is known by its key after the certificate was renewed', async () => {
    const { address } = await open({ certificate: certificate('expired') })
    const dialed = await dialTo(address, { trust })
    dialed.destroy()
  })

  it('R84: without a pin must be vouched for by an authority', async () => {
    const { address, accepted } = await open()
    await expect(dialTo(address, { trust: 'public' })).rejects.toMatchObject({
      code: 'not-the-peer',
      details: { why: 'no authority that this machine trusts vouches for its certificate' },
    })
    expect(accepted).toEqual([])
  })

  it('R87: refuses an unknown identity and a wrong key in the same words, and neither gets through', async () => {
    const { address, accepted } = await open()
    for (const key of [unknown, wrong])
      await expect(dialTo(address, { trust, key })).rejects.toMatchObject({
        code: 'ticket-refused',
        details: { peer: address },
      })
    expect(accepted).toEqual([])
  })

  it('R87: lets a network wait outside that fails too often', async () => {
    const { address } = await open({ failuresPerMinuteMax: 2 })
    for (const key of [wrong, unknown])
      await expect(dialTo(address, { trust, key })).rejects.toMatchObject({ code: 'ticket-refused' })
    await expect(dialTo(address, { trust })).rejects.toMatchObject({ code: 'peer-unreachable' })
  })

  it('R87: closes a key that was failed too often to who failed it', async () => {
    const { address, accepted } = await open({ failuresPerKeyMax: 2 })
    for (const key of [wrong, wrong, ticket])
      await expect(dialTo(address, { trust, key })).rejects.toMatchObject({ code: 'ticket-refused' })
    expect(accepted).toEqual([])
  })

  it('R40: takes the proof that the protocol describes, once', async () => {
    const { address, accepted } = await open()
    const first = await byHand(address, true)
    const { nonce } = await first.next()
    const proof = proofFor(nonce!, bindingOf(first.tls))
    first.websocket.send(proof)
    const binding = bindingOf(first.tls)
    expect(await first.next()).toEqual({
      kind: 'proven',
      mac: macOf('listener', ticket, { binding, listenerNonce: nonce!, dialerNonce }),
    })
    expect(accepted).toHaveLength(1)
    const second = await byHand(address, true)
    await second.next()
    second.websocket.send(proof)
    expect(await second.closed).toBe(4003)
    expect(accepted).toHaveLength(1)
    first.websocket.terminate()
  })

  it.each<readonly [string, (nonce: string, tls: TLSSocket) => string]>([
    ['is bound to no TLS session, as behind a proxy', (nonce) => proofFor(nonce, '')],
    ['is bound to another one', (nonce) => proofFor(nonce, '12'.repeat(32))],
    ['answers another challenge', (_, tls) => proofFor('34'.repeat(32), bindingOf(tls))],
    ['is what the listener itself would say', (nonce, tls) => proofFor(nonce, bindingOf(tls), 'listener')],
  ])('R40: refuses a proof that %s', async (_, proofWith) => {
    const { address, accepted } = await open()
    const dialer = await byHand(address, true)
    const { nonce } = await dialer.next()
    dialer.websocket.send(proofWith(nonce!, dialer.tls!))
    expect(await dialer.closed).toBe(4003)
    expect(accepted).toEqual([])
  })

  it.each([
    '',
    '[]',
    'null',
    '{',
    '{"kind":"hello"}',
    '{"kind":"proof"}',
    '{"kind":"proof","identity":7,"nonce":[]}',
    JSON.stringify({ kind: 'proof', identity: 'x'.repeat(65), nonce: dialerNonce, mac: '' }),
    Buffer.from('{"kind":"proof"}'),
  ])('hangs up on what is no proof: %s', async (said) => {
    const { address, accepted } = await open()
    const dialer = await byHand(address, true)
    await dialer.next()
    dialer.websocket.send(said)
    expect(await dialer.closed).toBe(1006)
    expect(accepted).toEqual([])
  })

  it('R75: cuts who never answers the challenge', async () => {
    const { address, accepted } = await open({ helloDeadlineMs: 300 })
    const dialer = await byHand(address, true)
    await dialer.next()
    expect(await dialer.closed).toBe(1006)
    expect(accepted).toEqual([])
  })

  it('R83: speaks no older TLS', async () => {
    const { address, accepted } = await open()
    const { host, port } = parseAddress(address)
    const socket = connectTls({ host, port, maxVersion: 'TLSv1.2', rejectUnauthorized: false })
    const outcome = await new Promise((resolve) =>
      socket.once('error', () => resolve('refused')).once('secureConnect', () => resolve('in')),
    )
    expect(outcome).toBe('refused')
    expect(accepted).toEqual([])
  })

  it('R40: is not reached through a man in the middle, even one whose certificate the ticket trusts', async () => {
    const { port, accepted } = await open()
    const between = await standBetween('rival', { port, isTls: true })
    const address = formatAddress({ host: '127.0.0.1', port: between.port })
    const dialed = dialTo(address, { trust: pinOf(certificate('rival')) })
    await expect(dialed).rejects.toMatchObject({ code: 'ticket-refused' })
    expect(between.heard.fromDialer).toContain('"kind":"proof"') // He passed it on.
    expect(accepted).toEqual([])
  })
})

describe('a dialer that looks for a listener with a certificate', () => {
  /** A listener by hand that answers the proof with `answer`. */
  async function impostor(answer: string | undefined) {
    const { WebSocketServer } = await import('ws')
    const websockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'carryon.v1' })
    const heard: string[] = []
    const { createServer } = await import('node:https')
    const server = createServer({ cert: own.chain, key: own.key })
    server.on('upgrade', (request, socket, head) =>
      websockets.handleUpgrade(request, socket, head, (websocket) => {
        websocket.on('message', (bytes: Buffer) => {
          heard.push(bytes.toString())
          if (answer !== undefined) websocket.send(answer)
        })
        websocket.send(
          answer === undefined ? 'no challenge' : JSON.stringify({ kind: 'challenge', nonce: '56'.repeat(32) }),
        )
      }),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    listeners.push({ addresses: [], close: async () => server.close().closeAllConnections() })
    return { address: `127.0.0.1:${(server.address() as { port: number }).port}`, heard }
  }

  it.each([
    ['a proof of nothing', JSON.stringify({ kind: 'proven', mac: '00'.repeat(32) })],
    ['no proof', JSON.stringify({ kind: 'proven' })],
    ['another message', JSON.stringify({ kind: 'welcome' })],
    ['the dialer’s own words', 'echo'],
  ])('R84: says nothing of the session to one who has the certificate and answers with %s', async (_, answer) => {
    const { address, heard } = await impostor(answer)
    await expect(dialTo(address, { trust })).rejects.toMatchObject({ code: 'not-the-peer' })
    expect(heard.map((text) => (JSON.parse(text) as { kind: string }).kind)).toEqual(['proof'])
  })

  it('R84: nor to one who wants no proof', async () => {
    const { address, heard } = await impostor(undefined)
    await expect(dialTo(address, { trust })).rejects.toMatchObject({ code: 'not-the-peer' })
    expect(heard).toEqual([])
  })

  it('says that a listener without one is not what the ticket says, and the other way round', async () => {
    const byKey = await open({ certificate: undefined })
    await expect(dialTo(byKey.address, { trust })).rejects.toMatchObject({ code: 'not-carryon' })
    const byCertificate = await open()
    await expect(dialTo(byCertificate.address)).rejects.toMatchObject({ code: 'not-carryon' })
  })
})

describe('a listener behind a proxy', () => {
  it('takes a proof that is bound to nothing, on the path of the proxy or its own', async () => {
    const { address, accepted } = await open(behindProxy)
    const dialer = await byHand(address, false, { 'X-Forwarded-For': '192.0.2.7' })
    const { nonce } = await dialer.next()
    dialer.websocket.send(proofFor(nonce!, ''))
    expect(await dialer.next()).toMatchObject({ kind: 'proven' })
    expect(accepted[0]).toMatchObject({ proof: ticket.identity, peer: '192.0.2.7' })
    dialer.websocket.terminate()
    for (const [path, status] of [
      ['/drop', 101],
      ['/other', 404],
    ] as const) {
      const stranger = await knock(address)
      stranger.say(upgradeRequest({}, path))
      expect(await stranger.until('\r\n\r\n')).toContain(`HTTP/1.1 ${status} `)
    }
  })

  it('lets nobody in without a proof', async () => {
    const { address, accepted } = await open(behindProxy)
    const dialer = await byHand(address, false)
    await dialer.next()
    dialer.websocket.send('{"kind":"hello"}')
    expect(await dialer.closed).toBe(1006)
    expect(accepted).toEqual([])
  })

  it('R75: counts those the proxy speaks for, each by the address it saw last', async () => {
    const { address } = await open({ ...behindProxy, perNetworkMax: 2 })
    const answerTo = async (forwarded: string): Promise<string> => {
      const stranger = await knock(address)
      stranger.say(upgradeRequest({ 'X-Forwarded-For': forwarded }))
      return (await stranger.until('\r\n\r\n')).slice(9, 12)
    }
    const crowd = '198.51.100.1, 192.0.2.7' // The first is what the stranger himself has said.
    expect([await answerTo(crowd), await answerTo(crowd)]).toEqual(['101', '101'])
    expect(await answerTo('203.0.113.9, 192.0.2.7')).toBe('503')
    expect(await answerTo('192.0.2.7, 127.0.0.9')).toBe('503')
    expect(await answerTo('192.0.2.8')).toBe('101')
    expect(await answerTo('')).toBe('101')
  })

  it('R75: believes nobody else who speaks for others', async () => {
    const { address } = await open({ ...behindProxy, proxied: { path: '/', isProxy: belongsTo([]) }, perNetworkMax: 1 })
    const first = await knock(address)
    first.say(upgradeRequest({ 'X-Forwarded-For': '192.0.2.7' }))
    expect(await first.until('\r\n\r\n')).toContain(' 101 ')
    const second = await knock(address)
    second.say(upgradeRequest({ 'X-Forwarded-For': '192.0.2.8' }))
    expect((await second.untilGone()).toString()).toBe('')
  })
})

describe('checkCertificate', () => {
  it('takes a certificate with its key, for each of its names', () => {
    checkCertificate(own, wall)
    for (const name of ['localhost', 'carryon.test', '127.0.0.1']) checkCertificate(own, wall, name)
  })

  it.each<readonly [string, () => void, RegExp]>([
    [
      'another key',
      () => checkCertificate({ chain: own.chain, key: certificate('rival').key }, wall),
      /do not belong together/,
    ],
    [
      'an expired one',
      () => checkCertificate(certificate('expired'), wall),
      /^The certificate expired at 2020-02-01T00:00:00/,
    ],
    ['one for later', () => checkCertificate(own, Date.UTC(2019, 0)), /is not valid before 20/],
    [
      'another name',
      () => checkCertificate(own, wall, 'example.org'),
      /is for localhost, carryon\.test, 127\.0\.0\.1, not for example\.org/,
    ],
    ['another address', () => checkCertificate(own, wall, '192.0.2.1'), /not for 192\.0\.2\.1/],
    ['no certificate', () => checkCertificate({ chain: own.key, key: own.key }, wall), /holds no certificate/],
    ['no key', () => checkCertificate({ chain: own.chain, key: own.chain }, wall), /holds no private key/],
  ])('refuses %s', (_, check, sentence) => {
    expect(check).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringMatching(sentence) as string }),
    )
  })
})

describe('distrust', () => {
  it.each([
    ['CERT_HAS_EXPIRED', 'its certificate has expired'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'its certificate is for another name'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'no authority that this machine trusts vouches for its certificate'],
    ['ECONNRESET', undefined],
    ['toString', undefined],
  ])('%s: %s', (code, why) => {
    expect(distrust(code)).toBe(why)
  })
})

describe('belongsTo', () => {
  it.each([
    ['10.0.0.2', '10.0.0.2', true],
    ['10.0.0.2', '::ffff:10.0.0.2', true],
    ['10.0.0.2', '10.0.0.3', false],
    ['10.0.0.0/24', '10.0.0.255', true],
    ['10.0.0.0/24', '10.0.1.0', false],
    ['fd00::/8', 'fd12::1', true],
    ['fd00::/8', 'fe80::1', false],
    ['10.0.0.2', 'nobody', false],
  ])('%s has %s: %s', (network, address, isIn) => {
    expect(belongsTo([network])(address)).toBe(isIn)
  })

  it.each(['localhost', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/x', '::/129', ''])('refuses "%s"', (text) => {
    expect(() => belongsTo([text])).toThrow(expect.objectContaining({ code: 'usage' }))
  })
})
