import { describe, expect, it } from 'vitest'
import { emptyCheckpoint } from '../../../src/core/checkpoint.ts'
import type { Effect } from '../../../src/core/effects.ts'
import { standing } from '../../../src/core/entry-table.ts'
import { entryKinds, type SourceProblem } from '../../../src/core/inputs.ts'
import { defaultLimits, placesOutMax } from '../../../src/model/limits.ts'
import { noManifest } from '../../../src/model/manifest.ts'
import type { Want } from '../../../src/model/messages.ts'
import { Bench, chunkBytes, listenerHello, pageOf, want } from '../../support/core-bench.ts'

const kindsOf = (effects: readonly Effect[]): string[] => effects.map(({ kind }) => kind)
const broken = expect.objectContaining({ kind: 'finish', end: expect.objectContaining({ code: 'protocol' }) })
const version = { fingerprint: { size: chunkBytes, mtimeNs: 2n, ctimeNs: 2n, inode: 1n }, mtimeUs: 0, mode: 0o644 }
const delivered = { entry: 0, outcome: 'delivered', bytes: 4 * chunkBytes, digest: '0123456789abcdef' } as const

/** A sender of files of such sizes, in bytes, that are all wanted. */
function sender(...sizes: readonly number[]): Bench {
  const bench = Bench.inPhase('sender', 'transferring')
  bench.page(sizes)
  bench.hear(want([{ need: 'all', from: 0, count: sizes.length, revision: 0 }]))
  bench.said()
  return bench
}

/** Everything that is asked to be sent is sent. */
function sendAll(bench: Bench): string[] {
  const sent: string[] = []
  while (bench.effects.some(({ kind }) => kind === 'sendChunk')) {
    const { place, connection, again } = bench.take('sendChunk')
    sent.push(`${place.entry}:${place.chunk}${again ? ' again' : ''}`)
    bench.tell({ kind: 'chunkSent', connection, place, hash: 7n, zeros: false })
  }
  return sent
}

function problem(bench: Bench, entry: number, of: SourceProblem, revision = 0): void {
  bench.tell({ kind: 'sourceFailed', entry, revision, problem: of })
}

function acknowledge(bench: Bench, first: number, count: number, revision = 0, entry = 0): void {
  const places = [{ entry, revision, first, count }]
  bench.hear({ kind: 'acknowledge', serial: 1, places, outcomes: [], level: bench.core.durability, syncMs: 0 })
}

describe('the window', () => {
  /** What is said of it where acknowledges come each half second, and find the last of five frames still under way or not. */
  function hintsWhere(isBusy: boolean): Effect[] {
    const bench = sender(200 * chunkBytes)
    for (let first = 0; first < 150; first += 5) {
      bench.now += 500
      bench.tell({ kind: 'heard', connection: 1, arrivingBytes: 0, isReading: true })
      for (let i = 0; i < 4; i++) sendOne(bench)
      if (!isBusy) sendOne(bench)
      acknowledge(bench, first, 5)
      if (isBusy) sendOne(bench)
    }
    return bench.effects.filter(({ kind }) => kind === 'hint')
  }
  const sendOne = (bench: Bench): void => {
    const { place, connection } = bench.take('sendChunk')
    bench.tell({ kind: 'chunkSent', connection, place, hash: 7n, zeros: false })
  }

  it('is named where it holds the rate down: all is taken, and only an acknowledge lets more flow', () => {
    expect(hintsWhere(false)).toMatchObject([{ code: 'window-small', sentence: expect.stringContaining('--window') }])
  })

  it('is not where lanes are busy', () => {
    expect(hintsWhere(true)).toEqual([])
  })
})

