// Bugs of the core, found by the simulation or by reading, each on the bench: what went wrong is in the comment. It is
// longer than 400 lines because a museum has its pieces side by side.

import { describe, expect, it } from 'vitest'
import { emptyCheckpoint } from '../../src/core/checkpoint.ts'
import { type Input, plans, type SourceProblem, type SourceVersion } from '../../src/core/inputs.ts'
import type { Effect } from '../../src/core/effects.ts'
import type { Resync } from '../../src/model/messages.ts'
import { noManifest } from '../../src/model/manifest.ts'
import type { IntentFile, JournalRecord } from '../../src/model/records.ts'
import { Bench, chunkBytes, end, listenerHello, pageOf, receipt, survey, want } from '../support/core-bench.ts'
import { foldRecords } from '../support/fold-records.ts'

const version: SourceVersion = {
  fingerprint: { size: 600, mtimeNs: 1n, ctimeNs: 1n, inode: 1n },
  mtimeUs: 0,
  mode: 0o644,
}
const resync: Resync = { kind: 'resync', entry: 0, revision: 1, size: 600, mtimeUs: 0, mode: 0o644, keep: [[0, 1]] }

const kindsOf = (effects: readonly Effect[]): string[] => effects.map(({ kind }) => kind)
const problemsOf = (bench: Bench): unknown[] => bench.effects.filter(({ kind }) => kind === 'finish')

/** A sender in the middle of transferring files of these sizes. */
function sender(sizes: readonly number[]): Bench {
  const bench = Bench.inPhase('sender', 'transferring')
  bench.page(sizes)
  bench.said()
  return bench
}

/** A receiver in the middle of receiving files of these sizes. */
function receiver(sizes: readonly number[], plan: number = plans.link): Bench {
  const bench = Bench.inPhase('receiver', 'transferring')
  bench.page(sizes, plan)
  bench.said()
  return bench
}

function write(bench: Bench, entry: number, chunk: number, revision = 0): void {
  const place = { entry, revision, chunk }
  const { epoch } = bench.core
  bench.tell({
    kind: 'frameArrived',
    connection: bench.connection,
    frame: { kind: 'chunk', frame: 1, epoch, place, length: chunkBytes },
  })
  bench.take('writeChunk')
  bench.tell({ kind: 'chunkWritten', place, hash: 7n, hole: false })
}

