import { describe, expect, it } from 'vitest'
import type { Effect } from '../../../src/core/effects.ts'
import type { ArrivedFrame } from '../../../src/core/inputs.ts'
import { Bench, chunkBytes, listenerHello } from '../../support/core-bench.ts'

const isWrite = ({ kind }: Effect): boolean => kind === 'writeChunk' || kind === 'writePack'

function chunkOf(epoch: number): ArrivedFrame {
  return { kind: 'chunk', frame: 7, epoch, place: { entry: 0, revision: 0, chunk: 0 }, length: chunkBytes }
}

/** A receiver of one file of four chunks, in its second epoch: the connection of the first was replaced. */
function receiverInSecondEpoch(): { bench: Bench; first: number } {
  const bench = Bench.inPhase('receiver', 'transferring')
  bench.page([4 * chunkBytes])
  const first = bench.connection
  bench.open()
  bench.effects.length = 0
  return { bench, first }
}

describe('R38: a frame of an older epoch', () => {
  const frames: readonly (readonly [string, (epoch: number) => ArrivedFrame])[] = [
    ['chunk', chunkOf],
    ['zeros', (epoch) => ({ ...chunkOf(epoch), kind: 'zeros', length: -1 }) as ArrivedFrame],
    [
      'pack',
      (epoch) => ({ kind: 'pack', frame: 7, epoch, files: [{ entry: 0, revision: 0, length: 4 * chunkBytes }] }),
    ],
  ]

  it.each(frames)('never reaches the disk, whichever connection brings it (%s)', (_kind, frameOf) => {
    for (const bringer of ['the older connection', 'the open one']) {
      const { bench, first } = receiverInSecondEpoch()
      const connection = bringer === 'the open one' ? bench.connection : first
      const effects = bench.tell({ kind: 'frameArrived', connection, frame: frameOf(bench.core.epoch - 1) })
      expect(effects.filter(isWrite), bringer).toEqual([])
      expect(effects, bringer).toContainEqual({ kind: 'dropFrame', frame: 7, reason: 'stale' })
      const reason = 'a newer connection took over'
      expect(effects, bringer).toContainEqual({ kind: 'destroy', connection, reason })
    }
  })

  it('is stale on the older connection even if it names the new epoch', () => {
    const { bench, first } = receiverInSecondEpoch()
    const effects = bench.tell({ kind: 'frameArrived', connection: first, frame: chunkOf(bench.core.epoch) })
    expect(effects.filter(isWrite)).toEqual([])
  })

  it('and one of the open epoch is written: the fence lets through what it should', () => {
    const { bench } = receiverInSecondEpoch()
    const { connection } = bench
    const effects = bench.tell({ kind: 'frameArrived', connection, frame: chunkOf(bench.core.epoch) })
    expect(effects.filter(isWrite)).toHaveLength(1)
  })
})

describe('R38: a new epoch', () => {
  it.each(['sender', 'receiver'] as const)('is on the disk of a %s before anything is said in it', (role) => {
    const bench = Bench.fresh(role)
    bench.effects.length = 0
    bench.tell(listenerHello(role === 'sender' ? 'receiver' : 'sender'))
    expect(bench.said()).toEqual([])
    expect(bench.core.openConnection).toBeUndefined()
    bench.commit()
    expect(bench.said()[0]).toMatchObject({ kind: 'welcome', epoch: 1 })
  })

  it('R39: takes over at once: the older connection is destroyed, and no write of it is waited for', () => {
    const { bench, first } = receiverInSecondEpoch()
    const second = bench.connection
    bench.tell({ kind: 'frameArrived', connection: second, frame: chunkOf(bench.core.epoch) })
    bench.take('writeChunk') // Never answered: its disk hangs.
    bench.effects.length = 0
    bench.open()
    expect(bench.effects).toContainEqual(expect.objectContaining({ kind: 'destroy', connection: second }))
    expect(bench.said()[0]).toMatchObject({ kind: 'welcome', epoch: 3 })
    expect(bench.connection).not.toBe(first)
  })
})
