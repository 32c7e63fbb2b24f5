import { describe, expect, it } from 'vitest'
import { EntryTable } from '../../../src/core/entry-table.ts'
import { entryKinds } from '../../../src/core/inputs.ts'
import type { Outcome } from '../../../src/model/session.ts'
import { pageOf } from '../../support/core-bench.ts'
import { memoryKept } from '../../support/memory-kept.ts'

const none = 0n

function tableOf(...sizes: readonly number[]): EntryTable {
  const table = new EntryTable()
  table.addPage(pageOf(sizes))
  return table
}

describe('what is acknowledged of an entry', () => {
  it('is what was said last: nothing, a part, all, and less again', () => {
    const table = tableOf(10, 20)
    const steps = [0, 4, 20, 7, 0, 20]
    const credited = steps.map((bytes) => {
      table.credit(1, bytes)
      return [table.credited(1), table.bytesAcknowledged]
    })
    expect(credited).toEqual(steps.map((bytes) => [bytes, bytes]))
    expect(table.credited(0)).toBe(0)
  })

  it.each([
    [20, 30],
    [20, 5],
    [7, 30],
    [7, 7],
    [0, 30],
  ])('%d bytes stay as many when the file turns out to have another size, %d', (bytes, size) => {
    const table = tableOf(10, 20)
    table.credit(1, bytes)
    table.revise(1, 1, size)
    expect([table.credited(1), table.bytesAcknowledged, table.size(1)]).toEqual([bytes, bytes, size])
    table.credit(1, 0)
    expect([table.credited(1), table.bytesAcknowledged]).toEqual([0, 0])
  })

  it('of an empty file that has grown is nothing', () => {
    const table = tableOf(0)
    table.finish(0, 'delivered', 0, none)
    table.reopen(0)
    table.revise(0, 1, 9)
    expect(table.credited(0)).toBe(0)
  })

  it('goes with an outcome that is taken back', () => {
    const table = tableOf(10, 20)
    table.finish(1, 'delivered', 20, none)
    expect([table.bytesAcknowledged, table.bytesPublished, table.filesDone]).toEqual([20, 20, 1])
    table.reopen(1)
    expect([table.bytesAcknowledged, table.bytesPublished, table.filesDone]).toEqual([0, 0, 0])
  })
})

describe('the revision of an entry', () => {
  it('is 0 until it changed, and then the last one, of this entry alone', () => {
    const table = tableOf(10, 20)
    expect([table.revision(0), table.revision(1)]).toEqual([0, 0])
    table.revise(1, 1, 20)
    table.revise(1, 2, 25)
    expect([table.revision(0), table.revision(1)]).toEqual([0, 2])
  })
})

it('the most bytes of an entry are those of its largest version', () => {
  const table = tableOf(10, 20)
  table.revise(1, 1, 5)
  expect([table.sizeAtMost(0), table.sizeAtMost(1)]).toEqual([10, 20])
  table.revise(1, 2, 30)
  table.revise(1, 3, 6)
  expect([table.size(1), table.sizeAtMost(1)]).toEqual([6, 30])
})

