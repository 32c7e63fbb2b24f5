// What a hostile peer can put on the wire below our framing: bytes that ws must refuse, and what we make of it. All of it
// holds whether large frames are read past ws or not.

import fc from 'fast-check'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { Connection } from '../../../src/model/connection.ts'
import { bytesOf, isSame, record } from '../../conformance/connection-suite.ts'
import { addressOf, listenOn } from '../../support/loopback.ts'
import { goHome, knock, upgradeRequest } from '../../support/strangers.ts'

const waiting: ((connection: Connection) => void)[] = []
const onConnection = (connection: Connection) => waiting.shift()?.(connection)
const listeners = {
  direct: await listenOn({ plain: true, onConnection }),
  'ws alone': await listenOn({ plain: true, onConnection, directReads: false }),
}
type Way = keyof typeof listeners
const ways = Object.keys(listeners) as Way[]
afterAll(() => Promise.all(Object.values(listeners).map((listener) => listener.close())))
afterEach(goHome)

/** A peer that got in and may now write raw frames; `early` comes with its request. */
async function rawPeer(way: Way, early: Uint8Array = Buffer.alloc(0)) {
  const accepted = new Promise<Connection>((resolve) => waiting.push(resolve))
  const stranger = await knock(addressOf(listeners[way]))
  stranger.say(Buffer.concat([Buffer.from(upgradeRequest()), early]))
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

/** A whole binary frame with a zero mask, large enough to be read into a buffer of its own. */
const large = (payload: Uint8Array) => Buffer.concat([announce(BigInt(payload.length)), payload])

describe.each(ways)('a peer at the frames (%s)', (way) => {
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
    const { stranger, connection } = await rawPeer(way)
    const recorder = record(connection)
    stranger.say(bytes)
    stranger.socket.end()
    expect(await recorder.end()).toMatchObject({ kind: 'invalid', code })
    expect(recorder.told).toEqual([])
  })

  it('R71: reads frames however the stream is split', async () => {
    const { stranger, connection } = await rawPeer(way)
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
    const { stranger, connection } = await rawPeer(way)
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

  it('has lost a peer that hung up, though it takes nothing more of what is under way', async () => {
    const { stranger, connection } = await rawPeer(way)
    const recorder = record(connection)
    stranger.say(frame(fin | text, 'hello'))
    await recorder.heard(1) // No stranger any more, whose time is short.
    stranger.socket.pause()
    const sends = Array.from({ length: 64 }, () => connection.sendData(new Uint8Array(1024 * 1024)))
    const losses = Promise.allSettled(sends)
    stranger.socket.end()
    expect(await recorder.end()).toMatchObject({ kind: 'lost' })
    expect((await losses).at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'connection-lost' } })
  })

  it('waits at most two seconds for a peer that does not answer its close', async () => {
    const { connection } = await rawPeer(way)
    const recorder = record(connection)
    connection.close(4006, 'paused')
    expect(await recorder.end()).toMatchObject({ kind: 'lost', code: 1006 })
  })

  it('reads on to the close of its peer though it had paused', async () => {
    const { stranger, connection } = await rawPeer(way)
    const recorder = record(connection)
    connection.pause()
    stranger.say(Buffer.concat([announce(1_000_000n), Buffer.alloc(1_000_000)])) // More than Node reads ahead.
    connection.close(4006, 'paused')
    await stranger.until('paused')
    stranger.say(frame(fin | close, Buffer.of(0x0f, 0xa6)))
    expect(await recorder.end()).toMatchObject({ kind: 'closed', code: 4006 })
    expect(recorder.told).toEqual([])
  })

  it('loses nothing that came with the request, and tells nothing of it before the start', async () => {
    const payload = bytesOf(100_000)
    const { stranger, connection } = await rawPeer(way, Buffer.concat([large(payload), frame(fin | text, 'early')]))
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate) // Long enough to arrive.
    const recorder = record(connection)
    stranger.say(large(payload))
    const heard = await recorder.heard(3)
    expect(heard.map((item) => (typeof item === 'string' ? item : isSame(item, payload)))).toEqual([
      true,
      'early',
      true,
    ])
    connection.destroy()
    await recorder.end()
  })

  it.each([
    ['a mask that is not zero', (bytes: Buffer) => bytes.writeUInt32BE(0x01020304, 10)],
    ['no mask', (bytes: Buffer) => (bytes[1] = 127)],
    ['a reserved bit', (bytes: Buffer) => (bytes[0]! |= 0x20)],
    ['fragments', (bytes: Buffer) => (bytes[0]! &= 0x7f)],
  ])('R73: takes a large frame with %s as ws does', async (_, change) => {
    const bytes = large(bytesOf(70_000))
    change(bytes)
    const outcome = await toldBy(way, [bytes, frame(fin | continued, 'end'), frame(fin | text, 'behind')])
    expect(outcome).toEqual(
      await toldBy('ws alone', [bytes, frame(fin | continued, 'end'), frame(fin | text, 'behind')]),
    )
  })

  it('R73: refuses a large frame between two fragments', async () => {
    const { stranger, connection } = await rawPeer(way)
    const recorder = record(connection)
    stranger.say(Buffer.concat([frame(binary, 'x'), large(bytesOf(70_000))]))
    expect(await recorder.end()).toMatchObject({ kind: 'invalid', code: 1002 })
    expect(recorder.told).toEqual([])
  })

  it('tells nothing that comes behind the close frame of its peer', async () => {
    const { stranger, connection } = await rawPeer(way)
    const recorder = record(connection)
    stranger.say(Buffer.concat([frame(fin | close, Buffer.of(0x0f, 0xa6)), large(bytesOf(70_000))]))
    stranger.socket.end()
    expect(await recorder.end()).toMatchObject({ kind: 'closed', code: 4006 })
    expect(recorder.told).toEqual([])
  })
})

