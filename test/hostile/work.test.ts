// How much work a peer can make with what it sends: eight times the bytes, some eight times the work, and no more (R78). Work
// is counted, in blocks of our code that the engine runs, and not timed. What runs inside of Node is not seen by it.

import { Session } from 'node:inspector/promises'
import { setFlagsFromString } from 'node:v8'
import { afterAll, describe, expect, it } from 'vitest'
import type { Path } from '../../src/model/names.ts'

setFlagsFromString('--no-opt') // Calls that are inlined are not counted.
setFlagsFromString('--no-flush-bytecode')
const inspector = new Session()
inspector.connect()
await inspector.post('Profiler.enable')
await inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
afterAll(() => inspector.disconnect())

// Only what is compiled from here on is counted.
const { Window } = await import('../../src/core/window.ts')
const { NameRules } = await import('../../src/engine/name-rules.ts')
const { FrameReader } = await import('../../src/transport/frame-reader.ts')
const { decodeMessage } = await import('../../src/wire/messages.ts')
const { Bench, chunkBytes } = await import('../support/core-bench.ts')
const { fileEntry, pageOf, wsFrame } = await import('./evil.ts')

const factor = 8
const slopeMax = 1.1
interface Coverage {
  readonly result: readonly {
    readonly url: string
    readonly functions: readonly { readonly ranges: readonly { readonly count: number }[] }[]
  }[]
}

/** How many blocks of src ran, since the last time this was asked. */
async function blocksRun(): Promise<number> {
  const { result } = (await inspector.post('Profiler.takePreciseCoverage')) as Coverage
  const ours = result.filter(({ url }) => url.includes('/src/') && !url.includes('node_modules'))
  return ours
    .flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges))
    .reduce((sum, { count }) => sum + count, 0)
}

/** Makes something of a size, and then does with it what a peer can have done. */
type Work = (size: number) => () => void

async function blocksOf(work: Work, size: number): Promise<number> {
  const act = work(size)
  await blocksRun()
  act()
  return blocksRun()
}

const ids = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const hash = '0'.repeat(16)
const parsed =
  (make: (n: number) => object): Work =>
  (n) => {
    const text = JSON.stringify(make(n))
    return () => void decodeMessage(text)
  }

/** A receiver whose peer has offered one file of so many chunks, and sends them in this order. */
const arriving =
  (order: (n: number) => readonly number[]): Work =>
  (n) => {
    const bench = Bench.inPhase('receiver', 'transferring')
    bench.page([n * chunkBytes])
    bench.said()
    const chunks = order(n)
    return () => {
      for (const [frame, chunk] of chunks.entries()) {
        const place = { entry: 0, revision: 0, chunk }
        const { connection } = bench
        bench.tell({
          kind: 'frameArrived',
          connection,
          frame: { kind: 'chunk', frame, epoch: bench.core.epoch, place, length: chunkBytes },
        })
        if (bench.effects.some(({ kind }) => kind === 'writeChunk'))
          bench.tell({ kind: 'chunkWritten', place, hash: 7n, hole: false })
        sync(bench)
        bench.effects.length = 0
      }
    }
  }

/** The disk does what it is asked to, at once. */
function sync(bench: ReturnType<typeof Bench.fresh>): void {
  const due = bench.effects.find((effect) => effect.kind === 'syncData')
  if (due === undefined) return
  bench.tell({ kind: 'dataSynced', serial: due.serial, finished: [], syncMs: 0 })
  bench.commit()
}

const named =
  (path: (i: number) => Path): Work =>
  (n) => {
    const rules = new NameRules({ folds: true, isWindows: true, isHome: true }, () => {})
    const paths = ids(n).map(path)
    return () => paths.forEach((each) => rules.fault(each))
  }

const streamed =
  (bytes: (n: number) => Uint8Array, piece: number): Work =>
  (n) => {
    const reader = new FrameReader(true, { frame: (_, release) => release(), rest() {} })
    const all = bytes(n)
    return () => {
      for (let at = 0; at < all.length; at += piece) reader.take(all.subarray(at, at + piece))
    }
  }

