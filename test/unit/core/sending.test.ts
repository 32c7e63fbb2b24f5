// A sender offers its manifest page by page, and takes what the receiver says of it.

import { describe, expect, it } from 'vitest'
import { emptyCheckpoint } from '../../../src/core/checkpoint.ts'
import { standing } from '../../../src/core/entry-table.ts'
import { entryKinds, type PageShape } from '../../../src/core/inputs.ts'
import { pagesUnansweredMax } from '../../../src/model/limits.ts'
import { noManifest } from '../../../src/model/manifest.ts'
import type { EntryOutcome, Message, Want } from '../../../src/model/messages.ts'
import { Bench, chunkBytes, pageOf, want } from '../../support/core-bench.ts'

/** A page of one file that is not the last. */
const pageAt = (page: number): PageShape => {
  const { last: _last, ...shape } = pageOf([chunkBytes])
  return { ...shape, page, first: page, digest: String(page).padStart(16, '0') }
}

/** A sender that has sent a page of files of one chunk each, while data flows. */
function sender(files: number): Bench {
  const bench = Bench.inPhase('sender', 'transferring')
  bench.page(Array<number>(files).fill(chunkBytes))
  bench.effects.length = 0
  return bench
}

const all = (count: number): Want => ({ need: 'all', from: 0, count, revision: 0 })
const acknowledge = (outcomes: readonly EntryOutcome[], serial = 1): Message => ({
  kind: 'acknowledge',
  serial,
  places: [],
  outcomes,
  level: 'checkpoint',
  syncMs: 0,
})
const reported = (bench: Bench): unknown[] => bench.effects.filter(({ kind }) => kind === 'reportOutcomes')

describe('pages of the manifest', () => {
  it('are walked ahead of the answers, connected or not, and so many at most', () => {
    const bench = Bench.fresh('sender')
    for (let page = 0; page < pagesUnansweredMax; page++) {
      bench.take('walkPage')
      bench.tell({ kind: 'pageWalked', shape: pageAt(page) })
    }
    expect(bench.effects.filter(({ kind }) => kind === 'walkPage')).toEqual([])
  })

  it('are sent as far ahead, and go on as they are answered', () => {
    const pages = Array.from({ length: pagesUnansweredMax + 4 }, (_, page) => pageAt(page))
    const bench = Bench.fresh('sender', emptyCheckpoint(), pages)
    const sent = (): number[] => bench.effects.splice(0).flatMap((it) => (it.kind === 'sendPage' ? [it.page] : []))
    bench.open(noManifest)
    expect(sent()).toEqual(Array.from({ length: pagesUnansweredMax }, (_, i) => i))
    bench.hear(want([], 2, true))
    expect(sent()).toEqual([pagesUnansweredMax, pagesUnansweredMax + 1])
    bench.hear(want([], 1)) // Older: it says nothing new.
    expect(sent()).toEqual([])
  })

  it('that the receiver holds are not sent again, nor those that it answers', () => {
    const bench = Bench.fresh('sender', emptyCheckpoint(), [0, 1, 2].map(pageAt))
    bench.open({ ...noManifest, pages: 1, digest: pageAt(0).digest })
    expect(bench.effects.flatMap((it) => (it.kind === 'sendPage' ? [it.page] : []))).toEqual([1, 2])
  })

  it('name files to send; what is no file comes with the end', () => {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.take('walkPage')
    const kinds = Uint8Array.of(entryKinds.file, entryKinds.directory)
    const shape = { ...pageOf([1, 0]), kinds }
    bench.tell({ kind: 'pageWalked', shape })
    expect([0, 1].map((entry) => bench.core.entries.standing(entry))).toEqual([standing.unknown, standing.later])
    bench.open()
    expect([0, 1].map((entry) => bench.core.entries.standing(entry))).toEqual([standing.unknown, standing.later])
  })
})

describe('a receiver that breaks a rule', () => {
  it.each<[string, Message]>([
    ['a want answers pages that were not sent', want([], 2)],
    ['a want names an entry that was not sent', want([all(3)])],
    ['a want names an entry that was not sent', want([{ need: 'later', from: 1, count: 0 }])],
    ['a want names an entry that was not sent', want([{ need: 'again', from: 2, revision: 0, chunks: [[0, 1]] }])],
    ['a want names chunks behind the end', want([{ need: 'again', from: 0, revision: 0, chunks: [[0, 2]] }])],
    [
      'a want names chunks behind the end of a file',
      want([{ need: 'part', from: 0, revision: 0, durable: [[1, 1]], received: [] }]),
    ],
    [
      'a want names chunks behind the end of a file',
      want([{ need: 'part', from: 0, revision: 0, durable: [], received: [[0, 2]] }]),
    ],
    ['a want names a revision that was not announced', want([{ need: 'all', from: 0, count: 1, revision: 1 }])],
    ['an outcome names an entry that was not sent', acknowledge([{ entry: 2, outcome: 'delivered', bytes: 1 }])],
    [
      'what is acknowledged is file where checkpoint was agreed',
      { kind: 'acknowledge', serial: 1, places: [], outcomes: [], level: 'file', syncMs: 0 },
    ],
  ])('ends the session by name: %s', (sentence, message) => {
    const bench = sender(2)
    bench.hear(message)
    expect(bench.said()).toContainEqual({ kind: 'abort', code: 'protocol', sentence })
    expect(bench.take('finish').end).toEqual({ how: 'failed', code: 'protocol', sentence })
  })

  it.each<[string, Want]>([
    ['bytes are wanted of entry 0, which is no file', { need: 'all', from: 0, count: 1, revision: 0 }],
    ['bytes are wanted of entry 0, which is no file', { need: 'again', from: 0, revision: 0, chunks: [[0, 1]] }],
    [
      'bytes are wanted of entry 0, which is no file',
      { need: 'part', from: 0, revision: 0, durable: [], received: [] },
    ],
  ])('... %s (%j)', (sentence, broken) => {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.take('walkPage')
    bench.tell({ kind: 'pageWalked', shape: { ...pageOf([0, 1]), kinds: Uint8Array.of(entryKinds.directory, 1) } })
    bench.hear(want([broken]))
    expect(bench.take('finish').end).toEqual({ how: 'failed', code: 'protocol', sentence })
  })
})

