// Cuts large binary frames out of a WebSocket's stream: their bytes are read where they stay, in one buffer, instead of
// being collected from many reads. Everything else, byte for byte, is left to ws, which alone knows what must be refused.

import { frameMaxBytes } from '../model/limits.ts'

/** What the reader tells, in the order of the stream. */
export interface FrameReaderHandlers {
  /** A whole large frame; `release` gives its buffer back once nobody looks at it any more. */
  frame(payload: Uint8Array, release: () => void): void
  /** Bytes of other frames, the callee's to keep. */
  rest(bytes: Buffer): void
}

const scratchBytes = 16 * 1024 // What is read ahead of a frame's header, and has to be copied.
const headerMaxBytes = 14 // Two bytes, eight of length, four of mask.
const binary = 0x82 // The first byte of an unfragmented binary frame.
const keptBytes = 8 * frameMaxBytes // As much as waits for a disk before reading pauses, and some more.
const bufferStepBytes = 64 * 1024 // Frames of about the same length share their buffers.

/** A frame that is being read into its buffer. */
interface Target {
  readonly payload: Uint8Array
  readonly buffer: ArrayBuffer
  filled: number
}

export class FrameReader {
  readonly #handlers: FrameReaderHandlers
  /** The second byte of a large frame: its length takes eight bytes, and only a client masks. */
  readonly #large: number
  readonly #scratch = Buffer.alloc(scratchBytes)
  readonly #header = Buffer.alloc(headerMaxBytes)
  readonly #free: ArrayBuffer[] = []
  #freeBytes = 0
  #headerFilled = 0
  /** Bytes of the header at hand that ws has got already. */
  #headerPassed = 0
  /** Bytes that are still to come of a frame for ws. */
  #passing = 0
  /** A message in fragments is under way: a whole frame in the middle of it is for ws to refuse. */
  #isFragmented = false
  #target: Target | undefined

  /** @param isServer whether the peer has to mask what it sends */
  constructor(isServer: boolean, handlers: FrameReaderHandlers) {
    this.#handlers = handlers
    this.#large = (isServer ? 0x80 : 0) | 127
  }

  /** Where the next bytes should be read to. */
  get space(): Uint8Array {
    const target = this.#target
    return target === undefined ? this.#scratch : target.payload.subarray(target.filled)
  }

  /** The first `count` bytes were read into `space`, which was asked for before: by now a frame may have begun elsewhere. */
  advance(count: number, space: Uint8Array): void {
    const target = this.#target
    if (target?.buffer === space.buffer) this.#fill(target, count)
    else this.take(space.subarray(0, count))
  }

  /** The same for bytes that were read elsewhere. */
  take(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at += this.#step(bytes.subarray(at))
  }

  /** @returns how many of the bytes were used up */
  #step(bytes: Uint8Array): number {
    if (this.#target !== undefined) {
      const { payload, filled } = this.#target
      const count = Math.min(bytes.length, payload.length - filled)
      payload.set(bytes.subarray(0, count), filled)
      this.#fill(this.#target, count)
      return count
    }
    if (this.#passing > 0) {
      const count = Math.min(bytes.length, this.#passing)
      this.#passing -= count
      this.#handlers.rest(Buffer.from(bytes.subarray(0, count)))
      return count
    }
    const count = Math.min(bytes.length, this.#headerBytes - this.#headerFilled)
    this.#header.set(bytes.subarray(0, count), this.#headerFilled)
    this.#headerFilled += count
    this.#headerArrived()
    return count
  }

  /** How long the header is, as far as its beginning tells. */
  get #headerBytes(): number {
    if (this.#headerFilled < 2) return 2
    const second = this.#header[1]!
    const length = second & 0x7f
    return 2 + (length === 127 ? 8 : length === 126 ? 2 : 0) + (second >= 0x80 ? 4 : 0)
  }

  #headerArrived(): void {
    if (this.#headerFilled < 2) return
    const isLarge = this.#header[0] === binary && this.#header[1] === this.#large && !this.#isFragmented
    const isWhole = this.#headerFilled === this.#headerBytes
    if (!isLarge) this.#passHeader()
    if (!isWhole) return
    const length = this.#payloadBytes()
    if (isLarge && this.#isPlain(length)) this.#target = this.#targetOf(length)
    else {
      this.#passHeader()
      this.#passing = length
      this.#noteFragments()
    }
    this.#headerFilled = 0
    this.#headerPassed = 0
  }

  /** Not too big, not too small for a buffer of its own, and nothing to unmask. */
  #isPlain(length: number): boolean {
    const isMasked = this.#large >= 0x80 && this.#header.readUInt32BE(10) !== 0
    return length > 0xffff && length <= frameMaxBytes && !isMasked
  }

  #payloadBytes(): number {
    const short = this.#header[1]! & 0x7f
    if (short < 126) return short
    return short === 126 ? this.#header.readUInt16BE(2) : Number(this.#header.readBigUInt64BE(2))
  }

  /** Control frames may come between fragments and change nothing. */
  #noteFragments(): void {
    const first = this.#header[0]!
    if ((first & 0x0f) < 8) this.#isFragmented = first < 0x80
  }

  #passHeader(): void {
    if (this.#headerPassed === this.#headerFilled) return
    const bytes = Buffer.from(this.#header.subarray(this.#headerPassed, this.#headerFilled))
    this.#headerPassed = this.#headerFilled
    this.#handlers.rest(bytes)
  }

  #targetOf(length: number): Target {
    const free = this.#free.pop()
    this.#freeBytes -= free?.byteLength ?? 0
    const isEnough = free !== undefined && free.byteLength >= length
    const buffer = isEnough ? free : new ArrayBuffer(Math.ceil(length / bufferStepBytes) * bufferStepBytes)
    return { payload: new Uint8Array(buffer, 0, length), buffer, filled: 0 }
  }

  #fill(target: Target, count: number): void {
    target.filled += count
    if (target.filled < target.payload.length) return
    this.#target = undefined
    this.#handlers.frame(target.payload, this.#releaseOf(target.buffer))
  }

  /** A buffer that comes back twice is given out once. */
  #releaseOf(buffer: ArrayBuffer): () => void {
    let isOut = true
    return () => {
      if (isOut && this.#freeBytes + buffer.byteLength <= keptBytes) {
        this.#free.push(buffer)
        this.#freeBytes += buffer.byteLength
      }
      isOut = false
    }
  }
}
