// The throttle holds the rate, on a clock that is moved by hand.

import { describe, expect, it } from 'vitest'
import { memoryPair } from '../../../src/transport/memory.ts'
import { Meter } from '../../../src/transport/meter.ts'
import { throttled } from '../../../src/transport/throttle.ts'
import { bytesOf, connectionSuite, record } from '../../conformance/connection-suite.ts'
import { ManualClock } from '../../support/manual-clock.ts'

connectionSuite('throttled without a limit', () => {
  const [left, right] = memoryPair()
  return Promise.resolve([throttled(left, () => undefined, new ManualClock()), right])
})

/** A throttled end, its peer, and how many bytes went out so far. */
function throttledPair(rate: () => number | undefined) {
  const clock = new ManualClock()
  const [left, right] = memoryPair({ capacityBytes: 2 ** 30 })
  const connection = throttled(left, rate, clock)
  const outgoing = { bytes: 0 }
  const send = (bytes: number) => connection.sendData(bytesOf(bytes)).then(() => void (outgoing.bytes += bytes))
  return { clock, connection, outgoing, send, atLeft: record(connection), atRight: record(right) }
}

it('tells how far the other end is', () => {
  const [left] = memoryPair()
  const connection = throttled(Object.assign(left, { roundTripMs: 7 }), () => undefined, new ManualClock())
  expect(connection.roundTripMs).toBe(7)
})

/** Everything that became due has happened once the microtasks are through. */
const settle = () => new Promise(setImmediate)

describe('throttled', () => {
  it('sends at the rate, whatever the size of the frames', async () => {
    const { clock, outgoing, send } = throttledPair(() => 100_000)
    const all = Promise.all([1, 50_000, 100_000, 7, 49_992, 200_000].map(send))
    for (let second = 1; second <= 4; second += 1) {
      clock.advance(1000)
      await settle()
      expect(outgoing.bytes).toBeLessThanOrEqual(100_000 * second + 200_000) // A frame goes whole.
      expect(outgoing.bytes).toBeGreaterThanOrEqual(100_000 * second)
    }
    await all
  })

  it('tells of each frame that goes, and of none that is held back when it closes at rate 0', async () => {
    const spent: number[] = []
    const [left, right] = memoryPair({ capacityBytes: 2 ** 30 })
    const connection = throttled(
      left,
      () => (spent.length < 2 ? undefined : 0),
      new ManualClock(),
      (bytes) => void spent.push(bytes),
    )
    const atRight = record(right)
    record(connection)
    const sends = [10, 20, 30].map((bytes) => connection.sendData(bytesOf(bytes)))
    connection.close(4006, 'paused')
    const ends = await Promise.allSettled(sends)
    await settle()
    expect(spent).toEqual([10, 20])
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
    expect(atRight.frames.map(({ length }) => length)).toEqual([10, 20])
  })

  it('holds a rate that it shares with others, all together', async () => {
    const clock = new ManualClock()
    const shared = new Meter(clock, () => 100_000)
    const outgoing = { bytes: 0 }
    for (let i = 0; i < 2; i++) {
      const [left, right] = memoryPair({ capacityBytes: 2 ** 30 })
      const connection = throttled(left, () => undefined, clock, undefined, shared)
      record(connection)
      record(right)
      for (let n = 0; n < 20; n++) void connection.sendData(bytesOf(10_000)).then(() => void (outgoing.bytes += 10_000))
    }
    for (let second = 1; second <= 3; second += 1) {
      clock.advance(1000)
      await settle()
      expect(outgoing.bytes).toBeGreaterThanOrEqual(100_000 * second)
      expect(outgoing.bytes).toBeLessThanOrEqual(100_000 * second + 20_000)
    }
  })

  it('lets texts pass at once', async () => {
    const { connection, send, atRight } = throttledPair(() => 10)
    await send(1000)
    const waiting = send(1000).catch(() => 'lost')
    connection.sendText('ping')
    expect((await atRight.heard(2))[1]).toBe('ping')
    expect(connection.queuedBytes).toBe(1000)
    connection.destroy()
    expect(await waiting).toBe('lost')
  })

  it('saves up no more than a moment of idle time', async () => {
    const { clock, outgoing, send } = throttledPair(() => 100_000)
    await send(1)
    clock.advance(3_600_000)
    void Promise.all(Array.from({ length: 20 }, () => send(10_000)))
    await settle()
    expect(outgoing.bytes).toBeLessThanOrEqual(1 + 20_000) // 100 ms of credit, and the frame that spends the last of it.
  })

  it('follows the rate as it changes, down to nothing and back to no limit', async () => {
    let rate: number | undefined = 0
    const { clock, outgoing, send } = throttledPair(() => rate)
    const all = Promise.all([send(1000), send(1000), send(1_000_000)])
    clock.advance(60_000)
    await settle()
    expect(outgoing.bytes).toBe(0)
    rate = 1000
    clock.advance(1000)
    await settle()
    expect(outgoing.bytes).toBeGreaterThanOrEqual(1000)
    rate = undefined
    clock.advance(500)
    await all
    expect(outgoing.bytes).toBe(1_002_000)
  })

  it('sends what waits before it closes, and leaves no timer behind', async () => {
    const { clock, connection, send, atLeft, atRight } = throttledPair(() => 10)
    const sent = [send(1000), send(1000)]
    connection.close(4006, 'paused')
    expect(await atRight.end()).toMatchObject({ kind: 'closed', code: 4006 })
    await Promise.all(sent)
    await atLeft.end()
    expect(atRight.frames.map((frame) => frame.length)).toEqual([1000, 1000])
    expect(clock.alarmCount).toBe(0)
  })
})
