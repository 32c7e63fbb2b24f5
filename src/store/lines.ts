// Lines of text out of a stream of bytes, bounded.

import type { Socket } from 'node:net'

/** Gathers bytes into lines; throws RangeError for one that grows beyond its bound. */
export class LineReader {
  readonly #maxBytes: number
  #rest = Buffer.alloc(0)

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The lines that these bytes complete, without their ends. */
  *lines(bytes: Buffer): Generator<string> {
    this.#rest = Buffer.concat([this.#rest, bytes])
    for (;;) {
      const end = this.#rest.indexOf('\n')
      if ((end === -1 ? this.#rest.length : end) > this.#maxBytes) throw new RangeError('a line is too long')
      if (end === -1) return
      yield this.#rest.toString('utf8', 0, end)
      this.#rest = this.#rest.subarray(end + 1)
    }
  }
}

/** The first line that comes; undefined if the stream ends before. Rejects after `timeoutMs` of silence. Nothing more is read. */
export function firstLine(socket: Socket, maxBytes: number, timeoutMs: number): Promise<string | undefined> {
  const reader = new LineReader(maxBytes)
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      socket.setTimeout(0)
      socket.off('data', take).off('timeout', lapse).off('close', end)
      socket.pause()
      act()
    }
    const take = (bytes: Buffer): void => {
      try {
        for (const line of reader.lines(bytes)) return settle(() => resolve(line))
      } catch (error) {
        settle(() => reject(error as Error))
      }
    }
    const lapse = (): void => settle(() => reject(new Error(`nothing came for ${timeoutMs} ms`)))
    const end = (): void => settle(() => resolve(undefined))
    socket.setTimeout(timeoutMs)
    socket.on('data', take).once('timeout', lapse).once('close', end)
  })
}