describe('a changed source', () => {
  it('is announced again over a new connection and answered once', () => {
    // The second announcement was committed and carried out, too: the second answer failed an assertion.
    const bench = receiver([512])
    bench.hear(resync)
    const { purpose } = bench.take('commit')
    bench.open()
    bench.hear(resync)
    bench.tell({ kind: 'committed', purpose })
    bench.take('revisePart')
    bench.tell({ kind: 'partRevised', entry: 0, revision: 1 })
    expect(kindsOf(bench.effects)).not.toContain('commit')
    expect(bench.core.entries.revision(0)).toBe(1)
  })

  it('leaves nothing durable that the journal will not say is', () => {
    // A sync that began before the revision made its chunks durable in memory, behind the record that drops them: R1.
    const bench = receiver([1024])
    write(bench, 0, 0)
    write(bench, 0, 1)
    const { serial } = bench.take('syncData')
    bench.hear(resync)
    bench.tell({ kind: 'dataSynced', serial, finished: [], syncMs: 0 })
    const records = bench.effects.flatMap((effect) => (effect.kind === 'commit' ? effect.records : []))
    expect(records.map(({ kind }) => kind)).toEqual(['revised'])
    bench.commit()
    bench.commit()
    bench.take('revisePart')
    bench.said()
    bench.tell({ kind: 'partRevised', entry: 0, revision: 1 })
    expect(bench.said()).toContainEqual(want([{ need: 'part', from: 0, revision: 1, durable: [], received: [[0, 1]] }]))
  })

  it('takes along what was on its way to the disk: nothing of the older revision is acknowledged any more', () => {
    const bench = receiver([1024])
    write(bench, 0, 0)
    write(bench, 0, 1)
    const { serial } = bench.take('syncData')
    bench.tell({ kind: 'dataSynced', serial, finished: [], syncMs: 0 })
    bench.hear(resync)
    bench.said()
    bench.commit() // The record of the chunks.
    bench.commit() // The new revision.
    expect(bench.said().filter(({ kind }) => kind === 'acknowledge')).toEqual([])
  })

  it('is one change, however many reads see it', () => {
    // Four reads under way counted as four changes, one more than a file may have: it failed.
    const bench = sender([1024])
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }]))
    for (let i = 0; i < 4; i++)
      bench.tell({ kind: 'sourceFailed', entry: 0, revision: 0, problem: { kind: 'changed', version } })
    bench.commit()
    expect(bench.said().map(({ kind }) => kind)).toEqual(['resync'])
  })

  it('is compared in the version it is announced in', () => {
    // A comparison with the version before, on its way when the source changed again, said which chunks to keep: a mix.
    const newer = { ...version, fingerprint: { ...version.fingerprint, mtimeNs: 2n } }
    const bench = sender([1024])
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }]))
    const { place, connection } = bench.take('sendChunk')
    bench.tell({ kind: 'chunkSent', connection, place, hash: 7n, zeros: false })
    bench.tell({ kind: 'sourceFailed', entry: 0, revision: 0, problem: { kind: 'changed', version } })
    const { chunks } = bench.take('rehash')
    bench.tell({ kind: 'sourceFailed', entry: 0, revision: 0, problem: { kind: 'changed', version: newer } })
    const asBefore = { entry: 0, revision: 0, chunks, hashes: BigUint64Array.of(7n) }
    bench.tell({ kind: 'rehashed', ...asBefore, version })
    expect(kindsOf(bench.effects)).not.toContain('commit')
    bench.take('rehash')
    bench.tell({ kind: 'rehashed', ...asBefore, hashes: BigUint64Array.of(8n), version: newer })
    expect(bench.take('commit').records).toMatchObject([{ kind: 'revised', fingerprint: { mtimeNs: 2n }, keep: [] }])
  })

  it('does not matter once the receiver has finished the file', () => {
    // The file was forgotten when its revision came back from the disk: a crash.
    const bench = sender([1024])
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }]))
    bench.tell({ kind: 'sourceFailed', entry: 0, revision: 0, problem: { kind: 'changed', version } })
    bench.hear(want([{ need: 'done', from: 0, count: 1, outcome: 'delivered' }]))
    bench.said()
    bench.commit()
    expect(bench.said()).toEqual([])
  })

  it('is announced, not sent, when the receiver starts over before the change was committed', () => {
    // The next epoch sent the new content under the old revision.
    const bench = sender([1024])
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }]))
    bench.tell({ kind: 'sourceFailed', entry: 0, revision: 0, problem: { kind: 'changed', version } })
    bench.effects.splice(
      0,
      bench.effects.findIndex(({ kind }) => kind === 'commit'),
    )
    const commit = bench.take('commit')
    bench.open()
    bench.effects.length = 0
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }], 1, true))
    expect(kindsOf(bench.effects)).not.toContain('sendChunk')
    bench.tell({ kind: 'committed', purpose: commit.purpose })
    expect(bench.said().map(({ kind }) => kind)).toEqual(['resync'])
  })

  it('is not announced to a receiver that has lost its journal before it has stored the page again', () => {
    // It knew no such file, and ended the session.
    const bench = sender([1024])
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }]))
    bench.tell({ kind: 'sourceFailed', entry: 0, revision: 0, problem: { kind: 'changed', version } })
    const { purpose } = bench.effects.findLast((effect) => effect.kind === 'commit')!
    bench.effects.length = 0
    bench.open(noManifest)
    bench.hear(want([], 0, true))
    bench.said()
    bench.tell({ kind: 'committed', purpose })
    expect(bench.said()).toEqual([])
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }]))
    expect(bench.said().map(({ kind }) => kind)).toEqual(['resync'])
  })

  it.each<SourceProblem>([{ kind: 'changed', version }, { kind: 'vanished' }, { kind: 'unreadable', reason: 'no' }])(
    'nor does a read of an older epoch say anything of it there: $kind',
    (problem) => {
      const bench = sender([1024])
      bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }]))
      bench.open(noManifest)
      bench.hear(want([], 0, true))
      bench.effects.length = 0
      bench.tell({ kind: 'sourceFailed', entry: 0, revision: 0, problem })
      expect(bench.effects).toEqual([])
      bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }]))
      expect(bench.take('sendChunk').place).toEqual({ entry: 0, revision: 0, chunk: 0 })
    },
  )
})

