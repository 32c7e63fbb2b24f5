import { describe, expect, it } from 'vitest'
import { defaultLimits, signOfLifeEveryMs } from '../../../src/model/limits.ts'
import { type Hello, type Message, signOfLife } from '../../../src/model/messages.ts'
import { Bench, chunkBytes, listenerHello, want } from '../../support/core-bench.ts'
import { attempts, dialer, helloOf, laneUp, listener, sendsOf, twoLanes, welcome } from '../../support/lanes-bench.ts'

const { deadAfterMs, pingIdleMs } = defaultLimits

describe('the dialer', () => {
  it.each<['any' | 'auto' | number, number, number]>([
    ['auto', 8, 0],
    ['any', 1, 0],
    ['any', 3, 3],
    [2, 16, 2],
    [8, 3, 3],
    [1, 16, 0],
  ])('wishes %s, is answered %i, and opens %i', (lanes, agreed, opened) => {
    expect(attempts(dialer('receiver', agreed, lanes).effects)).toHaveLength(opened)
  })

  it('opens a few at a time, each in the open epoch, until all are there', () => {
    const bench = dialer('sender', 6)
    expect(attempts(bench.effects)).toEqual([1, 2, 3, 4])
    bench.effects.length = 0
    bench.tell({ kind: 'laneConnected', connection: 7, lane: 1, attempt: 7 })
    expect(bench.said()).toMatchObject([{ kind: 'hello', lane: 1, epoch: 1, attempt: 7 }])
    expect(bench.core.lanes).toBe(1)
    bench.tell({ kind: 'messageArrived', connection: 7, message: welcome })
    expect(attempts(bench.effects)).toEqual([5])
    laneUp(bench, 8, 2)
    expect(attempts(bench.effects)).toEqual([5, 6])
    expect(bench.core.lanes).toBe(2)
  })

  it('opens two at once where the way is long and nothing was said of the number', () => {
    expect(attempts(dialer('sender', 16, 'auto', 100).effects)).toEqual([1, 2])
    expect(attempts(dialer('sender', 1, 'auto', 100).effects)).toEqual([])
  })

  it('adds lanes while they pay, and closes those that do not once nothing of theirs is on its way', () => {
    const bench = dialer('sender', 16, 'auto')
    bench.hear(want([], 0, true))
    bench.page([10_000 * chunkBytes])
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }]))
    /** Time passes, in which so many chunks a second cross. */
    const pass = (seconds: number, perSecond: number): void => {
      for (const until = bench.now + 1_000 * seconds; bench.now < until; bench.now += 1_000) {
        for (let i = 0; i < perSecond; i++) {
          const { connection, place } = bench.take('sendChunk')
          bench.tell({ kind: 'chunkSent', connection, place, hash: 7n, zeros: false })
          const places = [{ entry: 0, revision: 0, first: place.chunk, count: 1 }]
          bench.hear({ kind: 'acknowledge', serial: 1, places, outcomes: [], level: 'checkpoint', syncMs: 0 })
        }
        for (const connection of [1, 2, 3, 4, 5])
          bench.tell({ kind: 'heard', connection, arrivingBytes: 0, isReading: true })
        bench.tell({ kind: 'deadlinePassed' })
      }
    }
    pass(6, 50)
    expect(attempts(bench.effects)).toEqual([1, 2])
    laneUp(bench, 2, 1)
    laneUp(bench, 3, 2)
    pass(6, 100)
    expect(attempts(bench.effects)).toEqual([1, 2, 3, 4])
    laneUp(bench, 4, 3)
    laneUp(bench, 5, 4)
    expect(bench.core.lanes).toBe(4)
    pass(12, 100)
    expect(bench.core.lanes).toBe(2)
    expect(bench.effects.flatMap((it) => (it.kind === 'close' ? [it.connection] : []))).toEqual([4, 5])
  })

  it('tries a lane that is not to be had later and later, and lets no refused one come again', () => {
    const bench = dialer('sender', 2)
    const waits: number[] = []
    for (let i = 0; i < 3; i++) {
      bench.tell({ kind: 'laneFailed', lane: 1 })
      bench.tell({ kind: 'laneFailed', lane: 2 })
      bench.effects.length = 0
      const from = bench.now
      while (attempts(bench.effects).length === 0) {
        bench.now = bench.core.deadline!
        bench.tell({ kind: 'heard', connection: 1, arrivingBytes: 0, isReading: true })
        bench.tell({ kind: 'deadlinePassed' })
      }
      waits.push(bench.now - from)
    }
    expect(waits).toEqual([1_000, 2_000, 4_000])
    bench.effects.length = 0
    bench.tell({ kind: 'laneConnected', connection: 9, lane: 1, attempt: 9 })
    const refuse: Message = { kind: 'refuse', code: 'protocol', sentence: 'No.', retry: false }
    bench.tell({ kind: 'messageArrived', connection: 9, message: refuse })
    bench.tell({ kind: 'laneConnected', connection: 10, lane: 2, attempt: 10 })
    expect(bench.effects).toContainEqual(expect.objectContaining({ kind: 'destroy', connection: 9 }))
    expect(bench.effects).toContainEqual(expect.objectContaining({ kind: 'destroy', connection: 10 }))
    expect(bench.core.openConnection).toBe(1)
  })

  it('takes nothing from a lane before its welcome but what belongs there', () => {
    const bench = dialer('receiver', 2)
    bench.tell({ kind: 'laneConnected', connection: 9, lane: 1, attempt: 9 })
    bench.tell({ kind: 'messageArrived', connection: 9, message: { ...signOfLife, kind: 'pong' } })
    expect(bench.effects).toContainEqual(
      expect.objectContaining({ kind: 'finish', end: expect.objectContaining({ code: 'protocol' }) }),
    )
  })

  it('hears an answer that it no longer waits for, or a message of a later version, and goes on', () => {
    const bench = dialer('receiver', 2)
    laneUp(bench, 9, 1)
    bench.effects.length = 0
    bench.tell({ kind: 'messageArrived', connection: 9, message: { ...signOfLife, kind: 'pong' } })
    expect(bench.effects).toEqual([])
    bench.tell({ kind: 'messageArrived', connection: 9, message: { kind: 'skippable', name: 'later' } })
    expect(bench.effects).toEqual([])
    expect(bench.core.lanes).toBe(1)
  })

  it('lets go of a lane that the other side aborts, and of nothing else', () => {
    const bench = dialer('receiver', 2)
    laneUp(bench, 9, 1)
    laneUp(bench, 10, 2)
    const abort: Message = { kind: 'abort', code: 'internal', sentence: 'That was too much.' }
    bench.tell({ kind: 'messageArrived', connection: 9, message: abort })
    expect(bench.effects).toContainEqual({
      kind: 'destroy',
      connection: 9,
      reason: 'the other side ended it: That was too much.',
    })
    expect([bench.core.lanes, bench.core.openConnection]).toEqual([1, 1])
  })
})

