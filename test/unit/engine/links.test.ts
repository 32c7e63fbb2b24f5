// What a hostile or damaged peer can put on a connection, and what the core hears of it.

import { describe, expect, it } from 'vitest'
import type { Input } from '../../../src/core/inputs.ts'
import { Links } from '../../../src/engine/links.ts'
import { loadHash } from '../../../src/hash/xxh64.ts'
import { headerBytes, packRowBytes } from '../../../src/model/limits.ts'
import type { FrameHeader, PackRow } from '../../../src/model/messages.ts'
import { memoryPair } from '../../../src/transport/memory.ts'
import { writeHeader, writePackRow } from '../../../src/wire/frames.ts'
import { encodeMessage } from '../../../src/wire/messages.ts'
import { overridden } from '../../support/overridden.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const hash = await loadHash()
const settled = () => new Promise((resolve) => setImmediate(resolve))

function bench() {
  const heard: Input[] = []
  const gone: string[] = []
  const clock = new ManualClock()
  const links = new Links(
    clock,
    hash,
    (input) => heard.push(input),
    (reason) => gone.push(reason),
  )
  const [near, far] = memoryPair()
  let readBytes = 0
  links.connected(
    overridden(near, {
      get heardBytes() {
        return near.heardBytes + readBytes
      },
      roundTripMs: 7,
    }),
  )
  const read = (bytes: number): void => void (readBytes += bytes)
  far.start({ text: () => {}, data: () => {}, ended: () => {} })
  return { links, far, heard, gone, clock, read }
}

function frameOf(header: FrameHeader, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(headerBytes + payload.length)
  writeHeader(frame, 0, header, hash)
  frame.set(payload, headerBytes)
  return frame
}

function chunk(payload: Uint8Array): Uint8Array {
  return frameOf({ kind: 'chunk', epoch: 1, revision: 0, entry: 3, chunk: 4, hash: hash(payload) }, payload)
}

function pack(rows: readonly PackRow[], bytes: Uint8Array): Uint8Array {
  const tableBytes = rows.length * packRowBytes
  const payload = new Uint8Array(tableBytes + bytes.length)
  rows.forEach((row, i) => writePackRow(payload, i * packRowBytes, row))
  payload.set(bytes, tableBytes)
  return frameOf({ kind: 'pack', epoch: 1, revision: 0, files: rows.length, tableBytes, hash: hash(payload) }, payload)
}

describe('a data frame', () => {
  it('reaches the core without its bytes, which wait under its number', async () => {
    const { links, far, heard } = bench()
    await far.sendData(chunk(Uint8Array.of(1, 2, 3)))
    await settled()
    const frame = { kind: 'chunk', frame: 1, epoch: 1, place: { entry: 3, revision: 0, chunk: 4 }, length: 3 }
    expect(heard.at(-1)).toEqual({ kind: 'frameArrived', connection: 1, frame })
    expect([...links.takeFrame(1).payload]).toEqual([1, 2, 3])
  })

  it.each([0, 1, headerBytes - 1])('cut to %i bytes ends the connection by name', async (length) => {
    const { far, heard } = bench()
    await far.sendData(chunk(Uint8Array.of(1)).subarray(0, length))
    await settled()
    expect(heard.at(-1)).toMatchObject({ kind: 'peerBroke', connection: 1, code: 'protocol' })
  })

  it('R113: with any bit of its header flipped ends the connection by name', async () => {
    for (let bit = 0; bit < headerBytes * 8; bit++) {
      const { far, heard } = bench()
      const frame = chunk(Uint8Array.of(1))
      frame[bit >>> 3]! ^= 1 << (bit & 7)
      await far.sendData(frame)
      await settled()
      expect(heard.at(-1), `bit ${bit}`).toMatchObject({ kind: 'peerBroke', code: 'protocol' })
    }
  })
})

