import { describe, expect, it } from 'vitest'
import { emptyCheckpoint } from '../../../src/core/checkpoint.ts'
import type { Effect } from '../../../src/core/effects.ts'
import type { ArrivedFrame } from '../../../src/core/inputs.ts'
import { defaultLimits, signOfLifeEveryMs } from '../../../src/model/limits.ts'
import { type Hello, type Message, signOfLife } from '../../../src/model/messages.ts'
import type { Role } from '../../../src/model/session.ts'
import { Bench, chunkBytes, listenerHello, want, welcome as narrow } from '../../support/core-bench.ts'

const { deadAfterMs, pingIdleMs } = defaultLimits
const limitsWith = (lanes: number | 'auto' | 'any') => ({
  limits: { ...defaultLimits, chunkBytes, windowBytes: 65_536, syncEveryBytes: 512, syncEveryMs: 100, lanes },
})

const welcome = { ...narrow, agreed: { chunkBytes, windowBytes: 65_536, lanes: 16 } }

/** The lanes that were to be dialed. */
function attempts(effects: readonly Effect[]): number[] {
  return effects.flatMap((effect) => (effect.kind === 'dialLane' ? [effect.lane] : []))
}

/** A dialer whose lane 0, connection 1, is open with so many lanes agreed. */
function dialer(role: Role, agreed: number, lanes: number | 'auto' | 'any' = 'any'): Bench {
  const bench = Bench.fresh(role, emptyCheckpoint(), [], [], limitsWith(lanes))
  bench.connection = 1
  bench.tell({ kind: 'connected', connection: 1, attempt: 1 })
  bench.hear({ ...welcome, agreed: { ...welcome.agreed, lanes: agreed } })
  bench.said()
  bench.commit()
  return bench
}

function laneUp(bench: Bench, connection: number, lane: number): void {
  bench.tell({ kind: 'laneConnected', connection, lane, attempt: connection })
  bench.tell({ kind: 'messageArrived', connection, message: welcome })
}

const helloOf = (input: ReturnType<typeof listenerHello>): Hello => {
  if (input.kind !== 'helloArrived') throw new Error('a listener is greeted')
  return input.hello
}

/** A listener whose lane 0, connection 1, is open with so many lanes agreed, and a way to greet it for another lane. */
function listener(role: Role, lanes: number) {
  const bench = Bench.fresh(role, emptyCheckpoint(), [], [], limitsWith('any'))
  const peer = role === 'sender' ? 'receiver' : 'sender'
  bench.connection = 1
  const wishes = { chunkBytes, windowBytes: 65_536, lanes }
  const hello = { ...helloOf(listenerHello(peer)), wishes }
  bench.tell({ kind: 'helloArrived', connection: 1, hello, records: [] })
  bench.commit()
  if (role === 'sender') bench.hear(want([], 0, true))
  bench.effects.splice(0, Infinity, ...bench.effects.filter(({ kind }) => kind === 'walkPage'))
  const join = (connection: number, lane: number, changed: Partial<Hello> = {}): readonly Effect[] => {
    const other = { ...helloOf(listenerHello(peer)), lane, epoch: 1, ...changed }
    return bench.tell({ kind: 'helloArrived', connection, hello: other, records: [] })
  }
  return { bench, join }
}

/** A sender with two further lanes, connections 2 and 3, from which files of such sizes are wanted. */
function twoLanes(sizes: readonly number[]): Bench {
  const { bench, join } = listener('sender', 2)
  join(2, 1)
  join(3, 2)
  bench.page(sizes)
  bench.hear(want([{ need: 'all', from: 0, count: sizes.length, revision: 0 }]))
  bench.said()
  return bench
}

function sendsOf(bench: Bench): string[] {
  return bench.effects.flatMap((effect) =>
    effect.kind === 'sendChunk' ? [`${effect.connection}: ${effect.place.chunk}${effect.again ? ' again' : ''}`] : [],
  )
}

function sent(bench: Bench, connection: number, chunk: number): void {
  bench.tell({ kind: 'chunkSent', connection, place: { entry: 0, revision: 0, chunk }, hash: 7n, zeros: false })
}

const frame = (chunk: number, epoch = 1): ArrivedFrame => ({
  kind: 'chunk',
  frame: 10 + chunk,
  epoch,
  place: { entry: 0, revision: 0, chunk },
  length: chunkBytes,
})

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