// Messages stay below 340 KiB, from where on the bytes of a text are counted, a step that is no slope.
const works: Readonly<Record<string, readonly [size: number, work: Work]>> = {
  'a page of entries': [200, parsed((n) => pageOf(ids(n).map((i) => fileEntry(`file ${i}`, 1))))],
  'a page of deep paths': [
    100,
    parsed((n) => pageOf(ids(n).map((i) => fileEntry([...Array<string>(64).fill('d'), `${i}`], 1)))),
  ],
  'a want of many runs': [
    1_000,
    parsed((n) => ({
      kind: 'want',
      wants: [{ need: 'part', from: 0, revision: 0, durable: ids(n).map((i) => [2 * i, 1]), received: [] }],
      pages: 1,
      last: true,
    })),
  ],
  'many wants': [
    700,
    parsed((n) => ({
      kind: 'want',
      wants: ids(n).map((i) => ({ need: 'all', from: i, count: 1, revision: 0 })),
      pages: 1,
      last: true,
    })),
  ],
  'a sync of many files': [
    1_000,
    parsed((n) => ({ kind: 'sync', grade: 'major', files: ids(n).map((i) => [i, 0, hash]) })),
  ],
  'an acknowledge of many places and outcomes': [
    60,
    parsed((n) => ({
      kind: 'acknowledge',
      serial: 1,
      level: 'checkpoint',
      syncMs: 0,
      places: ids(n).map((i) => [i, 0, 0, 1]),
      outcomes: ids(n).map((i) => [i, 'delivered', 1]),
    })),
  ],
  'an acknowledge of one run again and again': [
    25,
    (n) => {
      const bench = Bench.inPhase('sender', 'transferring')
      bench.page([n * chunkBytes])
      bench.hear({ kind: 'want', wants: [{ need: 'all', from: 0, count: 1, revision: 0 }], pages: 1, last: false })
      const places = Array.from({ length: n }, () => ({ entry: 0, revision: 0, first: 0, count: n }))
      return () =>
        void bench.hear({ kind: 'acknowledge', serial: 1, places, outcomes: [], level: 'checkpoint', syncMs: 0 })
    },
  ],
  'an acknowledge of single chunks that are not out, while many are': [
    100,
    (n) => {
      const window = new Window(2 ** 30)
      for (const chunk of ids(n)) window.add(0, chunk + 1, 1, undefined)
      return () => ids(n).forEach((i) => window.settle(0, [n + 1 + i, 1]))
    },
  ],
  'chunks in order': [500, arriving(ids)],
  'chunks from the end': [500, arriving((n) => ids(n).toReversed())],
  'every second chunk, then the others': [
    500,
    arriving((n) => [...ids(n).filter((i) => i % 2 === 0), ...ids(n).filter((i) => i % 2 === 1)]),
  ],
  'one chunk again and again': [500, arriving((n) => Array<number>(n).fill(0))],
  'names that are one': [500, named((i) => ['dir', `${i % 2 === 0 ? 'a' : 'A'}${i >> 1}`])],
  'names of many directories': [500, named((i) => [`d${i}`, ...Array<string>(60).fill('x'), 'f'])],
  'a frame in single bytes': [4_000, streamed((n) => wsFrame(2, Buffer.alloc(n)), 1)],
  'tiny frames': [500, streamed((n) => Buffer.concat(ids(n).map(() => wsFrame(1, Buffer.from('{}')))), 1_000)],
}

describe('R78: work grows with what was sent', () => {
  it.each(Object.keys(works))('%s', async (name) => {
    const [size, work] = works[name]!
    await blocksOf(work, size) // What is set up once is set up.
    const [few, many] = [await blocksOf(work, size), await blocksOf(work, factor * size)]
    const slope = Math.log(many / few) / Math.log(factor)
    console.log(`${name}: ${few} blocks for ${size}, ${many} for ${factor * size}: slope ${slope.toFixed(2)}`)
    expect(few, 'the count sees the work').toBeGreaterThan(size)
    expect(many).toBeGreaterThan(few)
    expect(slope).toBeLessThanOrEqual(slopeMax)
  })

  it('and a square would be seen', async () => {
    const square: Work = (n) => {
      const rules = new NameRules({ folds: true, isWindows: false, isHome: false }, () => {})
      return () => ids(n).forEach(() => ids(n).forEach((i) => rules.fault([`${i}`])))
    }
    const slope = Math.log((await blocksOf(square, 160)) / (await blocksOf(square, 20))) / Math.log(factor)
    expect(slope).toBeGreaterThan(1.8)
  })
})