describe('after a crash', () => {
  const page = pageOf([1024])
  const restored = (records: readonly JournalRecord[]) => ({ ...emptyCheckpoint(), parts: foldRecords(records).parts })

  it('zeros are written where an earlier process may have written', () => {
    // A part whose chunks were all found bad counted as new: old bytes stayed where zeros belong.
    const records: JournalRecord[] = [
      {
        kind: 'durable',
        serial: 1,
        runs: [{ entry: 0, revision: 0, first: 0, hashes: BigUint64Array.of(1n), holes: 0 }],
      },
      { kind: 'bad', entry: 0, revision: 0, chunks: [[0, 1]] },
    ]
    const bench = Bench.fresh('receiver', restored(records), [page])
    bench.open({ ...noManifest, pages: 1, digest: page.digest })
    bench.tell({ kind: 'pageSurveyed', survey: survey(1) })
    const { epoch } = bench.core
    const place = { entry: 0, revision: 0, chunk: 0 }
    const { connection } = bench
    bench.tell({ kind: 'frameArrived', connection, frame: { kind: 'zeros', frame: 1, epoch, place, length: -1 } })
    expect(bench.take('writeChunk').fresh).toBe(false)
  })

  it('what was adopted is in the first want', () => {
    // It was taken up behind it, and sent again for nothing.
    const adopted = [{ entry: 0, revision: 0, chunk: 2, hash: 5n, hole: false }]
    const bench = Bench.fresh('receiver', emptyCheckpoint(), [page], adopted)
    bench.open({ ...noManifest, pages: 1, digest: page.digest })
    bench.tell({ kind: 'pageSurveyed', survey: survey(1) })
    expect(bench.said()).toContainEqual(want([{ need: 'part', from: 0, revision: 0, durable: [], received: [[2, 1]] }]))
  })

  it('what was adopted of a file whose place is taken changes nothing', () => {
    // The entry lost its outcome: the session never ended.
    const adopted = [{ entry: 0, revision: 0, chunk: 2, hash: 5n, hole: false }]
    const bench = Bench.fresh('receiver', emptyCheckpoint(), [page], adopted)
    const outcomes = [{ entry: 0, outcome: 'conflict', bytes: 0 }] as const
    bench.tell({ kind: 'pageSurveyed', survey: { ...survey(1, plans.done), outcomes } })
    expect(bench.core.outcome(0)).toBe('conflict')
    expect(bench.core.entries.unfinished).toBe(0)
  })

  it.each<JournalRecord>([
    { kind: 'bad', entry: 0, revision: 0, chunks: [] },
    { kind: 'revised', entry: 0, revision: 1, size: 1, mtimeUs: 0, mode: 0, keep: [], fingerprint: null },
    {
      kind: 'durable',
      serial: 2,
      runs: [{ entry: 0, revision: 0, first: 0, hashes: BigUint64Array.of(1n), holes: 0 }],
    },
  ])('an intent is void behind a $kind record', (record) => {
    // Its inode may come back with another content, which recovery would have published unverified.
    const file: IntentFile = {
      entry: 0,
      revision: 0,
      digest: '0'.repeat(16),
      size: 1,
      mtimeUs: 0,
      inode: '1',
      target: 'a',
      method: 'link',
      outcome: 'delivered',
    }
    expect(foldRecords([{ kind: 'intent', files: [file] }, record]).intents.size).toBe(0)
  })
})

