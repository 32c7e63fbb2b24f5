import { describe, expect, it } from 'vitest'
import { signOfLife } from '../../../src/model/messages.ts'
import { type Bench, pageOf, want } from '../../support/core-bench.ts'
import { listener, sendsOf, sent, twoLanes } from '../../support/lanes-bench.ts'

const chunkBytes = 256
const patienceMs = 2_000

/** A file of four chunks, two on either lane: those of lane 2 are in its socket, and nothing is left to be sent. */
function atTheEnd(): Bench {
  const bench = twoLanes([4 * chunkBytes])
  expect(sendsOf(bench)).toEqual(['2: 0', '3: 1', '2: 2', '3: 3'])
  bench.effects.length = 0
  sent(bench, 2, 0)
  sent(bench, 2, 2)
  return bench
}

const asked = (bench: Bench): number[] =>
  bench.effects.flatMap((effect) =>
    effect.kind === 'send' && effect.message.kind === 'ping' ? [effect.connection] : [],
  )
const answer = (bench: Bench, connection: number, afterMs: number): void => {
  bench.now += afterMs
  bench.tell({ kind: 'messageArrived', connection, message: { ...signOfLife, kind: 'pong' } })
}
const later = (bench: Bench, ms: number): void => {
  bench.now += ms
  bench.tell({ kind: 'deadlinePassed' })
}

describe('once nothing is left to be sent', () => {
  it('each lane is asked once for a sign of life', () => {
    const bench = atTheEnd()
    expect(asked(bench)).toEqual([2, 3])
    sent(bench, 3, 1)
    expect(asked(bench)).toEqual([2, 3])
  })

  it('no lane is asked before that', () => {
    const { last: _, ...first } = pageOf([4 * chunkBytes])
    const walking = listener('sender', 2)
    walking.join(2, 1)
    walking.join(3, 2)
    walking.bench.tell({ kind: 'pageWalked', shape: first })
    walking.bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }]))
    expect(sendsOf(walking.bench)).toHaveLength(4)
    sent(walking.bench, 2, 0)
    expect(asked(walking.bench)).toEqual([])
  })

  it('what a lane carries that answers much later than the first one goes out again over the others', () => {
    const bench = atTheEnd()
    answer(bench, 2, 100)
    bench.effects.length = 0
    later(bench, patienceMs - 101)
    expect(sendsOf(bench)).toEqual([])
    expect(bench.core.deadline).toBe(bench.now + 1)
    later(bench, 1)
    expect(bench.effects).toContainEqual({ kind: 'destroy', connection: 3, reason: 'it holds up the end' })
    expect(sendsOf(bench)).toEqual(['2: 1 again', '2: 3 again'])
    sent(bench, 2, 1)
    sent(bench, 2, 3)
    expect(asked(bench)).toEqual([]) // One lane has nobody to be late behind.
  })

  it('a way that is slow on all lanes has four times as long as the first one took', () => {
    const bench = atTheEnd()
    answer(bench, 2, 1_000)
    bench.effects.length = 0
    later(bench, 2_999)
    expect(sendsOf(bench)).toEqual([])
    later(bench, 1)
    expect(sendsOf(bench)).toEqual(['2: 1 again', '2: 3 again'])
  })

  it('nothing is sent twice where all answer in time, or none does', () => {
    const inTime = atTheEnd()
    answer(inTime, 2, 100)
    answer(inTime, 3, 1_000)
    const silent = atTheEnd()
    for (const bench of [inTime, silent]) {
      bench.effects.length = 0
      later(bench, 4_900)
      expect(sendsOf(bench)).toEqual([])
      expect(bench.effects.filter(({ kind }) => kind === 'destroy')).toEqual([])
    }
  })

  it('a lane on which nothing is owed any more may answer when it likes', () => {
    const bench = atTheEnd()
    sent(bench, 3, 1)
    sent(bench, 3, 3)
    answer(bench, 2, 100)
    bench.hear({
      kind: 'acknowledge',
      serial: 1,
      places: [{ entry: 0, revision: 0, first: 0, count: 4 }],
      outcomes: [],
      level: 'checkpoint',
      syncMs: 0,
    })
    bench.effects.length = 0
    later(bench, 4_000)
    expect(bench.effects.filter(({ kind }) => kind === 'destroy')).toEqual([])
  })

  it('the lanes are asked again when there was more to send', () => {
    const bench = atTheEnd()
    answer(bench, 2, 100)
    bench.effects.length = 0
    bench.hear(want([{ need: 'again', from: 0, revision: 0, chunks: [[0, 1]] }], 1))
    expect(sendsOf(bench)).toEqual(['2: 0 again'])
    later(bench, patienceMs)
    expect(bench.effects.filter(({ kind }) => kind === 'destroy')).toEqual([])
    sent(bench, 2, 0)
    expect(asked(bench)).toEqual([2, 3])
  })

  /** Forty chunks, of which lane 2 takes one each so many ms, and lane 3 each so many. Both have had their sockets full. */
  function lanesOf(fastMs: number, slowMs: number): Bench {
    const bench = twoLanes([40 * chunkBytes])
    const next = { 2: 0, 3: 0 }
    for (const from = bench.now; asked(bench).length === 0;) {
      bench.now += fastMs
      for (const [connection, ms] of [
        [2, fastMs],
        [3, slowMs],
      ] as const) {
        if ((bench.now - from) % ms !== 0) continue
        const own = sendsOf(bench).filter((send) => send.startsWith(`${connection}: `))
        sent(bench, connection, Number(own[next[connection]++]!.slice(3)))
        bench.tell({ kind: 'heard', connection, arrivingBytes: 0, isReading: true })
      }
      bench.tell({ kind: 'heard', connection: 1, arrivingBytes: 0, isReading: true })
    }
    bench.effects.length = 0
    return bench
  }

  it('what a lane carries that was much slower than another one goes out again at once', () => {
    const bench = lanesOf(150, 600)
    expect(bench.core.deadline).toBeLessThanOrEqual(bench.now)
    later(bench, 0)
    expect(bench.effects).toContainEqual({ kind: 'destroy', connection: 3, reason: 'it holds up the end' })
    expect(sendsOf(bench)).not.toEqual([])
  })

  it.each([
    ['a little slower', 200, 600],
    ['slow, but soon done', 100, 400],
  ])('a lane that is %s is waited for', (_what, fastMs, slowMs) => {
    const bench = lanesOf(fastMs, slowMs)
    later(bench, 0)
    expect(bench.effects.filter(({ kind }) => kind === 'destroy')).toEqual([])
  })
})
