// A core with further lanes on a bench: as the dialer that opens them, or the listener they come to.

import { emptyCheckpoint } from '../../src/core/checkpoint.ts'
import type { Effect } from '../../src/core/effects.ts'
import { defaultLimits } from '../../src/model/limits.ts'
import type { Hello } from '../../src/model/messages.ts'
import type { Role } from '../../src/model/session.ts'
import { Bench, chunkBytes, listenerHello, want, welcome as narrow } from './core-bench.ts'

const limitsWith = (lanes: number | 'auto' | 'any') => ({
  limits: { ...defaultLimits, chunkBytes, windowBytes: 65_536, syncEveryBytes: 512, syncEveryMs: 100, lanes },
})

export const welcome = { ...narrow, agreed: { chunkBytes, windowBytes: 65_536, lanes: 16 } }

/** The lanes that were to be dialed. */
export function attempts(effects: readonly Effect[]): number[] {
  return effects.flatMap((effect) => (effect.kind === 'dialLane' ? [effect.lane] : []))
}

/** A dialer whose lane 0, connection 1, is open with so many lanes agreed. */
export function dialer(
  role: Role,
  agreed: number,
  lanes: number | 'auto' | 'any' = 'any',
  roundTripMs?: number,
): Bench {
  const bench = Bench.fresh(role, emptyCheckpoint(), [], [], limitsWith(lanes))
  bench.connection = 1
  bench.tell({ kind: 'connected', connection: 1, attempt: 1, roundTripMs })
  bench.hear({ ...welcome, agreed: { ...welcome.agreed, lanes: agreed } })
  bench.said()
  bench.commit()
  return bench
}

export function laneUp(bench: Bench, connection: number, lane: number): void {
  bench.tell({ kind: 'laneConnected', connection, lane, attempt: connection })
  bench.tell({ kind: 'messageArrived', connection, message: welcome })
}

export const helloOf = (input: ReturnType<typeof listenerHello>): Hello => {
  if (input.kind !== 'helloArrived') throw new Error('a listener is greeted')
  return input.hello
}

/** A listener whose lane 0, connection 1, is open with so many lanes agreed, and a way to greet it for another lane. */
export function listener(role: Role, lanes: number) {
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
export function twoLanes(sizes: readonly number[]): Bench {
  const { bench, join } = listener('sender', 2)
  join(2, 1)
  join(3, 2)
  bench.page(sizes)
  bench.hear(want([{ need: 'all', from: 0, count: sizes.length, revision: 0 }]))
  bench.said()
  return bench
}

export function sendsOf(bench: Bench): string[] {
  return bench.effects.flatMap((effect) =>
    effect.kind === 'sendChunk' ? [`${effect.connection}: ${effect.place.chunk}${effect.again ? ' again' : ''}`] : [],
  )
}

export function sent(bench: Bench, connection: number, chunk: number): void {
  bench.tell({ kind: 'chunkSent', connection, place: { entry: 0, revision: 0, chunk }, hash: 7n, zeros: false })
}