describe('R38: the listener', () => {
  it('lets a lane into the open epoch, which stays what it is', () => {
    const { bench, join } = listener('receiver', 2)
    const effects = join(2, 2)
    expect(effects).toMatchObject([{ kind: 'send', connection: 2, message: { kind: 'welcome', epoch: 1 } }])
    expect([bench.core.openConnection, bench.core.epoch, bench.core.lanes]).toEqual([1, 1, 1])
  })

  it.each<[string, number, number, Partial<Hello>, string]>([
    ['of an older epoch', 2, 1, { epoch: 0 }, 'stale'],
    ['of an epoch to come', 2, 1, { epoch: 2 }, 'stale'],
    ['of another process', 2, 1, { instance: 'c'.repeat(16) }, 'stale'],
    ['beyond what was agreed', 2, 3, {}, 'protocol'],
    ['where none was agreed', 1, 1, {}, 'protocol'],
  ])('refuses one %s, and goes on', (_what, agreed, lane, changed, code) => {
    const { bench, join } = listener('receiver', agreed)
    expect(join(2, lane, changed)).toMatchObject([
      { kind: 'send', connection: 2, message: { kind: 'refuse', code, retry: code === 'stale' } },
      { kind: 'close', connection: 2 },
    ])
    expect(bench.core.openConnection).toBe(1)
  })

  it('refuses one before any lane 0', () => {
    const bench = Bench.fresh('receiver')
    const hello = { ...helloOf(listenerHello('sender')), lane: 1 }
    bench.tell({ kind: 'helloArrived', connection: 2, hello, records: [] })
    expect(bench.said()).toMatchObject([{ kind: 'refuse', code: 'stale' }])
  })

  it('replaces a lane that is opened anew, and not by an older attempt', () => {
    const { join } = listener('receiver', 2)
    join(2, 1, { attempt: 50 })
    expect(join(3, 1, { attempt: 40 })).toMatchObject([{ kind: 'destroy', connection: 3 }])
    expect(join(4, 1, { attempt: 60 })).toMatchObject([
      { kind: 'destroy', connection: 2 },
      { kind: 'send', connection: 4, message: { kind: 'welcome' } },
    ])
  })

  it.each<Message>([
    { kind: 'sync', grade: 'minor' },
    { kind: 'release' },
    welcome,
    { kind: 'pause', reason: 'user', confirm: false },
  ])('takes no $kind from a further lane', (message) => {
    const { bench, join } = listener('receiver', 2)
    join(2, 1)
    bench.tell({ kind: 'messageArrived', connection: 2, message })
    expect(bench.effects).toContainEqual(
      expect.objectContaining({ kind: 'finish', end: expect.objectContaining({ code: 'protocol' }) }),
    )
  })
})

