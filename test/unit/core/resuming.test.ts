// What two living sides tell each other over a new connection, so that little is sent again.

import { describe, expect, it } from 'vitest'
import { emptyCheckpoint } from '../../../src/core/checkpoint.ts'
import type { Effect } from '../../../src/core/effects.ts'
import { standing } from '../../../src/core/entry-table.ts'
import { entryKinds } from '../../../src/core/inputs.ts'
import { noManifest } from '../../../src/model/manifest.ts'
import { Bench, chunkBytes, end, pageOf, receipt, want } from '../../support/core-bench.ts'

const kindsOf = (effects: readonly Effect[]): string[] => effects.map(({ kind }) => kind)

function write(bench: Bench, chunk: number): void {
  const place = { entry: 0, revision: 0, chunk }
  const { connection } = bench
  const { epoch } = bench.core
  bench.tell({ kind: 'frameArrived', connection, frame: { kind: 'chunk', frame: 1, epoch, place, length: chunkBytes } })
  bench.take('writeChunk')
  bench.tell({ kind: 'chunkWritten', place, hash: 7n, hole: false })
}

describe('R2: if both processes lived, only bytes in flight are sent again', () => {
  it('the receiver says what is durable, and what it received and is not', () => {
    const bench = Bench.inPhase('receiver', 'transferring')
    bench.page([6 * chunkBytes])
    write(bench, 0)
    write(bench, 1)
    const { serial } = bench.take('syncData')
    bench.tell({ kind: 'dataSynced', serial, finished: [], syncMs: 0 })
    bench.commit()
    write(bench, 3)
    bench.said()
    bench.open()
    const durable = [[0, 2]] as const
    const received = [[3, 1]] as const
    expect(bench.said().slice(1)).toEqual([
      want([{ need: 'part', from: 0, revision: 0, durable, received }]),
      want([], 1, true),
    ])
  })

  it('the sender sends neither again', () => {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.page([6 * chunkBytes])
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }]))
    const send = (): number[] => {
      const sent: number[] = []
      while (bench.effects.some(({ kind }) => kind === 'sendChunk')) {
        const { place, connection } = bench.take('sendChunk')
        sent.push(place.chunk)
        bench.tell({ kind: 'chunkSent', connection, place, hash: BigInt(place.chunk), zeros: false })
      }
      return sent
    }
    expect(send()).toEqual([0, 1, 2, 3, 4]) // 5 x (256 + 512) of a window of 4096.
    bench.open()
    bench.effects.length = 0
    bench.hear(want([{ need: 'part', from: 0, revision: 0, durable: [[0, 2]], received: [[3, 1]] }], 1, true))
    expect(send()).toEqual([2, 4, 5])
  })
})

describe('R41: a receipt that was lost', () => {
  it('is said again, the same one, as often as it is asked for', () => {
    const bench = Bench.inPhase('receiver', 'finishing')
    bench.tell({ kind: 'treeFinished', outcomes: [] })
    bench.take('finishTree')
    bench.commit()
    bench.tell({ kind: 'sessionDigested', digest: receipt.digest, finishedAt: receipt.finishedAt, isDegraded: false })
    bench.commit()
    bench.tell({ kind: 'receiptStored' })
    expect(bench.said().at(-1)).toEqual({ kind: 'receipt', receipt })
    for (let times = 0; times < 3; times++) {
      bench.open()
      bench.said()
      bench.hear(end)
      expect(bench.said()).toEqual([{ kind: 'receipt', receipt }])
    }
  })

  it('comes from the journal after a crash, and work is not done twice', () => {
    const bench = Bench.fresh('receiver', { ...emptyCheckpoint(), receipt }, [pageOf([])])
    bench.tell({ kind: 'receiptStored' })
    bench.tell({ kind: 'pageSurveyed', survey: { page: 0, plans: new Uint8Array(0), outcomes: [] } })
    bench.open({ pages: 1, entries: 0, bytes: 0, digest: pageOf([]).digest, complete: true })
    bench.said()
    bench.hear(end)
    expect(bench.said()).toEqual([{ kind: 'receipt', receipt }])
    expect(kindsOf(bench.effects)).not.toContain('finishTree')
  })

  it('is taken once by the sender; again it is only answered', () => {
    const bench = Bench.inPhase('sender', 'finishing')
    bench.hear({ kind: 'receipt', receipt })
    bench.commit()
    bench.tell({ kind: 'receiptStored' })
    expect(bench.said().at(-1)).toEqual({ kind: 'release' })
    bench.effects.length = 0
    bench.hear({ kind: 'receipt', receipt })
    expect(kindsOf(bench.effects)).not.toContain('commit')
    expect(bench.said()).toEqual([{ kind: 'release' }])
  })
})