describe('an outcome', () => {
  it.each<[Outcome, boolean]>([
    ['delivered', true],
    ['unchanged', true],
    ['kept', false],
    ['replaced', true],
    ['renamed', true],
    ['skipped', false],
    ['omitted', false],
    ['vanished', false],
    ['conflict', false],
    ['failed', false],
  ])('%s: whether the file is in place: %s, until it is taken back', (outcome, isInPlace) => {
    const table = tableOf(20, 10)
    const bytes = isInPlace ? 10 : 0
    table.finish(1, outcome, bytes, none)
    expect(table.outcome(1)).toBe(outcome)
    expect(table.outcomeCounts()).toEqual([{ outcome, count: 1 }])
    const { files, filesDone, filesOmitted, bytesPublished, bytesUnchanged, bytesOmitted } = table
    const inPlace = { files: 2, filesDone: 1, filesOmitted: 0, bytesPublished: 10, bytesOmitted: 0 }
    const omitted = { files: 2, filesDone: 0, filesOmitted: 1, bytesPublished: 0, bytesOmitted: 10 }
    expect({ files, filesDone, filesOmitted, bytesPublished, bytesOmitted }).toEqual(isInPlace ? inPlace : omitted)
    expect(bytesUnchanged).toBe(outcome === 'unchanged' ? 10 : 0)
    table.reopen(1)
    expect(table.outcome(1)).toBeUndefined()
    expect(table.outcomeCounts()).toEqual([])
    expect(table).toMatchObject({
      filesDone: 0,
      filesOmitted: 0,
      bytesPublished: 0,
      bytesUnchanged: 0,
      bytesOmitted: 0,
    })
  })

  it('of an empty file counts it, too', () => {
    const outcomes = ['delivered', 'unchanged', 'replaced', 'renamed', 'kept'] as const
    const table = tableOf(...outcomes.map(() => 0))
    outcomes.forEach((outcome, entry) => table.finish(entry, outcome, 0, none))
    expect([table.filesDone, table.filesOmitted]).toEqual([4, 1])
  })
})

describe('the digest of an entry', () => {
  it('is the one it was verified with, however many pages came before and come after, and none of the others', () => {
    const table = new EntryTable()
    const { last: _, ...page } = pageOf(Array.from({ length: 2_000 }, () => 5))
    const add = (number: number): void => table.addPage({ ...page, page: number, first: number * 2_000 })
    add(0)
    table.finish(1_999, 'delivered', 5, 7n)
    add(1)
    table.finish(1, 'delivered', 5, none)
    table.finish(2_000, 'delivered', 5, 8n)
    table.finish(3_999, 'delivered', 5, 9n)
    expect([0, 1, 1_999, 2_000, 2_001, 3_999].map((entry) => table.digest(entry))).toEqual([0n, 0n, 7n, 8n, 0n, 9n])
    table.reopen(2_000)
    expect(table.digest(2_000)).toBe(none)
  })
})

describe('a page', () => {
  it('has the files and bytes of its files alone', () => {
    const table = new EntryTable()
    const kinds = Uint8Array.of(entryKinds.directory, entryKinds.file, entryKinds.link, entryKinds.omitted)
    table.addPage({ ...pageOf([1, 20, 300, 4000]), kinds })
    expect([table.files, table.manifest.bytes, table.manifest.entries, table.unfinished]).toEqual([1, 20, 4, 4])
    expect([0, 1, 2, 3, 4].filter((entry) => table.isFile(entry))).toEqual([1])
  })

  it('comes in its turn, and none behind the last', () => {
    const table = new EntryTable()
    const { last, ...first } = pageOf([5, 6])
    table.addPage(first)
    expect(() => table.addPage({ ...first, page: 1, first: 1 })).toThrow('pages come in order')
    expect(() => table.addPage({ ...first, page: 2, first: 2 })).toThrow('pages come in order')
    table.addPage({ ...first, page: 1, first: 2, last: last! })
    expect(() => table.addPage({ ...first, page: 2, first: 4 })).toThrow('nothing follows the last page')
  })
})

describe('memory', () => {
  const count = 65_536
  const sizes = Array.from({ length: count }, () => 10)

  it.each([
    ['12 bytes to a sender, who knows no digests', none, 0, 12],
    ['20 to a receiver', 7n, 0, 20],
    ['22 where some file has changed', 7n, 1, 22],
  ])('an entry costs %s, whatever was acknowledged of it on the way', (_, digest, revised, bytes) => {
    const { columns, objects } = memoryKept(() => {
      const table = tableOf(...sizes)
      for (let entry = 0; entry < count; entry++) {
        table.credit(entry, 4)
        if (entry % 2 === 0) table.credit(entry, 0)
        else table.finish(entry, 'delivered', 10, digest)
      }
      for (let entry = 0; entry < revised; entry++) table.revise(entry, 1, 11)
      return table
    })
    expect(columns / count).toBeCloseTo(bytes)
    expect(objects / count).toBeLessThan(10) // A map with one in two of them would take 20 and more.
  })
})
