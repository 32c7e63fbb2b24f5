import { describe, expect, it } from 'vitest'
import { hashesPerRun } from '../../../src/core/checkpoint.ts'
import { EntryTable, standing } from '../../../src/core/entry-table.ts'
import { wantRuns } from '../../../src/core/wants.ts'
import { Part } from '../../../src/core/part.ts'
import { entryKinds } from '../../../src/core/inputs.ts'
import { runsPerMessageMax } from '../../../src/model/limits.ts'
import type { DurableRun, JournalRecord } from '../../../src/model/records.ts'
import type { Outcome } from '../../../src/model/session.ts'
import { chunkBytes, pageOf } from '../../support/core-bench.ts'
import { goldenRecords } from '../../support/golden-records.ts'
import { compacted } from '../../support/journals.ts'
import { foldRecords } from '../../support/fold-records.ts'

const durable = (...runs: readonly Partial<DurableRun>[]): JournalRecord => ({
  kind: 'durable',
  serial: 1,
  runs: runs.map((run) => ({ entry: 0, revision: 0, first: 0, hashes: BigUint64Array.of(1n), holes: 0, ...run })),
})
const outcome = (entry: number): JournalRecord => ({
  kind: 'outcome',
  serial: 2,
  outcomes: [{ entry, outcome: 'delivered', bytes: 1 }],
})
const hashes = (count: number): BigUint64Array => BigUint64Array.from({ length: count }, (_, i) => BigInt(i))

describe('folding a journal', () => {
  it('leaves out what is durable of a file that has its outcome, or of another revision', () => {
    const records = [
      outcome(0),
      durable({}, { entry: 1 }, { entry: 1, revision: 2 }),
      { kind: 'parked', reason: null },
    ] as const
    const { parts, serial } = foldRecords(records)
    expect([...parts]).toEqual([[1, { revision: 0, runs: [expect.objectContaining({ first: 0 })] }]])
    expect(serial).toBe(2)
  })

  it('takes bad chunks out of runs, and holes stay holes', () => {
    const bad: JournalRecord = { kind: 'bad', entry: 0, revision: 0, chunks: [[4, 1], [1, 1]] } // prettier-ignore
    const runs = foldRecords([durable({ hashes: hashes(6), holes: 6 }), bad]).parts.get(0)!.runs
    expect(runs.map(({ first, hashes: { length }, holes }) => [first, length, holes])).toEqual([[0, 1, 1], [2, 2, 2], [5, 1, 1]]) // prettier-ignore
  })

  it('makes one run of neighbours of one kind, however many, and loses none of them', () => {
    const pieces = Array.from({ length: 500 }, (_, i) =>
      durable({ first: i * 3, hashes: hashes(1500).slice(i * 3, i * 3 + 3) }),
    )
    const holes = durable({ first: 1500, hashes: hashes(2), holes: 2 }, { first: 1502, hashes: hashes(1), holes: 1 })
    const apart = durable({ first: 2000 }, { first: 1503 })
    const { runs } = foldRecords([...pieces, holes, apart]).parts.get(0)!
    expect(runs.map(({ first, hashes: { length }, holes }) => [first, length, holes])).toEqual([
      [0, 1500, 0],
      [1500, 3, 3],
      [2000, 1, 0],
      [1503, 1, 0],
    ])
    expect(runs[0]!.hashes).toEqual(hashes(1500))
  })

  it('begins another run where one is long', () => {
    const pieces = Array.from({ length: 2 * hashesPerRun + 1 }, (_, first) =>
      durable({ first, hashes: BigUint64Array.of(BigInt(first)) }),
    )
    const { runs } = foldRecords(pieces).parts.get(0)!
    expect(runs.map(({ hashes: { length } }) => length)).toEqual([hashesPerRun, hashesPerRun, 1])
    expect(runs.map(({ first, hashes }) => [first, hashes[0], hashes.at(-1)])).toEqual(
      runs.map(({ first, hashes }) => [first, BigInt(first), BigInt(first + hashes.length - 1)]),
    )
  })

  it('does not write behind what was cut out of a run', () => {
    const bad: JournalRecord = { kind: 'bad', entry: 0, revision: 0, chunks: [[2, 1]] }
    const records = [durable({ hashes: hashes(3) }), durable({ first: 3, hashes: hashes(3) }), bad]
    const again = durable({ first: 6, hashes: BigUint64Array.of(9n) }, { first: 2, hashes: BigUint64Array.of(8n) })
    const { runs } = foldRecords([...records, again]).parts.get(0)!
    expect(runs.map(({ first, hashes }) => [first, [...hashes]])).toEqual([
      [0, [0n, 1n]],
      [3, [0n, 1n, 2n, 9n]],
      [2, [8n]],
    ])
  })

  it('takes an outcome back where what had its place is found bad', () => {
    const bad: JournalRecord = { kind: 'bad', entry: 0, revision: 0, chunks: [] }
    expect(foldRecords([outcome(0), outcome(1), bad]).outcomes).toEqual(foldRecords([outcome(1)]).outcomes)
  })

  it('takes no bad chunks out of another revision', () => {
    const bad: JournalRecord = { kind: 'bad', entry: 0, revision: 1, chunks: [[0, 1]] }
    expect(foldRecords([durable({}), bad]).parts.get(0)!.runs).toHaveLength(1)
  })
})

