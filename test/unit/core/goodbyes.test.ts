import { describe, expect, it } from 'vitest'
import type { Effect } from '../../../src/core/effects.ts'
import { signOfLife } from '../../../src/model/messages.ts'
import { Bench, chunkBytes } from '../../support/core-bench.ts'
import { dialer, laneUp, sent, twoLanes } from '../../support/lanes-bench.ts'

const kindsOf = (effects: readonly Effect[]): string[] => effects.map(({ kind }) => kind)
const finishOf = (bench: Bench): unknown => bench.effects.find(({ kind }) => kind === 'finish')

/** A receiver at which so many chunks of a file arrived, in this order; none of them is written. */
function arriving(chunks: number): Bench {
  const bench = Bench.inPhase('receiver', 'transferring')
  bench.page([(chunks + 1) * chunkBytes])
  bench.effects.length = 0
  const { connection } = bench
  const { epoch } = bench.core
  for (let chunk = 0; chunk < chunks; chunk++) {
    const frame = { kind: 'chunk', frame: chunk + 1, epoch, place: placeOf(chunk), length: chunkBytes } as const
    bench.tell({ kind: 'frameArrived', connection, frame })
    bench.take('writeChunk')
  }
  return bench
}

const placeOf = (chunk: number) => ({ entry: 0, revision: 0, chunk })

/** A receiver that has written one chunk of two; nothing of it is synced. */
function receiver(): Bench {
  const bench = arriving(1)
  bench.tell({ kind: 'chunkWritten', place: placeOf(0), hash: 7n, hole: false })
  return bench
}

function sync(bench: Bench): void {
  const { serial } = bench.take('syncData')
  bench.tell({ kind: 'dataSynced', serial, finished: [], syncMs: 0 })
  const commits = bench.effects.filter((effect) => effect.kind === 'commit')
  for (const { purpose } of commits)
    if (purpose.for === 'checkpoint' && purpose.serial === serial) bench.tell({ kind: 'committed', purpose })
}

describe('R100: a pause asked for here', () => {
  it('makes what was received durable before it is over', () => {
    const bench = receiver()
    bench.tell({ kind: 'pauseRequested', by: 'signal' })
    expect(kindsOf(bench.effects)).toContain('syncData')
    bench.commit()
    bench.hear({ kind: 'pause', reason: 'signal', confirm: true })
    expect(finishOf(bench)).toBeUndefined()
    sync(bench)
    expect(bench.said()).toContainEqual(expect.objectContaining({ kind: 'acknowledge' }))
    expect(finishOf(bench)).toEqual({ kind: 'finish', end: { how: 'paused', by: 'signal' } })
  })

  it.each(['ticket-revoked', 'ticket-expired'] as const)(
    'because of %s waits for no confirmation, and tells the other side that dialing again with it is of no use',
    (by) => {
      const bench = receiver()
      bench.tell({ kind: 'pauseRequested', by })
      expect(bench.said()).toEqual([]) // No pause to confirm.
      bench.commit()
      sync(bench)
      expect(bench.said()).toEqual([
        expect.objectContaining({ kind: 'acknowledge' }),
        { kind: 'abort', code: by, sentence: expect.stringMatching(/What arrived is kept/) },
      ])
      expect(finishOf(bench)).toEqual({ kind: 'finish', end: { how: 'paused', by } })
    },
  )

  it('asks the receiver for a sync point, if we send', () => {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.effects.length = 0
    bench.tell({ kind: 'pauseRequested', by: 'user' })
    expect(bench.said()).toEqual([
      { kind: 'sync', grade: 'minor' },
      { kind: 'pause', reason: 'user', confirm: false },
    ])
  })

  it('waits for the other side no longer than its deadline', () => {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.tell({ kind: 'pauseRequested', by: 'user' })
    bench.now = bench.core.deadline!
    expect(bench.now).toBeLessThanOrEqual(1_500)
    bench.tell({ kind: 'deadlinePassed' })
    expect(finishOf(bench)).toEqual({ kind: 'finish', end: { how: 'paused', by: 'user' } })
  })

  it('waits for nobody where there is no connection, nor once it is lost; asked twice it is one', () => {
    for (const isLost of [true, false]) {
      const bench = isLost ? Bench.inPhase('sender', 'transferring') : Bench.fresh('sender')
      bench.tell({ kind: 'pauseRequested', by: 'user' })
      bench.tell({ kind: 'pauseRequested', by: 'signal' })
      bench.take('commit')
      expect(kindsOf(bench.effects)).not.toContain('commit')
      bench.tell({ kind: 'committed', purpose: { for: 'pause' } })
      expect(finishOf(bench) === undefined).toBe(isLost)
      if (isLost) bench.close()
      expect(finishOf(bench)).toEqual({ kind: 'finish', end: { how: 'paused', by: 'user' } })
    }
  })
})

