import { describe, expect, it } from 'vitest'
import { emptyCheckpoint } from '../../../src/core/checkpoint.ts'
import type { Effect } from '../../../src/core/effects.ts'
import type { ArrivedFrame } from '../../../src/core/inputs.ts'
import type { Message, Resync } from '../../../src/model/messages.ts'
import { noManifest } from '../../../src/model/manifest.ts'
import type { IntentFile, JournalRecord } from '../../../src/model/records.ts'
import { Bench, chunkBytes, pageOf, survey, want } from '../../support/core-bench.ts'
import { foldRecords } from '../../support/fold-records.ts'

const kindsOf = (effects: readonly Effect[]): string[] => effects.map(({ kind }) => kind)
const end = { kind: 'finish', end: expect.objectContaining({ how: 'failed', code: 'protocol' }) }
const resync: Resync = {
  kind: 'resync',
  entry: 0,
  revision: 1,
  size: 4 * chunkBytes,
  mtimeUs: 0,
  mode: 0o644,
  keep: [[0, 1]],
}
const givenUp: Message = { kind: 'exception', code: 'source-changed', sentence: 'gone', entry: 0, outcome: 'failed' }
const major: Message = { kind: 'sync', grade: 'major', files: [{ entry: 0, revision: 0, digest: digestOf(1) }] }

/** Of a file of so many chunks that all hash to 7, as the bench counts. */
function digestOf(chunks: number): string {
  return (BigInt(7 * chunks) + BigInt(chunks * chunkBytes)).toString(16).padStart(16, '0')
}

/** A receiver in the middle of receiving files of so many chunks. */
function receiver(...chunks: readonly number[]): Bench {
  const bench = Bench.inPhase('receiver', 'transferring')
  bench.page(chunks.map((count) => count * chunkBytes))
  bench.said()
  bench.effects.length = 0
  return bench
}

function arrive(bench: Bench, chunk: number, { entry = 0, revision = 0 } = {}): readonly Effect[] {
  const { connection } = bench
  const { epoch } = bench.core
  const place = { entry, revision, chunk }
  const frame: ArrivedFrame = { kind: 'chunk', frame: 1, epoch, place, length: chunkBytes }
  return bench.tell({ kind: 'frameArrived', connection, frame })
}

function written(bench: Bench, chunk: number, { entry = 0, revision = 0 } = {}): readonly Effect[] {
  return bench.tell({ kind: 'chunkWritten', place: { entry, revision, chunk }, hash: 7n, hole: false })
}

function packArrives(bench: Bench, ...entries: readonly number[]): readonly Effect[] {
  const { connection } = bench
  const { epoch } = bench.core
  const files = entries.map((entry) => ({ entry, revision: 0, length: chunkBytes }))
  return bench.tell({ kind: 'frameArrived', connection, frame: { kind: 'pack', frame: 1, epoch, files } })
}

describe('R111: a frame is dropped before any write', () => {
  const dropped = { kind: 'dropFrame', frame: 1, reason: 'duplicate' }

  it('if its place is being written, or held', () => {
    const bench = receiver(2)
    arrive(bench, 0)
    expect(arrive(bench, 0)).toContainEqual(dropped)
    written(bench, 0)
    expect(arrive(bench, 0)).toContainEqual(dropped)
  })

  it('if its entry is being published, or is in place', () => {
    const bench = receiver(1)
    arrive(bench, 0)
    written(bench, 0)
    bench.hear(major)
    expect(arrive(bench, 0)).toContainEqual(dropped)
    publish(bench)
    expect(bench.core.outcome(0)).toBe('delivered')
    expect(arrive(bench, 0)).toContainEqual(dropped)
  })

  it('if it is of an older revision, or a newer one is on its way to the disk', () => {
    const bench = receiver(4)
    bench.hear(resync)
    expect(arrive(bench, 1)).toContainEqual(dropped)
    bench.commit()
    bench.tell({ kind: 'partRevised', entry: 0, revision: 1 })
    expect(arrive(bench, 1)).toContainEqual(dropped)
    expect(kindsOf(arrive(bench, 1, { revision: 1 }))).toEqual(['writeChunk'])
  })

  it('file by file, if it is a pack', () => {
    const bench = receiver(1, 1)
    packArrives(bench, 0)
    expect(packArrives(bench, 0, 1)).toContainEqual({ kind: 'writePack', frame: 1, accept: [1] })
  })
})