describe('data', () => {
  it('is pulled by the lanes that are free, two frames each, and lane 0 carries none of it', () => {
    const bench = twoLanes([40 * chunkBytes])
    expect(sendsOf(bench)).toEqual(['2: 0', '3: 1', '2: 2', '3: 3'])
    bench.effects.length = 0
    sent(bench, 3, 1)
    sent(bench, 3, 3)
    sent(bench, 3, 4)
    expect(sendsOf(bench)).toEqual(['3: 4', '3: 5', '3: 6'])
  })

  it('of a lane that is lost goes out again over the others, and only what was not acknowledged', () => {
    const bench = twoLanes([6 * chunkBytes])
    for (const [connection, chunk] of [
      [2, 0],
      [3, 1],
      [2, 2],
    ] as const)
      sent(bench, connection, chunk)
    const places = [{ entry: 0, revision: 0, first: 0, count: 1 }]
    bench.hear({ kind: 'acknowledge', serial: 1, places, outcomes: [], level: 'checkpoint', syncMs: 0 })
    bench.effects.length = 0
    bench.tell({ kind: 'connectionEnded', connection: 2, reason: 'cut' })
    for (const chunk of [3, 5]) sent(bench, 3, chunk)
    sent(bench, 3, 2)
    expect(sendsOf(bench)).toEqual(['3: 2 again', '3: 4 again'])
    sent(bench, 3, 4)
    expect(bench.take('checkSource')).toMatchObject({ entry: 0 })
  })

  it('that was acknowledged before the socket had let go of it holds nothing up when its lane is lost', () => {
    const bench = twoLanes([2 * chunkBytes])
    sent(bench, 3, 1)
    const places = [{ entry: 0, revision: 0, first: 0, count: 2 }]
    bench.hear({ kind: 'acknowledge', serial: 1, places, outcomes: [], level: 'checkpoint', syncMs: 0 })
    bench.effects.length = 0
    bench.tell({ kind: 'connectionEnded', connection: 2, reason: 'cut' })
    expect(sendsOf(bench)).toEqual(['3: 0']) // Its hash never came, and the digest needs it.
    sent(bench, 3, 0)
    expect(bench.take('checkSource')).toMatchObject({ entry: 0 })
  })

  it('that was acknowledged while it went out again does not go out once more when that lane is lost, too', () => {
    const bench = twoLanes([2 * chunkBytes])
    sent(bench, 2, 0)
    sent(bench, 3, 1)
    bench.tell({ kind: 'connectionEnded', connection: 2, reason: 'cut' })
    expect(sendsOf(bench).at(-1)).toBe('3: 0 again')
    const places = [{ entry: 0, revision: 0, first: 0, count: 2 }]
    bench.hear({ kind: 'acknowledge', serial: 1, places, outcomes: [], level: 'checkpoint', syncMs: 0 })
    bench.effects.length = 0
    bench.tell({ kind: 'connectionEnded', connection: 3, reason: 'cut' })
    expect(sendsOf(bench)).toEqual([])
    expect(bench.take('checkSource')).toMatchObject({ entry: 0 })
  })

  it('in a pack that is lost with its lane goes out again', () => {
    const bench = twoLanes([8, 8])
    const { connection, files } = bench.take('sendPack')
    bench.tell({ kind: 'packSent', connection, files: files.map((file) => ({ ...file, hash: 7n })) })
    bench.tell({ kind: 'connectionEnded', connection, reason: 'cut' })
    const again = bench.take('sendPack')
    expect(again.connection).not.toBe(connection)
    expect(again.files).toEqual(files.map((file) => ({ ...file, again: true })))
  })

  it('goes over lane 0 where the last further lane is lost', () => {
    const bench = twoLanes([2 * chunkBytes])
    for (const connection of [2, 3]) bench.tell({ kind: 'connectionEnded', connection, reason: 'cut' })
    expect(sendsOf(bench).slice(-2)).toEqual(['1: 0 again', '1: 1 again'])
  })

  it('R38: ends with lane 0, which takes the others along', () => {
    const bench = twoLanes([40 * chunkBytes])
    bench.effects.length = 0
    bench.close()
    expect(bench.effects).toMatchObject([{ kind: 'destroy', connection: 2 }, { kind: 'destroy', connection: 3 }, {}])
    expect(bench.core.lanes).toBe(0)
    bench.effects.length = 0
    sent(bench, 2, 0)
    expect(sendsOf(bench)).toEqual([])
  })
})

describe('a receiver', () => {
  /** With one further lane, connection 2, and a file of so many chunks under way. */
  function receiver(chunks: number) {
    const { bench, join } = listener('receiver', 2)
    join(2, 1)
    bench.page([chunks * chunkBytes])
    bench.effects.length = 0
    const arrives = (connection: number, chunk: number, epoch = 1): readonly Effect[] =>
      bench.tell({ kind: 'frameArrived', connection, frame: frame(chunk, epoch) })
    const written = (chunk: number): void => {
      bench.tell({ kind: 'chunkWritten', place: { entry: 0, revision: 0, chunk }, hash: 7n, hole: false })
    }
    return { bench, arrives, written }
  }

  it('R38: drops what comes over a lane that is closed or never was one, and ends it', () => {
    const { bench, arrives } = receiver(2)
    expect(arrives(2, 0)).toMatchObject([{ kind: 'writeChunk' }])
    bench.tell({ kind: 'connectionEnded', connection: 2, reason: 'cut' })
    for (const connection of [2, 8])
      expect(arrives(connection, 1)).toMatchObject([
        { kind: 'dropFrame', reason: 'stale' },
        { kind: 'destroy', connection },
      ])
    expect(bench.core.openConnection).toBe(1)
  })

  it('R111: writes a place once, whatever lane it comes over', () => {
    const { arrives, written } = receiver(2)
    arrives(2, 0)
    expect(arrives(1, 0)).toMatchObject([{ kind: 'dropFrame', reason: 'duplicate' }])
    written(0)
    expect(arrives(1, 0)).toMatchObject([{ kind: 'dropFrame', reason: 'duplicate' }])
  })

  it('finishes a file whose permission overtook all its chunks', () => {
    const { bench, arrives, written } = receiver(1)
    const digest = (7n + BigInt(chunkBytes)).toString(16).padStart(16, '0')
    bench.hear({ kind: 'sync', grade: 'major', files: [{ entry: 0, revision: 0, digest }] })
    arrives(2, 0)
    written(0)
    expect(bench.take('syncData').finish).toMatchObject([{ entry: 0, digest }])
  })

  it('takes what the end overtook for a duplicate on a further lane, and for a breach on lane 0', () => {
    const { bench, arrives } = receiver(0)
    const { manifest } = bench.core.entries
    bench.hear({ kind: 'end', manifest: manifest.digest, entries: manifest.entries, bytes: manifest.bytes })
    expect(arrives(2, 0)).toMatchObject([{ kind: 'dropFrame', reason: 'duplicate' }])
    arrives(1, 0)
    expect(bench.said()).toMatchObject([{ kind: 'abort', code: 'protocol' }])
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
