// The rules of sync points, exactly: when one begins, what goes into it, and in how many words it is said.

import { describe, expect, it } from 'vitest'
import { emptyCheckpoint } from '../../../src/core/checkpoint.ts'
import type { Effect } from '../../../src/core/effects.ts'
import type { Input } from '../../../src/core/inputs.ts'
import { defaultLimits, type Limits, outcomesPerMessageMax, runsPerMessageMax } from '../../../src/model/limits.ts'
import type { Acknowledge, Message } from '../../../src/model/messages.ts'
import type { IntentFile } from '../../../src/model/records.ts'
import { Bench, chunkBytes, intentOf, listenerHello } from '../../support/core-bench.ts'

const limits = { ...defaultLimits, chunkBytes, windowBytes: 4096, syncEveryBytes: 512, syncEveryMs: 100 }

/** A receiver that waits for files of so many chunks. */
function receiver(chunks: readonly number[], changed: Partial<Limits> = {}): Bench {
  const own = { ...limits, ...changed }
  const bench = Bench.fresh('receiver', emptyCheckpoint(), [], [], { limits: own })
  const input = listenerHello('sender') as Input & { kind: 'helloArrived' }
  const wishes = { ...input.hello.wishes, windowBytes: own.windowBytes }
  bench.tell({ ...input, hello: { ...input.hello, wishes } })
  bench.commit()
  bench.page(chunks.map((count) => count * chunkBytes))
  bench.said()
  bench.effects.length = 0
  return bench
}

function write(bench: Bench, entry: number, chunk: number, hole = false): void {
  const place = { entry, revision: 0, chunk }
  const frame = { kind: 'chunk', frame: 1, epoch: bench.core.epoch, place, length: chunkBytes } as const
  bench.tell({ kind: 'frameArrived', connection: 1, frame })
  bench.tell({ kind: 'chunkWritten', place, hash: BigInt(chunk), hole })
}

const of = <Kind extends Effect['kind']>(bench: Bench, kind: Kind) =>
  bench.effects.filter((effect): effect is Extract<Effect, { kind: Kind }> => effect.kind === kind)
const acknowledged = (bench: Bench): Acknowledge[] =>
  bench.said().filter((message: Message): message is Acknowledge => message.kind === 'acknowledge')

/** The cycle under way ends; @returns its durable runs */
function finishCycle(bench: Bench, syncMs = 0) {
  const { serial } = bench.take('syncData')
  bench.tell({ kind: 'dataSynced', serial, finished: [], syncMs })
  const { records } = of(bench, 'commit')[0]!
  bench.commit()
  return records.flatMap((record) => (record.kind === 'durable' ? record.runs : []))
}

describe('a sync point begins', () => {
  it('at so many bytes, counted anew for each', () => {
    const bench = receiver([8])
    write(bench, 0, 0)
    expect(of(bench, 'syncData')).toEqual([])
    write(bench, 0, 1)
    expect(of(bench, 'syncData')).toEqual([{ kind: 'syncData', serial: 1, entries: [0], finish: [] }])
    finishCycle(bench)
    write(bench, 0, 2)
    expect(of(bench, 'syncData')).toEqual([])
    write(bench, 0, 3)
    expect(of(bench, 'syncData')).toMatchObject([{ serial: 2 }])
  })

  it('at half the window, where that is less', () => {
    const bench = receiver([8], { syncEveryBytes: 100_000, windowBytes: 2048 })
    for (const chunk of [0, 1, 2]) write(bench, 0, chunk)
    expect(of(bench, 'syncData')).toEqual([])
    write(bench, 0, 3)
    expect(of(bench, 'syncData')).toHaveLength(1)
  })

  it('at a quarter of the window, where several lanes have a long way', () => {
    const bench = receiver([8], { syncEveryBytes: 100_000, windowBytes: 2048, lanes: 2 })
    const { hello } = listenerHello('sender') as Input & { kind: 'helloArrived' }
    for (const lane of [1, 2])
      bench.tell({ kind: 'helloArrived', connection: 1 + lane, hello: { ...hello, lane, epoch: 1 }, records: [] })
    write(bench, 0, 0)
    expect(of(bench, 'syncData')).toEqual([])
    write(bench, 0, 1)
    expect(of(bench, 'syncData')).toHaveLength(1)
  })

  it('so long after the first of what it covers, and wants to hear of no other time', () => {
    const bench = receiver([8])
    const quiet = bench.core.deadline
    bench.now = 40
    write(bench, 0, 0)
    expect(bench.core.deadline).toBe(140)
    bench.now = 139
    bench.tell({ kind: 'deadlinePassed' })
    expect(of(bench, 'syncData')).toEqual([])
    bench.now = 140
    bench.tell({ kind: 'deadlinePassed' })
    expect(of(bench, 'syncData')).toHaveLength(1)
    expect(bench.core.deadline).not.toBe(140)
    write(bench, 0, 1)
    expect(bench.core.deadline).not.toBe(240) // One at a time: the end of this one begins the next.
    bench.hear({ kind: 'sync', grade: 'minor' })
    finishCycle(bench)
    finishCycle(bench)
    expect(quiet).toBeGreaterThan(140)
    expect(bench.core.deadline).toBeGreaterThan(140)
  })

  it('not because it was asked for while there was nothing to sync', () => {
    const bench = receiver([8])
    bench.hear({ kind: 'sync', grade: 'minor' })
    write(bench, 0, 0)
    expect(of(bench, 'syncData')).toEqual([])
    bench.hear({ kind: 'sync', grade: 'minor' })
    expect(of(bench, 'syncData')).toHaveLength(1)
    finishCycle(bench)
    write(bench, 0, 1)
    expect(of(bench, 'syncData')).toEqual([])
  })

  it('with the parts of what was written, each once', () => {
    const bench = receiver([4, 4], { syncEveryBytes: 768 })
    write(bench, 1, 0)
    write(bench, 0, 0)
    write(bench, 1, 1)
    expect(of(bench, 'syncData')).toEqual([{ kind: 'syncData', serial: 1, entries: [1, 0], finish: [] }])
  })
})