/** The first file is complete and allowed: lives through the cycle that publishes it. */
function publish(bench: Bench): void {
  const cycles = bench.effects.filter((effect) => effect.kind === 'syncData')
  for (const { serial, finish } of cycles) {
    const finished = finish.map(intentOf)
    bench.tell({ kind: 'dataSynced', serial, finished, syncMs: 0 })
    bench.tell({ kind: 'committed', purpose: { for: 'checkpoint', serial } })
    if (finished.length === 0) continue
    bench.tell({ kind: 'filesPlaced', serial, results: [{ entry: 0, result: 'placed' }] })
    bench.tell({ kind: 'committed', purpose: { for: 'outcomes', serial } })
  }
}

function intentOf({ entry, revision, digest }: { entry: number; revision: number; digest: string }): IntentFile {
  const target = {
    size: chunkBytes,
    mtimeUs: 0,
    inode: '1',
    target: 'a',
    method: 'link',
    outcome: 'delivered',
  } as const
  return { entry, revision, digest, ...target }
}

it('a file in place keeps the digest it was verified with, of which that of the session is made', () => {
  const bench = receiver(1)
  packArrives(bench, 0)
  bench.tell({ kind: 'packWritten', files: [{ entry: 0, revision: 0, hash: 7n }], bad: [] })
  publish(bench)
  expect(bench.core.entries.digest(0)).toBe(7n + BigInt(chunkBytes))
})

it('R32: what is written counts among the bytes received, which a pong tells', () => {
  const bench = receiver(2, 1)
  arrive(bench, 0)
  written(bench, 0)
  packArrives(bench, 1)
  bench.tell({ kind: 'packWritten', files: [{ entry: 1, revision: 0, hash: 7n }], bad: [] })
  bench.said()
  bench.hear({ kind: 'ping', number: 1, receivedBytes: 0, durableBytes: 0 })
  expect(bench.said()).toEqual([{ kind: 'pong', number: 1, receivedBytes: 2 * chunkBytes, durableBytes: 0 }])
})

describe('a revision', () => {
  it('R111: waits for all writes of the one before', () => {
    const bench = receiver(4)
    arrive(bench, 0)
    arrive(bench, 1)
    bench.hear(resync)
    expect(kindsOf(bench.effects)).not.toContain('commit')
    written(bench, 0)
    expect(kindsOf(bench.effects)).not.toContain('commit')
    written(bench, 1)
    expect(bench.take('commit').records).toMatchObject([{ kind: 'revised', revision: 1 }])
  })

  it('that is here already is answered again; an older one, and one of a file in place, is not', () => {
    const bench = receiver(4)
    bench.hear(resync)
    bench.commit()
    bench.tell({ kind: 'partRevised', entry: 0, revision: 1 })
    bench.said()
    bench.hear(resync)
    expect(bench.said()).toEqual([want([{ need: 'part', from: 0, revision: 1, durable: [], received: [] }])])
    bench.hear({ ...resync, revision: 0 })
    expect(bench.said()).toEqual([])
    bench.hear(givenUp)
    bench.commit()
    bench.effects.length = 0
    bench.hear({ ...resync, revision: 2 })
    expect(bench.effects).toEqual([])
  })

  it('is given up with its entry, at each step of it', () => {
    for (const steps of [0, 1, 2]) {
      const bench = receiver(4)
      bench.hear(resync)
      const { purpose } = bench.take('commit')
      if (steps > 1) bench.tell({ kind: 'committed', purpose })
      bench.hear(givenUp)
      if (steps === 1) bench.tell({ kind: 'committed', purpose })
      if (steps === 1) expect(kindsOf(bench.effects)).not.toContain('revisePart')
      if (steps === 2) bench.tell({ kind: 'partRevised', entry: 0, revision: 1 })
      bench.commit()
      expect(bench.core.outcome(0)).toBe('failed')
      if (steps === 0) bench.tell({ kind: 'committed', purpose })
      if (steps === 2) bench.tell({ kind: 'partRevised', entry: 0, revision: 1 })
      expect(bench.core.entries.revision(0)).toBe(0)
    }
  })

  it('that changes before the change before it was answered breaks the protocol', () => {
    const bench = receiver(4)
    bench.hear(resync)
    bench.hear({ ...resync, revision: 2 })
    expect(bench.effects).toContainEqual(end)
  })
})

