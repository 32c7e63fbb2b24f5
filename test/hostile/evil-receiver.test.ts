// An evil receiver, welcomed by a shipping sender; and an evil listener, dialed by one: typed errors only, the documented
// exit codes, no byte of what was not offered, and nothing written anywhere.

import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocketServer, type WebSocket } from 'ws'
import { encodeTicket, decodeTicket } from '../../src/model/ticket.ts'
import { encodeMessage } from '../../src/wire/messages.ts'
import { golden } from '../support/golden-messages.ts'
import type { RawPeer } from '../support/raw-peer.ts'
import { Stage } from './evil.ts'

const MiB = 1024 * 1024

/** A sender that has offered its two files, and waits to hear what is wanted. */
async function offered(): Promise<{ stage: Stage; peer: RawPeer }> {
  const stage = new Stage('sender')
  const peer = await stage.peer()
  await peer.until('manifest')
  return { stage, peer }
}

const want = (wants: readonly object[], last = true, pages = 1): object => ({ kind: 'want', wants, pages, last })

describe('an evil receiver ends with code 7', () => {
  type Evil = readonly [what: string, says: readonly object[]]
  const acknowledge = (places: readonly unknown[], outcomes: readonly unknown[] = []): object => ({
    kind: 'acknowledge',
    serial: 1,
    places,
    outcomes,
    level: 'checkpoint',
    syncMs: 0,
  })
  const all = want([{ need: 'all', from: 0, count: 2, revision: 0 }])

  it.each<Evil>([
    ['that wants an entry that was not offered', [want([{ need: 'all', from: 2, count: 1, revision: 0 }])]],
    ['that wants all entries there can be', [want([{ need: 'all', from: 0, count: 5_000_000, revision: 0 }])]],
    ['that answers pages it was not sent', [want([], true, 9)]],
    ['that wants a revision with none behind it', [want([{ need: 'all', from: 0, count: 1, revision: 65_535 }])]],
    [
      'that has chunks behind the end',
      [want([{ need: 'part', from: 0, revision: 0, durable: [[0, 5]], received: [] }])],
    ],
    [
      'that has the last chunk there can be',
      [want([{ need: 'part', from: 0, revision: 0, durable: [[2 ** 32 - 1, 1]], received: [] }])],
    ],
    [
      'that wants chunks behind the end again',
      [want([{ need: 'again', from: 0, revision: 0, chunks: [[1, 2 ** 31]] }])],
    ],
    ['that acknowledges an entry that was not offered', [all, acknowledge([[4, 0, 0, 1]])]],
    ['that acknowledges more chunks than a file can have', [all, acknowledge([[0, 0, 1, 2 ** 32]])]],
    ['that gives an outcome to what was not offered', [all, acknowledge([], [[99, 'delivered', 1]])]],
    ['that gives a receipt for another session', [all, golden['receipt']!]],
    ['that answers what was not asked', [all, { kind: 'receipt', receipt: {} }]],
    ['that sends pages', [golden['manifest']!]],
    ['that lets go before the end', [all, { kind: 'released' }]],
  ])('%s', async (_, says) => {
    const { stage, peer } = await offered()
    for (const message of says) peer.say(message)
    expect(await stage.end()).toMatchObject({ code: 'protocol', exit: 7 })
  })

  it.each(['chunk', 'pack', 'zeros'])('that sends data (%s)', async () => {
    const { stage, peer } = await offered()
    peer.sayBytes(Buffer.alloc(64))
    expect(await stage.end()).toMatchObject({ code: 'protocol', exit: 7 })
  })

  it.each(Object.keys(golden).filter((name) => !/^(ping|pong|skippable|pause|discard|abort|hello)/.test(name)))(
    'or goes on, for `%s`, before and after it said what it wants: typed errors only',
    async (name) => {
      const message = JSON.parse(encodeMessage(golden[name]!)) as object
      const [before, after] = [await offered(), await offered()]
      before.peer.say(message)
      after.peer.say(all)
      after.peer.say(message)
      after.peer.say(message)
      for (const { stage } of [before, after]) {
        void stage.session.pause()
        expect(['protocol', 'bad-name', 'paused', 'peer-refused', 'none']).toContain((await stage.end()).code)
      }
    },
  )
})

