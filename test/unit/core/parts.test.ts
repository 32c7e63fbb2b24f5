import { describe, expect, it } from 'vitest'
import { Hub } from '../../../src/core/hub.ts'
import { Parts } from '../../../src/core/parts.ts'
import { fileChunksMax, partsMaxBytes } from '../../../src/model/limits.ts'
import type { Message } from '../../../src/model/messages.ts'
import { Bench, chunkBytes, intentOf, pageOf, settingsOf } from '../../support/core-bench.ts'
import { memoryKept } from '../../support/memory-kept.ts'

/** A receiver of files of a chunk each, of which these came, each in a pack of its own, and some are written. */
function receiver(came: readonly number[], written: readonly number[] = []): Bench {
  const bench = Bench.inPhase('receiver', 'transferring')
  bench.page([chunkBytes, chunkBytes])
  for (const entry of came) packArrives(bench, entry)
  for (const entry of written) packWritten(bench, entry)
  bench.said()
  return bench
}

function packArrives(bench: Bench, entry: number): void {
  const { connection } = bench
  const { epoch } = bench.core
  const files = [{ entry, revision: 0, length: chunkBytes }]
  bench.tell({ kind: 'frameArrived', connection, frame: { kind: 'pack', frame: entry, epoch, files } })
}

function packWritten(bench: Bench, entry: number): void {
  bench.tell({ kind: 'packWritten', files: [{ entry, revision: 0, hash: 7n }], bad: [] })
}

const partOf = (entry: number, received: readonly (readonly [number, number])[]) => ({
  need: 'part',
  from: entry,
  revision: 0,
  durable: [],
  received,
})

describe('a file that came whole', () => {
  it('is said to be received once it is written, and not before, when a connection comes back', () => {
    const bench = receiver([0, 1], [1])
    bench.open()
    const wants = bench.said().flatMap((message) => (message.kind === 'want' ? message.wants : []))
    expect(wants).toEqual([partOf(0, []), partOf(1, [[0, 1]])])
  })

  it('is written once, however often it comes', () => {
    const bench = receiver([0])
    expect(bench.take('writePack').accept).toEqual([0])
    bench.open()
    bench.said()
    packArrives(bench, 0)
    expect(bench.take('writePack').accept).toEqual([])
    packWritten(bench, 0)
    packArrives(bench, 0)
    expect(bench.take('writePack').accept).toEqual([])
    expect(bench.take('syncData').finish).toMatchObject([{ entry: 0, revision: 0 }])
  })

  it('is written, too, when its digest came before it over another lane', () => {
    const bench = receiver([])
    bench.hear({ kind: 'sync', grade: 'major', files: [{ entry: 0, revision: 0, digest: '0'.repeat(16) }] })
    packArrives(bench, 0)
    expect(bench.take('writePack').accept).toEqual([0])
    packArrives(bench, 0)
    expect(bench.take('writePack').accept).toEqual([])
    packWritten(bench, 0)
    expect(bench.take('syncData').finish).toMatchObject([{ entry: 0, revision: 0 }])
  })

  it('has its hash when the sender asks for it', () => {
    const bench = receiver([0, 1], [1])
    const ask = (entry: number): Message => ({ kind: 'hashes', way: 'ask', entry, revision: 0, first: 0, count: 1 })
    bench.hear(ask(0))
    bench.hear(ask(1))
    expect(bench.said()).toMatchObject([{ hashes: '' }, { hashes: '0000000000000007' }])
  })

  it('and has changed since becomes the next revision behind its write', () => {
    const bench = receiver([0])
    bench.hear({ kind: 'resync', entry: 0, revision: 1, size: 2 * chunkBytes, mtimeUs: 0, mode: 0o644, keep: [] })
    expect(bench.effects.filter(({ kind }) => kind === 'commit')).toEqual([])
    packWritten(bench, 0)
    expect(bench.take('commit').records).toMatchObject([{ kind: 'revised', entry: 0, revision: 1 }])
    expect(bench.effects.filter(({ kind }) => kind === 'syncData')).toEqual([])
  })

  it('has its room on the disk from its write on', () => {
    expect(receiver([0, 1], [1]).core.bytesStaged).toBe(chunkBytes)
  })

  it('and is nowhere to be found where it should get its name begins anew', () => {
    const bench = receiver([0], [0])
    const { serial } = bench.take('syncData')
    bench.tell({ kind: 'dataSynced', serial, finished: [intentOf(0)], syncMs: 0 })
    bench.commit()
    bench.tell({ kind: 'filesPlaced', serial, results: [{ entry: 0, result: 'lost' }] })
    expect(bench.take('note').records).toEqual([{ kind: 'bad', entry: 0, revision: 0, chunks: [[0, 1]] }])
    expect(bench.said()).toMatchObject([{ kind: 'want', wants: [{ need: 'all', from: 0, count: 1 }] }])
    expect(bench.core.bytesStaged).toBe(0)
  })
})

