// How a session ends, word by word: what each side commits, says and waits for, and the sentence for each broken rule.

import { describe, expect, it } from 'vitest'
import { emptyCheckpoint } from '../../../src/core/checkpoint.ts'
import type { Effect } from '../../../src/core/effects.ts'
import { defaultLimits } from '../../../src/model/limits.ts'
import { noManifest } from '../../../src/model/manifest.ts'
import type { EntryOutcome, Message } from '../../../src/model/messages.ts'
import { Bench, chunkBytes, end, pageOf, receipt, welcome } from '../../support/core-bench.ts'

const page = { ...noManifest, pages: 1, digest: pageOf([]).digest, complete: true }
const { digest, finishedAt } = receipt
const digested = { kind: 'sessionDigested', digest, finishedAt, isDegraded: false } as const

const of = <Kind extends Effect['kind']>(bench: Bench, kind: Kind) =>
  bench.effects.filter((effect): effect is Extract<Effect, { kind: Kind }> => effect.kind === kind)
const endOf = (bench: Bench) => of(bench, 'finish').map((effect) => effect.end)
const failedBy = (sentence: string) => [{ how: 'failed', code: 'protocol', sentence }]

describe('a sender, from the receipt to the release', () => {
  it('R41: commits the receipt, has it stored, asks for its release, and commits its end, in that order', () => {
    const bench = Bench.inPhase('sender', 'finishing')
    bench.said()
    bench.effects.length = 0
    bench.hear({ kind: 'receipt', receipt })
    expect(bench.said()).toEqual([])
    expect(of(bench, 'commit')).toEqual([
      { kind: 'commit', records: [{ kind: 'receipt', receipt }], purpose: { for: 'receipt' } },
    ])
    bench.commit()
    expect(bench.said()).toEqual([])
    expect(of(bench, 'storeReceipt')).toEqual([{ kind: 'storeReceipt', receipt }])
    bench.now = 50
    bench.tell({ kind: 'receiptStored' })
    expect(bench.said()).toEqual([{ kind: 'release' }])
    expect(bench.core.deadline).toBe(2_050)
    expect(bench.core.needsConnection).toBe(false)
    bench.hear({ kind: 'released' })
    expect(of(bench, 'commit')).toEqual([
      {
        kind: 'commit',
        records: [{ kind: 'ended', how: 'released', by: 'self', at: 0 }],
        purpose: { for: 'end' },
      },
    ])
    bench.now = 9_000
    bench.tell({ kind: 'deadlinePassed' })
    expect(endOf(bench)).toEqual([])
    bench.commit()
    expect(endOf(bench)).toEqual([{ how: 'released', receipt, confirmed: true }])
  })

  it('asks again when the receipt comes again, once it is stored', () => {
    const bench = Bench.inPhase('sender', 'finishing')
    bench.hear({ kind: 'receipt', receipt })
    bench.commit()
    bench.tell({ kind: 'receiptStored' })
    bench.said()
    bench.now = 100
    bench.hear({ kind: 'receipt', receipt })
    expect(bench.said()).toEqual([{ kind: 'release' }])
    expect(bench.core.deadline).toBe(2_100)
    expect(of(bench, 'commit')).toEqual([])
  })

  it('R41: that was killed with the receipt stores it again, and asks over the next connection once it has', () => {
    const bench = Bench.fresh('sender', { ...emptyCheckpoint(), receipt }, [pageOf([])])
    expect(of(bench, 'storeReceipt')).toEqual([{ kind: 'storeReceipt', receipt }])
    bench.open(page)
    expect(bench.core.phase).toBe('finishing')
    expect(bench.said().map(({ kind }) => kind)).toEqual(['welcome'])
    bench.tell({ kind: 'receiptStored' })
    expect(bench.said()).toEqual([{ kind: 'release' }])
    bench.close()
    expect(endOf(bench)).toEqual([{ how: 'released', receipt, confirmed: false }])
  })

  it('R41: that was killed with the receipt waits for the greeting that is under way, and asks then', () => {
    const bench = restored()
    expect(endOf(bench)).toEqual([])
    bench.hear({ ...welcome, manifest: page })
    bench.commit()
    expect(bench.said().at(-1)).toEqual({ kind: 'release' })
  })

  it('that was killed with the receipt is done where nobody answers, or who answers refuses it', () => {
    const refuse: Message = { kind: 'refuse', code: 'session-unknown', sentence: 'No.', retry: false }
    const released = [{ how: 'released', receipt, confirmed: false }]
    const alone = Bench.fresh('sender', { ...emptyCheckpoint(), receipt }, [pageOf([])])
    alone.tell({ kind: 'receiptStored' })
    const cut = restored()
    cut.close()
    const refused = restored()
    refused.hear(refuse)
    const late = restored()
    late.now = late.core.deadline!
    expect(late.now).toBeLessThanOrEqual(2_000)
    late.tell({ kind: 'deadlinePassed' })
    for (const bench of [alone, cut, refused, late]) expect(endOf(bench)).toEqual(released)
    const early = restored(false)
    early.hear(refuse)
    expect(endOf(early)).toEqual([])
    early.tell({ kind: 'receiptStored' })
    early.close()
    expect(endOf(early)).toEqual(released)
  })

  /** Restored with its receipt, and about to greet. */
  function restored(isStored: boolean = true): Bench {
    const bench = Bench.fresh('sender', { ...emptyCheckpoint(), receipt }, [pageOf([])])
    bench.tell({ kind: 'connected', connection: 1, attempt: 1 })
    if (isStored) bench.tell({ kind: 'receiptStored' })
    return bench
  }

  it('whose connection ends before it has asked waits for another one', () => {
    const bench = Bench.inPhase('sender', 'finishing')
    bench.hear({ kind: 'receipt', receipt })
    bench.close()
    expect(endOf(bench)).toEqual([])
    bench.commit()
    bench.now = 60_000
    bench.tell({ kind: 'deadlinePassed' })
    expect(endOf(bench)).toEqual([])
  })

  it.each<[Partial<typeof receipt>, string]>([
    [{ session: '1'.repeat(32) }, 'the receipt is for another session'],
    [{ manifest: 'e'.repeat(16) }, 'the receipt is for another manifest'],
    [{ entries: 1 }, 'the receipt counts other entries than were sent'],
    [{ durability: 'none' }, 'the receipt names another durability than was agreed'],
  ])('says what is wrong with a receipt: %j', (changed, sentence) => {
    const bench = Bench.inPhase('sender', 'finishing')
    bench.hear({ kind: 'receipt', receipt: { ...receipt, ...changed } })
    expect(endOf(bench)).toEqual(failedBy(sentence))
  })

  it('says what is wrong with a release that nobody asked for', () => {
    const bench = Bench.inPhase('sender', 'finishing')
    bench.hear({ kind: 'released' })
    expect(endOf(bench)).toEqual(failedBy('released came before the receipt'))
  })
})