describe('compacting a journal', () => {
  it('says the same, of every kind of record, but for parts of which nothing is held', () => {
    for (let count = 0; count <= goldenRecords.length; count++) {
      const records = goldenRecords.slice(0, count)
      expect(saidBy(compacted(records)), `${count} records`).toEqual(saidBy(records))
    }
  })

  function saidBy(records: readonly JournalRecord[]): unknown {
    const { header, parts, ...others } = foldRecords(records)
    return { session: header?.session, parts: [...parts].filter(([, { runs }]) => runs.length > 0), ...others }
  }

  it('R86: forgets the key of a ticket that opens nothing any more', () => {
    const [header, binding] = goldenRecords
    expect(compacted([header!])).toMatchObject([{ kind: 'header', ticketKey: expect.stringMatching(/./) }])
    expect(compacted([header!, binding!, { kind: 'joined' }])).toMatchObject([
      { kind: 'header', ticketKey: '' },
      { kind: 'bound' },
      { kind: 'joined' },
    ])
  })

  it('joins neighbours, lets the later of two runs win, and keeps data and holes apart', () => {
    const records = compacted([
      durable({ hashes: hashes(3) }),
      durable({ first: 3, hashes: hashes(2), holes: 2 }),
      durable({ first: 1, hashes: BigUint64Array.of(9n) }),
      durable({ first: 8, hashes: hashes(1) }),
    ])
    expect(records[0]).toMatchObject({
      kind: 'durable',
      runs: [
        { first: 0, hashes: BigUint64Array.of(0n, 9n, 2n), holes: 0 },
        { first: 3, hashes: hashes(2), holes: 2 },
        { first: 8, hashes: hashes(1), holes: 0 },
      ],
    })
  })

  it('keeps each record far below its bound, whatever there is to say', () => {
    const chunks = 300_000
    const entries = 9_000
    const many: JournalRecord = {
      kind: 'outcome',
      serial: 1,
      outcomes: Array.from({ length: entries }, (_, i) => ({ entry: i + 1, outcome: 'delivered', bytes: 1 })),
    }
    const records = compacted([durable({ hashes: hashes(chunks) }), many])
    const counts = records.map((record) => {
      if (record.kind === 'durable') return record.runs.reduce((sum, run) => sum + run.hashes.length, 0)
      return record.kind === 'outcome' ? record.outcomes.length : 0
    })
    expect(Math.max(...counts)).toBeLessThan(200_000)
    const again = foldRecords(records)
    expect(again.outcomes.size).toBe(entries)
    expect(again.parts.get(0)!.runs.reduce((sum, run) => sum + run.hashes.length, 0)).toBe(chunks)
  })
})

describe('the table of entries', () => {
  /** Of one file and one directory. */
  function table(): EntryTable {
    const entries = new EntryTable()
    entries.addPage({ ...pageOf([chunkBytes, 0]), kinds: Uint8Array.of(entryKinds.file, entryKinds.directory) })
    return entries
  }

  it('has no outcome of what is not done', () => {
    const entries = table()
    expect(entries.outcome(0)).toBeUndefined()
    entries.finish(0, 'vanished', 0, 0n)
    expect(entries.outcome(0)).toBe('vanished')
  })

  it.each<[number, Outcome, number]>([
    [0, 'delivered', chunkBytes],
    [0, 'unchanged', chunkBytes],
    [0, 'failed', 0],
    [0, 'conflict', chunkBytes],
    [1, 'delivered', 0],
  ])('R46: takes an outcome back and counts as before (entry %d, %s)', (entry, name, bytes) => {
    const sums = (it: EntryTable): unknown => {
      const { filesDone, filesOmitted, bytesUnchanged, bytesAcknowledged, bytesPublished, bytesOmitted, unfinished } =
        it
      return [filesDone, filesOmitted, bytesUnchanged, bytesAcknowledged, bytesPublished, bytesOmitted, unfinished]
    }
    const entries = table()
    const before = sums(entries)
    entries.finish(entry, name, bytes, 5n)
    entries.finish(entry, 'failed', 0, 0n) // The second time changes nothing.
    expect(entries.outcomeCounts()).toEqual([{ outcome: name, count: 1 }])
    entries.reopen(entry)
    entries.reopen(entry)
    expect(sums(entries)).toEqual(before)
    expect(entries.outcomeCounts()).toEqual([])
    expect(entries.digest(entry)).toBe(0n)
  })
})

describe('wants', () => {
  it('leave out an entry that nobody has looked at, and cut what is too long for one message', () => {
    const count = runsPerMessageMax + 10
    const entries = new EntryTable()
    entries.addPage(pageOf(Array.from({ length: count }, () => chunkBytes)))
    const parts = new Map<number, Part>()
    for (let entry = 1; entry < count; entry++) {
      entries.stand(entry, standing.part)
      parts.set(entry, new Part(entry, 0, chunkBytes, chunkBytes))
    }
    const messages = [...wantRuns(entries, parts, 0, count)]
    expect(messages.map(({ length }) => length)).toEqual([runsPerMessageMax, 9])
    expect(messages[0]![0]).toMatchObject({ need: 'part', from: 1 })
    expect([...wantRuns(entries, parts, 0, 1)]).toEqual([])
  })
})
