// What a session says of itself: its state and why, how much is durable, how it ended.

import { describe, expect, it } from 'vitest'
import type { Effect } from '../../../src/core/effects.ts'
import { type Agreement, earliest, Hub } from '../../../src/core/hub.ts'
import type { Durability } from '../../../src/model/session.ts'
import { pageOf, receipt, settingsOf } from '../../support/core-bench.ts'

const settings = settingsOf('receiver')

const agreed = (durability?: Durability): Agreement => ({
  chunkBytes: 512,
  shape: { onConflict: 'fail', checksum: false, ...(durability && { durability }) },
  root: settings.root,
})

function hubWith(state: (hub: Hub) => void): Hub {
  const hub = new Hub(settings)
  state(hub)
  return hub
}

function reported(hub: Hub): readonly Effect[] {
  hub.report()
  return hub.drain()
}

const talking = (hub: Hub): void => {
  hub.open = 1
  hub.agreement = agreed()
  hub.phase = 'transferring'
}

describe('the state that is reported', () => {
  const sentence = 'as it is'

  it.each<[string, string, string | null, string | null, (hub: Hub) => void]>([
    ['before anything was agreed', 'greeting', null, null, () => undefined],
    ['while a connection is greeted', 'greeting', null, null, (hub) => (hub.open = 1)],
    ['while data flows', 'transferring', null, null, talking],
    ['with a connection lost', 'interrupted', 'network', 'both', (hub) => (hub.agreement = agreed())],
    [
      'with a peer that fell silent',
      'interrupted',
      'peer-silent',
      'peer',
      (hub) => Object.assign(hub, { agreement: agreed(), lostBy: 'peer-silent' }),
    ],
    [
      'with a peer that got nowhere',
      'interrupted',
      'no-progress',
      'peer',
      (hub) => Object.assign(hub, { agreement: agreed(), lostBy: 'no-progress' }),
    ],
    [
      'parked by this side',
      'parked',
      'disk-full',
      'self',
      (hub) => {
        talking(hub)
        hub.parked = { reason: 'disk-full', who: 'self' }
      },
    ],
    [
      'parked when the connection was lost',
      'interrupted',
      'network',
      'both',
      (hub) => Object.assign(hub, { agreement: agreed(), parked: { reason: 'disk-full', who: 'self' } }),
    ],
    ['paused by somebody at the peer', 'paused', 'peer-user', 'peer', (hub) => (hub.peerPaused = 'user')],
    ['paused by a signal at the peer', 'paused', 'peer-signal', 'peer', (hub) => (hub.peerPaused = 'signal')],
    ['paused here', 'paused', 'signal', 'self', (hub) => hub.finish({ how: 'paused', by: 'signal' })],
    ['discarded here', 'discarded', 'user', 'self', (hub) => hub.finish({ how: 'discarded', by: 'self' })],
    ['discarded by the peer', 'discarded', 'peer-user', 'peer', (hub) => hub.finish({ how: 'discarded', by: 'peer' })],
    ['released', 'released', null, null, (hub) => hub.finish({ how: 'released', receipt, confirmed: true })],
    [
      'failed, which its end says',
      'transferring',
      null,
      null,
      (hub) => {
        talking(hub)
        hub.finish({ how: 'failed', code: 'protocol', sentence })
      },
    ],
  ])('%s is %s, because of %s, by %s', (_when, state, reason, who, make) => {
    expect(reported(hubWith(make)).filter(({ kind }) => kind === 'report')).toStrictEqual([
      { kind: 'report', state, reason, who },
    ])
  })

  it('is reported once, until it is another one', () => {
    const hub = hubWith(talking)
    expect(reported(hub)).toHaveLength(1)
    expect(reported(hub)).toEqual([])
    hub.parked = { reason: 'disk-full', who: 'peer', neededBytes: 10, freeBytes: 1 }
    const parked = { kind: 'report', state: 'parked', reason: 'disk-full', who: 'peer' }
    expect(reported(hub)).toEqual([{ ...parked, neededBytes: 10, freeBytes: 1 }])
    hub.parked = { ...hub.parked, freeBytes: 2 }
    expect(reported(hub)).toEqual([])
    hub.parked = { ...hub.parked, neededBytes: 20 }
    expect(reported(hub)).toEqual([{ ...parked, neededBytes: 20, freeBytes: 2 }])
    hub.parked = undefined
    expect(reported(hub)).toHaveLength(1)
  })
})

describe('what is said', () => {
  it('goes over the open connection, and the time of it is noted; without one it is not said', () => {
    const hub = new Hub(settings)
    hub.now = 50
    const message = { kind: 'abort', code: 'protocol', sentence: '' } as const
    hub.send(message)
    expect([hub.drain(), hub.sentAt]).toEqual([[], 0])
    hub.open = 3
    hub.send(message)
    expect([hub.drain(), hub.sentAt]).toEqual([[{ kind: 'send', connection: 3, message }], 50])
    expect(hub.drain()).toEqual([])
  })

  it('of a failure is said to the peer, and the session has one end: the first', () => {
    const hub = hubWith(talking)
    hub.fail('protocol', 'a want names an entry that was not sent')
    hub.finish({ how: 'paused', by: 'user' })
    const end = { how: 'failed', code: 'protocol', sentence: 'a want names an entry that was not sent' }
    expect(hub.end).toEqual(end)
    expect(hub.drain()).toEqual([
      { kind: 'send', connection: 1, message: { kind: 'abort', code: end.code, sentence: end.sentence } },
      { kind: 'finish', end },
    ])
  })
})

describe('what is agreed', () => {
  it('is the size of a chunk, ours until then', () => {
    expect(new Hub(settings).chunkBytes).toBe(256)
    expect(hubWith(talking).chunkBytes).toBe(512)
    expect(new Hub(settings).windowBytes).toBe(4096)
  })

  it.each<[Durability | undefined, number]>([
    [undefined, 300],
    ['checkpoint', 300],
    ['file', 200],
    ['none', 0],
  ])('R20: is what outlives a power cut: below %s, %d of 300 acknowledged bytes', (level, bytes) => {
    const hub = hubWith(() => undefined)
    hub.agreement = agreed(level)
    hub.entries.addPage(pageOf([200, 200]))
    hub.entries.finish(0, 'delivered', 200, 1n)
    hub.entries.credit(1, 100)
    expect(hub.durability).toBe(level ?? 'checkpoint')
    expect(hub.bytesDurable).toBe(bytes)
  })
})

describe('the earliest', () => {
  it.each<[(number | undefined)[], number | undefined]>([
    [[], undefined],
    [[undefined, undefined], undefined],
    [[undefined, 5, 7], 5],
    [[7, undefined, 5], 5],
    [[5, 5], 5],
    [[0, 5], 0],
  ])('of %j is %s', (times, first) => {
    expect(earliest(...times)).toBe(first)
  })
})
