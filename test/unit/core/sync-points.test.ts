import { describe, expect, it } from 'vitest'
import type { Effect } from '../../../src/core/effects.ts'
import { plans } from '../../../src/core/inputs.ts'
import type { Acknowledge } from '../../../src/model/messages.ts'
import type { JournalRecord } from '../../../src/model/records.ts'
import { Bench, chunkBytes, intentOf } from '../../support/core-bench.ts'

/** A receiver that waits for files of so many chunks. */
function receiver(...chunks: readonly number[]): Bench {
  const bench = Bench.inPhase('receiver', 'transferring')
  bench.page(chunks.map((count) => count * chunkBytes))
  bench.said()
  bench.effects.length = 0
  return bench
}

function write(bench: Bench, entry: number, chunk: number): void {
  const place = { entry, revision: 0, chunk }
  const { connection } = bench
  const { epoch } = bench.core
  const frame = { kind: 'chunk', frame: 1, epoch, place, length: chunkBytes } as const
  bench.tell({ kind: 'frameArrived', connection, frame })
  bench.take('writeChunk')
  bench.tell({ kind: 'chunkWritten', place, hash: 7n, hole: false })
}

const acknowledged = (bench: Bench): Acknowledge[] =>
  bench.said().filter((message): message is Acknowledge => message.kind === 'acknowledge')
const kindsOf = (effects: readonly Effect[]): string[] => effects.map(({ kind }) => kind)
const recordsOf = (bench: Bench): JournalRecord['kind'][] =>
  bench.effects.flatMap((effect) => (effect.kind === 'commit' ? effect.records.map(({ kind }) => kind) : []))

/** The only chunk of file 0 is written, and the sender allows it to be published. */
function complete(bench: Bench): void {
  const digest = (7n + BigInt(chunkBytes)).toString(16).padStart(16, '0') // A hash of 7, and the size.
  write(bench, 0, 0)
  bench.hear({ kind: 'sync', grade: 'major', files: [{ entry: 0, revision: 0, digest }] })
}

describe('a minor sync point', () => {
  it('R1: is acknowledged only when its data, and then the record that lists it, are on the disk', () => {
    const bench = receiver(2)
    write(bench, 0, 0)
    write(bench, 0, 1)
    const { serial } = bench.take('syncData')
    expect(acknowledged(bench)).toEqual([])
    bench.tell({ kind: 'dataSynced', serial, finished: [], syncMs: 3 })
    expect(recordsOf(bench)).toEqual(['durable'])
    expect(acknowledged(bench)).toEqual([])
    bench.commit()
    expect(acknowledged(bench)).toMatchObject([{ serial, places: [{ entry: 0, revision: 0, first: 0, count: 2 }] }])
  })

  it('R1: vouches only for what was written before its sync began; the rest waits for the next', () => {
    const bench = receiver(2, 2)
    write(bench, 0, 0)
    write(bench, 0, 1)
    const { serial } = bench.take('syncData')
    write(bench, 1, 0)
    bench.tell({ kind: 'dataSynced', serial, finished: [], syncMs: 0 })
    bench.commit()
    expect(acknowledged(bench).flatMap(({ places }) => places)).toEqual([{ entry: 0, revision: 0, first: 0, count: 2 }])
    write(bench, 1, 1)
    const next = bench.take('syncData')
    expect(next).toMatchObject({ serial: serial + 1, entries: [1] })
  })

  it('comes after so many bytes, so much time, or when it is asked for; never two at once', () => {
    const bench = receiver(2, 2)
    write(bench, 0, 0)
    expect(kindsOf(bench.effects)).not.toContain('syncData')
    expect(bench.core.deadline).toBe(100)
    bench.now = 99
    bench.tell({ kind: 'deadlinePassed' })
    expect(kindsOf(bench.effects)).not.toContain('syncData')
    bench.now = 100
    bench.tell({ kind: 'deadlinePassed' })
    const first = bench.take('syncData')
    write(bench, 1, 0)
    bench.hear({ kind: 'sync', grade: 'minor' })
    expect(kindsOf(bench.effects)).not.toContain('syncData')
    bench.tell({ kind: 'dataSynced', serial: first.serial, finished: [], syncMs: 0 })
    bench.commit()
    expect(bench.take('syncData').entries).toEqual([1]) // At once: it was asked for meanwhile.
  })
})

