// What a hostile peer can put on the wire below our framing: bytes that ws must refuse, and what we make of it.

import { afterAll, afterEach, expect, it } from 'vitest'
import type { Connection } from '../../../src/model/connection.ts'
import { record } from '../../conformance/connection-suite.ts'
import { addressOf, listenOn } from '../../support/loopback.ts'
import { goHome, knock, upgradeRequest } from '../../support/strangers.ts'

const waiting: ((connection: Connection) => void)[] = []
const listener = await listenOn({ plain: true, onConnection: (connection) => waiting.shift()?.(connection) })
afterAll(() => listener.close())
afterEach(goHome)

/** A peer that got in and may now write raw frames. */
async function rawPeer() {
  const accepted = new Promise<Connection>((resolve) => waiting.push(resolve))
  const stranger = await knock(addressOf(listener))
  stranger.say(upgradeRequest())
  await stranger.until('\r\n\r\n')
  return { stranger, connection: await accepted }
}

/** A masked frame with a zero mask: first byte, then a payload below 126 bytes. */
const frame = (first: number, payload: Uint8Array | string = '') => {
  const bytes = Buffer.from(payload)
  return Buffer.concat([Buffer.of(first, 0x80 | bytes.length, 0, 0, 0, 0), bytes])
}
const fin = 0x80
const [continued, text, binary, close] = [0, 1, 2, 8]

/** A header that announces `length` bytes, which never come. */
const announce = (length: bigint) => {
  const header = Buffer.alloc(14)
  header[0] = fin | binary
  header[1] = 0x80 | 127
  header.writeBigUInt64BE(length, 2)
  return header
}

it.each([
  ['a frame without a mask', Buffer.of(fin | text, 2, 65, 66), 1002],
  ['a reserved bit', frame(fin | 0x40 | text, 'x'), 1002],
  ['an unknown opcode', frame(fin | 5), 1002],
  ['a continuation of nothing', frame(fin | continued, 'x'), 1002],
  ['a close frame with one byte', frame(fin | close, 'x'), 1002],
  ['a close code nobody may use', frame(fin | close, Buffer.of(0, 5)), 1002],
  ['text that is not UTF-8', frame(fin | text, Buffer.of(0xc3, 0x28)), 1007],
  [
    '65 fragments',
    Buffer.concat([frame(binary, 'x'), ...Array.from({ length: 64 }, () => frame(continued, 'x'))]),
    1008,
  ],
  ['the announcement of 100 MiB', announce(100n * 1024n * 1024n), 1009],
  ['the announcement of 2^63 bytes', announce(2n ** 63n - 1n), 1009],
])('R73: ends as invalid on %s', async (_, bytes, code) => {
  const { stranger, connection } = await rawPeer()
  const recorder = record(connection)
  stranger.say(bytes)
  stranger.socket.end()
  expect(await recorder.end()).toMatchObject({ kind: 'invalid', code })
  expect(recorder.told).toEqual([])
})

it('R71: reads frames however the stream is split', async () => {
  const { stranger, connection } = await rawPeer()
  const recorder = record(connection)
  stranger.socket.setNoDelay(true)
  const bytes = Buffer.concat([
    frame(fin | text, 'ab'),
    frame(binary, 'c'),
    frame(fin | continued, 'd'),
    frame(fin | text),
  ])
  for (const byte of bytes) {
    stranger.say(Uint8Array.of(byte))
    await new Promise(setImmediate)
  }
  expect((await recorder.heard(3)).map((item) => Buffer.from(item).toString())).toEqual(['ab', 'cd', ''])
  stranger.socket.destroy()
  expect(await recorder.end()).toMatchObject({ kind: 'lost' })
})

it('R32: hears the bytes of a frame that is not complete yet', async () => {
  const { stranger, connection } = await rawPeer()
  const recorder = record(connection)
  const before = connection.heardBytes
  stranger.say(Buffer.concat([announce(1_000_000n), Buffer.alloc(999_999)]))
  while (connection.heardBytes < before + 1_000_013) await new Promise(setImmediate)
  expect(recorder.told).toEqual([])
  stranger.say(Uint8Array.of(0))
  expect((await recorder.heard(1))[0]).toHaveLength(1_000_000)
  connection.destroy()
  await recorder.end()
})

it('waits at most two seconds for a peer that does not answer its close', async () => {
  const { connection } = await rawPeer()
  const recorder = record(connection)
  connection.close(4006, 'paused')
  expect(await recorder.end()).toMatchObject({ kind: 'lost', code: 1006 })
})

it('reads on to the close of its peer though it had paused', async () => {
  const { stranger, connection } = await rawPeer()
  const recorder = record(connection)
  connection.pause()
  stranger.say(Buffer.concat([announce(1_000_000n), Buffer.alloc(1_000_000)])) // More than Node reads ahead.
  connection.close(4006, 'paused')
  await stranger.until('paused')
  stranger.say(frame(fin | close, Buffer.of(0x0f, 0xa6)))
  expect(await recorder.end()).toMatchObject({ kind: 'closed', code: 4006 })
  expect(recorder.told).toEqual([])
})