describe('frames under way', () => {
  it('are at most four; one that went over an older connection makes no room in the new one', () => {
    const bench = sender(8 * chunkBytes)
    expect(bench.effects.filter(({ kind }) => kind === 'sendChunk')).toHaveLength(4)
    const { place, connection } = bench.take('sendChunk')
    bench.open()
    bench.effects.length = 0
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }], 1, true))
    bench.tell({ kind: 'chunkSent', connection, place, hash: 7n, zeros: false })
    bench.tell({ kind: 'packSent', connection, files: [] })
    bench.tell({ kind: 'sendFailed', connection, places: [place] })
    expect(bench.effects.filter(({ kind }) => kind === 'sendChunk')).toHaveLength(4)
  })

  it('that could not be sent wait for what that means: the end of the connection, or word of the source', () => {
    const bench = sender(chunkBytes)
    const { place, connection } = bench.take('sendChunk')
    bench.tell({ kind: 'sendFailed', connection, places: [{ ...place, revision: 1 }, place] })
    expect(kindsOf(bench.effects)).not.toContain('sendChunk')
    expect(kindsOf(bench.effects)).not.toContain('checkSource')
    bench.open()
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }], 1, true))
    expect(sendAll(bench)).toEqual(['0:0 again'])
  })

  it('of a revision that is over say nothing about the next', () => {
    const bench = sender(chunkBytes)
    const { place, connection } = bench.take('sendChunk')
    problem(bench, 0, { kind: 'changed', version })
    bench.commit()
    bench.tell({ kind: 'chunkSent', connection, place, hash: 7n, zeros: false })
    expect(kindsOf(bench.effects)).not.toContain('checkSource')
  })

  it('carry small files together, as many as fit into one frame and the window', () => {
    const small = 8
    const pack = (windowBytes: number): number[] => {
      const limits = { ...defaultLimits, chunkBytes, windowBytes }
      const bench = Bench.fresh('sender', emptyCheckpoint(), [pageOf(Array.from({ length: 20 }, () => small))], [], {
        limits,
      })
      const greeting = listenerHello('receiver', bench.connection, {
        ...noManifest,
        pages: 1,
        digest: pageOf([]).digest,
      })
      if (greeting.kind !== 'helloArrived') throw new Error('a listener is greeted')
      bench.tell({ ...greeting, hello: { ...greeting.hello, wishes: { chunkBytes, windowBytes, lanes: 1 } } })
      bench.commit()
      bench.hear(want([{ need: 'all', from: 0, count: 20, revision: 0 }], 1, true))
      return bench.effects.flatMap((effect) => (effect.kind === 'sendPack' ? [effect.files.length] : []))
    }
    expect(pack(64 * 1024)).toEqual([8, 8, 4]) // 8 x (8 + 24) bytes are a frame.
    expect(pack(3 * (small + 512))).toEqual([3])
  })
})

describe('a source', () => {
  it('that vanished or cannot be read is given up by name', () => {
    const bench = sender(chunkBytes, chunkBytes)
    problem(bench, 0, { kind: 'vanished' })
    problem(bench, 1, { kind: 'unreadable', reason: 'permission denied' })
    expect(bench.said()).toMatchObject([
      { kind: 'exception', entry: 0, outcome: 'vanished', code: 'source-vanished' },
      { kind: 'exception', entry: 1, outcome: 'failed', sentence: 'permission denied' },
    ])
  })

  it('of an older revision, or of a file that is done, does not matter', () => {
    const bench = sender(4 * chunkBytes)
    problem(bench, 0, { kind: 'vanished' }, 1)
    bench.hear({ kind: 'acknowledge', serial: 1, places: [], outcomes: [delivered], level: 'checkpoint', syncMs: 0 })
    problem(bench, 0, { kind: 'vanished' })
    expect(bench.said().map(({ kind }) => kind)).not.toContain('exception')
  })

  it('that is gone altogether parks us, and nothing is sent until it is back', () => {
    const bench = sender(8 * chunkBytes)
    const { place, connection } = bench.take('sendChunk')
    bench.tell({ kind: 'sourceGone' })
    bench.effects.length = 0
    bench.tell({ kind: 'chunkSent', connection, place, hash: 7n, zeros: false })
    expect(kindsOf(bench.effects)).not.toContain('sendChunk')
    expect(bench.core.phase).toBe('transferring')
    bench.tell({ kind: 'sourceReturned' })
    expect(kindsOf(bench.effects)).toContain('sendChunk')
    expect(bench.effects).toContainEqual(expect.objectContaining({ kind: 'report', state: 'transferring' }))
  })

  it('R112: that was checked for another revision, or twice, authorises nothing', () => {
    const bench = sender(chunkBytes)
    sendAll(bench)
    bench.take('checkSource')
    bench.tell({ kind: 'sourceChecked', entry: 0, revision: 1 })
    expect(bench.said()).toEqual([])
    bench.tell({ kind: 'sourceChecked', entry: 0, revision: 0 })
    expect(bench.said()).toMatchObject([{ kind: 'sync', grade: 'major' }])
    bench.tell({ kind: 'sourceChecked', entry: 0, revision: 0 })
    expect(bench.said()).toEqual([])
  })

  it('R112: that was checked while the sides agree anew is checked again', () => {
    const bench = sender(chunkBytes)
    sendAll(bench)
    bench.take('checkSource')
    bench.open()
    bench.said()
    bench.tell({ kind: 'sourceChecked', entry: 0, revision: 0 })
    expect(bench.said()).toEqual([])
    bench.hear(want([{ need: 'part', from: 0, revision: 0, durable: [], received: [[0, 1]] }], 1, true))
    bench.take('checkSource')
  })

  it('that changed before any of it was sent is not sent until the receiver has answered, turn or no turn', () => {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.page([4 * chunkBytes])
    bench.hear({ kind: 'turn', holder: 'receiver', reason: 'disk-full', neededBytes: 1, freeBytes: 0 })
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }]))
    bench.said()
    problem(bench, 0, { kind: 'changed', version })
    bench.commit()
    expect(bench.said()).toMatchObject([{ kind: 'resync', revision: 1 }])
    bench.hear({ kind: 'turn', holder: 'sender', reason: null, neededBytes: null, freeBytes: null })
    expect(kindsOf(bench.effects)).not.toContain('sendChunk')
  })

  it('that changed, of a file whose hashes are not all known, is compared once they are told', () => {
    const checkpoint = emptyCheckpoint()
    const bench = Bench.fresh('sender', checkpoint, [pageOf([4 * chunkBytes])])
    bench.open({ ...noManifest, pages: 1, digest: pageOf([]).digest })
    bench.hear(want([{ need: 'part', from: 0, revision: 0, durable: [[0, 2]], received: [] }], 1, true))
    problem(bench, 0, { kind: 'changed', version })
    for (const asked of bench.said()) {
      if (asked.kind !== 'hashes' || asked.way !== 'ask') continue
      const { entry, revision, first, count } = asked
      bench.hear({ kind: 'hashes', way: 'answer', entry, revision, first, hashes: '0000000000000007'.repeat(count) })
    }
    expect(bench.take('rehash').chunks).toEqual([0])
    // And over a new connection once more, from the beginning.
    bench.open()
    bench.hear(want([{ need: 'part', from: 0, revision: 0, durable: [[0, 2]], received: [] }], 1, true))
    expect(bench.take('rehash').chunks).toEqual([0])
    bench.open()
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }], 1, true))
    expect(bench.take('commit').records).toMatchObject([{ kind: 'revised', keep: [] }])
  })
})