function partsOf(sizes: readonly number[]): Parts {
  const hub = new Hub(settingsOf('receiver'))
  hub.entries.addPage(pageOf(sizes))
  return new Parts(hub)
}

const emptyFiles = (count: number): number[] => Array.from({ length: count }, () => 0)
const atMost = partsMaxBytes / 2048 // Parts; a few less, for each has a chunk, too.

describe('memory of files under way', () => {
  it('is bounded, too, where a sender asks for hashes of all that came whole', () => {
    const parts = partsOf(emptyFiles(2 * atMost))
    for (let entry = 0; entry < 2 * atMost; entry++) {
      parts.writeWhole(entry)
      parts.wroteWhole(entry, 7n)
    }
    expect(() => {
      for (let entry = 0; entry < 2 * atMost; entry++) parts.get(entry)
    }).toThrow('too many files are under way at once')
  })

  it('is 9 bytes of each of their chunks, too, so that four of the largest are under way and no fifth', () => {
    const parts = partsOf(Array.from({ length: 5 }, () => fileChunksMax * chunkBytes))
    for (let entry = 0; entry < 4; entry++) parts.begun(entry)
    expect(() => parts.begun(4)).toThrow('too many files are under way at once')
    parts.drop(0)
    parts.begun(4)
  })

  it('is a few numbers for each that came whole, from its pack to its place', () => {
    const count = 4_096
    const { objects } = memoryKept(() => {
      const bench = Bench.inPhase('receiver', 'transferring')
      bench.page(Array.from({ length: count }, () => chunkBytes))
      for (let entry = 0; entry < count; entry++) {
        packArrives(bench, entry)
        packWritten(bench, entry)
        bench.effects.length = 0
      }
      return bench
    })
    expect(objects / count).toBeLessThan(600) // Some 390; with a part of each it would be 1,000 (measured).
  })

  it('is given back with them', () => {
    const parts = partsOf(emptyFiles(2 * atMost))
    for (let entry = 0; entry < 2 * atMost; entry++) {
      parts.begun(entry)
      parts.drop(entry)
    }
    expect(parts.get(0)).toBeUndefined()
  })

  it('is 256 bytes of what came whole, which lets 2,097,152 wait', () => {
    const count = partsMaxBytes / 256
    const parts = partsOf(emptyFiles(count + 1))
    for (let entry = 0; entry < count; entry++) parts.writeWhole(entry)
    expect(() => parts.writeWhole(count)).toThrow('too many files are under way at once')
  })
})

describe('files under way', () => {
  it('have as many bytes staged as were written and are not durable', () => {
    const parts = partsOf([2 * chunkBytes, 5, 7])
    parts.begun(0).hold(0, 1n, false)
    parts.begun(0).hold(1, 1n, false)
    parts.begun(0).durable.add(1)
    parts.writeWhole(1)
    parts.writeWhole(2)
    expect(parts.bytesStaged).toBe(chunkBytes)
    expect(parts.wroteWhole(1, 9n)).toBe(true)
    expect(parts.bytesStaged).toBe(chunkBytes + 5)
  })

  it('await what lies behind their end, for that is refused, and nothing twice', () => {
    const parts = partsOf([chunkBytes, 5, 6])
    parts.begun(0).hold(0, 1n, false)
    parts.writeWhole(1)
    expect([0, 1].map((chunk) => parts.awaits(0, chunk))).toEqual([false, true])
    expect([0, 1].map((chunk) => parts.awaits(1, chunk))).toEqual([false, true])
    expect(parts.awaits(2, 0)).toBe(true)
  })

  it('that are parts stay parts when they come whole, and what the sender allowed of them stays allowed', () => {
    const parts = partsOf([5])
    parts.begun(0).authorised = '9'.repeat(16)
    parts.writeWhole(0)
    expect(parts.wroteWhole(0, 9n)).toBe(false)
    const { authorised, writing, held } = parts.get(0)!
    expect([authorised, writing.has(0), held.has(0)]).toEqual(['9'.repeat(16), true, false])
  })

  it('came whole as data, and never as a hole', () => {
    const parts = partsOf([5])
    parts.writeWhole(0)
    parts.wroteWhole(0, 9n)
    expect(parts.get(0)!.holes.count).toBe(0)
    expect(parts.get(0)!.held.count).toBe(1)
  })
})