describe('the dialogue', () => {
  it('answers a page without entries', () => {
    // The sender waited for ever: a manifest may be empty.
    const bench = Bench.inPhase('receiver', 'transferring')
    bench.said()
    bench.page([])
    expect(bench.said()).toEqual([want([])])
  })

  it('takes no more pages than may be unanswered', () => {
    const bench = Bench.inPhase('receiver', 'transferring')
    for (let page = 0; page < 17; page++)
      bench.hear({ kind: 'manifest', page, first: 0, entries: [], digest: '0'.repeat(16) })
    expect(problemsOf(bench)).toHaveLength(1)
  })

  it('takes answers to pages that were sent over an older connection', () => {
    // Beyond 16 pages none was sent anew before the first answer: that answer was called a breach of the protocol.
    const bench = Bench.fresh(
      'sender',
      emptyCheckpoint(),
      Array.from({ length: 20 }, (_, page) => ({ ...pageOf([]), page })).map(({ last, ...shape }) =>
        shape.page === 19 ? { ...shape, last: last! } : shape,
      ),
    )
    bench.open({ ...noManifest, pages: 17, digest: pageOf([]).digest })
    bench.hear(want([], 18, true))
    expect(problemsOf(bench)).toEqual([])
  })

  it('checks a source only once data may flow', () => {
    // The answer came while agreeing and was passed over: the file was never published.
    const bench = sender([1024])
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }]))
    for (let chunk = 0; chunk < 4; chunk++) {
      const { place, connection } = bench.take('sendChunk')
      bench.tell({ kind: 'chunkSent', connection, place, hash: BigInt(chunk), zeros: false })
    }
    bench.open()
    bench.effects.length = 0
    bench.hear(want([{ need: 'part', from: 0, revision: 0, durable: [[0, 4]], received: [] }], 1))
    expect(kindsOf(bench.effects)).not.toContain('checkSource')
    bench.hear(want([], 1, true))
    expect(kindsOf(bench.effects)).toContain('checkSource')
  })

  it('survives that every chunk it is about to sample arrived damaged', () => {
    const bench = Bench.fresh('sender', emptyCheckpoint(), [pageOf([512])])
    bench.open({ ...noManifest, pages: 1, digest: pageOf([]).digest })
    bench.hear(want([{ need: 'part', from: 0, revision: 0, durable: [[0, 1]], received: [] }], 1, true))
    bench.hear(want([{ need: 'again', from: 0, revision: 0, chunks: [[0, 1]] }]))
    bench.hear({ kind: 'hashes', way: 'answer', entry: 0, revision: 0, first: 0, hashes: '0'.repeat(16) })
    expect(problemsOf(bench)).toEqual([])
  })

  it('never gives an epoch twice, opened or not', () => {
    // A greeting that overtook another one stored the same epoch again.
    const bench = Bench.fresh('sender')
    bench.tell(listenerHello('receiver', 1))
    bench.tell(listenerHello('receiver', 2))
    const records = bench.effects.flatMap((effect) => (effect.kind === 'commit' ? effect.records : []))
    expect(records).toMatchObject([{ epoch: 1 }, { epoch: 2 }])
  })

  it('is not parked by what an older connection said', () => {
    const bench = sender([1024])
    bench.hear({ kind: 'turn', holder: 'receiver', reason: 'disk-full', neededBytes: 1, freeBytes: 0 })
    bench.close()
    bench.effects.length = 0
    bench.open()
    const states = bench.effects.flatMap((effect) => (effect.kind === 'report' ? [effect.state] : []))
    expect(states).toEqual(['agreeing'])
  })
})