describe('a sync point says', () => {
  it('runs of data and of holes apart, with their hashes', () => {
    const bench = receiver([8], { syncEveryBytes: 5 * chunkBytes, windowBytes: 64 * chunkBytes })
    for (const chunk of [0, 1, 2, 3, 4]) write(bench, 0, chunk, chunk === 2 || chunk === 3)
    expect(finishCycle(bench)).toEqual([
      { entry: 0, revision: 0, first: 0, hashes: BigUint64Array.of(0n, 1n), holes: 0 },
      { entry: 0, revision: 0, first: 2, hashes: BigUint64Array.of(2n, 3n), holes: 2 },
      { entry: 0, revision: 0, first: 4, hashes: BigUint64Array.of(4n), holes: 0 },
    ])
    expect(acknowledged(bench)).toMatchObject([{ places: [{ entry: 0, revision: 0, first: 0, count: 5 }] }])
  })

  it('how long it took, in whole milliseconds, to the peer and to users', () => {
    const bench = receiver([8])
    write(bench, 0, 0)
    write(bench, 0, 1)
    finishCycle(bench, 12.6)
    expect(acknowledged(bench)).toMatchObject([{ serial: 1, level: 'checkpoint', syncMs: 13 }])
    expect(of(bench, 'reportCheckpoint')).toEqual([{ kind: 'reportCheckpoint', serial: 1, grade: 'minor', syncMs: 13 }])
  })

  it('as many messages as it takes, each within its bound, nothing twice', () => {
    const count = 2 * outcomesPerMessageMax + 1
    const bench = receiver(Array.from({ length: count }, () => 1))
    const outcomes = Array.from({ length: count }, (_, entry) => ({ entry, outcome: 'failed', bytes: 0 }) as const)
    bench.tell({ kind: 'committed', purpose: { for: 'given-up', outcomes } })
    const said = acknowledged(bench)
    expect(said.map(({ serial }) => serial)).toEqual([0, 0, 0]) // Of the last one: none is under way.
    expect(said.map((each) => each.outcomes.length)).toEqual([outcomesPerMessageMax, outcomesPerMessageMax, 1])
    expect(said.flatMap((each) => each.outcomes)).toEqual(outcomes)
    expect(said.flatMap(({ places }) => places)).toEqual([])
    expect(of(bench, 'reportCheckpoint')).toMatchObject([{ grade: 'major' }])
  })

  it('places likewise', () => {
    const count = runsPerMessageMax + 1
    const bytes = 2 * count * chunkBytes
    const bench = receiver([2 * count], { syncEveryBytes: bytes, windowBytes: 4 * bytes, syncEveryMs: 1 })
    for (let chunk = 0; chunk < 2 * count; chunk += 2) write(bench, 0, chunk)
    bench.now = 1
    bench.tell({ kind: 'deadlinePassed' })
    finishCycle(bench)
    const said = acknowledged(bench)
    expect(said.map(({ places }) => places.length)).toEqual([runsPerMessageMax, 1])
    expect(said.flatMap(({ places }) => places).at(-1)).toEqual({
      entry: 0,
      revision: 0,
      first: 2 * count - 2,
      count: 1,
    })
  })
})

