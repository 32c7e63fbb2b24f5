// Who gets through a listener with what proof, and how strangers are kept short and few.

import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { Connection } from '../../../src/model/connection.ts'
import { parseAddress } from '../../../src/transport/addresses.ts'
import type { Listener, ListenOptions } from '../../../src/transport/listen.ts'
import { tlsWithKey } from '../../../src/transport/ws-limits.ts'
import { record } from '../../conformance/connection-suite.ts'
import { addressOf, dialTo, listenOn, ticket } from '../../support/loopback.ts'
import { goHome, knock, upgradeRequest } from '../../support/strangers.ts'

const listeners: Listener[] = []

/** The beginning of a TLS record of the largest size; its rest never comes. */
const tlsRecord = Buffer.concat([Buffer.from([22, 3, 1, 0x3f, 0xff, 1, 0, 0xff, 0xff]), Buffer.alloc(2000)])

/** A WebSocket that is through and under the test's control. */
async function rawUpgrade(address: string, plain: boolean): Promise<WebSocket> {
  const { host, port } = parseAddress(address)
  const pskCallback = () => ({ identity: ticket.identity, psk: Buffer.from(ticket.hex, 'hex') })
  const secure = { host, port, ...tlsWithKey, ca: [], pskCallback, checkServerIdentity: () => undefined }
  const socket = new WebSocket(`${plain ? 'ws' : 'wss'}://${address}/`, 'carryon.v1', plain ? {} : { ...secure })
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('open', resolve))
  return socket
}

afterEach(async () => {
  goHome()
  for (const listener of listeners.splice(0)) await listener.close()
})

async function open(options: Partial<ListenOptions> = {}) {
  const accepted: Connection[] = []
  const listener = await listenOn({ onConnection: (connection) => accepted.push(connection), ...options })
  listeners.push(listener)
  return { listener, accepted, address: addressOf(listener) }
}

describe('listen', () => {
  it('hands over a connection with the identity that was proven, at both ends', async () => {
    const { address, accepted } = await open()
    const dialed = await dialTo(address)
    expect([dialed.proof, accepted[0]?.proof]).toEqual([ticket.identity, ticket.identity])
    expect([dialed.peer, accepted[0]?.peer]).toEqual([address, expect.stringMatching(/^127\.0\.0\.1:\d+$/)])
    const atDialed = record(dialed)
    accepted[0]!.destroy()
    await atDialed.end()
  })

  it('proves nothing in plain text', async () => {
    const { address, accepted } = await open({ plain: true })
    const dialed = await dialTo(address, { plain: true })
    expect([dialed.proof, accepted[0]?.proof]).toEqual(['', ''])
    dialed.destroy()
  })

  it('says which addresses lead to it', async () => {
    const everywhere = await open({ host: '' })
    const hosts = everywhere.listener.addresses.map(({ host }) => host)
    expect(hosts).toContain('127.0.0.1')
    expect(hosts.filter((host) => host === '' || host === '::')).toEqual([])
    const plain = await open({ host: '', plain: true })
    expect(plain.listener.addresses.map(({ host }) => host)).toEqual(['127.0.0.1'])
  })

  it('says when the port is taken, or the address is not of this machine', async () => {
    const { address } = await open()
    await expect(open({ port: parseAddress(address).port })).rejects.toMatchObject({
      code: 'port-in-use',
      details: { address },
    })
    await expect(open({ host: '192.0.2.1' })).rejects.toMatchObject({ code: 'usage' })
    await expect(open({ host: 'no-such-name.invalid' })).rejects.toMatchObject({ code: 'usage' })
  })

  it.each(['0.0.0.0', '::', '192.0.2.1', 'example.org'])('R83: refuses plain text on %s', async (host) => {
    await expect(open({ host, plain: true })).rejects.toMatchObject({ code: 'usage' })
  })

  it('frees its port when closed, and leaves connections alone', async () => {
    const { listener, address, accepted } = await open()
    const dialed = await dialTo(address)
    const [atDialed, atAccepted] = [record(dialed), record(accepted[0]!)]
    dialed.sendText('here')
    await atAccepted.heard(1)
    await listener.close()
    await open({ port: parseAddress(address).port })
    dialed.sendText('still here')
    expect(await atAccepted.heard(2)).toEqual(['here', 'still here'])
    dialed.destroy()
    await Promise.all([atDialed.end(), atAccepted.end()])
  })
})

