// What every Connection must do, whatever carries it. `join` makes a connected pair that nobody has started yet.

import { describe, expect, it } from 'vitest'
import type { Connection, ConnectionHandlers, EndReason } from '../../src/model/connection.ts'
import { controlMaxBytes, frameMaxBytes, frameRoomBytes } from '../../src/model/limits.ts'

const MiB = 1024 * 1024

/** Writes down what a connection tells, and lets a test wait for it. */
export class Recorder implements ConnectionHandlers {
  readonly told: (string | Uint8Array)[] = []
  readonly ends: EndReason[] = []
  #wake: (() => void)[] = []

  text(text: string): void {
    this.#note(() => this.told.push(text))
  }

  data(frame: Uint8Array): void {
    this.#note(() => this.told.push(frame))
  }

  ended(reason: EndReason): void {
    this.#note(() => this.ends.push(reason))
  }

  async heard(count: number): Promise<(string | Uint8Array)[]> {
    while (this.told.length < count) await this.#change()
    return this.told
  }

  async end(): Promise<EndReason> {
    while (this.ends.length === 0) await this.#change()
    return this.ends[0]!
  }

  get frames(): Uint8Array[] {
    return this.told.filter((item) => typeof item !== 'string')
  }

  #note(happen: () => void): void {
    expect(this.ends, 'nothing is told after the end').toEqual([])
    happen()
    for (const wake of this.#wake.splice(0)) wake()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve))
  }
}

export function record(connection: Connection): Recorder {
  const recorder = new Recorder()
  connection.start(recorder)
  return recorder
}

/** `length` bytes that differ from frame to frame and from place to place. */
export function bytesOf(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let index = 0; index < length; index += 1) bytes[index] = (index * 31 + (index >> 8) * 7 + seed * 13) & 0xff
  return bytes
}

export function isSame(left: Uint8Array | string | undefined, right: Uint8Array): boolean {
  return left instanceof Uint8Array && Buffer.compare(left, right) === 0
}

/** Settles promises whose rejection is what the test is about. */
function outcomes(promises: Promise<void>[]): Promise<string[]> {
  return Promise.all(
    promises.map((promise) =>
      promise.then(
        () => 'taken',
        (error: { code: string }) => error.code,
      ),
    ),
  )
}

/** Resolves when a number has not changed for many turns. */
async function settled(look: () => number): Promise<void> {
  for (let turns = 0, before = look(); turns < 200; turns += 1) {
    await new Promise(setImmediate)
    if (look() !== before) turns = 0
    before = look()
  }
}

type Pair = readonly [Connection, Connection]

