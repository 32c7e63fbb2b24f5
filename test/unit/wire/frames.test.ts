// Data frames: equal to the naive codec's, byte for byte; no bit may flip, no byte may be missing, no count may lie.

import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadHash } from '../../../src/hash/xxh64.ts'
import type { Hash64 } from '../../../src/model/hash.ts'
import { entriesMax } from '../../../src/model/limits.ts'
import type { FrameHeader, PackRow } from '../../../src/model/messages.ts'
import { readHeader, readPackRows, writeHeader, writePackRow, type PackHeader } from '../../../src/wire/frames.ts'
import { record } from '../../support/arbitrary.ts'
import { naiveHeader, naivePack, naiveRow } from '../../support/naive-frames.ts'
import { codeOf } from '../../support/rejection.ts'

let hash: Hash64
beforeAll(async () => void (hash = await loadHash()))

const u16 = fc.nat(65_535)
const u32 = fc.nat(2 ** 32 - 1)
const u64 = fc.bigInt(0n, 2n ** 64n - 1n)
const placeHeader: fc.Arbitrary<FrameHeader> = record({
  kind: fc.constantFrom('chunk', 'zeros'),
  epoch: u32,
  revision: u16,
  entry: fc.nat(entriesMax - 1),
  chunk: u32,
  hash: u64,
})
const packFiles = fc.array(
  record({ entry: fc.nat(entriesMax - 1), revision: u16, bytes: fc.uint8Array({ maxLength: 40 }) }),
  { minLength: 1, maxLength: 12 },
)
const sample: FrameHeader = { kind: 'chunk', epoch: 3, revision: 1, entry: 2, chunk: 17, hash: 0x0123456789abcdefn }

function frameOf(header: FrameHeader, payloadBytes = 0): Uint8Array {
  const frame = new Uint8Array(32 + payloadBytes)
  writeHeader(frame, 0, header, hash)
  return frame
}

/** A header with its hash made right again after its bytes were changed. */
function forged(frame: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const bytes = frame.slice()
  const view = new DataView(bytes.buffer)
  change(view)
  view.setBigUint64(8, hash(Uint8Array.from([...bytes.subarray(0, 8), ...bytes.subarray(16, 32)])), true)
  return bytes
}

describe('header', () => {
  it('is what the naive codec writes, at any offset', () => {
    fc.assert(
      fc.property(placeHeader, fc.nat(64), (header, offset) => {
        const target = new Uint8Array(offset + 40).fill(0xaa)
        writeHeader(target.subarray(1), offset, header, hash)
        expect(target.subarray(offset + 1, offset + 33)).toEqual(naiveHeader(header, hash))
        expect([...target.subarray(0, offset + 1), ...target.subarray(offset + 33)]).toEqual(
          Array(offset + 8).fill(0xaa),
        )
      }),
    )
  })

  it('comes back as it went', () => {
    fc.assert(
      fc.property(placeHeader, (header) => {
        expect(readHeader(frameOf(header), hash)).toStrictEqual(header)
      }),
    )
  })

  it('is read where the frame lies, not where its buffer begins', () => {
    const buffer = new Uint8Array(100)
    writeHeader(buffer, 50, sample, hash)
    expect(readHeader(buffer.subarray(50, 82), hash)).toStrictEqual(sample)
  })

  it('R70: every flipped bit is found', () => {
    const frame = frameOf(sample)
    for (let bit = 0; bit < 32 * 8; bit++) {
      const flipped = frame.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      expect(
        codeOf(() => readHeader(flipped, hash)),
        `bit ${bit}`,
      ).toBe('protocol')
    }
  })

  it('R70: a frame cut inside its header is refused', () => {
    const frame = frameOf(sample)
    for (let length = 0; length < 32; length++)
      expect(codeOf(() => readHeader(frame.subarray(0, length), hash))).toBe('protocol')
  })

  it('R70: any bytes are a frame or a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 120 }), (bytes) => {
        const frame = forged(bytes, (view) => view.setUint8(0, (bytes[0]! % 4) + 0))
        expect(['returned', 'protocol']).toContain(codeOf(() => readHeader(frame, hash)))
        const header = () => readHeader(frame, hash)
        if (codeOf(header) !== 'returned') return
        const read = header()
        if (read.kind === 'pack') expect(['returned', 'protocol']).toContain(codeOf(() => readPackRows(frame, read)))
      }),
      { numRuns: 500 },
    )
  })

  it('R72: fields are refused beyond their edges, rightly hashed or not', () => {
    const refused = (change: (view: DataView) => void, payload = 0) =>
      codeOf(() => readHeader(forged(frameOf(sample, payload), change), hash))
    expect(refused(() => undefined)).toBe('returned')
    for (const kind of [0, 4, 255]) expect(refused((view) => view.setUint8(0, kind))).toBe('protocol')
    for (const flags of [1, 128, 255]) expect(refused((view) => view.setUint8(1, flags))).toBe('protocol')
    expect(refused((view) => view.setUint32(16, entriesMax - 1, true))).toBe('returned')
    expect(refused((view) => view.setUint32(16, entriesMax, true))).toBe('protocol')
    expect(refused((view) => view.setUint32(20, 2 ** 32 - 1, true))).toBe('returned')
  })

  it('R72: a payload has at most a chunk, zeros have none', () => {
    expect(codeOf(() => readHeader(frameOf(sample, 2 ** 20), hash))).toBe('returned')
    expect(codeOf(() => readHeader(frameOf(sample, 2 ** 20 + 1), hash))).toBe('protocol')
    expect(codeOf(() => readHeader(frameOf({ ...sample, kind: 'zeros' } as FrameHeader), hash))).toBe('returned')
    expect(codeOf(() => readHeader(frameOf({ ...sample, kind: 'zeros' } as FrameHeader, 1), hash))).toBe('protocol')
  })

  it('is not written where there is no room', () => {
    expect(() => writeHeader(new Uint8Array(40).subarray(0, 32), 1, sample, hash)).toThrow('no room')
  })
})

