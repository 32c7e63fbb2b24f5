// What is agreed on durability, and what the two sides then do and say. What the receiver's disk does: restore.test.ts.

import { describe, expect, it } from 'vitest'
import { emptyCheckpoint } from '../../../src/core/checkpoint.ts'
import type { Settings } from '../../../src/core/hub.ts'
import type { Input } from '../../../src/core/inputs.ts'
import { noManifest } from '../../../src/model/manifest.ts'
import type { Acknowledge, Message } from '../../../src/model/messages.ts'
import type { Durability, Role } from '../../../src/model/session.ts'
import { Bench, chunkBytes, listenerHello, pageOf, want } from '../../support/core-bench.ts'

const levels = ['checkpoint', 'file', 'none', undefined] as const

const wishing = (durability: Durability | undefined): Pick<Settings, 'wishes'> => ({
  wishes: { onConflict: null, checksum: false, ...(durability === undefined ? {} : { durability }) },
})

/** A listener, once a dialer with that wish came. */
function agreed(role: Role, ours: Durability | undefined, theirs: Durability | undefined): Bench {
  const bench = Bench.fresh(role, emptyCheckpoint(), [], [], wishing(ours))
  const input = listenerHello(role === 'sender' ? 'receiver' : 'sender') as Input & { kind: 'helloArrived' }
  bench.tell({ ...input, hello: { ...input.hello, shape: wishing(theirs).wishes } })
  bench.commit()
  return bench
}

/** A receiver that waits for one file of two chunks, with that level. */
function receiver(level: Durability): Bench {
  const bench = agreed('receiver', undefined, level)
  bench.page([2 * chunkBytes])
  bench.said()
  for (const chunk of [0, 1]) {
    const place = { entry: 0, revision: 0, chunk }
    const frame = { kind: 'chunk', frame: 1, epoch: bench.core.epoch, place, length: chunkBytes } as const
    bench.tell({ kind: 'frameArrived', connection: 1, frame })
    bench.tell({ kind: 'chunkWritten', place, hash: 7n, hole: false })
  }
  return bench
}

const acknowledge = (level: Durability): Message => ({
  kind: 'acknowledge',
  serial: 1,
  places: [{ entry: 0, revision: 0, first: 0, count: 1 }],
  outcomes: [],
  level,
  syncMs: 0,
})

/** A sender of a file of two chunks, of which one is acknowledged. */
function sender(level: Durability, acknowledgedAs = level): Bench {
  const bench = agreed('sender', level, undefined)
  bench.page([2 * chunkBytes])
  bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }], 1, true))
  bench.hear(acknowledge(acknowledgedAs))
  return bench
}

const breach = expect.objectContaining({ kind: 'finish', end: expect.objectContaining({ code: 'protocol' }) })

describe('R20: the level that is agreed', () => {
  it.each(levels.flatMap((asked) => levels.map((insisted) => [asked, insisted] as const)))(
    'is the stronger of what the sender asks (%s) and what the receiver insists on (%s), whoever dials',
    (asked, insisted) => {
      const strength = (level: Durability) => levels.indexOf(level)
      const stronger = [asked ?? 'checkpoint', insisted ?? 'none'].toSorted((a, b) => strength(a) - strength(b))[0]
      expect(agreed('sender', asked, insisted).core.durability).toBe(stronger)
      expect(agreed('receiver', insisted, asked).core.durability).toBe(stronger)
    },
  )

  it('is left out of a welcome where it is the usual one, as older peers do', () => {
    const said = (bench: Bench): Message | undefined => bench.said().find(({ kind }) => kind === 'welcome')
    expect(said(agreed('receiver', undefined, undefined))).toHaveProperty('shape', {
      onConflict: 'fail',
      checksum: false,
    })
    expect(said(agreed('receiver', undefined, 'file'))).toHaveProperty('shape.durability', 'file')
  })

  it.each<[Role, Durability | undefined, Durability | undefined, boolean]>([
    ['sender', undefined, undefined, true],
    ['sender', undefined, 'file', false],
    ['sender', 'file', 'file', true],
    ['sender', 'file', 'checkpoint', true],
    ['sender', 'file', 'none', false],
    ['receiver', undefined, 'none', true],
    ['receiver', 'checkpoint', 'file', false],
  ])('is refused by a dialing %s that asked for %s where the listener says %s: %s', (role, ours, theirs, isTaken) => {
    const bench = Bench.fresh(role, emptyCheckpoint(), [], [], wishing(ours))
    bench.tell({ kind: 'connected', connection: 1, attempt: 1 })
    bench.hear({
      kind: 'welcome',
      version: 1,
      epoch: 1,
      instance: 'b'.repeat(16),
      state: 'agreeing',
      capabilities: [],
      agreed: { chunkBytes, windowBytes: 4096, lanes: 1 },
      shape: { onConflict: 'fail', checksum: false, ...(theirs === undefined ? {} : { durability: theirs }) },
      root: '1'.repeat(32),
      manifest: noManifest,
    })
    expect(bench.effects.some((effect) => breach.asymmetricMatch(effect))).toBe(!isTaken)
    expect(bench.effects.some(({ kind }) => kind === 'commit')).toBe(isTaken)
  })
})