export function connectionSuite(name: string, join: () => Promise<Pair>): void {
  describe(`a connection (${name})`, () => {
    it('delivers texts and frames whole and in order, both ways', async () => {
      const [left, right] = await join()
      const [atLeft, atRight] = [record(left), record(right)]
      const frames = [0, 1, 125, 126, 65_535, 65_536, 200_000].map((length) => bytesOf(length))
      const sent = frames.map((frame, index) => {
        left.sendText(`text ${index} ✓`)
        return left.sendData(frame)
      })
      right.sendText('answer')
      const heard = await atRight.heard(2 * frames.length)
      expect(heard.filter((_, index) => index % 2 === 0)).toEqual(frames.map((_, index) => `text ${index} ✓`))
      frames.forEach((frame, index) => expect(isSame(heard[2 * index + 1], frame), `frame ${index}`).toBe(true))
      expect(await atLeft.heard(1)).toEqual(['answer'])
      expect(await outcomes(sent)).toEqual(frames.map(() => 'taken'))
      left.destroy()
      await Promise.all([atLeft.end(), atRight.end()])
    })

    it('sends a frame with room in front of it alike, in order, and writes into nothing but the room', async () => {
      const [left, right] = await join()
      const [atLeft, atRight] = [record(left), record(right)]
      const lengths = [0, 1, 125, 126, 65_535, 65_536, 1_000_000]
      const before = bytesOf(50, 3)
      for (const from of [left, right]) {
        const sent = lengths.map(async (length) => {
          const whole = new Uint8Array(before.length + frameRoomBytes + length)
          const frame = whole.subarray(before.length + frameRoomBytes)
          whole.set(before)
          frame.set(bytesOf(length))
          from.sendText(`before ${length}`)
          await from.sendData(frame, frameRoomBytes)
          expect(whole.subarray(0, before.length)).toEqual(before)
          expect(isSame(frame, bytesOf(length))).toBe(true)
        })
        const heard = await (from === left ? atRight : atLeft).heard(2 * lengths.length)
        lengths.forEach((length, index) => {
          expect(heard[2 * index]).toBe(`before ${length}`)
          expect(isSame(heard[2 * index + 1], bytesOf(length)), `${length} bytes`).toBe(true)
        })
        await Promise.all(sent)
      }
      left.destroy()
      await Promise.all([atLeft.end(), atRight.end()])
    })

    it('reads nothing before it is started, and loses nothing', async () => {
      const [left, right] = await join()
      const atLeft = record(left)
      left.sendText('early')
      await left.sendData(bytesOf(10))
      for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate) // Long enough to arrive.
      const atRight = record(right)
      expect(await atRight.heard(2)).toHaveLength(2)
      expect(atRight.told[0]).toBe('early')
      right.destroy()
      await Promise.all([atLeft.end(), atRight.end()])
    })

    it('lets the callee keep a frame, and the caller reuse his buffer once it is taken', async () => {
      const [left, right] = await join()
      const [atLeft, atRight] = [record(left), record(right)]
      const buffer = bytesOf(300_000, 1)
      await left.sendData(buffer)
      buffer.set(bytesOf(300_000, 2))
      await left.sendData(buffer)
      const heard = await atRight.heard(2)
      expect(isSame(heard[0], bytesOf(300_000, 1))).toBe(true)
      expect(isSame(heard[1], bytesOf(300_000, 2))).toBe(true)
      left.destroy()
      await Promise.all([atLeft.end(), atRight.end()])
    })

    it('carries the largest frame and the largest text', async () => {
      const [left, right] = await join()
      const [atLeft, atRight] = [record(left), record(right)]
      const frame = bytesOf(frameMaxBytes)
      left.sendText('x'.repeat(controlMaxBytes))
      await left.sendData(frame)
      const [text, data] = await atRight.heard(2)
      expect(text).toHaveLength(controlMaxBytes)
      expect(isSame(data, frame)).toBe(true)
      right.destroy()
      await Promise.all([atLeft.end(), atRight.end()])
    })

    it.each([
      ['text', (from: Connection) => from.sendText('x'.repeat(controlMaxBytes + 1))],
      ['frame', (from: Connection) => void outcomes([from.sendData(bytesOf(frameMaxBytes + 1))])],
    ])('R73: ends as invalid on a %s one byte too long, undelivered', async (_, send) => {
      const [left, right] = await join()
      const [atLeft, atRight] = [record(left), record(right)]
      send(left)
      expect(await atRight.end()).toMatchObject({ kind: 'invalid', code: 1009 })
      expect(await atLeft.end()).toMatchObject({ kind: 'closed', code: 1009 })
      expect(atRight.told).toEqual([])
    })

    it('while paused reads nothing, and the sender waits with what the kernel does not take', async () => {
      const [left, right] = await join()
      const [atLeft, atRight] = [record(left), record(right)]
      right.pause()
      const frame = bytesOf(MiB)
      const count = 48 // More than the kernel takes for a socket that nobody reads.
      let taken = 0
      await left.sendData(bytesOf(1_000)) // So much any kernel takes, and of the others what it has room for.
      const sent = Array.from({ length: count }, async () => {
        await left.sendData(frame)
        taken += 1
      })
      await settled(() => left.queuedBytes)
      expect(taken).toBeLessThan(count)
      expect(left.queuedBytes).toBeGreaterThan(0)
      expect(atRight.told.filter((item) => isSame(item, frame))).toEqual([]) // One read may have been under way.
      right.resume()
      await Promise.all(sent)
      const [, ...heard] = await atRight.heard(1 + count)
      expect(heard.every((item) => isSame(item, frame))).toBe(true)
      expect(right.heardBytes).toBeGreaterThanOrEqual(count * MiB)
      left.destroy()
      await Promise.all([atLeft.end(), atRight.end()])
      expect(left.queuedBytes).toBe(0)
    })

    it('closes in order: what was queued arrives first, both learn the code, once', async () => {
      const [left, right] = await join()
      const [atLeft, atRight] = [record(left), record(right)]
      const sent = [left.sendData(bytesOf(500_000)), left.sendData(bytesOf(500_000))]
      left.sendText('goodbye')
      left.close(4006, 'paused by the user')
      left.close(4007, 'a second word')
      expect(await atRight.end()).toEqual({ kind: 'closed', code: 4006, detail: 'paused by the user' })
      expect(await atLeft.end()).toMatchObject({ kind: 'closed', code: 4006 })
      expect(atRight.told).toHaveLength(3)
      expect(atRight.told[2]).toBe('goodbye')
      expect(await outcomes(sent)).toEqual(['taken', 'taken'])
      left.destroy()
      right.close(4000, '')
      expect([atLeft.ends, atRight.ends].map((ends) => ends.length)).toEqual([1, 1])
    })

    it('shortens a reason that does not fit into a close frame', async () => {
      const [left, right] = await join()
      const [atLeft, atRight] = [record(left), record(right)]
      left.close(4000, '✓'.repeat(200))
      const { code, detail } = await atRight.end()
      expect([code, /^✓{41,}$/.test(detail)]).toEqual([4000, true])
      await atLeft.end()
    })

    it('survives both ends closing at once', async () => {
      const [left, right] = await join()
      const [atLeft, atRight] = [record(left), record(right)]
      left.close(4001, 'left')
      right.close(4002, 'right')
      await Promise.all([atLeft.end(), atRight.end()])
      expect([atLeft.ends.length, atRight.ends.length]).toEqual([1, 1])
    })

    it('tells nothing but the end after its own close', async () => {
      const [left, right] = await join()
      const [atLeft, atRight] = [record(left), record(right)]
      left.sendText('hello')
      await atRight.heard(1)
      const sent = [right.sendData(bytesOf(1000))]
      right.sendText('late')
      left.close(4000, 'enough')
      await Promise.all([atLeft.end(), atRight.end(), outcomes(sent)])
      expect(atLeft.told).toEqual([])
    })

    it('is lost when the peer is destroyed in the middle of a frame; no part of it is told', async () => {
      const [left, right] = await join()
      const [atLeft, atRight] = [record(left), record(right)]
      right.pause()
      const frame = bytesOf(MiB)
      const little = left.sendData(bytesOf(1_000))
      const settled = outcomes([little, ...Array.from({ length: 48 }, () => left.sendData(frame))])
      await little
      left.destroy()
      right.resume()
      expect(await atRight.end()).toMatchObject({ kind: 'lost', code: 1006 })
      expect(await atLeft.end()).toMatchObject({ kind: 'lost', code: 1006 })
      expect(atRight.told.every((item) => isSame(item, frame) || isSame(item, bytesOf(1_000)))).toBe(true)
      expect(new Set(await settled)).toEqual(new Set(['taken', 'connection-lost']))
    })

    it('refuses frames after the end and forgets texts', async () => {
      const [left, right] = await join()
      const [atLeft, atRight] = [record(left), record(right)]
      right.destroy()
      await Promise.all([atLeft.end(), atRight.end()])
      left.sendText('into the void')
      left.pause()
      left.resume()
      left.destroy()
      expect(await outcomes([left.sendData(bytesOf(10)), right.sendData(bytesOf(10))])).toEqual(
        ['connection-lost', 'connection-lost'], // prettier-ignore
      )
      expect([atLeft.ends.length, atRight.ends.length]).toEqual([1, 1])
    })

    it('tells the end to who starts only after it', async () => {
      const [left, right] = await join()
      const atLeft = record(left)
      left.destroy()
      await atLeft.end()
      const atRight = record(right)
      expect(await atRight.end()).toMatchObject({ kind: 'lost' })
      const [third, fourth] = await join()
      third.destroy()
      expect(await record(third).end()).toMatchObject({ kind: 'lost' })
      expect(await record(fourth).end()).toMatchObject({ kind: 'lost' })
    })
  })
}