describe('the end of the data', () => {
  it('waits for a chunk that is still being read of a file that was given up', () => {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.page([2 * chunkBytes])
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }]))
    const [first, second] = [bench.take('sendChunk'), bench.take('sendChunk')]
    const problem = { kind: 'unreadable', reason: 'EIO' } as const
    bench.tell({ kind: 'sourceFailed', entry: 0, revision: 0, problem })
    bench.tell({ kind: 'sendFailed', connection: first.connection, places: [first.place] })
    const outcomes = [{ entry: 0, outcome: 'failed', bytes: 0 }] as const
    bench.hear({ kind: 'acknowledge', serial: 1, places: [], outcomes, level: 'checkpoint', syncMs: 0 })
    expect(bench.said().map(({ kind }) => kind)).not.toContain('end')
    bench.tell({ kind: 'chunkSent', connection: second.connection, place: second.place, hash: 1n, zeros: false })
    expect(bench.said().map(({ kind }) => kind)).toContain('end')
  })

  it('waits for a page that is still being read, though the receiver has it already', () => {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.page([])
    bench.open(noManifest)
    const { connection } = bench.take('sendPage')
    bench.hear(want([], 1, true)) // The page had come over the older connection.
    expect(bench.said().map(({ kind }) => kind)).not.toContain('end')
    bench.tell({ kind: 'pageSent', connection: connection - 1 })
    expect(bench.said().map(({ kind }) => kind)).not.toContain('end')
    bench.tell({ kind: 'pageSent', connection })
    expect(bench.said().map(({ kind }) => kind)).toContain('end')
  })
})

describe('a second greeting of the same process', () => {
  it.each(['listens', 'dials'])('may be older than the pages its first connection brought (this side %s)', (way) => {
    const bench = Bench.inPhase('receiver', way === 'dials' ? 'greeting' : 'transferring')
    if (way === 'dials') hearWelcome(bench, 1)
    bench.page([])
    bench.effects.length = 0
    if (way === 'listens') bench.open(noManifest)
    else {
      bench.tell({ kind: 'connected', connection: ++bench.connection, attempt: 2 })
      hearWelcome(bench, 2)
    }
    expect(bench.effects.filter(({ kind }) => kind === 'finish')).toEqual([])
    expect(bench.said().map(({ kind }) => kind)).toContain('want')
  })
})

/** A sender that knows of no page yet welcomes us. */
function hearWelcome(bench: Bench, epoch: number): void {
  bench.hear({
    kind: 'welcome',
    version: 1,
    epoch,
    instance: 'b'.repeat(16),
    state: 'agreeing',
    capabilities: [],
    agreed: { chunkBytes, windowBytes: 4096, lanes: 1 },
    shape: { onConflict: 'fail', checksum: false },
    root: null,
    manifest: noManifest,
  })
  bench.commit()
}

