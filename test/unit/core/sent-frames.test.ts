// What a sender sends next, what it counts, and when it is done with a source.

import { describe, expect, it } from 'vitest'
import type { Effect } from '../../../src/core/effects.ts'
import { standing } from '../../../src/core/entry-table.ts'
import type { Message } from '../../../src/model/messages.ts'
import { Bench, chunkBytes, want } from '../../support/core-bench.ts'
import { listener } from '../../support/lanes-bench.ts'

const small = 8 // With its row, an eighth of a chunk: just small enough for a pack.

/** A sender of files of such sizes, in bytes, that are all wanted. */
function sender(...sizes: readonly number[]): Bench {
  const bench = Bench.inPhase('sender', 'transferring')
  bench.page(sizes)
  bench.hear(want([{ need: 'all', from: 0, count: sizes.length, revision: 0 }]))
  bench.said()
  return bench
}

const packsOf = (bench: Bench): number[][] =>
  bench.effects.flatMap((it) => (it.kind === 'sendPack' ? [it.files.map(({ entry }) => entry)] : []))
const chunksOf = (bench: Bench): string[] =>
  bench.effects.flatMap((it) => (it.kind === 'sendChunk' ? [`${it.place.entry}:${it.place.chunk}`] : []))
const reportsOf = (bench: Bench): Effect[] => bench.effects.filter(({ kind }) => kind === 'report')

function turn(bench: Bench, holder: 'sender' | 'receiver'): void {
  const reason = holder === 'sender' ? null : 'disk-full'
  bench.hear({ kind: 'turn', holder, reason, neededBytes: null, freeBytes: null })
}

function outcomeOf(entry: number): Message {
  const outcome = { entry, outcome: 'delivered', bytes: small } as const
  return { kind: 'acknowledge', serial: 1, places: [], outcomes: [outcome], level: 'checkpoint', syncMs: 0 }
}

function sent(bench: Bench): void {
  const { connection, place } = bench.take('sendChunk')
  bench.tell({ kind: 'chunkSent', connection, place, hash: 7n, zeros: false })
}

describe('a pack', () => {
  it('carries what is small, a row included, and nothing larger', () => {
    expect(packsOf(sender(small, small))).toEqual([[0, 1]])
    expect(chunksOf(sender(small + 1))).toEqual(['0:0'])
    const bench = sender(small, small + 1, small)
    expect([packsOf(bench), chunksOf(bench)]).toEqual([[[0], [2]], ['1:0']])
  })

  it('is left alone by what was done before it could go', () => {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.page([small, small, small])
    turn(bench, 'receiver')
    bench.hear(want([{ need: 'all', from: 0, count: 3, revision: 0 }]))
    bench.hear(outcomeOf(1))
    turn(bench, 'sender')
    expect(packsOf(bench)).toEqual([[0], [2]])
  })

  it('that is in the socket makes room for the next', () => {
    const { bench } = listener('sender', 1)
    bench.page(Array<number>(48).fill(small))
    bench.hear(want([{ need: 'all', from: 0, count: 48, revision: 0 }]))
    expect(packsOf(bench).map(({ length }) => length)).toEqual([8, 8, 8, 8])
    const { connection, files } = bench.take('sendPack')
    bench.tell({ kind: 'packSent', connection, files: files.map((file) => ({ ...file, hash: 7n })) })
    expect(packsOf(bench)).toHaveLength(4)
  })
})

describe('a chunk', () => {
  it('that could not be sent makes room for the next', () => {
    const bench = sender(8 * chunkBytes)
    expect(chunksOf(bench)).toEqual(['0:0', '0:1', '0:2', '0:3'])
    const { connection, place } = bench.take('sendChunk')
    bench.tell({ kind: 'sendFailed', connection, places: [place] })
    expect(chunksOf(bench)).toEqual(['0:1', '0:2', '0:3', '0:4'])
  })

  it('is not sent anew of a file that is done', () => {
    const bench = sender(chunkBytes)
    bench.hear(outcomeOf(0))
    bench.effects.length = 0
    bench.hear(want([{ need: 'again', from: 0, revision: 0, chunks: [[0, 1]] }]))
    expect([chunksOf(bench), bench.core.entries.standing(0)]).toEqual([[], standing.done])
  })
})

describe('a source', () => {
  it('is closed once all of it is sent and it is as it was', () => {
    const bench = sender(chunkBytes)
    sent(bench)
    const { entry, revision } = bench.take('checkSource')
    bench.tell({ kind: 'sourceChecked', entry, revision })
    expect(bench.take('closeSource')).toEqual({ kind: 'closeSource', entry: 0 })
  })

  it('is closed once its file has an outcome, sent or not', () => {
    const bench = sender(4 * chunkBytes)
    bench.hear(outcomeOf(0))
    expect(bench.take('closeSource')).toEqual({ kind: 'closeSource', entry: 0 })
  })

  it('that vanished is given up in words', () => {
    const bench = sender(chunkBytes, chunkBytes)
    bench.tell({ kind: 'sourceFailed', entry: 0, revision: 0, problem: { kind: 'vanished' } })
    bench.tell({ kind: 'sourceFailed', entry: 1, revision: 0, problem: { kind: 'unreadable', reason: 'no' } })
    expect(bench.said()).toMatchObject([
      { code: 'source-vanished', sentence: 'it was deleted after it was listed' },
      { code: 'source-changed', sentence: 'no' },
    ])
  })

  it('that is gone is why nothing moves, whoever has the turn and over whatever connection', () => {
    const bench = sender(chunkBytes)
    bench.effects.length = 0
    bench.tell({ kind: 'sourceGone' })
    const gone = { kind: 'report', state: 'parked', reason: 'source-gone', who: 'self' }
    expect(reportsOf(bench)).toEqual([gone])
    turn(bench, 'sender')
    bench.open()
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }], 1, true))
    expect(reportsOf(bench).at(-1)).toEqual(gone)
  })
})

describe('an outcome', () => {
  it('of which the receiver says no more counts the bytes that were offered', () => {
    const bench = sender(3 * chunkBytes)
    bench.hear(want([{ need: 'done', from: 0, count: 1, outcome: 'unchanged' }]))
    const { bytesPublished, bytesUnchanged } = bench.core.entries
    expect([bytesPublished, bytesUnchanged]).toEqual([3 * chunkBytes, 3 * chunkBytes])
  })

  it('leaves nothing held up: the turn that comes back is reported', () => {
    const bench = sender(8 * chunkBytes)
    turn(bench, 'receiver')
    bench.effects.length = 0
    turn(bench, 'sender')
    expect(reportsOf(bench)).toMatchObject([{ state: 'transferring' }])
  })
})