describe('R20: chunks', () => {
  it.each([
    ['checkpoint', [0], ['durable']],
    ['file', [], []],
    ['none', [], []],
  ] as const)(
    'with %s: which parts are synced, which records say so, and what the acknowledge calls it',
    (level, synced, kinds) => {
      const bench = receiver(level)
      const { serial, entries } = bench.take('syncData')
      expect(entries).toEqual(synced)
      bench.said()
      bench.tell({ kind: 'dataSynced', serial, finished: [], syncMs: 0 })
      const { records, purpose } = bench.take('commit')
      expect(records.map(({ kind }) => kind)).toEqual(kinds)
      expect(bench.said()).toEqual([])
      bench.tell({ kind: 'committed', purpose })
      const [said] = bench.said() as Acknowledge[]
      expect(said).toMatchObject({ level, places: [{ entry: 0, revision: 0, first: 0, count: 2 }] })
    },
  )

  it.each([
    ['checkpoint', chunkBytes],
    ['file', 0],
    ['none', 0],
  ] as const)('with %s: the window has room again, and so many bytes are called durable', (level, bytesDurable) => {
    const bench = sender(level)
    expect(bench.core.entries.bytesAcknowledged).toBe(chunkBytes)
    expect(bench.core.bytesDurable).toBe(bytesDurable)
    expect(bench.take('note').records).toEqual([{ kind: 'acknowledged', serial: 1, bytesDurable }])
  })

  it('are not taken for acknowledged where another level is named than was agreed', () => {
    expect(sender('checkpoint', 'none').effects).toContainEqual(breach)
    expect(sender('file', 'none').effects).toContainEqual(breach)
    expect(sender('none', 'checkpoint').effects).toContainEqual(breach)
  })
})

describe('R20: a file in its place', () => {
  it.each([
    ['checkpoint', chunkBytes],
    ['file', chunkBytes],
    ['none', 0],
  ] as const)('with %s: so many bytes are called durable', (level, bytesDurable) => {
    const bench = sender(level)
    const outcomes = [{ entry: 0, outcome: 'delivered', bytes: chunkBytes }] as const
    bench.hear({ kind: 'acknowledge', serial: 2, places: [], outcomes, level, syncMs: 0 })
    expect(bench.core.bytesDurable).toBe(bytesDurable)
  })

  it('that was lost, and had nothing synced, is no more what it was acknowledged to be', () => {
    const bench = sender('none')
    const outcomes = [{ entry: 0, outcome: 'delivered', bytes: 2 * chunkBytes }] as const
    bench.hear({ kind: 'acknowledge', serial: 2, places: [], outcomes, level: 'none', syncMs: 0 })
    bench.close()
    bench.open({
      ...noManifest,
      pages: 1,
      digest: pageOf([]).digest,
      entries: 1,
      bytes: 2 * chunkBytes,
      complete: true,
    })
    bench.hear(want([{ need: 'done', from: 0, count: 1, outcome: 'failed' }], 1, true))
    expect(bench.core.outcome(0)).toBe('failed')
    expect(bench.core.entries).toMatchObject({ filesDone: 0, filesOmitted: 1 })
  })
})

it.each(['checkpoint', 'file', 'none'] as const)('R20: the receipt names the level: %s', (level) => {
  const bench = agreed('receiver', undefined, level)
  bench.page([])
  bench.hear({ kind: 'end', manifest: pageOf([]).digest, entries: 0, bytes: 0 })
  bench.tell({ kind: 'treeFinished', outcomes: [] })
  bench.take('commit')
  bench.tell({ kind: 'committed', purpose: { for: 'tree', outcomes: [] } })
  bench.tell({
    kind: 'sessionDigested',
    digest: 'xxh64c:0000000000000000',
    finishedAt: '2026-11-26T12:00:00.000Z',
    isDegraded: false,
  })
  const [record] = bench.take('commit').records
  expect(record).toMatchObject({ kind: 'receipt', receipt: { durability: level } })
})

it.each(['checkpoint', 'none'] as const)(
  'R20: a receipt that names another level than was agreed is refused: %s',
  (level) => {
    const bench = agreed('sender', 'file', undefined)
    bench.page([])
    bench.hear(want([], 1, true))
    bench.hear({
      kind: 'receipt',
      receipt: {
        version: 1,
        session: '0'.repeat(32),
        manifest: pageOf([]).digest,
        digest: 'xxh64c:0000000000000000',
        entries: 0,
        files: 0,
        bytes: 0,
        outcomes: [],
        durability: level,
        finishedAt: '2026-11-26T12:00:00.000Z',
      },
    })
    expect(bench.effects).toContainEqual(breach)
  },
)
