// Two streams, one each way, as the one stream a WebSocket needs: standard input and output, or those of a child. Nothing is
// buffered beyond one read, so whoever stops reading stops the other end.

import { Duplex, type Readable, type Writable } from 'node:stream'

export class Pipe extends Duplex {
  /** Bytes that came in so far. */
  bytesRead = 0
  readonly #input: Readable
  readonly #output: Writable

  constructor(input: Readable, output: Writable) {
    super()
    this.#input = input
    this.#output = output
    input.pause()
    input.on('data', (bytes: Buffer) => {
      this.bytesRead += bytes.length
      if (!this.push(bytes)) input.pause()
    })
    input.once('end', () => this.push(null))
    input.once('close', () => input.readableEnded || this.destroy())
    for (const stream of [input, output]) stream.on('error', (error) => this.destroy(error))
  }

  override _read(): void {
    this.#input.resume()
  }

  override _write(bytes: Buffer, _encoding: string, taken: (error?: Error | null) => void): void {
    this.#output.write(bytes, taken)
  }

  /** All has been written; only closing the stream tells the other end. */
  override _final(done: () => void): void {
    this.#output.destroy()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#input.destroy()
    this.#output.destroy()
    done(error)
  }
}

/**
 * The next line of a stream that nobody reads otherwise; what follows it stays in the stream. Undefined where that ends first.
 * @throws RangeError for a line longer than `maxBytes`
 */
export async function readLine(stream: Duplex, maxBytes: number): Promise<string | undefined> {
  let line = Buffer.alloc(0)
  for (;;) {
    const bytes = stream.read() as Buffer | null
    if (bytes === null) {
      if (!(await isReadableAgain(stream))) return undefined
      continue
    }
    line = Buffer.concat([line, bytes])
    const end = line.indexOf('\n')
    if ((end === -1 ? line.length : end) > maxBytes) throw new RangeError('a line is too long')
    if (end === -1) continue
    stream.unshift(line.subarray(end + 1))
    return line.toString('utf8', 0, end)
  }
}

function isReadableAgain(stream: Duplex): Promise<boolean> {
  if (stream.readableEnded || stream.destroyed) return Promise.resolve(false)
  return new Promise((resolve) => {
    const settle = (isReadable: boolean): void => {
      stream.off('readable', more).off('end', over).off('close', over)
      resolve(isReadable)
    }
    const more = (): void => settle(true)
    const over = (): void => settle(false)
    stream.on('readable', more).once('end', over).once('close', over)
  })
}