describe('what a sync point covers', () => {
  const resync = { kind: 'resync', entry: 0, revision: 1, size: 4 * chunkBytes, mtimeUs: 0, mode: 0o644 } as const
  const givenUp = { kind: 'exception', code: 'x', sentence: 'x', entry: 0, outcome: 'failed' } as const
  const largeLimits = { syncEveryBytes: 1e6, windowBytes: 1e6 }

  /** The first file becomes its next revision, of which so much is kept. */
  function revise(bench: Bench, keep: readonly (readonly [number, number])[]): void {
    bench.hear({ ...resync, keep })
    const at = bench.effects.findIndex((effect) => effect.kind === 'commit' && effect.purpose.for === 'revision')
    const [{ purpose }] = bench.effects.splice(at, 1) as [Effect & { kind: 'commit' }]
    bench.tell({ kind: 'committed', purpose })
    bench.tell({ kind: 'partRevised', entry: 0, revision: 1 })
  }

  it('is what a new revision kept and is not durable, and nothing of the revision before', () => {
    const bench = receiver([4, 4], largeLimits)
    write(bench, 0, 2)
    bench.hear({ kind: 'sync', grade: 'minor' })
    finishCycle(bench)
    for (const chunk of [0, 1, 3]) write(bench, 0, chunk)
    write(bench, 1, 0)
    revise(bench, [
      [0, 1],
      [2, 1],
    ])
    bench.hear({ kind: 'sync', grade: 'minor' })
    expect(of(bench, 'syncData')).toMatchObject([{ entries: [1, 0] }])
    expect(finishCycle(bench)).toEqual([
      { entry: 0, revision: 1, first: 0, hashes: BigUint64Array.of(0n), holes: 0 },
      { entry: 1, revision: 0, first: 0, hashes: BigUint64Array.of(0n), holes: 0 },
    ])
  })

  it('is as old as the oldest of what was not dropped', () => {
    const bench = receiver([4, 4], largeLimits)
    const quiet = bench.core.deadline
    write(bench, 0, 0)
    bench.now = 10
    write(bench, 1, 0)
    bench.now = 50
    revise(bench, [[0, 1]])
    expect(bench.core.deadline).toBe(100) // That of what is left, or earlier.
    const alone = receiver([4], largeLimits)
    write(alone, 0, 0)
    revise(alone, [])
    expect(alone.core.deadline).toBe(quiet)
  })

  it('is listed no more where its file has a newer revision by now, but in the next one', () => {
    const bench = receiver([4])
    write(bench, 0, 0)
    write(bench, 0, 1)
    revise(bench, [[0, 1]])
    bench.hear({ kind: 'sync', grade: 'minor' })
    expect(finishCycle(bench)).toEqual([])
    expect(acknowledged(bench)).toEqual([])
    expect(of(bench, 'reportCheckpoint')).toEqual([])
    expect(finishCycle(bench)).toMatchObject([{ entry: 0, revision: 1, first: 0 }])
    expect(acknowledged(bench)).toMatchObject([{ places: [{ entry: 0, revision: 1, first: 0, count: 1 }] }])
  })

  it('is neither listed nor acknowledged where its file was given up meanwhile', () => {
    const bench = receiver([4])
    write(bench, 0, 0)
    write(bench, 0, 1)
    bench.hear(givenUp)
    bench.commit()
    expect(acknowledged(bench)).toMatchObject([{ places: [], outcomes: [{ entry: 0, outcome: 'failed' }] }])
    expect(finishCycle(bench)).toEqual([])
    expect(acknowledged(bench)).toEqual([])
  })

  it('ends with its own number, and while it is under way', () => {
    const bench = receiver([4])
    const synced = (serial: number) => () => bench.tell({ kind: 'dataSynced', serial, finished: [], syncMs: 0 })
    expect(synced(1)).toThrow('one cycle at a time')
    write(bench, 0, 0)
    write(bench, 0, 1)
    expect(synced(2)).toThrow('one cycle at a time')
  })
})

