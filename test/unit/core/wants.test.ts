// What a receiver says of a span of entries.

import { describe, expect, it } from 'vitest'
import { EntryTable, standing } from '../../../src/core/entry-table.ts'
import { Part } from '../../../src/core/part.ts'
import { wantRuns } from '../../../src/core/wants.ts'
import { runsPerMessageMax } from '../../../src/model/limits.ts'
import type { Want } from '../../../src/model/messages.ts'
import type { Run } from '../../../src/model/places.ts'
import { pageOf } from '../../support/core-bench.ts'

const missing = (from: number, count: number, revision = 0): Want => ({ need: 'all', from, count, revision })

/** Files of so many bytes, where a chunk is one byte. */
class Entries {
  readonly table = new EntryTable()
  readonly parts = new Map<number, Part>()
  readonly #sizes: readonly number[]

  constructor(...sizes: readonly number[]) {
    this.#sizes = sizes
    this.table.addPage(pageOf(sizes))
  }

  part(entry: number, durable: readonly number[], received: readonly number[], revision = 0): void {
    const part = new Part(entry, revision, this.#sizes[entry]!, 1)
    for (const chunk of durable) part.restore(chunk, BigUint64Array.of(1n), false)
    for (const chunk of received) part.hold(chunk, 1n, false)
    this.parts.set(entry, part)
    this.table.stand(entry, standing.part)
  }

  stand(where: number, ...entries: readonly number[]): void {
    for (const entry of entries) this.table.stand(entry, where)
  }

  wants(from: number, to: number): (readonly Want[])[] {
    return [...wantRuns(this.table, this.parts, from, to)]
  }
}

/** Every second chunk of so many. */
const odd = (runs: number): number[] => Array.from({ length: runs }, (_, i) => 2 * i + 1)

describe('what is wanted of a span of entries', () => {
  it('is nothing where nothing was looked at yet', () => {
    expect(new Entries(5, 5).wants(0, 2)).toEqual([])
  })

  it('is said in as few runs as say it: alike are neighbours of one revision, one outcome', () => {
    const entries = new Entries(...Array<number>(12).fill(5))
    entries.stand(standing.missing, 0, 1, 2, 11)
    entries.table.revise(2, 1, 5)
    entries.stand(standing.later, 3, 4)
    for (const entry of [5, 6]) entries.table.finish(entry, 'delivered', 5, 1n)
    entries.table.finish(7, 'skipped', 0, 0n)
    entries.part(8, [0, 1], [3], 2)
    entries.part(9, [], [])
    expect(entries.wants(0, 12)).toEqual([
      [
        missing(0, 2),
        missing(2, 1, 1),
        { need: 'later', from: 3, count: 2 },
        { need: 'done', from: 5, count: 2, outcome: 'delivered' },
        { need: 'done', from: 7, count: 1, outcome: 'skipped' },
        { need: 'part', from: 8, revision: 2, durable: [[0, 2]], received: [[3, 1]] },
        { need: 'part', from: 9, revision: 0, durable: [], received: [] },
        missing(11, 1),
      ],
    ])
  })

  it('ends with the span, though what follows is alike', () => {
    const entries = new Entries(5, 5, 5, 5)
    entries.stand(standing.missing, 0, 1, 2, 3)
    expect(entries.wants(1, 3)).toEqual([[missing(1, 2)]])
  })

  it('is said of a file that is being published, too: it is all here', () => {
    const entries = new Entries(2)
    entries.part(0, [0, 1], [])
    entries.stand(standing.finishing, 0)
    expect(entries.wants(0, 1)).toEqual([[{ need: 'part', from: 0, revision: 0, durable: [[0, 2]], received: [] }]])
  })
})

describe('R72: a message of wants', () => {
  /** Neighbours that are not alike: a run each. */
  function unlike(count: number): Entries {
    const entries = new Entries(...Array<number>(count).fill(5))
    for (let entry = 0; entry < count; entry++) {
      entries.stand(standing.missing, entry)
      entries.table.revise(entry, entry % 2, 5)
    }
    return entries
  }

  it('holds as many runs as a message may, and the next one the rest', () => {
    const messages = unlike(runsPerMessageMax + 2).wants(0, runsPerMessageMax + 2)
    expect(messages.map(({ length }) => length)).toEqual([runsPerMessageMax, 2])
    expect(messages[1]).toEqual([missing(runsPerMessageMax, 1), missing(runsPerMessageMax + 1, 1, 1)])
  })

  it('has no empty one behind it', () => {
    expect(unlike(runsPerMessageMax).wants(0, runsPerMessageMax)).toHaveLength(1)
  })

  it.each<[string, number, number, number[]]>([
    ['with room for one run more', 4094, 4096, [2]],
    ['that are as many as a message holds', 4095, 4096, [1, 1]],
  ])('counts the runs of a part: %s', (_what, durable, received, lengths) => {
    const entries = new Entries(20_000, 5)
    const all = odd(durable + received)
    entries.part(0, all.slice(0, durable), all.slice(durable))
    entries.stand(standing.missing, 1)
    expect(entries.wants(0, 2).map(({ length }) => length)).toEqual(lengths)
  })

  it('leaves out what runs beyond half a message a part has, of what is durable and of what was received', () => {
    const entries = new Entries(20_000)
    const all = odd(2 * 4_500)
    entries.part(0, all.slice(0, 4_500), all.slice(4_500))
    const runsOf = (chunks: readonly number[]): Run[] =>
      chunks.slice(0, runsPerMessageMax / 2).map((chunk) => [chunk, 1])
    const [durable, received] = [runsOf(all.slice(0, 4_500)), runsOf(all.slice(4_500))]
    expect(entries.wants(0, 1)).toEqual([[{ need: 'part', from: 0, revision: 0, durable, received }]])
  })
})
