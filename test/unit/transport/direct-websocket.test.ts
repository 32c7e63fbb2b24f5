// Reading and writing past ws really happen where they can, counted in buffers and calls; and where they can't, ws does it.

import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { afterAll, expect, it } from 'vitest'
import { DirectWebSocket } from '../../../src/transport/direct-websocket.ts'
import { frameRoomBytes } from '../../../src/model/limits.ts'
import { wsLimits } from '../../../src/transport/ws-limits.ts'
import { bytesOf } from '../../conformance/connection-suite.ts'
import { connectedPairs } from '../../support/loopback.ts'

const frames = 64

/** What Promise.withResolvers is on newer Nodes. */
function withResolvers() {
  let resolve = () => {}
  const promise = new Promise<void>((settle) => (resolve = settle))
  return { promise, resolve }
}

for (const plain of [true, false]) {
  const pairs = await connectedPairs({ plain })
  afterAll(() => pairs.close())
  it.each(['dialer', 'listener'])(
    `reads ${frames} large frames into one buffer (${plain ? 'plain' : 'TLS'}, %s)`,
    async (end) => {
      const pair = await pairs.join()
      const [reader, writer] = end === 'dialer' ? pair : pair.toReversed()
      const buffers = new Set<ArrayBufferLike>()
      const bytes = bytesOf(1024 * 1024)
      const ends = pair.map(() => withResolvers())
      let count = 0
      reader!.start({
        text: () => {},
        data: (frame, release) => {
          count += 1
          buffers.add(frame.buffer)
          release!()
          if (count === frames) reader!.destroy()
        },
        ended: () => ends[0]!.resolve(),
      })
      writer!.start({ text: () => {}, data: () => {}, ended: () => ends[1]!.resolve() })
      writer!.sendText('Whoever has said nothing yet may not say much.')
      await Promise.allSettled(Array.from({ length: frames }, () => writer!.sendData(bytes)))
      await Promise.all(ends.map(({ promise }) => promise))
      expect([count, buffers.size]).toEqual([frames, 1])
    },
  )
}

it.each(['dialer', 'listener'])('gives large frames to TLS one by one and each in one piece (%s)', async (end) => {
  const pairs = await connectedPairs({ plain: false })
  const pair = await pairs.join()
  const [writer, reader] = end === 'dialer' ? pair : pair.toReversed()
  const ends = pair.map(() => withResolvers())
  const { _writev } = Socket.prototype
  let collected = 0
  Socket.prototype._writev = function (...args) {
    collected += 1
    return _writev!.apply(this, args)
  }
  try {
    reader!.start({ text: () => {}, data: (_frame, release) => release!(), ended: () => ends[0]!.resolve() })
    writer!.start({ text: () => {}, data: () => {}, ended: () => ends[1]!.resolve() })
    writer!.sendText('Whoever has said nothing yet may not say much.')
    const frame = (): Uint8Array => new Uint8Array(frameRoomBytes + 1024 * 1024).subarray(frameRoomBytes)
    await Promise.all(Array.from({ length: frames }, () => writer!.sendData(frame(), frameRoomBytes)))
    expect(collected).toBe(0)
  } finally {
    Socket.prototype._writev = _writev!
  }
  writer!.destroy()
  await Promise.all(ends.map(({ promise }) => promise))
  await pairs.close()
})

it('leaves a stream that is no socket of Node to ws', async () => {
  const stream = new Duplex({ read: () => {}, write: (_bytes, _encoding, done) => done() })
  const websocket = Reflect.construct(DirectWebSocket, [null, undefined, {}]) as DirectWebSocket // As a server of ws makes it.
  const message = new Promise((resolve) => websocket.once('message', resolve))
  websocket.setSocket(stream as never, Buffer.alloc(0), wsLimits)
  stream.push(Buffer.concat([Buffer.of(0x82, 0x83, 0, 0, 0, 0), Buffer.from('abc')]))
  expect([websocket.direct, await message]).toEqual([undefined, Buffer.from('abc')])
  websocket.terminate()
})
