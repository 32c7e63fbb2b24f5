// The few big buffers that payload is read into: taken, filled, sent, given back. Waiting for one is the back-pressure on
// reading. Room for headers lies in front, so a frame is one send of one buffer.

import { frameRoomBytes, headerBytes } from '../model/limits.ts'

export class BufferPool {
  readonly #payloadBytes: number
  #free: Uint8Array[] = []
  readonly #most: () => number
  #made = 0
  #waiting: ((buffer: Uint8Array) => void)[] = []

  /** @param payloadBytes the most that one frame carries @param most how many there may be now */
  constructor(payloadBytes: number, most: () => number) {
    this.#payloadBytes = payloadBytes
    this.#most = most
  }

  /** A buffer of header room and payload room, with `frameRoomBytes` in front of it; waits for one to come back. */
  async take(): Promise<Uint8Array> {
    const buffer = this.#free.pop()
    if (buffer !== undefined) return buffer
    if (this.#made < this.#most()) {
      this.#made++
      return new Uint8Array(frameRoomBytes + headerBytes + this.#payloadBytes).subarray(frameRoomBytes)
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  give(buffer: Uint8Array): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free.push(buffer)
    else next(buffer)
  }
}