it('R1: what a revision overtakes while its record is on its way to the disk is not called durable', () => {
  const bench = receiver(2)
  write(bench, 0, 0)
  write(bench, 0, 1)
  const { serial } = bench.take('syncData')
  bench.tell({ kind: 'dataSynced', serial, finished: [], syncMs: 0 })
  const { purpose } = bench.take('commit')
  const size = 2 * chunkBytes
  bench.hear({ kind: 'resync', entry: 0, revision: 1, size, mtimeUs: 0, mode: 0o644, keep: [[0, 1]] })
  bench.tell({ kind: 'committed', purpose })
  expect(bench.core.entries.bytesAcknowledged).toBe(0)
  bench.commit()
  bench.said()
  bench.tell({ kind: 'partRevised', entry: 0, revision: 1 })
  const wants = [{ need: 'part', from: 0, revision: 1, durable: [], received: [[0, 1]] }]
  expect(bench.said()).toContainEqual(expect.objectContaining({ kind: 'want', wants }))
})

describe('a major sync point', () => {
  it('R112: begins only when the sender has allowed that content', () => {
    const bench = receiver(2)
    write(bench, 0, 0)
    write(bench, 0, 1)
    expect(bench.take('syncData').finish).toEqual([])
  })

  it('R4: data, intent, name, outcome, and only then the word, each on the disk before the next', () => {
    const bench = receiver(1)
    complete(bench)
    const { serial, finish } = bench.take('syncData')
    expect(finish).toMatchObject([{ entry: 0, plan: plans.link, taken: 0 }])
    expect(kindsOf(bench.effects)).not.toContain('placeFiles')
    bench.tell({ kind: 'dataSynced', serial, finished: [intentOf(0)], syncMs: 0 })
    expect(recordsOf(bench)).toEqual(['intent']) // Of one chunk: the intent says it all.
    expect(kindsOf(bench.effects)).not.toContain('placeFiles')
    bench.commit()
    bench.take('placeFiles')
    expect(acknowledged(bench).flatMap(({ outcomes }) => outcomes)).toEqual([]) // Its places, and no outcome.
    bench.tell({ kind: 'filesPlaced', serial, results: [{ entry: 0, result: 'placed' }] })
    expect(recordsOf(bench)).toEqual(['outcome'])
    expect(acknowledged(bench)).toEqual([])
    expect(kindsOf(bench.effects)).not.toContain('removeParts')
    bench.commit()
    expect(acknowledged(bench).flatMap(({ outcomes }) => outcomes)).toMatchObject([{ entry: 0, outcome: 'delivered' }])
    bench.take('removeParts')
  })

  it('R6: whose name was taken meanwhile tries the next one, and acknowledges nothing of it', () => {
    const bench = receiver(1)
    complete(bench)
    const { serial } = bench.take('syncData')
    bench.tell({ kind: 'dataSynced', serial, finished: [intentOf(0)], syncMs: 0 })
    bench.commit()
    bench.take('placeFiles')
    bench.said()
    bench.tell({ kind: 'filesPlaced', serial, results: [{ entry: 0, result: 'exists' }] })
    bench.commit()
    expect(acknowledged(bench)).toEqual([])
    expect(bench.take('syncData').finish).toMatchObject([{ entry: 0, taken: 1 }])
  })

  it('whose name the disk refuses is left out, and that is acknowledged when it is on the disk', () => {
    const bench = receiver(1)
    complete(bench)
    const { serial } = bench.take('syncData')
    bench.tell({ kind: 'dataSynced', serial, finished: [intentOf(0)], syncMs: 0 })
    bench.commit()
    bench.take('placeFiles')
    bench.said()
    bench.tell({ kind: 'filesPlaced', serial, results: [{ entry: 0, result: { reason: 'no such name' } }] })
    expect(acknowledged(bench)).toEqual([])
    expect(recordsOf(bench)).toEqual(['outcome'])
    bench.commit()
    expect(acknowledged(bench).flatMap(({ outcomes }) => outcomes)).toEqual([
      { entry: 0, outcome: 'omitted', bytes: 0, reason: 'no such name' },
    ])
    expect(bench.core.outcome(0)).toBe('omitted')
    bench.take('removeParts')
  })

  it('R48: a file whose chunks do not add up to the digest fails, and gets no name', () => {
    const bench = receiver(2)
    write(bench, 0, 0)
    write(bench, 0, 1)
    const { serial } = bench.take('syncData')
    bench.tell({ kind: 'dataSynced', serial, finished: [], syncMs: 0 })
    bench.commit()
    bench.hear({ kind: 'sync', grade: 'major', files: [{ entry: 0, revision: 0, digest: 'f'.repeat(16) }] })
    expect(kindsOf(bench.effects)).not.toContain('syncData')
    bench.commit()
    const reason = 'integrity: its digest is 000000000000020e, the sender says ffffffffffffffff'
    expect(acknowledged(bench).flatMap(({ outcomes }) => outcomes)).toEqual([
      { entry: 0, outcome: 'failed', bytes: 0, reason },
    ])
    expect(bench.core.outcome(0)).toBe('failed')
  })
})