describe('a pack', () => {
  const bytes = Uint8Array.of(1, 2, 3, 4)
  const rows = [{ entry: 5, revision: 0, length: 4, hash: hash(bytes) }]

  it('is told by its rows', async () => {
    const { far, heard } = bench()
    await far.sendData(pack(rows, bytes))
    await settled()
    expect(heard.at(-1)).toMatchObject({
      kind: 'frameArrived',
      frame: { kind: 'pack', files: [{ entry: 5, length: 4 }] },
    })
  })

  it('with any bit flipped behind its header is dropped with its connection: nobody knows which files it held', async () => {
    const whole = pack(rows, bytes)
    for (let bit = headerBytes * 8; bit < whole.length * 8; bit++) {
      const { far, heard, gone } = bench()
      const frame = whole.slice()
      frame[bit >>> 3]! ^= 1 << (bit & 7)
      await far.sendData(frame)
      await settled()
      expect(
        heard.map(({ kind }) => kind),
        `bit ${bit}`,
      ).toEqual(['connected', 'connectionEnded'])
      expect(gone).toEqual(['a pack arrived damaged'])
    }
  })

  it('whose rows do not add up to its bytes ends the connection by name', async () => {
    const { far, heard } = bench()
    await far.sendData(pack([{ ...rows[0]!, length: 5 }], bytes))
    await settled()
    expect(heard.at(-1)).toMatchObject({ kind: 'peerBroke', code: 'protocol' })
  })
})

describe('a text frame', () => {
  it.each(['', '{', '[]', 'null', '{"kind":"want"}', '{"kind":"nonsense"}', '{"kind":"__proto__"}'])(
    'that says %s ends the connection by name',
    async (text) => {
      const { far, heard } = bench()
      far.sendText(text)
      await settled()
      expect(heard.at(-1)).toMatchObject({ kind: 'peerBroke', connection: 1 })
    },
  )

  it('is heard as what it says', async () => {
    const { far, heard } = bench()
    far.sendText(encodeMessage({ kind: 'release' }))
    await settled()
    expect(heard.at(-1)).toEqual({ kind: 'messageArrived', connection: 1, message: { kind: 'release' } })
  })
})

it('R32: bytes that came in are life, and so is not reading', async () => {
  const { links, far, heard, clock } = bench()
  const hearings = () => heard.filter(({ kind }) => kind === 'heard').length
  clock.advance(2_000)
  expect(hearings()).toBe(0)
  far.sendText(encodeMessage({ kind: 'release' }))
  await settled()
  clock.advance(2_000)
  expect(hearings()).toBe(1)
  links.setReading(false)
  clock.advance(2_000)
  expect(hearings()).toBe(5)
})

it('R32: tells how much of a frame under way is here', async () => {
  const { far, heard, clock, read } = bench()
  const arriving = () => heard.flatMap((input) => (input.kind === 'heard' ? [input.arrivingBytes] : [])).at(-1)
  read(70)
  clock.advance(500)
  expect(arriving()).toBe(70)
  read(30)
  far.sendText(encodeMessage({ kind: 'release' })) // Whole now.
  await settled()
  read(5)
  clock.advance(500)
  expect(arriving()).toBe(5)
})

it('R37: tells that the machine slept, and not that its clock was set back', () => {
  const { heard, clock } = bench()
  const wakes = () => heard.filter(({ kind }) => kind === 'woke')
  clock.jumpWall(-3_600_000)
  clock.advance(1_000)
  expect(wakes()).toEqual([])
  clock.jumpWall(60_000)
  clock.advance(1_000)
  expect(wakes()).toEqual([{ kind: 'woke', sleptMs: 60_000 }])
})

it('a connection is told with how far the other end is', () => {
  expect(bench().heard).toMatchObject([{ kind: 'connected', roundTripMs: 7 }])
})

it('a destroyed connection is told once, and sends nothing more', async () => {
  const { links, heard } = bench()
  links.destroy(1, 'enough')
  await settled()
  expect(heard.map(({ kind }) => kind)).toEqual(['connected', 'connectionEnded'])
  expect(await links.sendFrame(1, chunk(Uint8Array.of(1)))).toBe(false)
})

it.each(['connected', 'laneConnected'] as const)(
  'what was dialed while the session ended is hung up: %s',
  async (kind) => {
    const { links, heard } = bench()
    links.closeAll(1000, 'over')
    heard.length = 0
    const [near, far] = memoryPair()
    const ended: string[] = []
    far.start({ text: () => {}, data: () => {}, ended: ({ detail }) => ended.push(detail) })
    links[kind](near, 1)
    await settled()
    expect([ended.length, heard]).toEqual([1, []])
  },
)
