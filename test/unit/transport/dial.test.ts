// What dialing makes of whoever answers: a listener, nobody, another program, an impostor.

import { afterEach, describe, expect, it } from 'vitest'
import { dialAny } from '../../../src/transport/dial.ts'
import type { Listener } from '../../../src/transport/listen.ts'
import { addressOf, dialTo, listenOn, ticket } from '../../support/loopback.ts'
import { goHome, serve, serveHttp, serveTls } from '../../support/strangers.ts'

const listeners: Listener[] = []

afterEach(async () => {
  goHome()
  for (const listener of listeners.splice(0)) await listener.close()
})

async function listening(plain = false): Promise<string> {
  const listener = await listenOn({ plain })
  listeners.push(listener)
  return addressOf(listener)
}

/** An address where nothing listens any more. */
async function nowhere(): Promise<string> {
  const listener = await listenOn()
  await listener.close()
  return addressOf(listener)
}

const echo = () => serve((socket) => socket.pipe(socket))
const ssh = () => serve((socket) => socket.write('SSH-2.0-OpenSSH_9.6\r\n'))
const silent = () => serve(() => {})
const hangingUp = () => serve((socket) => socket.once('data', () => socket.destroy()))

describe('dial', () => {
  it('finds nobody where nothing listens', async () => {
    const address = await nowhere()
    const details = { addresses: [address], cause: 'nothing listens there' }
    for (const plain of [true, false]) {
      await expect(dialTo(address, { plain })).rejects.toMatchObject({ code: 'peer-unreachable', details })
    }
  })

  it.each([true, false])('knows how long the way there and back took (plain %s)', async (plain) => {
    const connection = await dialTo(await listening(plain), { plain })
    expect(connection.roundTripMs).toBeGreaterThan(0)
    connection.destroy()
  })

  it('finds nobody behind a name that does not exist', async () => {
    await expect(dialTo('no-such-name.invalid:22779')).rejects.toMatchObject({ code: 'peer-unreachable' })
  })

  it.each([true, false])('waits for a silent server no longer than it may (plain %s)', async (plain) => {
    const dialed = dialTo(await silent(), { plain, timeoutMs: 100 })
    await expect(dialed).rejects.toMatchObject({
      code: 'peer-unreachable',
      details: { cause: 'no answer within 100 ms' },
    })
  })

  it.each([
    ['somebody', true, hangingUp],
    ['somebody', false, hangingUp],
    ['a TLS listener, dialed in plain text,', true, () => listening(false)],
  ])('may try again where %s hung up: he may be busy (plain %s)', async (_, plain, start) => {
    await expect(dialTo(await start(), { plain })).rejects.toMatchObject({ code: 'peer-unreachable' })
  })

  it.each([
    ['an unknown identity', { identity: 't.unknown', hex: ticket.hex }],
    ['a wrong key', { identity: ticket.identity, hex: 'ff'.repeat(32) }],
  ])('is refused with %s, in the same words', async (_, key) => {
    const address = await listening()
    await expect(dialTo(address, { key })).rejects.toMatchObject({ code: 'ticket-refused', details: { peer: address } })
  })

  it.each([
    ['an echo', true, echo],
    ['an echo', false, echo],
    ['ssh', true, ssh],
    ['ssh', false, ssh],
    ['a web server', true, () => serveHttp(404)],
    ['a web server', false, () => serveHttp(404)],
    ['a server that redirects', true, () => serveHttp(301)],
    ['TLS 1.2', false, () => serveTls(() => {}, { maxVersion: 'TLSv1.2' })],
    ['a plain carryon listener, dialed with TLS', false, () => listening(true)],
  ])('says that %s is not carryon (plain %s)', async (_, plain, start) => {
    await expect(dialTo(await start(), { plain })).rejects.toMatchObject({ code: 'not-carryon' })
  })

  it('R84: says nothing to an impostor with a certificate', async () => {
    let heard = 0
    const impostor = await serveTls((socket) => socket.on('data', (bytes) => (heard += bytes.length)))
    await expect(dialTo(impostor)).rejects.toMatchObject({ code: 'not-carryon' })
    expect(heard).toBe(0)
  })

  it.each(['192.0.2.1:80', 'example.org:80'])('R83: refuses plain text to %s', async (address) => {
    await expect(dialTo(address, { plain: true })).rejects.toMatchObject({ code: 'usage' })
  })

  it('refuses an address that is none', async () => {
    await expect(dialTo('nas')).rejects.toMatchObject({ code: 'usage' })
  })

  it('ends with the reason of its signal, before and on the way', async () => {
    const controller = new AbortController()
    const dialed = dialTo(await silent(), { signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(dialed).rejects.toThrow('enough')
    await expect(dialTo(await listening(), { signal: controller.signal })).rejects.toThrow('enough')
  })

  it('reaches a listener by name', async () => {
    const { port } = new URL(`http://${await listening()}`)
    const connection = await dialTo(`localhost:${port}`)
    connection.destroy()
  })
})

describe('dialAny', () => {
  const dialAll = (addresses: string[], timeoutMs = 5_000) =>
    dialAny(addresses, { trust: 'psk', key: ticket, timeoutMs, signal: new AbortController().signal })

  it('takes the first that answers, whatever is wrong with the others', async () => {
    const good = await listening()
    const connection = await dialAll([await nowhere(), await silent(), await echo(), good])
    expect(connection.peer).toBe(good)
    connection.destroy()
  })

  it('tells the most telling error when all fail', async () => {
    const refusing = await listenOn({ keyFor: () => undefined })
    listeners.push(refusing)
    const [dead, strange] = [await nowhere(), await echo()]
    const all = [dead, strange, addressOf(refusing)]
    await expect(dialAll(all)).rejects.toMatchObject({ code: 'ticket-refused' })
    await expect(dialAll([dead, strange])).rejects.toMatchObject({ code: 'not-carryon', details: { peer: strange } })
    await expect(dialAll([dead, await silent()], 100)).rejects.toMatchObject({
      code: 'peer-unreachable',
      details: { addresses: [dead, expect.any(String)], cause: 'nothing listens there; no answer within 100 ms' },
    })
    await expect(dialAll([])).rejects.toMatchObject({ code: 'peer-unreachable' })
  })
})