describe('pack', () => {
  const packOf = (files: number, tableBytes: number, payloadBytes: number, revision = 0) =>
    forged(frameOf({ kind: 'pack', epoch: 1, revision: 0, files, tableBytes, hash: 0n }, payloadBytes), (view) =>
      view.setUint16(2, revision, true),
    )

  it('rows are what the naive codec writes', () => {
    const row: fc.Arbitrary<PackRow> = record({ entry: u32, revision: u16, length: u32, hash: u64 })
    fc.assert(
      fc.property(row, fc.nat(30), (value, offset) => {
        const target = new Uint8Array(offset + 24).fill(0xff)
        writePackRow(target, offset, value)
        expect(target.subarray(offset)).toEqual(naiveRow(value))
      }),
    )
  })

  it('comes back file by file, empty files included', () => {
    fc.assert(
      fc.property(packFiles, (files) => {
        const frame = naivePack(9, files, hash)
        const header = readHeader(frame, hash) as PackHeader
        expect(header).toMatchObject({ kind: 'pack', epoch: 9, files: files.length, tableBytes: files.length * 24 })
        const rows = readPackRows(frame, header)
        expect(rows).toStrictEqual(
          files.map(({ entry, revision, bytes }) => ({ entry, revision, length: bytes.length, hash: hash(bytes) })),
        )
      }),
    )
  })

  it('R72: cut or lengthened at any byte, it is refused', () => {
    const files = [1, 2, 3].map((entry) => ({ entry, revision: 0, bytes: new Uint8Array(entry) }))
    const frame = naivePack(1, files, hash)
    const reading = (bytes: Uint8Array) => () => {
      const header = readHeader(bytes, hash)
      if (header.kind === 'pack') readPackRows(bytes, header)
    }
    expect(codeOf(reading(frame))).toBe('returned')
    for (let length = 0; length < frame.length; length++)
      expect(codeOf(reading(frame.subarray(0, length)))).toBe('protocol')
    expect(codeOf(reading(Uint8Array.from([...frame, 0])))).toBe('protocol')
  })

  it('R72: its counts are checked at 0, 1, the most and one more', () => {
    const most = Math.floor(2 ** 20 / 24)
    const reading = (...args: Parameters<typeof packOf>) => codeOf(() => readHeader(packOf(...args), hash))
    expect(reading(0, 0, 0)).toBe('protocol')
    expect(reading(1, 24, 24)).toBe('returned')
    expect(reading(1, 23, 24)).toBe('protocol')
    expect(reading(1, 48, 48)).toBe('protocol')
    expect(reading(2, 48, 47)).toBe('protocol')
    expect(reading(most, most * 24, 2 ** 20)).toBe('returned')
    expect(reading(most + 1, (most + 1) * 24, 2 ** 20)).toBe('protocol')
    expect(reading(2 ** 32 - 1, 2 ** 32 - 24, 2 ** 20)).toBe('protocol')
    expect(reading(1, 24, 24, 1)).toBe('protocol')
  })

  it('R72: lengths that only add up in 32 bits are refused', () => {
    const frame = naivePack(
      1,
      [1, 2].map((entry) => ({ entry, revision: 0, bytes: new Uint8Array(0) })),
      hash,
    )
    const view = new DataView(frame.buffer)
    view.setUint32(32 + 8, 2 ** 31, true)
    view.setUint32(32 + 24 + 8, 2 ** 31, true)
    expect(codeOf(() => readPackRows(frame, readHeader(frame, hash) as PackHeader))).toBe('protocol')
  })

  it('R72: zeros stand where zeros belong, and entries stay in their range', () => {
    const frame = naivePack(1, [{ entry: 1, revision: 0, bytes: new Uint8Array(3) }], hash)
    const header = readHeader(frame, hash) as PackHeader
    for (const at of [6, 7, 12, 13, 14, 15]) {
      const bytes = frame.slice()
      bytes[32 + at] = 1
      expect(
        codeOf(() => readPackRows(bytes, header)),
        `byte ${at}`,
      ).toBe('protocol')
    }
    new DataView(frame.buffer).setUint32(32, entriesMax, true)
    expect(codeOf(() => readPackRows(frame, header))).toBe('protocol')
  })

  it('a header of another frame is a bug of ours', () => {
    const frame = naivePack(1, [{ entry: 1, revision: 0, bytes: new Uint8Array(3) }], hash)
    const header = readHeader(frame, hash) as PackHeader
    expect(() => readPackRows(frame.subarray(0, 40), header)).toThrow('bug')
    expect(() => writePackRow(new Uint8Array(23), 0, { entry: 0, revision: 0, length: 0, hash: 0n })).toThrow('no room')
  })
})