describe('a receiver, from the end to the release', () => {
  it('R41: finishes the tree, commits, digests, commits the receipt, has it stored, and only then says it', () => {
    const bench = Bench.inPhase('receiver', 'transferring')
    bench.page([])
    bench.said()
    bench.effects.length = 0
    bench.hear(end)
    expect(bench.core.phase).toBe('finishing')
    bench.hear(end) // Asked for again, while it is under way.
    expect(of(bench, 'finishTree')).toHaveLength(1)
    const outcomes: readonly EntryOutcome[] = []
    bench.tell({ kind: 'treeFinished', outcomes })
    expect(of(bench, 'commit')).toEqual([
      { kind: 'commit', records: [{ kind: 'outcome', serial: 0, outcomes }], purpose: { for: 'tree', outcomes } },
    ])
    expect(of(bench, 'digestSession')).toEqual([])
    bench.commit()
    expect(of(bench, 'reportOutcomes')).toEqual([{ kind: 'reportOutcomes', outcomes }])
    expect(of(bench, 'digestSession')).toHaveLength(1)
    bench.tell(digested)
    expect(of(bench, 'commit')).toEqual([
      { kind: 'commit', records: [{ kind: 'receipt', receipt }], purpose: { for: 'receipt' } },
    ])
    bench.commit()
    expect(of(bench, 'storeReceipt')).toEqual([{ kind: 'storeReceipt', receipt }])
    expect(bench.said()).toEqual([])
    bench.now = 70
    bench.tell({ kind: 'receiptStored' })
    expect(bench.said()).toEqual([{ kind: 'receipt', receipt }])
    expect(bench.core.deadline).toBeLessThanOrEqual(70 + defaultLimits.lingerMs)
    bench.hear(end)
    expect(bench.said()).toEqual([{ kind: 'receipt', receipt }])
    bench.hear({ kind: 'release' })
    expect(of(bench, 'commit')).toEqual([
      { kind: 'commit', records: [{ kind: 'ended', how: 'released', by: 'peer', at: 0 }], purpose: { for: 'end' } },
    ])
    bench.commit()
    expect(endOf(bench)).toEqual([{ how: 'released', receipt, confirmed: true }])
  })

  it('waits for every file before the last pass, and begins it when the last one has its outcome', () => {
    const bench = Bench.inPhase('receiver', 'transferring')
    bench.page([chunkBytes])
    bench.hear({ ...end, entries: 1, bytes: chunkBytes })
    expect(of(bench, 'finishTree')).toEqual([])
    bench.hear({ kind: 'exception', code: 'vanished', sentence: 'gone', entry: 0, outcome: 'vanished' })
    bench.commit()
    expect(of(bench, 'finishTree')).toHaveLength(1)
  })

  it('is asked anew over each connection: what was asked over an older one is not answered', () => {
    const bench = Bench.inPhase('receiver', 'finishing')
    bench.tell({ kind: 'treeFinished', outcomes: [] })
    bench.commit()
    bench.tell(digested)
    bench.commit()
    bench.close()
    bench.open(page)
    bench.said()
    bench.tell({ kind: 'receiptStored' })
    expect(bench.said()).toEqual([])
    bench.hear(end)
    expect(bench.said()).toEqual([{ kind: 'receipt', receipt }])
    expect(of(bench, 'finishTree')).toHaveLength(1)
  })

  it('R41: that was killed with the receipt stores it again, and lingers from then on', () => {
    const bench = Bench.fresh('receiver', { ...emptyCheckpoint(), receipt })
    expect(of(bench, 'storeReceipt')).toEqual([{ kind: 'storeReceipt', receipt }])
    expect(bench.core.deadline).toBeUndefined()
    bench.now = 5
    bench.tell({ kind: 'receiptStored' })
    expect(bench.core.deadline).toBe(5 + defaultLimits.lingerMs)
    bench.now = 5 + defaultLimits.lingerMs
    bench.tell({ kind: 'deadlinePassed' })
    expect(of(bench, 'warn')).toEqual([
      {
        kind: 'warn',
        code: 'release-unconfirmed',
        sentence: 'Everything is in place; the sender did not confirm that it has the receipt.',
        entry: null,
      },
    ])
    expect(endOf(bench)).toEqual([{ how: 'released', receipt, confirmed: false }])
  })

  it.each<Partial<Extract<Message, { kind: 'end' }>>>([{ entries: 1 }, { bytes: 1 }, { manifest: 'e'.repeat(16) }])(
    'says what is wrong with an end: %j',
    (changed) => {
      const bench = Bench.inPhase('receiver', 'transferring')
      bench.page([])
      bench.hear({ ...end, ...changed } as Message)
      expect(endOf(bench)).toEqual(failedBy('the end names another manifest than the pages made up'))
    },
  )

  it('says that an end came before the last page', () => {
    const bench = Bench.inPhase('receiver', 'transferring')
    bench.hear({ kind: 'end', manifest: noManifest.digest, entries: 0, bytes: 0 })
    expect(endOf(bench)).toEqual(failedBy('the end names another manifest than the pages made up'))
  })

  it('R46: says in full that it has forgotten a receipt', () => {
    const bench = Bench.inPhase('receiver', 'finishing')
    bench.said()
    bench.hear({ kind: 'release' })
    expect(bench.said()).toEqual([
      {
        kind: 'exception',
        code: 'rolled-back',
        sentence:
          'The receiver no longer knows of its receipt: its disk was restored, and what it received may be gone.',
        entry: null,
        outcome: null,
      },
    ])
    expect(of(bench, 'commit')).toEqual([])
  })
})
