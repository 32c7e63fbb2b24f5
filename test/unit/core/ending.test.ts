import { describe, expect, it } from 'vitest'
import { emptyCheckpoint } from '../../../src/core/checkpoint.ts'
import type { Effect } from '../../../src/core/effects.ts'
import { defaultLimits } from '../../../src/model/limits.ts'
import type { Message } from '../../../src/model/messages.ts'
import type { IntentFile } from '../../../src/model/records.ts'
import type { Receipt } from '../../../src/model/session.ts'
import { Bench, chunkBytes, pageOf } from '../../support/core-bench.ts'

const kindsOf = (effects: readonly Effect[]): string[] => effects.map(({ kind }) => kind)
const finishOf = (bench: Bench): unknown => bench.effects.find(({ kind }) => kind === 'finish')
const broken = expect.objectContaining({ end: expect.objectContaining({ how: 'failed', code: 'protocol' }) })
const digest = `xxh64c:${'0'.repeat(16)}`
const finishedAt = '2023-11-14T22:13:20.000Z'
const end: Message = { kind: 'end', manifest: pageOf([]).digest, entries: 0, bytes: 0 }
const receipt: Receipt = {
  version: 1,
  session: '0'.repeat(32),
  manifest: pageOf([]).digest,
  digest,
  entries: 0,
  files: 0,
  bytes: 0,
  outcomes: [],
  durability: 'checkpoint',
  finishedAt,
}

/** A receiver that has stored its receipt. */
function stored(): Bench {
  const bench = Bench.inPhase('receiver', 'finishing')
  bench.tell({ kind: 'treeFinished', outcomes: [] })
  bench.commit()
  bench.tell({ kind: 'sessionDigested', digest, finishedAt, isDegraded: false })
  bench.commit()
  bench.tell({ kind: 'receiptStored' })
  bench.effects.length = 0
  return bench
}

/** A sender that has stored the receipt and asked to be released. */
function releasing(): Bench {
  const bench = Bench.inPhase('sender', 'finishing')
  bench.hear({ kind: 'receipt', receipt })
  bench.commit()
  bench.tell({ kind: 'receiptStored' })
  return bench
}

describe('a receiver', () => {
  it.each([
    [true, { degraded: true }],
    [false, {}],
  ])('R7: says in its receipt that names may not be durable, where that is so: %s', (isDegraded, said) => {
    const bench = Bench.inPhase('receiver', 'finishing')
    bench.tell({ kind: 'treeFinished', outcomes: [] })
    bench.commit()
    bench.tell({ kind: 'sessionDigested', digest, finishedAt, isDegraded })
    const { session, manifest } = receipt
    expect(bench.take('commit').records).toEqual([
      { kind: 'receipt', receipt: { ...receipt, session, manifest, ...said } },
    ])
  })

  it('finishes the tree only when the cycle of its last file is over', () => {
    const bench = Bench.inPhase('receiver', 'transferring')
    bench.page([chunkBytes])
    bench.effects.length = 0
    const place = { entry: 0, revision: 0, chunk: 0 }
    const { connection } = bench
    const { epoch } = bench.core
    bench.tell({
      kind: 'frameArrived',
      connection,
      frame: { kind: 'chunk', frame: 1, epoch, place, length: chunkBytes },
    })
    bench.tell({ kind: 'chunkWritten', place, hash: 7n, hole: false })
    const of = (7n + BigInt(chunkBytes)).toString(16).padStart(16, '0')
    bench.hear({ kind: 'sync', grade: 'major', files: [{ entry: 0, revision: 0, digest: of }] })
    bench.hear({ ...end, entries: 1, bytes: chunkBytes }) // Early, and no harm.
    const { serial } = bench.take('syncData')
    const file: IntentFile = { entry: 0, revision: 0, digest: of, size: chunkBytes, mtimeUs: 0, inode: '1', target: 'a (2)', method: 'link', outcome: 'renamed' } // prettier-ignore
    bench.tell({ kind: 'dataSynced', serial, finished: [file], syncMs: 0 })
    bench.commit()
    bench.tell({ kind: 'filesPlaced', serial, results: [{ entry: 0, result: 'placed' }] })
    bench.take('commit')
    bench.effects.length = 0
    bench.tell({ kind: 'committed', purpose: { for: 'outcomes', serial } })
    const kinds = kindsOf(bench.effects)
    expect(kinds.filter((kind) => kind === 'finishTree')).toHaveLength(1)
    expect(kinds.indexOf('removeParts')).toBeLessThan(kinds.indexOf('finishTree'))
    expect(bench.said()).toMatchObject([{ outcomes: [{ entry: 0, outcome: 'renamed', target: 'a (2)' }] }])
  })

  it('refuses an end that names another manifest', () => {
    for (const changed of [{ entries: 1 }, { bytes: 1 }, { manifest: 'eeeeeeeeeeeeeeee' }]) {
      const bench = Bench.inPhase('receiver', 'transferring')
      bench.page([])
      bench.hear({ ...end, ...changed })
      expect(finishOf(bench)).toEqual(broken)
    }
  })

  it('R41: waits for release so long, then ends well with a warning; connected or not', () => {
    for (const isConnected of [true, false]) {
      const bench = stored()
      if (!isConnected) bench.close()
      bench.now = defaultLimits.lingerMs - 1
      bench.tell({ kind: 'deadlinePassed' })
      expect(finishOf(bench)).toBeUndefined()
      bench.now = defaultLimits.lingerMs
      bench.tell({ kind: 'deadlinePassed' })
      expect(bench.effects).toContainEqual(expect.objectContaining({ kind: 'warn', code: 'release-unconfirmed' }))
      expect(finishOf(bench)).toMatchObject({ end: { how: 'released', confirmed: false } })
    }
  })

  it('is released when its end is on the disk, and says so', () => {
    const bench = stored()
    bench.hear({ kind: 'release' })
    expect(bench.said()).toEqual([])
    bench.commit()
    expect(bench.said()).toEqual([{ kind: 'released' }])
    expect(finishOf(bench)).toMatchObject({ end: { how: 'released', confirmed: true } })
  })

  it('R46: tells a sender that has a receipt which is forgotten here, and is not released', () => {
    const bench = Bench.inPhase('receiver', 'finishing')
    bench.said()
    bench.hear({ kind: 'release' })
    expect(bench.said()[0]).toMatchObject({ kind: 'exception', code: 'rolled-back', entry: null })
    expect(finishOf(bench)).not.toMatchObject({ end: { how: 'released' } })
  })

  it('takes a page once, however often it comes', () => {
    const bench = Bench.inPhase('receiver', 'transferring')
    const page: Message = { kind: 'manifest', page: 0, first: 0, entries: [], digest: '0'.repeat(16) }
    bench.hear(page)
    bench.hear(page)
    expect(kindsOf(bench.effects).filter((kind) => kind === 'storePage')).toHaveLength(1)
  })

  it('ends with the code of a page that was refused', () => {
    const bench = Bench.inPhase('receiver', 'transferring')
    bench.tell({ kind: 'pageRefused', code: 'limit', sentence: 'too many' })
    expect(finishOf(bench)).toMatchObject({ end: { code: 'limit' } })
    expect(bench.said().at(-1)).toEqual({ kind: 'abort', code: 'limit', sentence: 'too many' })
  })
})