describe('R100: a pause of the other side', () => {
  it('is confirmed once what it sent is durable; then we wait, and say who paused', () => {
    const bench = receiver()
    bench.hear({ kind: 'pause', reason: 'user', confirm: false })
    expect(bench.said()).toEqual([])
    expect(bench.effects).toContainEqual(expect.objectContaining({ kind: 'report', reason: 'peer-user', who: 'peer' }))
    sync(bench)
    expect(bench.said().at(-1)).toEqual({ kind: 'pause', reason: 'user', confirm: true })
    expect(finishOf(bench)).toBeUndefined()
  })

  it('is confirmed once what arrived, and is still being written, is durable, too', () => {
    const bench = arriving(3)
    bench.hear({ kind: 'pause', reason: 'user', confirm: false })
    bench.tell({ kind: 'chunkWritten', place: placeOf(0), hash: 7n, hole: false })
    bench.tell({ kind: 'chunkWritten', place: placeOf(1), hash: 7n, hole: false }) // While the first is being synced.
    sync(bench)
    sync(bench)
    expect(bench.said().map(({ kind }) => kind)).toEqual(['acknowledge', 'acknowledge'])
    bench.tell({ kind: 'chunkBad', place: placeOf(2), expected: '7', found: '8' })
    expect(bench.said().at(-1)).toEqual({ kind: 'pause', reason: 'user', confirm: true })
    expect(kindsOf(bench.effects)).not.toContain('syncData')
  })

  it('makes nothing that comes later due at once', () => {
    const bench = arriving(2)
    bench.hear({ kind: 'sync', grade: 'minor' })
    for (const chunk of [0, 1]) bench.tell({ kind: 'chunkWritten', place: placeOf(chunk), hash: 7n, hole: false })
    sync(bench)
    sync(bench)
    const frame = { kind: 'chunk', frame: 3, epoch: bench.core.epoch, place: placeOf(2), length: chunkBytes } as const
    bench.tell({ kind: 'frameArrived', connection: bench.connection, frame })
    bench.take('writeChunk')
    bench.tell({ kind: 'chunkWritten', place: placeOf(2), hash: 7n, hole: false })
    expect(kindsOf(bench.effects)).not.toContain('syncData')
  })

  it('stops a sender until there is a new connection', () => {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.page([2 * chunkBytes])
    bench.hear({ kind: 'pause', reason: 'signal', confirm: false })
    bench.hear({ kind: 'want', wants: [{ need: 'all', from: 0, count: 1, revision: 0 }], pages: 1, last: false })
    expect(kindsOf(bench.effects)).not.toContain('sendChunk')
    bench.open()
    bench.hear({ kind: 'want', wants: [{ need: 'all', from: 0, count: 1, revision: 0 }], pages: 1, last: true })
    expect(kindsOf(bench.effects)).toContain('sendChunk')
  })

  it('confirmed without having been asked for means nothing', () => {
    const bench = receiver()
    bench.effects.length = 0
    bench.hear({ kind: 'pause', reason: 'user', confirm: true })
    expect(bench.effects).toEqual([])
  })
})