describe('what the receiver says', () => {
  it('of chunks that arrived damaged is done at once, unless the file is over or in another revision', () => {
    const bench = sender(2 * chunkBytes)
    sendAll(bench)
    bench.take('checkSource')
    const again: Want = { need: 'again', from: 0, revision: 0, chunks: [[1, 1]] }
    bench.hear(want([{ ...again, revision: 1 }]))
    expect(sendAll(bench)).toEqual([])
    bench.hear(want([again]))
    expect(sendAll(bench)).toEqual(['0:1 again'])
    bench.hear({ kind: 'acknowledge', serial: 1, places: [], outcomes: [delivered], level: 'checkpoint', syncMs: 0 })
    bench.hear(want([again]))
    expect(sendAll(bench)).toEqual([])
  })

  it('of a part of a file that is done is old news once data flows', () => {
    const bench = sender(4 * chunkBytes, chunkBytes)
    bench.hear({ kind: 'acknowledge', serial: 1, places: [], outcomes: [delivered], level: 'checkpoint', syncMs: 0 })
    bench.hear(want([{ need: 'part', from: 0, revision: 0, durable: [], received: [] }]))
    expect(bench.core.entries.standing(0)).toBe(standing.done)
  })

  it('of places in an older revision counts for nothing', () => {
    const bench = sender(4 * chunkBytes)
    acknowledge(bench, 0, 1, 1)
    expect(bench.core.entries.bytesAcknowledged).toBe(0)
    acknowledge(bench, 0, 1)
    expect(bench.core.entries.bytesAcknowledged).toBe(chunkBytes)
  })

  it.each<[string, (bench: Bench) => void]>([
    ['chunks behind the end of a file were acknowledged', (bench) => acknowledge(bench, 4, 1)],
    ['entry 7 was acknowledged and is no file', (bench) => acknowledge(bench, 0, 1, 0, 7)],
    [
      'an outcome names an entry that was not sent',
      (bench) =>
        bench.hear({
          kind: 'acknowledge',
          serial: 1,
          places: [],
          outcomes: [{ ...delivered, entry: 7 }],
          level: 'checkpoint',
          syncMs: 0,
        }),
    ],
    [
      'a want names chunks behind the end',
      (bench) =>
        bench.hear(
          want([
            {
              need: 'again',
              from: 0,
              revision: 0,
              chunks: [
                [0, 1],
                [4, 1],
              ],
            },
          ]),
        ),
    ],
    [
      'a want names chunks behind the end of a file',
      (bench) => bench.hear(want([{ need: 'part', from: 0, revision: 0, durable: [[3, 2]], received: [] }])),
    ],
    [
      'a want names a revision that was not announced',
      (bench) => bench.hear(want([{ need: 'part', from: 0, revision: 1, durable: [], received: [] }])),
    ],
    [
      'a want names a revision that was not announced',
      (bench) => bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 1 }])),
    ],
    [
      'a want names an entry that was not sent',
      (bench) => bench.hear(want([{ need: 'all', from: 0, count: 0, revision: 0 }])),
    ],
    ['a want answers pages that were not sent', (bench) => bench.hear(want([], 2))],
  ])('is refused by name: %s', (why, act) => {
    const bench = sender(4 * chunkBytes)
    act(bench)
    expect(bench.effects).toContainEqual(broken)
    expect(bench.said()).toMatchObject([{ kind: 'abort', code: 'protocol', sentence: expect.stringContaining(why) }])
  })

  it.each<Want>([
    { need: 'all', from: 0, count: 1, revision: 0 },
    { need: 'again', from: 0, revision: 0, chunks: [] },
    { need: 'part', from: 0, revision: 0, durable: [], received: [] },
  ])('is refused by name: $need of what is no file', (wanted) => {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.take('walkPage')
    bench.tell({ kind: 'pageWalked', shape: { ...pageOf([0]), kinds: Uint8Array.of(entryKinds.directory) } })
    bench.said()
    bench.hear(want([wanted]))
    const why = 'bytes are wanted of entry 0, which is no file'
    expect(bench.said()).toMatchObject([{ kind: 'abort', code: 'protocol', sentence: expect.stringContaining(why) }])
  })

  it('gives a turn back that was never held, and changes nothing', () => {
    const bench = sender(chunkBytes)
    bench.effects.length = 0
    bench.hear({ kind: 'turn', holder: 'sender', reason: null, neededBytes: null, freeBytes: null })
    expect(bench.effects).toEqual([])
  })

  it('of outcomes that people want to hear of is reported by name, once', () => {
    const bench = sender(chunkBytes, chunkBytes)
    bench.effects.length = 0
    bench.hear(want([{ need: 'done', from: 0, count: 2, outcome: 'conflict' }]))
    bench.hear(want([{ need: 'done', from: 0, count: 2, outcome: 'conflict' }]))
    const reports = bench.effects.filter(({ kind }) => kind === 'reportOutcomes')
    expect(reports).toMatchObject([{ outcomes: [{ entry: 0, outcome: 'conflict' }, { entry: 1 }] }])
  })
})