describe('outcomes', () => {
  const skipped: EntryOutcome = { entry: 1, outcome: 'skipped', bytes: 0 }

  it('are reported by name but for the usual ones', () => {
    const bench = sender(3)
    bench.hear(want([all(3)]))
    const delivered: EntryOutcome = { entry: 0, outcome: 'delivered', bytes: chunkBytes }
    const unchanged: EntryOutcome = { entry: 2, outcome: 'unchanged', bytes: chunkBytes }
    bench.hear(acknowledge([delivered, skipped, unchanged]))
    expect(reported(bench)).toEqual([{ kind: 'reportOutcomes', outcomes: [skipped] }])
    expect([0, 1, 2].map((entry) => bench.core.outcome(entry))).toEqual(['delivered', 'skipped', 'unchanged'])
  })

  it('that say nothing new are not reported at all', () => {
    const bench = sender(1)
    bench.hear(acknowledge([{ entry: 0, outcome: 'delivered', bytes: chunkBytes }]))
    expect(reported(bench)).toEqual([])
  })

  it('that a want says are reported once', () => {
    const bench = sender(2)
    const conflict: Want = { need: 'done', from: 0, count: 2, outcome: 'conflict' }
    bench.hear(want([conflict]))
    const outcomes = [0, 1].map((entry) => ({ entry, outcome: 'conflict', bytes: 0 }))
    expect(reported(bench)).toEqual([{ kind: 'reportOutcomes', outcomes }])
    bench.effects.length = 0
    bench.hear(want([conflict]))
    expect(reported(bench)).toEqual([])
  })

  it('are noted with what is durable by then, and are a major sync point', () => {
    const bench = sender(2)
    bench.hear(want([all(2)]))
    bench.effects.length = 0
    bench.hear(acknowledge([{ entry: 0, outcome: 'delivered', bytes: chunkBytes }], 7))
    expect(bench.take('note').records).toEqual([{ kind: 'acknowledged', serial: 7, bytesDurable: chunkBytes }])
    expect(bench.take('reportCheckpoint')).toEqual({ kind: 'reportCheckpoint', serial: 7, grade: 'major', syncMs: 0 })
    bench.hear(acknowledge([], 8))
    expect(bench.take('reportCheckpoint')).toEqual({ kind: 'reportCheckpoint', serial: 8, grade: 'minor', syncMs: 0 })
  })
})

describe('what a receiver says besides', () => {
  it('is passed on as it came', () => {
    const bench = sender(1)
    bench.hear({ kind: 'exception', code: 'rolled-back', sentence: 'as it came', entry: null, outcome: null })
    expect(bench.take('warn')).toEqual({ kind: 'warn', code: 'rolled-back', sentence: 'as it came', entry: null })
  })

  it('R46: is held against what this side remembers, also from before it was restored', () => {
    const bench = Bench.fresh('sender', { ...emptyCheckpoint(), bytesAcknowledged: 100 }, [pageOf([chunkBytes])])
    bench.open({ ...noManifest, pages: 1, digest: pageOf([]).digest })
    bench.hear(want([all(1)], 1, true))
    expect(bench.take('warn')).toEqual({
      kind: 'warn',
      code: 'rolled-back',
      sentence:
        'The other side had made 100 bytes safe that it no longer has: its disk was changed or restored. They are sent again.',
      entry: null,
    })
  })
})

describe('the end', () => {
  const end: Message = { kind: 'end', manifest: pageOf([]).digest, entries: 1, bytes: chunkBytes }
  const delivered = acknowledge([{ entry: 0, outcome: 'delivered', bytes: chunkBytes }])

  it('is said when every page is answered and every file has its outcome, and says what was offered', () => {
    const bench = sender(1)
    bench.hear(delivered)
    expect(bench.said()).toEqual([])
    bench.hear(want([]))
    expect(bench.said()).toEqual([end])
  })

  it('waits for the last file', () => {
    const bench = sender(1)
    bench.hear(want([{ need: 'part', from: 0, revision: 0, durable: [[0, 1]], received: [] }]))
    expect(bench.said().filter(({ kind }) => kind === 'end')).toEqual([])
    bench.hear(delivered)
    expect(bench.said()).toContainEqual(end)
  })

  it('waits until data may flow', () => {
    const bench = Bench.fresh('sender', emptyCheckpoint(), [pageOf([])])
    bench.open({ ...noManifest, pages: 1, digest: pageOf([]).digest })
    bench.said()
    bench.hear(want([], 1))
    expect(bench.said()).toEqual([])
    bench.hear(want([], 1, true))
    expect(bench.said()).toEqual([{ ...end, entries: 0, bytes: 0 }])
  })
})
