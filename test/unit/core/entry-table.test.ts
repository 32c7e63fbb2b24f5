import { describe, expect, it } from 'vitest'
import { EntryTable } from '../../../src/core/entry-table.ts'
import { pageOf } from '../../support/core-bench.ts'

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