/** What a connection tells of these bytes until its end. */
async function toldBy(way: Way, pieces: readonly Uint8Array[]): Promise<unknown> {
  const { stranger, connection } = await rawPeer(way)
  const recorder = record(connection)
  for (const piece of pieces) {
    stranger.say(piece)
    await new Promise(setImmediate)
  }
  stranger.socket.end()
  const { kind, code } = await recorder.end()
  const told = recorder.told.map((item) => (typeof item === 'string' ? item : Buffer.from(item).toString('base64')))
  return { kind, code, told }
}

it('R73: whatever a peer sends, reading past ws tells what ws would tell', async () => {
  const first = fc.constantFrom(0, 1, 2, 8, 9, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8a, 0xc2, 0x83)
  const mask = fc.constantFrom(0, 0, 0, 0x01020304)
  const length = fc.constantFrom(0, 1, 2, 125, 126, 65_535, 65_536, 70_000)
  const anyFrame = fc
    .record({ first, mask, length, isMasked: fc.constantFrom(true, true, true, true, false), isLong: fc.boolean() })
    .map(encode)
  const stream = fc.array(anyFrame, { minLength: 1, maxLength: 6 }).map((frames) => Buffer.concat(frames))
  const cuts = fc.array(fc.nat(140_000), { maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(stream, cuts, async (bytes, at) => {
      const edges = [0, ...at.filter((cut) => cut < bytes.length), bytes.length].sort((a, b) => a - b)
      const pieces = edges.slice(1).map((end, index) => bytes.subarray(edges[index], end))
      expect(await toldBy('direct', pieces)).toEqual(await toldBy('ws alone', pieces))
      goHome()
    }),
    { numRuns: 60 },
  )
}, 60_000)

interface FrameParts {
  readonly first: number
  readonly mask: number
  readonly length: number
  readonly isMasked: boolean
  /** Says its length in eight bytes even where fewer would do. */
  readonly isLong: boolean
}

function encode({ first, mask, length, isMasked, isLong }: FrameParts): Buffer {
  const size = Buffer.alloc(isLong || length > 65_535 ? 8 : length > 125 ? 2 : 0)
  if (size.length === 8) size.writeBigUInt64BE(BigInt(length))
  if (size.length === 2) size.writeUInt16BE(length)
  const short = size.length === 8 ? 127 : size.length === 2 ? 126 : length
  const key = Buffer.alloc(isMasked ? 4 : 0)
  if (isMasked) key.writeUInt32BE(mask)
  return Buffer.concat([Buffer.of(first, (isMasked ? 0x80 : 0) | short), size, key, Buffer.alloc(length, 'abc')])
}