describe('strangers at the listener', () => {
  /** The alert a dialer with this identity and key is sent away with. */
  const alertFor = async (address: string, identity: string, hex: string, localAddress = '127.0.0.1') => {
    const pskCallback = () => ({ identity, psk: Buffer.from(hex, 'hex') })
    const way = { ...parseAddress(address), localAddress }
    const socket = connectTls({ ...way, ...tlsWithKey, ca: [], pskCallback, checkServerIdentity: () => undefined })
    return new Promise<string>((resolve) => {
      socket.once('error', (error: NodeJS.ErrnoException & { reason?: string }) =>
        resolve(error.reason ?? error.message),
      )
      socket.once('secureConnect', () => resolve('let in'))
    })
  }

  it('R87: cannot tell an unknown identity from a wrong key, and without a key get nowhere', async () => {
    const { address, accepted } = await open()
    const wrong = await alertFor(address, ticket.identity, 'ff'.repeat(32))
    expect(wrong).toMatch(/alert/)
    expect(await alertFor(address, 't.unknown', ticket.hex)).toBe(wrong)
    expect(await alertFor(address, 's.unknown', 'ff'.repeat(32))).toBe(wrong)
    expect(await alertFor(address, 'x'.repeat(200), ticket.hex)).toBe(wrong)
    const { host, port } = parseAddress(address)
    const keyless = connectTls({ host, port, rejectUnauthorized: false })
    const outcome = new Promise((resolve) =>
      keyless.once('error', () => resolve('refused')).once('secureConnect', resolve),
    )
    expect(await outcome).toBe('refused')
    expect(accepted).toEqual([])
  })

  it('prove the key anew on every connection: a TLS session cannot be resumed', async () => {
    const asked: string[] = []
    const keyFor = (identity: string) => (asked.push(identity), ticket.hex)
    const { address } = await open({ keyFor })
    const { host, port } = parseAddress(address)
    const options = { host, port, ...tlsWithKey, ca: [], checkServerIdentity: () => undefined }
    const pskCallback = () => ({ identity: ticket.identity, psk: Buffer.from(ticket.hex, 'hex') })
    const first = connectTls({ ...options, pskCallback })
    const session = await new Promise<Buffer>((resolve) => {
      first.once('session', resolve)
      first.once('secureConnect', () => first.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')).resume()
      first.once('close', () => resolve(first.getSession() ?? Buffer.alloc(0)))
    })
    const again = connectTls({ ...options, session })
    const outcome = new Promise((resolve) =>
      again.once('error', () => resolve('refused')).once('secureConnect', resolve),
    )
    expect(await outcome).toBe('refused')
    // What it offers is the session's name: random bytes, of which those before a NUL may pass for an identity.
    expect(asked.filter((identity) => identity === ticket.identity)).toHaveLength(1)
    first.destroy()
  })

  it.each([
    ['R88: an Origin', upgradeRequest({ Origin: 'https://example.org' }), '403 Forbidden'],
    ['R88: a Host that is a name made to point here', upgradeRequest({ Host: 'rebound.example' }), '403 Forbidden'],
    ['no subprotocol', upgradeRequest({ 'Sec-WebSocket-Protocol': undefined }), '400 Bad Request'],
    ['another subprotocol', upgradeRequest({ 'Sec-WebSocket-Protocol': 'carryon.v9, chat' }), '400 Bad Request'],
    ['another path', upgradeRequest({}, '/chat'), '404 Not Found'],
    ['another upgrade', upgradeRequest({ Upgrade: 'h2c' }), '400 Bad Request'],
    ['a plain GET', 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', '404 Not Found'],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n', '400 Bad Request'],
  ])('are sent away with %s', async (_, request, status) => {
    const { address, accepted } = await open({ plain: true })
    const stranger = await knock(address)
    stranger.say(request)
    expect((await stranger.untilGone()).toString()).toMatch(new RegExp(`^HTTP/1\\.1 ${status}\r\n`))
    expect(accepted).toEqual([])
  })

  it('answers other HTTP with a bare 404: no body, no name, no date', async () => {
    const { address } = await open({ plain: true })
    const stranger = await knock(address)
    stranger.say('GET /index.html HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
    const answer = (await stranger.untilGone()).toString()
    expect(answer).toBe('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
  })

  it.each([true, false])('R75: who is too slow is cut (plain %s), however busily he drips', async (plain) => {
    const { address } = await open({ plain, helloDeadlineMs: 100 })
    const [silent, dripping] = [await knock(address), await knock(address)]
    const tap = setInterval(() => dripping.say(plain ? 'G' : Uint8Array.of(22)), 5)
    await Promise.all([silent.untilGone(), dripping.untilGone()])
    clearInterval(tap)
  })

  it('R75: a crowd from one address is held to its share, and keeps nobody else out', async () => {
    const { address, accepted } = await open({ plain: true, perNetworkMax: 2, pendingMax: 3 })
    const strangers = [await knock(address, '127.0.0.2'), await knock(address, '127.0.0.2')]
    const crowding = await knock(address, '127.0.0.2')
    await crowding.untilGone()
    strangers.push(await knock(address, '127.0.0.3'))
    const dialed = await dialTo(address, { plain: true }) // The fourth: one of them makes room.
    await Promise.race(strangers.map((stranger) => stranger.untilGone()))
    expect(accepted).toHaveLength(1)
    dialed.destroy()
  })

  it.each([true, false])(
    'that have said a first word no longer count, and have no deadline (plain %s)',
    async (plain) => {
      const { address, accepted } = await open({ plain, perNetworkMax: 1, helloDeadlineMs: 1000 })
      const dialed: Connection[] = []
      const heard: ReturnType<typeof record>[] = []
      for (let i = 0; i < 3; i++) {
        dialed.push(await dialTo(address, { plain }))
        heard.push(record(accepted.at(-1)!))
        dialed.at(-1)!.sendText('hello')
        await heard.at(-1)!.heard(1)
      }
      const slow = await knock(address)
      await slow.untilGone() // By now the deadline of the others is over as well.
      dialed.forEach((connection) => connection.sendText('alive'))
      for (const recorder of heard) expect(await recorder.heard(2)).toEqual(['hello', 'alive'])
      dialed.forEach((connection) => connection.destroy())
    },
  )

  it.each([true, false])('R75: who proves the key and then says nothing is cut as well (plain %s)', async (plain) => {
    const { address, accepted } = await open({ plain, helloDeadlineMs: 300 })
    const dialed = record(await dialTo(address, { plain }))
    const atAccepted = record(accepted[0]!)
    expect([(await dialed.end()).kind, (await atAccepted.end()).kind]).toEqual(['lost', 'lost'])
  })

  it.each([true, false])('R75: says 64 KiB at most before the first message is there (plain %s)', async (plain) => {
    const { address, accepted } = await open({ plain, helloDeadlineMs: 60_000 })
    const stranger = await knock(address)
    const drip = setInterval(() => stranger.socket.write(plain ? Buffer.alloc(2000, 'G') : tlsRecord), 1)
    await stranger.untilGone()
    clearInterval(drip)
    const talker = await rawUpgrade(address, plain)
    record(accepted[0]!)
    const pings = setInterval(() => talker.ping(Buffer.alloc(125)), 1)
    await new Promise((resolve) => talker.once('close', resolve))
    clearInterval(pings)
    expect(accepted).toHaveLength(1)
  })

  it('R75: no crowd pushes out who has proved a key', async () => {
    const { address, accepted } = await open({ pendingMax: 3, perNetworkMax: 200 })
    const dialed = await dialTo(address)
    const heard = record(accepted[0]!)
    for (let i = 0; i < 100; i++) await knock(address)
    dialed.sendText('hello')
    expect(await heard.heard(1)).toEqual(['hello'])
    dialed.destroy()
  })

  it('R87: a network that fails to prove keys too often waits outside, and others do not', async () => {
    const { address, accepted } = await open({ failuresPerMinuteMax: 3 })
    const tries: string[] = []
    for (let i = 0; i < 4; i++) tries.push(await alertFor(address, `t.${i}`, 'ff'.repeat(32)))
    expect(tries.slice(0, 3)).toEqual(Array(3).fill(tries[0]))
    expect(tries[0]).toMatch(/alert/)
    expect(tries[3]).not.toMatch(/alert/) // Not even a handshake.
    await expect(dialTo(address)).rejects.toMatchObject({ code: 'peer-unreachable' })
    expect(accepted).toEqual([])
    expect(await alertFor(address, 't.4', 'ff'.repeat(32), '127.0.0.2')).toBe(tries[0])
  })

  it('R87: a key that was failed too often is closed to who failed it, in the same words, and to nobody else', async () => {
    const { address } = await open({ failuresPerKeyMax: 2 })
    const wrong = await alertFor(address, ticket.identity, 'ff'.repeat(32))
    expect(await alertFor(address, ticket.identity, 'ee'.repeat(32))).toBe(wrong)
    expect(await alertFor(address, ticket.identity, ticket.hex)).toBe(wrong) // The right one, too late.
    expect(await alertFor(address, ticket.identity, ticket.hex, '127.0.0.2')).toBe('let in')
  })
})