describe('a sender', () => {
  it('R41: is done well without a word of the receiver: after a while, or when it hangs up', () => {
    const late = releasing()
    late.now = late.core.deadline!
    late.tell({ kind: 'deadlinePassed' })
    const left = releasing()
    left.close()
    for (const bench of [late, left])
      expect(finishOf(bench)).toMatchObject({ end: { how: 'released', confirmed: false } })
  })

  it('waits for that no shorter than it says', () => {
    const bench = releasing()
    bench.now = bench.core.deadline! - 1
    bench.tell({ kind: 'deadlinePassed' })
    expect(finishOf(bench)).toBeUndefined()
  })

  it('is done when the release is confirmed, and a receiver that hangs up then changes nothing', () => {
    const bench = releasing()
    bench.hear({ kind: 'released' })
    bench.close()
    expect(finishOf(bench)).toBeUndefined()
    bench.commit()
    expect(finishOf(bench)).toMatchObject({ end: { how: 'released', confirmed: true } })
  })

  it('lets nobody go before the receipt is here, nor while it is being stored', () => {
    const early = Bench.inPhase('sender', 'finishing')
    early.hear({ kind: 'released' })
    expect(finishOf(early)).toEqual(broken)
    const storing = Bench.inPhase('sender', 'finishing')
    storing.hear({ kind: 'receipt', receipt })
    storing.said()
    storing.hear({ kind: 'receipt', receipt })
    expect(storing.said()).toEqual([])
  })

  it.each([{ session: '9'.repeat(32) }, { manifest: 'eeeeeeeeeeeeeeee' }, { entries: 1 }])(
    'refuses a receipt for something else: %j',
    (changed) => {
      const bench = Bench.inPhase('sender', 'finishing')
      bench.hear({ kind: 'receipt', receipt: { ...receipt, ...changed } })
      expect(finishOf(bench)).toEqual(broken)
    },
  )

  it('that comes back with the receipt asks for its release at once', () => {
    const bench = Bench.fresh('sender', { ...emptyCheckpoint(), receipt }, [pageOf([])])
    bench.tell({ kind: 'receiptStored' })
    expect(finishOf(bench)).toMatchObject({ end: { how: 'released', confirmed: false } })
  })
})

describe('a session that is over', () => {
  it('hears nothing more, wants nothing more, and has one end', () => {
    const bench = Bench.fresh('sender')
    bench.tell({ kind: 'pauseRequested', by: 'user' })
    bench.now = bench.core.deadline!
    bench.tell({ kind: 'discardRequested' })
    expect(kindsOf(bench.effects).filter((kind) => kind === 'finish')).toHaveLength(1)
    expect(bench.tell({ kind: 'deadlinePassed' })).toEqual([])
    expect(bench.core.deadline).toBeUndefined()
    expect(bench.core.needsConnection).toBe(false)
  })

  it('has heard nothing of an older connection before', () => {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.effects.length = 0
    const old = bench.connection - 1
    expect(bench.tell({ kind: 'heard', connection: old, arrivingBytes: 0, isReading: true })).toEqual([])
    expect(bench.core.bytesStaged).toBe(0)
    expect(
      bench.tell({ kind: 'messageArrived', connection: old, message: { kind: 'discard', confirm: false } }),
    ).toEqual([])
    expect(bench.tell({ kind: 'connectionEnded', connection: old, reason: 'cut' })).toEqual([])
  })

  it('ended by the other side for good keeps its code; ended for now it is interrupted', () => {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.hear({ kind: 'abort', code: 'going-away', sentence: 'bye' })
    expect(finishOf(bench)).toBeUndefined()
    expect(bench.effects).toContainEqual(expect.objectContaining({ kind: 'destroy', connection: bench.connection }))
    bench.hear({ kind: 'abort', code: 'limit', sentence: 'too much' })
    expect(finishOf(bench)).toMatchObject({ end: { how: 'failed', code: 'limit' } })
  })

  it('was asked for hashes as a sender: the protocol is broken', () => {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.hear({ kind: 'hashes', way: 'ask', entry: 0, revision: 0, first: 0, count: 1 })
    expect(finishOf(bench)).toEqual(broken)
  })
})