describe('R78: an acknowledge', () => {
  const most = 4 * placesOutMax

  it.each([
    [most, false],
    [most + 1, true],
  ])('of %i chunks of which none is out: is it refused? %s', (count, isRefused) => {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.page([2 * most * chunkBytes]) // Nothing of it was wanted, so nothing is out; but it is known.
    bench.hear(want([{ need: 'part', from: 0, revision: 0, durable: [[0, 2 * most]], received: [] }]))
    bench.effects.length = 0
    acknowledge(bench, 0, count)
    expect(bench.effects.some(({ kind }) => kind === 'finish')).toBe(isRefused)
    if (isRefused) expect(bench.effects).toContainEqual(broken)
  })

  it.each([
    [1, false],
    [most, false],
    [most + 1, true],
  ])('no want has %i chunks received, or damaged, of which none is out: is it refused? %s', (count, isRefused) => {
    for (const one of [
      { need: 'part', durable: [], received: [[0, count]] } as const,
      { need: 'again', chunks: [[0, count]] } as const,
    ]) {
      const bench = Bench.inPhase('sender', 'transferring')
      bench.page([2 * most * chunkBytes])
      bench.hear(want([{ ...one, from: 0, revision: 0 }]))
      expect(bench.effects.some(({ kind }) => kind === 'finish')).toBe(isRefused)
      if (isRefused) expect(bench.effects).toContainEqual(broken)
    }
  })

  it.each(['received', 'acknowledged'])('below `checkpoint` all of a file may be %s', (how) => {
    const shape = { onConflict: 'fail', checksum: false, durability: 'file' } as const
    const restored = {
      ...emptyCheckpoint(),
      bound: { kind: 'bound', nonce: '', sessionKey: '', chunkBytes, shape, root: '1'.repeat(32) } as const,
    }
    const bench = Bench.fresh('sender', restored, [pageOf([2 * most * chunkBytes])])
    bench.open()
    expect(bench.core.durability).toBe('file')
    const received = how === 'received' ? ([[0, most + 1]] as const) : []
    bench.hear(want([{ need: 'part', from: 0, revision: 0, durable: [], received }], 1, true))
    if (how === 'acknowledged') acknowledge(bench, 0, 2 * most)
    expect(bench.effects).not.toContainEqual(broken)
  })

  it('may name as many more as are out', () => {
    const bench = sender(2 * most * chunkBytes)
    const out = sendAll(bench).length
    expect(out).toBeGreaterThan(0)
    acknowledge(bench, 0, most + out)
    expect(bench.effects).not.toContainEqual(broken)
  })
})
