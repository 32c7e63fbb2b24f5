// Two streams as one: what is not read is not taken in, and lines that come before the connection leave the rest of the stream
// as it is.

import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { Pipe, readLine } from '../../../src/transport/pipe.ts'

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate)
}

function piped() {
  const [input, output] = [new PassThrough({ highWaterMark: 2 ** 30 }), new PassThrough()]
  return { input, output, pipe: new Pipe(input, output) }
}

describe('a pipe', () => {
  it('takes in no more than it may keep while nobody reads, and all of it once somebody does', async () => {
    const { input, pipe } = piped()
    const [piece, count] = [Buffer.alloc(64 * 1024, 7), 100]
    for (let i = 0; i < count; i += 1) input.write(piece)
    await turns(20)
    expect(pipe.bytesRead).toBeLessThanOrEqual(pipe.readableHighWaterMark + piece.length)
    let bytes = 0
    pipe.on('data', (more: Buffer) => {
      bytes += more.length
      if (bytes === piece.length) pipe.pause()
    })
    await turns(20)
    expect(pipe.bytesRead).toBeLessThanOrEqual(pipe.readableHighWaterMark + 2 * piece.length)
    pipe.resume()
    while (bytes < count * piece.length) await turns(1)
    expect(bytes).toBe(count * piece.length)
    pipe.destroy()
  })

  it('is read by lines, however they come in pieces, and what follows them stays', async () => {
    const { input, pipe } = piped()
    for (const piece of ['one\ntw', 'o\n', '\nfour']) input.write(piece)
    expect([await readLine(pipe, 10), await readLine(pipe, 10), await readLine(pipe, 10)]).toEqual(['one', 'two', ''])
    input.write(' and more')
    await turns(2)
    expect(String(pipe.read())).toBe('four and more')
    const last = readLine(pipe, 10)
    input.end('unfinished')
    expect(await last).toBeUndefined()
    pipe.destroy()
  })

  it('says where a line is too long, and ends its waiting when it is destroyed', async () => {
    const { input, pipe } = piped()
    input.write('x'.repeat(11))
    await expect(readLine(pipe, 10)).rejects.toThrow(RangeError)
    const waiting = readLine(pipe, 10)
    pipe.destroy()
    expect(await waiting).toBeUndefined()
  })

  it('tells its end to the other side by closing, once all is written', async () => {
    const { output, pipe } = piped()
    pipe.end('goodbye')
    await turns(5)
    expect(output.destroyed).toBe(true)
    const failing = piped()
    failing.pipe.on('error', () => {})
    failing.input.destroy(new Error('torn'))
    await turns(5)
    expect([failing.pipe.errored?.message, failing.output.destroyed]).toEqual(['torn', true])
  })
})