describe('R31: a further lane', () => {
  it('over which nothing was sent for a while is pinged, and one that is silent is let go, but not the session', () => {
    const bench = twoLanes([2 * chunkBytes])
    const pings = (connection: number): number =>
      bench.effects.filter((it) => it.kind === 'send' && it.connection === connection && it.message.kind === 'ping')
        .length
    for (let at = 1_000; at <= deadAfterMs; at += 1_000) {
      bench.now = at
      bench.tell({ kind: 'heard', connection: 1, arrivingBytes: 0, isReading: true })
      bench.tell({ kind: 'heard', connection: 3, arrivingBytes: 0, isReading: true })
      bench.tell({ kind: 'deadlinePassed' })
    }
    expect(pings(2)).toBe(deadAfterMs / pingIdleMs - 1)
    expect(bench.effects).toContainEqual({ kind: 'destroy', connection: 2, reason: 'peer-silent' })
    expect(bench.core.lanes).toBe(1)
    expect(bench.core.openConnection).toBe(1)
    expect(sendsOf(bench)).toContain('3: 0 again')
  })

  it('R32: is pinged more often while nothing is read from it, which the other side cannot tell from silence', () => {
    const bench = twoLanes([2 * chunkBytes])
    const pingsAt = (): number[] => {
      const at: number[] = []
      for (const until = bench.now + 2 * signOfLifeEveryMs; bench.now < until;) {
        bench.now += signOfLifeEveryMs / 2
        bench.effects.length = 0
        bench.tell({ kind: 'deadlinePassed' })
        if (bench.effects.some((it) => it.kind === 'send' && it.connection === 3)) at.push(bench.now)
      }
      return at
    }
    expect(pingsAt()).toEqual([])
    bench.tell({ kind: 'heard', connection: 3, arrivingBytes: 0, isReading: false })
    const at = bench.now
    expect(pingsAt()).toEqual([at + signOfLifeEveryMs / 2, at + 1.5 * signOfLifeEveryMs])
  })

  it('is looked at when its own time has come, whatever lane 0 has said and heard meanwhile', () => {
    const bench = twoLanes([2 * chunkBytes])
    bench.now = pingIdleMs / 2
    bench.tell({ kind: 'heard', connection: 1, arrivingBytes: 0, isReading: true })
    bench.hear(signOfLife)
    expect(bench.core.deadline).toBe(pingIdleMs)
  })

  it('answers a ping', () => {
    const { bench, join } = listener('receiver', 2)
    join(2, 1)
    bench.said()
    bench.tell({ kind: 'messageArrived', connection: 2, message: { ...signOfLife, number: 7 } })
    expect(bench.effects).toMatchObject([{ kind: 'send', connection: 2, message: { kind: 'pong' } }])
  })

  it('R37: is not called dead for time in which this process stood still', () => {
    const bench = twoLanes([2 * chunkBytes])
    bench.now = 10 * deadAfterMs
    bench.tell({ kind: 'deadlinePassed' })
    expect(bench.core.lanes).toBe(2)
  })
})
