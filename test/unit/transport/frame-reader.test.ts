// The reader only sorts: put together again, large frames and the rest are the stream that came, wherever it was cut.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { frameMaxBytes } from '../../../src/model/limits.ts'
import { FrameReader } from '../../../src/transport/frame-reader.ts'

/** A frame header as RFC 6455 draws it. */
function header(first: number, length: number, mask: readonly number[] | undefined): Buffer {
  const bytes = Buffer.alloc(10)
  bytes[0] = first
  bytes[1] = 127 | (mask === undefined ? 0 : 0x80)
  bytes.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([bytes, Buffer.from(mask ?? [])])
}

const zeroMask = [0, 0, 0, 0]

/** What a reader made of a stream, in order: large frames with their header again, and runs of the rest. */
function sort(isServer: boolean, feed: (reader: FrameReader) => void) {
  const parts: Buffer[] = []
  const frames: Buffer[] = []
  const buffers = new Set<ArrayBufferLike>()
  const reader = new FrameReader(isServer, {
    frame: (payload, release) => {
      const copy = Buffer.from(payload)
      frames.push(copy)
      parts.push(header(0x82, payload.length, isServer ? zeroMask : undefined), copy)
      buffers.add(payload.buffer)
      release()
    },
    rest: (bytes) => parts.push(bytes),
  })
  feed(reader)
  return { bytes: Buffer.concat(parts), frames, buffers }
}

/** Reads `stream` as a socket does: as much as there is room for, at most `most` at a time. */
function readInto(reader: FrameReader, stream: Buffer, most: number): void {
  for (let at = 0; at < stream.length;) {
    const { space } = reader
    const count = stream.copy(space, 0, at, Math.min(stream.length, at + most, at + space.length))
    reader.advance(count, space)
    at += count
  }
}

describe('a reader of frames', () => {
  const payload = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 251))
  const small = Buffer.concat([Buffer.of(0x81, 0x82, 0, 0, 0, 0), Buffer.from('hi')])
  const large = Buffer.concat([header(0x82, payload.length, zeroMask), payload])

  it('R71: finds large frames wherever the stream is cut', () => {
    const stream = Buffer.concat([small, large, small, large])
    const edges = [small.length, small.length + large.length, 2 * small.length + large.length]
    const cuts = edges.flatMap((edge) => Array.from({ length: 40 }, (_, index) => edge - 20 + index))
    for (const cut of cuts) {
      const { bytes, frames } = sort(true, (reader) => {
        reader.take(stream.subarray(0, cut))
        reader.take(stream.subarray(cut))
      })
      expect(bytes.equals(stream), `cut at ${cut}`).toBe(true)
      expect(frames).toHaveLength(2)
    }
  })

  it('R71: sorts any stream without losing, adding or changing a byte', () => {
    const first = fc.constantFrom(0, 1, 2, 8, 0x80, 0x81, 0x82, 0x82, 0x82, 0x89, 0xff)
    const length = fc.constantFrom(0, 5, 65_535, 65_536, 66_000, frameMaxBytes, frameMaxBytes + 1)
    const mask = fc.constantFrom(undefined, zeroMask, [1, 2, 3, 4])
    const frame = fc
      .tuple(first, length, mask)
      .map(([kind, bytes, key]) => Buffer.concat([header(kind, bytes, key), Buffer.alloc(bytes, 'carryon')]))
    const noise = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))
    const streams = fc.array(fc.oneof({ weight: 5, arbitrary: frame }, noise), { maxLength: 6 })
    fc.assert(
      fc.property(streams, fc.boolean(), fc.integer({ min: 500, max: 70_000 }), (pieces, isServer, most) => {
        const stream = Buffer.concat([...pieces, Buffer.alloc(20)])
        const read = sort(isServer, (reader) => readInto(reader, stream, most)).bytes
        // A header or a large frame that is not whole yet is all that may be missing.
        expect(stream.subarray(0, read.length).equals(read)).toBe(true)
        expect(stream.length - read.length).toBeLessThanOrEqual(frameMaxBytes + 14)
      }),
      { numRuns: 100 },
    )
  })

  it('reads frames that are given back at once into one buffer, and all but the first bytes in place', () => {
    const stream = Buffer.concat(Array.from({ length: 20 }, () => large))
    const { frames, buffers } = sort(true, (reader) => readInto(reader, stream, 1_000_000))
    expect(frames.every((frame) => frame.equals(payload))).toBe(true)
    expect(frames).toHaveLength(20)
    expect(buffers.size).toBe(1)
  })

  it('never reads into a frame that was not given back, and gives none out twice', () => {
    const held: Uint8Array[] = []
    const releases: (() => void)[] = []
    const reader = new FrameReader(true, {
      frame: (frame, release) => {
        held.push(frame)
        releases.push(release)
      },
      rest: () => {},
    })
    const next = () => readInto(reader, large, large.length)
    next()
    next()
    expect(held[0]!.buffer).not.toBe(held[1]!.buffer)
    releases[0]!()
    releases[0]!()
    next()
    next()
    expect(held[2]!.buffer).toBe(held[0]!.buffer)
    expect(new Set(held.slice(1).map((frame) => frame.buffer)).size).toBe(3)
  })

  it('keeps 8 MiB of buffers, whatever the frames are long: 64 of those that carry 128 KiB', () => {
    const length = 128 * 1024
    const held: (() => void)[] = []
    const buffers: ArrayBufferLike[] = []
    const reader = new FrameReader(true, {
      frame: (frame, release) => {
        buffers.push(frame.buffer)
        held.push(release)
      },
      rest: () => {},
    })
    const frame = Buffer.concat([header(0x82, length, zeroMask), Buffer.alloc(length)])
    for (let i = 0; i < 64; i++) readInto(reader, frame, frame.length)
    expect(buffers.every(({ byteLength }) => byteLength === length)).toBe(true)
    for (const release of held.splice(0)) release()
    for (let i = 0; i < 64; i++) readInto(reader, frame, frame.length)
    expect(new Set(buffers).size).toBe(64)
  })

  it('takes a longer buffer for a longer frame', () => {
    const lengths = [70_000, 200_000, 150_000]
    const { frames, buffers } = sort(true, (reader) => {
      for (const length of lengths)
        readInto(reader, Buffer.concat([header(0x82, length, zeroMask), Buffer.alloc(length, 'carryon')]), 1_000_000)
    })
    expect(frames.map((frame) => frame.length)).toEqual(lengths)
    expect([...buffers].map(({ byteLength }) => byteLength)).toEqual([128 * 1024, 256 * 1024])
  })

  it('knows a space that it gave out before a frame began elsewhere', () => {
    const { frames } = sort(true, (reader) => {
      const { space } = reader
      reader.take(large.subarray(0, 100))
      large.copy(space, 0, 100, 10_000)
      reader.advance(9_900, space)
      readInto(reader, large.subarray(10_000), 70_000)
    })
    expect(frames.map((frame) => frame.equals(payload))).toEqual([true])
  })

  it('gives a frame that is too big to ws', () => {
    const { frames, bytes } = sort(true, (reader) => reader.take(header(0x82, frameMaxBytes + 1, zeroMask)))
    expect(frames).toEqual([])
    expect(bytes).toHaveLength(14)
  })
})