describe('files', () => {
  /** All of `count` files of one chunk are complete, and the sender allows them. */
  function completed(count: number): Bench {
    const bench = receiver(
      Array.from({ length: count }, () => 1),
      { syncEveryBytes: 1e9, windowBytes: 1e9 },
    )
    const digest = BigInt(chunkBytes).toString(16).padStart(16, '0')
    const files = Array.from({ length: count }, (_, entry) => ({ entry, revision: 0, digest }))
    for (let entry = 0; entry < count; entry++) write(bench, entry, 0)
    bench.hear({ kind: 'sync', grade: 'major', files })
    return bench
  }

  it('are finished in groups of a bounded size, the next one when the first is over', () => {
    const bench = completed(1_030)
    const first = bench.take('syncData')
    expect([first.finish.length, first.entries.length]).toEqual([1_024, 6])
    const intents = first.finish.map(({ entry }) => intentOf(entry))
    bench.tell({ kind: 'dataSynced', serial: 1, finished: intents, syncMs: 0 })
    expect(of(bench, 'commit')[0]!.records.map(({ kind }) => kind)).toEqual(['durable', 'intent'])
    bench.commit()
    expect(of(bench, 'placeFiles')).toEqual([{ kind: 'placeFiles', serial: 1, files: intents }])
    expect(of(bench, 'syncData')).toEqual([])
    bench.tell({
      kind: 'filesPlaced',
      serial: 1,
      results: intents.map(({ entry }) => ({ entry, result: 'placed' as const })),
    })
    bench.commit()
    const next = bench.take('syncData')
    expect([next.serial, next.finish.length, next.entries]).toEqual([2, 6, []])
  })

  it('that are nowhere any more are noted as bad, wanted again, and get no outcome', () => {
    const bench = completed(1)
    bench.take('syncData')
    bench.tell({ kind: 'dataSynced', serial: 1, finished: [intentOf(0)], syncMs: 0 })
    bench.commit()
    bench.said()
    bench.tell({ kind: 'filesPlaced', serial: 1, results: [{ entry: 0, result: 'lost' }] })
    expect(of(bench, 'note')).toEqual([
      { kind: 'note', records: [{ kind: 'bad', entry: 0, revision: 0, chunks: [[0, 1]] }] },
    ])
    expect(of(bench, 'commit')).toEqual([{ kind: 'commit', records: [], purpose: { for: 'outcomes', serial: 1 } }])
    bench.commit()
    expect([...of(bench, 'reportOutcomes'), ...of(bench, 'removeParts')]).toEqual([])
    expect(bench.core.outcome(0)).toBeUndefined()
    expect(bench.said()).toEqual([
      { kind: 'want', wants: [{ need: 'all', from: 0, count: 1, revision: 0 }], pages: 1, last: false },
    ])
  })

  /** They are about to get their names. */
  function placing(bench: Bench, changes: Partial<IntentFile> = {}): void {
    const { serial, finish } = bench.take('syncData')
    const finished = finish.map(({ entry }) => ({ ...intentOf(entry), ...changes }))
    bench.tell({ kind: 'dataSynced', serial, finished, syncMs: 0 })
    bench.commit()
    bench.said()
  }

  it('of several chunks are listed, too, when they are about to get their names', () => {
    const bench = receiver([2], { syncEveryBytes: 1e9, windowBytes: 1e9 })
    for (const chunk of [0, 1]) write(bench, 0, chunk)
    const digest = (1n + BigInt(2 * chunkBytes)).toString(16).padStart(16, '0')
    bench.hear({ kind: 'sync', grade: 'major', files: [{ entry: 0, revision: 0, digest }] })
    bench.tell({ kind: 'dataSynced', serial: 1, finished: [intentOf(0)], syncMs: 0 })
    expect(of(bench, 'commit')[0]!.records.map(({ kind }) => kind)).toEqual(['durable', 'intent'])
  })

  it('whose name was taken meanwhile try the next one, and those beside them do not', () => {
    const bench = completed(2)
    placing(bench)
    const results = [
      { entry: 0, result: 'placed' },
      { entry: 1, result: 'exists' },
    ] as const
    bench.tell({ kind: 'filesPlaced', serial: 1, results })
    bench.commit()
    expect(acknowledged(bench).flatMap(({ outcomes }) => outcomes)).toMatchObject([{ entry: 0, outcome: 'delivered' }])
    expect(bench.take('syncData').finish).toMatchObject([{ entry: 1, taken: 1 }])
  })

  it.each([
    ['delivered', {}],
    ['replaced', {}],
    ['renamed', { target: 'a (1)' }],
    ['conflict', { target: 'a (1)' }],
  ] as const)('%s are acknowledged with the name they have, where it is another: %j', (outcome, named) => {
    const bench = completed(1)
    placing(bench, { outcome, target: 'a (1)' })
    bench.tell({ kind: 'filesPlaced', serial: 1, results: [{ entry: 0, result: 'placed' }] })
    bench.commit()
    const { digest, size } = intentOf(0)
    expect(acknowledged(bench).flatMap(({ outcomes }) => outcomes)).toEqual([
      { entry: 0, outcome, bytes: size, digest, ...named },
    ])
  })

  it('get the outcomes of those that were intended, in this order, and no others', () => {
    const placed = (...entries: readonly number[]) => {
      const bench = completed(2)
      placing(bench)
      const results = entries.map((entry) => ({ entry, result: 'placed' as const }))
      return () => bench.tell({ kind: 'filesPlaced', serial: 1, results })
    }
    expect(placed(1, 0)).toThrow('what was placed was intended, in this order')
    expect(placed(0, 1, 2)).toThrow('what was placed was intended, in this order')
    expect(placed(0, 1)).not.toThrow()
  })
})