describe('an entry that the sender gives up', () => {
  it('waits for writes under way, then has its outcome, and its part goes', () => {
    const bench = receiver(4)
    arrive(bench, 0)
    arrive(bench, 1)
    bench.hear({ ...givenUp, outcome: 'vanished' })
    written(bench, 0)
    expect(kindsOf(bench.effects)).not.toContain('commit')
    bench.tell({ kind: 'chunkBad', place: { entry: 0, revision: 0, chunk: 1 }, expected: 'a', found: 'b' })
    bench.commit()
    expect(bench.core.outcome(0)).toBe('vanished')
    expect(bench.take('reportOutcomes').outcomes).toMatchObject([{ entry: 0, outcome: 'vanished' }])
    expect(bench.take('removeParts').entries).toEqual([0])
  })

  it('in a pack that is being written is passed over when it is there', () => {
    const bench = receiver(1, 1)
    packArrives(bench, 0, 1)
    bench.hear(givenUp)
    const files = [0, 1].map((entry) => ({ entry, revision: 0, hash: 7n }))
    bench.tell({ kind: 'packWritten', files, bad: [] })
    expect(bench.take('syncData').finish).toMatchObject([{ entry: 1 }])
  })

  it('can only have vanished or failed', () => {
    const bench = receiver(4)
    bench.hear({ ...givenUp, outcome: 'delivered' })
    expect(bench.effects).toContainEqual(end)
  })

  it('and a word about the whole session, or one that is over, changes nothing', () => {
    const bench = receiver(1)
    bench.hear({ ...givenUp, entry: null, outcome: null })
    bench.hear(givenUp)
    bench.commit()
    bench.effects.length = 0
    bench.hear(givenUp)
    expect(bench.effects).toEqual([])
  })
})

describe('R50: a chunk that arrives damaged', () => {
  it('is wanted again alone, three times, then its file fails by name', () => {
    const bench = receiver(4)
    const place = { entry: 0, revision: 0, chunk: 2 }
    for (let times = 1; times <= 3; times++) {
      arrive(bench, 2)
      bench.tell({ kind: 'chunkBad', place, expected: 'aa', found: 'bb' })
      expect(bench.said()).toEqual([want([{ need: 'again', from: 0, revision: 0, chunks: [[2, 1]] }])])
    }
    arrive(bench, 2)
    bench.tell({ kind: 'chunkBad', place, expected: 'aa', found: 'bb' })
    expect(bench.said()).toEqual([])
    const { records } = bench.take('commit')
    expect(records).toMatchObject([
      { kind: 'outcome', outcomes: [{ outcome: 'failed', reason: expect.stringContaining('chunk 2') }] },
    ])
  })

  it('is wanted again out of a pack, and the others are not', () => {
    const bench = receiver(1, 1)
    packArrives(bench, 0, 1)
    const bad = [{ entry: 0, revision: 0, chunk: 0 }]
    bench.tell({ kind: 'packWritten', files: [{ entry: 1, revision: 0, hash: 7n }], bad })
    expect(bench.said()).toEqual([want([{ need: 'again', from: 0, revision: 0, chunks: [[0, 1]] }])])
  })

  it('and writes that end when nothing is known of their file any more change nothing', () => {
    const bench = receiver(4)
    const place = { entry: 0, revision: 0, chunk: 0 }
    expect(written(bench, 0)).toEqual([])
    expect(bench.tell({ kind: 'chunkBad', place, expected: 'a', found: 'b' })).toEqual([])
    arrive(bench, 0)
    written(bench, 1, { revision: 1 })
    bench.said()
    bench.open()
    expect(bench.said()).toContainEqual(want([{ need: 'part', from: 0, revision: 0, durable: [], received: [] }]))
  })
})

describe('sync', () => {
  it('R112: of a file that is unknown here, in another revision, or being published changes nothing', () => {
    const bench = receiver(1)
    bench.hear(major)
    expect(kindsOf(bench.effects)).not.toContain('syncData')
    arrive(bench, 0)
    written(bench, 0)
    bench.hear(major)
    expect(bench.effects.filter(({ kind }) => kind === 'syncData')).toHaveLength(1)
    bench.hear(major)
    publish(bench)
    expect(bench.effects.filter(({ kind }) => kind === 'syncData')).toHaveLength(1)
  })

  it('R112: of an older revision does not authorise the newer one', () => {
    const bench = receiver(4)
    bench.hear({ ...resync, keep: [] })
    bench.commit()
    bench.tell({ kind: 'partRevised', entry: 0, revision: 1 })
    bench.hear({ kind: 'sync', grade: 'major', files: [{ entry: 0, revision: 0, digest: digestOf(4) }] })
    for (let chunk = 0; chunk < 4; chunk++) {
      arrive(bench, chunk, { revision: 1 })
      written(bench, chunk, { revision: 1 })
    }
    for (const serial of [1, 2]) {
      expect(bench.take('syncData')).toMatchObject({ serial, finish: [] })
      bench.tell({ kind: 'dataSynced', serial, finished: [], syncMs: 0 })
      bench.commit()
    }
  })
})