describe('R100: over several lanes a pause on lane 0', () => {
  const pause = { kind: 'pause', reason: 'user', confirm: false } as const
  const confirmation = { ...pause, confirm: true } as const

  /** A sender with frames on connections 2 and 3: one of each is in its socket, and one is being read. */
  function sending(): Bench {
    const bench = twoLanes([40 * chunkBytes])
    sent(bench, 2, 0)
    sent(bench, 3, 1)
    bench.effects.length = 0
    return bench
  }

  const answered = (bench: Bench, connection: number): void => {
    bench.tell({ kind: 'messageArrived', connection, message: { ...signOfLife, kind: 'pong' } })
  }

  /** What was said since the last call, by connection. */
  function said(bench: Bench): string[] {
    return bench.effects.splice(0).flatMap((it) => (it.kind === 'send' ? [`${it.connection}: ${it.message.kind}`] : []))
  }

  it('overtakes nothing that was sent over them', () => {
    const bench = sending()
    bench.tell({ kind: 'pauseRequested', by: 'user' })
    expect(said(bench)).toEqual(['1: sync', '2: ping', '3: ping'])
    answered(bench, 2)
    expect(said(bench)).toEqual([])
    answered(bench, 3)
    expect(bench.said()).toEqual([pause])
  })

  it('nor what was being read then and is sent a little later', () => {
    const bench = sending()
    bench.tell({ kind: 'pauseRequested', by: 'user' })
    sent(bench, 3, 3)
    for (const connection of [2, 3]) answered(bench, connection)
    expect(said(bench)).toEqual(['1: sync', '2: ping', '3: ping', '3: ping'])
    answered(bench, 3)
    expect(bench.said()).toEqual([pause])
  })

  it('waits for a lane that does not answer half of its time at most, and for none that is lost', () => {
    for (const isLost of [false, true]) {
      const bench = sending()
      bench.tell({ kind: 'pauseRequested', by: 'user' })
      answered(bench, 2)
      said(bench)
      if (isLost) bench.tell({ kind: 'connectionEnded', connection: 3, reason: 'cut' })
      else {
        bench.now = bench.core.deadline!
        expect(bench.now).toBeLessThanOrEqual(750)
        bench.tell({ kind: 'deadlinePassed' })
      }
      expect(bench.said()).toEqual([pause])
      bench.now = bench.core.deadline!
      expect(finishOf(bench)).toBeUndefined()
      bench.tell({ kind: 'deadlinePassed' })
      expect([bench.now <= 1_500, finishOf(bench)]).toEqual([
        true,
        { kind: 'finish', end: { how: 'paused', by: 'user' } },
      ])
    }
  })

  it('is said to nobody once lane 0 is lost', () => {
    const bench = sending()
    bench.tell({ kind: 'pauseRequested', by: 'user' })
    bench.tell({ kind: 'connectionEnded', connection: 1, reason: 'cut' })
    bench.commit()
    expect(said(bench)).toEqual(['1: sync', '2: ping', '3: ping'])
    expect(bench.core.deadline).toBeUndefined()
  })

  it('waits for no lane that is not welcome yet', () => {
    const bench = dialer('sender', 2)
    laneUp(bench, 9, 1)
    bench.tell({ kind: 'laneConnected', connection: 10, lane: 2, attempt: 10 })
    said(bench)
    bench.tell({ kind: 'pauseRequested', by: 'user' })
    expect(said(bench)).toEqual(['9: ping'])
    answered(bench, 9)
    expect(bench.said()).toEqual([pause])
  })

  it('of the other side is confirmed behind what was sent over them', () => {
    const bench = sending()
    bench.hear(pause)
    expect(said(bench)).toEqual(['1: sync', '2: ping', '3: ping'])
    for (const connection of [2, 3]) answered(bench, connection)
    expect(bench.said()).toEqual([confirmation])
  })

  it('asked for by the receiver has what came till the confirmation made durable at once', () => {
    const bench = arriving(2)
    bench.tell({ kind: 'pauseRequested', by: 'user' })
    bench.commit()
    for (const chunk of [0, 1]) bench.tell({ kind: 'chunkWritten', place: placeOf(chunk), hash: 7n, hole: false })
    sync(bench)
    sync(bench)
    const frame = { kind: 'chunk', frame: 3, epoch: bench.core.epoch, place: placeOf(2), length: chunkBytes } as const
    bench.tell({ kind: 'frameArrived', connection: bench.connection, frame })
    bench.hear(confirmation)
    bench.tell({ kind: 'chunkWritten', place: placeOf(2), hash: 7n, hole: false })
    sync(bench)
    expect(finishOf(bench)).toEqual({ kind: 'finish', end: { how: 'paused', by: 'user' } })
  })
})

describe('discarding', () => {
  it('is recorded, said, and over when the other side confirms', () => {
    const bench = receiver()
    bench.effects.length = 0
    bench.tell({ kind: 'discardRequested' })
    bench.tell({ kind: 'discardRequested' })
    expect(bench.take('commit').records).toEqual([{ kind: 'ended', how: 'discarded', by: 'self', at: 0 }])
    expect(kindsOf(bench.effects)).not.toContain('commit')
    expect(bench.said()).toEqual([{ kind: 'discard', confirm: false }])
    bench.tell({ kind: 'committed', purpose: { for: 'end' } })
    expect(finishOf(bench)).toBeUndefined()
    bench.hear({ kind: 'discard', confirm: true })
    expect(finishOf(bench)).toEqual({ kind: 'finish', end: { how: 'discarded', by: 'self' } })
  })

  it('is over at once where nobody can be told, and when the connection goes', () => {
    const alone = Bench.fresh('sender')
    alone.tell({ kind: 'discardRequested' })
    expect(finishOf(alone)).toEqual({ kind: 'finish', end: { how: 'discarded', by: 'self' } })
    const left = receiver()
    left.tell({ kind: 'discardRequested' })
    left.close()
    expect(finishOf(left)).toEqual({ kind: 'finish', end: { how: 'discarded', by: 'self' } })
  })

  it('by the other side is on our disk before it is confirmed', () => {
    const bench = receiver()
    bench.effects.length = 0
    bench.hear({ kind: 'discard', confirm: false })
    expect(bench.said()).toEqual([])
    expect(bench.take('commit').records).toEqual([{ kind: 'ended', how: 'discarded', by: 'peer', at: 0 }])
    bench.tell({ kind: 'committed', purpose: { for: 'end' } })
    expect(bench.said()).toEqual([{ kind: 'discard', confirm: true }])
    expect(finishOf(bench)).toEqual({ kind: 'finish', end: { how: 'discarded', by: 'peer' } })
  })

  it('confirmed without having been asked for means nothing', () => {
    const bench = receiver()
    bench.effects.length = 0
    bench.hear({ kind: 'discard', confirm: true })
    expect(bench.effects).toEqual([])
  })
})