describe('what a sender believes', () => {
  it('R68: it sends what was walked and nothing else, whatever indexes are named', async () => {
    const { stage, peer } = await offered()
    peer.say(want([{ need: 'all', from: 0, count: 2, revision: 0 }]))
    await peer.untilFrame(({ length }) => length > 100_000)
    const bytes = Buffer.concat(peer.frames)
    expect(bytes.includes('precious')).toBe(false)
    stage.expectUntouched()
  })

  it('it counts no more bytes than it has offered, whatever is said to be in place', async () => {
    const { stage, peer } = await offered()
    peer.say(want([{ need: 'all', from: 0, count: 2, revision: 0 }]))
    const most = Number.MAX_SAFE_INTEGER
    const outcomes = [0, 0, 1].map((entry) => [entry, 'delivered', most])
    peer.say({ kind: 'acknowledge', serial: 1, places: [], outcomes, level: 'checkpoint', syncMs: 0 })
    await peer.until('end')
    await stage.until((event) => event.type === 'progress' && event.filesDone === 2)
    const counted = stage.events.flatMap((event) =>
      event.type === 'progress' ? [event.bytesSent, event.bytesDurable, event.bytesPublished] : [],
    )
    expect(Math.max(...counted)).toBe(200_000)
  })
})

/** A WebSocket server that is no carryon; its address. */
async function evilListener(onSocket: (socket: WebSocket, hello: string) => void): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'carryon.v1' })
  server.on('connection', (socket) => {
    socket.on('error', () => {})
    socket.once('message', (text) => onSocket(socket, (text as Buffer).toString()))
  })
  await once(server, 'listening')
  onTestFinished(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function rawListener(answer: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => answer(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A receiver that dials what lies at `address`, with a ticket in plain text. */
async function dialing(address: string, role: 'sender' | 'receiver' = 'receiver'): Promise<Stage> {
  const text = await new Stage(role === 'receiver' ? 'sender' : 'receiver').ticket()
  const ticket = encodeTicket({ ...decodeTicket(text), addresses: [address] })
  const way = role === 'receiver' ? { from: ticket } : { to: ticket }
  return new Stage(role, { ...way, connectForMs: 1_000, deadAfterMs: 3_000, listen: undefined } as never)
}

describe('an evil listener', () => {
  const welcome = JSON.parse(encodeMessage(golden['welcome']!)) as Record<string, unknown>

  it.each<readonly [string, string, unknown]>([
    ['welcomes twice', 'protocol', [welcome, welcome]],
    ['welcomes into an epoch that is no news', 'protocol', { ...welcome, epoch: 0 }],
    ['welcomes into the last epoch there is', 'protocol', { ...welcome, epoch: 2 ** 32 - 1 }],
    ['welcomes in another version', 'version', { ...welcome, version: 99 }],
    ['agrees to no chunk size at all', 'protocol', { ...welcome, agreed: { chunkBytes: 0, windowBytes: 1, lanes: 1 } }],
    ['begins with something else', 'protocol', golden['want.all']],
    ['begins with data', 'protocol', Buffer.alloc(100)],
    ['says no JSON', 'protocol', 'hello'],
    [
      'refuses for good',
      'peer-refused',
      { kind: 'refuse', code: 'no-such-code', sentence: '\u001b[2Jgone', retry: false },
    ],
  ])('%s', async (_, code, says) => {
    const address = await evilListener((socket) => {
      for (const one of [says].flat())
        socket.send(Buffer.isBuffer(one) || typeof one === 'string' ? one : JSON.stringify(one))
    })
    const stage = await dialing(address)
    const { exit, ...end } = await stage.end()
    expect(end.code).toBe(code)
    expect(exit).toBe(7)
    expect(stage.received()).toEqual({})
  })

  it.each<readonly [string, (socket: Socket) => void]>([
    ['redirects', (socket) => socket.end('HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n')],
    [
      'upgrades with another key',
      (socket) =>
        socket.end('HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n'),
    ],
    [
      'sends headers without end',
      (socket) => {
        const more = (): void =>
          void (socket.writable && socket.write('X: ' + 'y'.repeat(65_536) + '\r\n', () => setImmediate(more)))
        socket.write('HTTP/1.1 200 OK\r\n')
        more()
      },
    ],
    ['sends noise', (socket) => socket.end(Buffer.alloc(MiB, 7))],
  ])('that is none: it %s', async (_, answer) => {
    const stage = await dialing(await rawListener(answer), 'sender')
    expect(['not-carryon', 'peer-unreachable']).toContain((await stage.end()).code)
  })
})