describe('the window', () => {
  it('R2: sends what was lost before anything new, and counts it all the time', () => {
    const bench = sender([2048, 2048])
    bench.hear(want([{ need: 'all', from: 0, count: 2, revision: 0 }]))
    const sent: string[] = []
    const send = (): void => {
      while (bench.effects.some(({ kind }) => kind === 'sendChunk')) {
        const { place, connection, again } = bench.take('sendChunk')
        sent.push(`${place.entry}:${place.chunk}${again ? ' again' : ''}`)
        bench.tell({ kind: 'chunkSent', connection, place, hash: 1n, zeros: false })
      }
    }
    send()
    expect(sent).toEqual(['0:0', '0:1', '0:2', '0:3', '0:4']) // 5 x (256 + 512) of 4096.
    sent.length = 0
    bench.open()
    bench.hear(
      want(
        [
          { need: 'part', from: 0, revision: 0, durable: [], received: [] },
          { need: 'all', from: 1, count: 1, revision: 0 },
        ],
        1,
        true,
      ),
    )
    send()
    expect(sent).toEqual(['0:0 again', '0:1 again', '0:2 again', '0:3 again', '0:4 again'])
  })

  it('does not send again what was acknowledged meanwhile', () => {
    const bench = sender([2048])
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }]))
    for (let i = 0; i < 5; i++) {
      const { place, connection } = bench.take('sendChunk')
      bench.tell({ kind: 'chunkSent', connection, place, hash: 1n, zeros: false })
    }
    bench.open()
    bench.hear({ kind: 'turn', holder: 'receiver', reason: 'disk-full', neededBytes: 1, freeBytes: 0 })
    bench.hear(want([{ need: 'part', from: 0, revision: 0, durable: [], received: [] }], 1, true))
    bench.hear({
      kind: 'acknowledge',
      serial: 1,
      places: [{ entry: 0, revision: 0, first: 0, count: 2 }],
      outcomes: [],
      level: 'checkpoint',
      syncMs: 0,
    })
    bench.hear({ kind: 'turn', holder: 'sender', reason: null, neededBytes: null, freeBytes: null })
    expect(bench.take('sendChunk').place.chunk).toBe(2)
  })
})

describe('the receipt', () => {
  it('is not said before it is on the disk', () => {
    // A sender that came back in between got it at once, and could let go of what a crash would have lost.
    const bench = Bench.inPhase('receiver', 'finishing')
    bench.tell({ kind: 'treeFinished', outcomes: [] })
    bench.take('finishTree')
    bench.commit()
    bench.tell({ kind: 'sessionDigested', digest: receipt.digest, finishedAt: receipt.finishedAt, isDegraded: false })
    const { purpose } = bench.take('commit')
    bench.open()
    bench.hear(end)
    expect(bench.said().map(({ kind }) => kind)).not.toContain('receipt')
    bench.tell({ kind: 'committed', purpose })
    bench.tell({ kind: 'receiptStored' })
    expect(bench.said().map(({ kind }) => kind)).toEqual(['receipt'])
  })

  it('does not let the receiver go before it is on the disk here', () => {
    // A new connection in between said `release`, and the run ended without a receipt.
    const bench = Bench.inPhase('sender', 'finishing')
    bench.hear({ kind: 'receipt', receipt })
    const { purpose } = bench.take('commit')
    bench.open()
    expect(bench.said().map(({ kind }) => kind)).not.toContain('release')
    bench.tell({ kind: 'committed', purpose })
    bench.tell({ kind: 'receiptStored' })
    expect(bench.said().map(({ kind }) => kind)).toEqual(['release'])
  })

  it('from the journal is stored in its other place before it counts', () => {
    const bench = Bench.fresh('receiver', { ...emptyCheckpoint(), receipt }, [pageOf([])])
    expect(kindsOf(bench.effects)).toContain('storeReceipt')
  })
})

describe('a session that another ticket goes on with', () => {
  it('records that one, not what it was bound to before', () => {
    // What was agreed before was the whole older record: it put its own ticket in the place of the new one.
    const bound: JournalRecord & { kind: 'bound' } = {
      kind: 'bound',
      nonce: '4'.repeat(32),
      sessionKey: '5'.repeat(64),
      chunkBytes,
      shape: { onConflict: 'fail', checksum: false },
      root: '1'.repeat(32),
      ticket: 'a'.repeat(32),
    }
    const bench = Bench.fresh('receiver', { ...emptyCheckpoint(), bound, epoch: 1 })
    const renewed = { ...bound, chunkBytes: 0, root: '', ticket: 'b'.repeat(32) }
    bench.tell({ ...listenerHello('sender'), records: [renewed] } as Input)
    expect(bench.take('commit').records[0]).toEqual({ ...bound, ticket: 'b'.repeat(32) })
  })
})