describe('hashes', () => {
  it('are told as far as chunks are held, and not at all of another revision or file', () => {
    const bench = receiver(4, 4)
    for (const chunk of [0, 1, 3]) {
      arrive(bench, chunk)
      written(bench, chunk)
    }
    bench.said()
    const ask = { kind: 'hashes', way: 'ask', first: 0, count: 4 } as const
    bench.hear({ ...ask, entry: 0, revision: 0 })
    bench.hear({ ...ask, entry: 0, revision: 1 })
    bench.hear({ ...ask, entry: 1, revision: 0 })
    const seven = '0000000000000007'
    const answer = { kind: 'hashes', way: 'answer', entry: 0, revision: 0, first: 0, hashes: '' }
    expect(bench.said()).toEqual([
      { ...answer, hashes: seven + seven },
      { ...answer, revision: 1 },
      { ...answer, entry: 1 },
    ])
  })
})

describe('a file whose part and place are both gone when it is to be published', () => {
  it('begins again, and its chunks are recorded as bad first', () => {
    const bench = receiver(1)
    arrive(bench, 0)
    written(bench, 0)
    bench.hear(major)
    const { serial, finish } = bench.take('syncData')
    bench.tell({ kind: 'dataSynced', serial, finished: finish.map(intentOf), syncMs: 0 })
    bench.commit()
    bench.said()
    bench.tell({ kind: 'filesPlaced', serial, results: [{ entry: 0, result: 'lost' }] })
    expect(bench.take('note').records).toEqual([{ kind: 'bad', entry: 0, revision: 0, chunks: [[0, 1]] }])
    expect(bench.said()).toEqual([want([{ need: 'all', from: 0, count: 1, revision: 0 }])])
    bench.commit()
    expect(kindsOf(arrive(bench, 0))).toEqual(['writeChunk'])
  })
})

describe('R115: what comes from the disk', () => {
  it('counts where it fits into the file, once', () => {
    const run = { first: 0, hashes: BigUint64Array.of(1n, 2n), holes: 0 }
    const behind = { first: 3, hashes: BigUint64Array.of(1n, 2n), holes: 0 }
    const records: JournalRecord[] = [
      { kind: 'durable', serial: 1, runs: [run, behind].map((each) => ({ entry: 0, revision: 0, ...each })) },
    ]
    const page = pageOf([4 * chunkBytes])
    const adopted = [
      { entry: 0, revision: 0, chunk: 0, hash: 1n, hole: false },
      { entry: 0, revision: 1, chunk: 2, hash: 1n, hole: false },
      { entry: 0, revision: 0, chunk: 4, hash: 1n, hole: false },
      { entry: 0, revision: 0, chunk: 2, hash: 9n, hole: false },
    ]
    const parts = foldRecords(records).parts
    const bench = Bench.fresh('receiver', { ...emptyCheckpoint(), parts }, [page], adopted)
    bench.open({ ...noManifest, pages: 1, digest: page.digest })
    bench.tell({ kind: 'pageSurveyed', survey: survey(1) })
    const durable = [
      [0, 2],
      [3, 1],
    ] as const
    expect(bench.said()).toContainEqual(want([{ need: 'part', from: 0, revision: 0, durable, received: [[2, 1]] }]))
    bench.hear({ kind: 'sync', grade: 'minor' })
    const { serial } = bench.take('syncData')
    bench.tell({ kind: 'dataSynced', serial, finished: [], syncMs: 0 })
    const runs = [{ entry: 0, revision: 0, first: 2, hashes: BigUint64Array.of(9n), holes: 0 }]
    expect(bench.effects).toContainEqual(
      expect.objectContaining({ kind: 'commit', records: [{ kind: 'durable', serial, runs }] }),
    )
  })
})