describe('R22: a full disk', () => {
  it('takes the turn with needed and free bytes, again over a new connection, and gives it back', () => {
    const bench = Bench.inPhase('receiver', 'transferring')
    bench.page([2 * chunkBytes])
    bench.effects.length = 0
    bench.tell({ kind: 'diskFilled', neededBytes: 500, freeBytes: 3 })
    const held = { kind: 'turn', holder: 'receiver', reason: 'disk-full', neededBytes: 500, freeBytes: 3 }
    expect(bench.said()).toEqual([held])
    const report = { kind: 'report', state: 'parked', reason: 'disk-full', who: 'self', neededBytes: 500, freeBytes: 3 }
    expect(bench.effects).toContainEqual(report)
    bench.open()
    expect(bench.said().at(-1)).toEqual(held)
    bench.tell({ kind: 'diskCleared' })
    expect(bench.said()).toEqual([{ kind: 'turn', holder: 'sender', reason: null, neededBytes: null, freeBytes: null }])
    expect(bench.effects.at(-1)).toMatchObject({ kind: 'report', state: 'transferring' })
  })

  it('stops the sender, who says why, until the turn comes back', () => {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.page([2 * chunkBytes])
    bench.hear({ kind: 'turn', holder: 'receiver', reason: 'disk-full', neededBytes: 500, freeBytes: 3 })
    const report = { kind: 'report', state: 'parked', reason: 'disk-full', who: 'peer', neededBytes: 500, freeBytes: 3 }
    expect(bench.effects).toContainEqual(report)
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }]))
    expect(kindsOf(bench.effects)).not.toContain('sendChunk')
    bench.hear({ kind: 'turn', holder: 'sender', reason: null, neededBytes: null, freeBytes: null })
    expect(kindsOf(bench.effects)).toContain('sendChunk')
  })

  it('a turn held for no reason that is known is a quota', () => {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.effects.length = 0
    bench.hear({ kind: 'turn', holder: 'receiver', reason: null, neededBytes: null, freeBytes: null })
    expect(bench.effects).toEqual([{ kind: 'report', state: 'parked', reason: 'quota', who: 'peer' }])
  })
})

describe('R46: a receiver that was rolled back', () => {
  it('is owed nothing for a folder whose page and outcome it has forgotten', () => {
    const bench = Bench.inPhase('sender', 'transferring')
    const kinds = Uint8Array.of(entryKinds.directory)
    const shape = { ...pageOf([0]), kinds }
    bench.take('walkPage')
    bench.tell({ kind: 'pageWalked', shape })
    const outcomes = [{ entry: 0, outcome: 'failed', bytes: 0 }] as const
    bench.hear({ kind: 'acknowledge', serial: 1, places: [], outcomes, level: 'checkpoint', syncMs: 0 })
    expect(bench.core.entries.standing(0)).toBe(standing.done)
    bench.open(noManifest)
    expect(bench.core.entries.standing(0)).toBe(standing.later)
    expect(bench.core.entries.unfinished).toBe(0)
  })
})
