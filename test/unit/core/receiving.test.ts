// A receiver takes the manifest, looks at what is there, and says what it wants.

import { describe, expect, it } from 'vitest'
import { emptyCheckpoint } from '../../../src/core/checkpoint.ts'
import { standing } from '../../../src/core/entry-table.ts'
import { type PageShape, plans } from '../../../src/core/inputs.ts'
import { pagesUnansweredMax } from '../../../src/model/limits.ts'
import { noManifest } from '../../../src/model/manifest.ts'
import type { Message } from '../../../src/model/messages.ts'
import { Bench, chunkBytes, pageOf, survey, want } from '../../support/core-bench.ts'

const digestOf = (page: number): string => String(page + 1).padStart(16, '0')

/** A page of so many files of one chunk. */
function pageAt(page: number, first: number, files: number, isLast = false): PageShape {
  const { last, ...shape } = pageOf(Array<number>(files).fill(chunkBytes))
  return { ...shape, page, first, digest: digestOf(page), ...(isLast && { last: last! }) }
}

const manifest = (page: number, digest = digestOf(page)): Message => ({
  kind: 'manifest',
  page,
  first: 0,
  entries: [],
  digest,
})
const endOf = (bench: Bench): unknown => bench.take('finish').end
const turns = (bench: Bench): Message[] => bench.said().filter(({ kind }) => kind === 'turn')

function receiver(): Bench {
  const bench = Bench.inPhase('receiver', 'transferring')
  bench.effects.length = 0
  return bench
}

describe('a page', () => {
  it('that comes in its turn is stored, surveyed and answered', () => {
    const bench = receiver()
    bench.hear(manifest(0))
    expect(bench.take('storePage').message).toEqual(manifest(0))
    bench.tell({ kind: 'pageStored', shape: pageAt(0, 0, 2), survey: survey(2) })
    expect(bench.said()).toEqual([want([{ need: 'all', from: 0, count: 2, revision: 0 }])])
  })

  it('behind another that is on its way is the next one all the same', () => {
    const bench = receiver()
    bench.hear(manifest(0))
    bench.hear(manifest(1))
    expect(bench.effects.filter(({ kind }) => kind === 'storePage')).toHaveLength(2)
  })

  it.each([0, 1])('that comes again is passed over, stored or not (page %d)', (page) => {
    const bench = receiver()
    bench.hear(manifest(0))
    bench.hear(manifest(1))
    bench.tell({ kind: 'pageStored', shape: pageAt(0, 0, 1), survey: survey(1) })
    bench.effects.length = 0
    bench.hear(manifest(page))
    expect(bench.effects).toEqual([])
  })

  it('that comes again as another one is another session', () => {
    const bench = receiver()
    bench.hear(manifest(0))
    bench.hear(manifest(0, 'f'.repeat(16)))
    const sentence = 'The two sides do not remember the same session: a manifest page came again as another one.'
    expect(endOf(bench)).toEqual({ how: 'failed', code: 'manifest-mismatch', sentence })
  })

  it('that cannot be taken ends the session with the reason', () => {
    const bench = receiver()
    bench.hear(manifest(0))
    bench.tell({ kind: 'pageRefused', code: 'bad-name', sentence: 'a name with a slash' })
    expect(bench.said()).toEqual([{ kind: 'abort', code: 'bad-name', sentence: 'a name with a slash' }])
    expect(endOf(bench)).toEqual({ how: 'failed', code: 'bad-name', sentence: 'a name with a slash' })
  })

  it.each<[string, (bench: Bench) => void]>([
    ['page 1 came where page 0 was due', (bench) => bench.hear(manifest(1))],
    [
      'a page came behind the last one',
      (bench) => {
        bench.page([])
        bench.hear(manifest(1))
      },
    ],
    [
      'too many pages came before they were answered',
      (bench) => {
        for (let page = 0; page <= pagesUnansweredMax; page++) bench.hear(manifest(page))
      },
    ],
  ])('breaks a rule: %s', (sentence, breach) => {
    const bench = receiver()
    breach(bench)
    expect(endOf(bench)).toEqual({ how: 'failed', code: 'protocol', sentence })
  })

  it('may be one of as many as are let in', () => {
    const bench = receiver()
    for (let page = 0; page < pagesUnansweredMax; page++) bench.hear(manifest(page))
    expect(bench.effects.filter(({ kind }) => kind === 'finish')).toEqual([])
  })
})

describe('what the survey of a page found', () => {
  it('is what is wanted: nothing of what is there, later what comes with the end, all of the rest', () => {
    const bench = receiver()
    bench.hear(manifest(0))
    const found = Uint8Array.of(plans.link, plans.later, plans.done, plans.replace, plans.rename)
    const outcomes = [{ entry: 2, outcome: 'unchanged', bytes: chunkBytes }] as const
    bench.tell({ kind: 'pageStored', shape: pageAt(0, 0, 5), survey: { page: 0, plans: found, outcomes } })
    expect(bench.said()).toEqual([
      want([
        { need: 'all', from: 0, count: 1, revision: 0 },
        { need: 'later', from: 1, count: 1 },
        { need: 'done', from: 2, count: 1, outcome: 'unchanged' },
        { need: 'all', from: 3, count: 2, revision: 0 },
      ]),
    ])
    expect(bench.core.entries.bytesUnchanged).toBe(chunkBytes)
  })

  it('does not go over an outcome in the journal', () => {
    const checkpoint = emptyCheckpoint()
    checkpoint.outcomes.set({ entry: 0, outcome: 'delivered', bytes: chunkBytes, digest: '0'.repeat(16) })
    const bench = Bench.fresh('receiver', checkpoint, [pageAt(0, 0, 1)])
    const outcomes = [{ entry: 0, outcome: 'conflict', bytes: 0 }] as const
    bench.tell({ kind: 'pageSurveyed', survey: { ...survey(1, plans.done), outcomes } })
    expect(bench.core.outcome(0)).toBe('delivered')
  })
})

describe('after a start', () => {
  const pages = [pageAt(0, 0, 2), pageAt(1, 2, 1)]
  const known = { ...noManifest, pages: 2, digest: digestOf(1) }

  it('all pages of the journal are surveyed, and only then it is said where the receiver stands', () => {
    const bench = Bench.fresh('receiver', emptyCheckpoint(), pages)
    expect(bench.effects.flatMap((it) => (it.kind === 'surveyPage' ? [it.page] : []))).toEqual([0, 1])
    bench.open(known)
    bench.said()
    bench.tell({ kind: 'pageSurveyed', survey: survey(2) })
    expect(bench.said()).toEqual([])
    bench.tell({ kind: 'pageSurveyed', survey: { ...survey(1), page: 1 } })
    expect(bench.said()).toEqual([want([{ need: 'all', from: 0, count: 3, revision: 0 }], 2), want([], 2, true)])
  })

  it('what was adopted waits for the survey of its page, and is taken up once', () => {
    const adopted = [0, 2].map((entry) => ({ entry, revision: 0, chunk: 0, hash: 5n, hole: false }))
    const bench = Bench.fresh('receiver', emptyCheckpoint(), pages, adopted)
    bench.tell({ kind: 'pageSurveyed', survey: survey(2) })
    expect([0, 1].map((entry) => bench.core.entries.standing(entry))).toEqual([standing.part, standing.missing])
    bench.tell({ kind: 'pageSurveyed', survey: { ...survey(1), page: 1 } })
    bench.open(known)
    const part = (from: number) => ({ need: 'part', from, revision: 0, durable: [], received: [[0, 1]] }) as const
    const all = { need: 'all', from: 1, count: 1, revision: 0 } as const
    expect(bench.said().slice(1)).toEqual([want([part(0), all, part(2)], 2), want([], 2, true)])
  })

  it('a revision of the journal is the one that is wanted, and its size', () => {
    const revised = new Map([
      [
        0,
        {
          kind: 'revised',
          entry: 0,
          revision: 3,
          size: 5,
          mtimeUs: 0,
          mode: 0o644,
          keep: [],
          fingerprint: null,
        } as const,
      ],
    ])
    const bench = Bench.fresh('receiver', { ...emptyCheckpoint(), revised }, pages)
    bench.tell({ kind: 'pageSurveyed', survey: survey(2) })
    expect([bench.core.entries.revision(0), bench.core.entries.size(0)]).toEqual([3, 5])
  })
})

describe('a full disk', () => {
  const held: Message = { kind: 'turn', holder: 'receiver', reason: 'disk-full', neededBytes: 10, freeBytes: 3 }
  const given: Message = { kind: 'turn', holder: 'sender', reason: null, neededBytes: null, freeBytes: null }

  it('takes the turn, with needed and free bytes, and gives it back', () => {
    const bench = receiver()
    bench.tell({ kind: 'diskFilled', neededBytes: 10, freeBytes: 3 })
    expect(turns(bench)).toEqual([held])
    expect(bench.take('report')).toMatchObject({ state: 'parked', who: 'self', neededBytes: 10, freeBytes: 3 })
    bench.tell({ kind: 'diskCleared' })
    expect(turns(bench)).toEqual([given])
    expect(bench.take('report')).toMatchObject({ state: 'transferring' })
  })

  it('is said again over a new connection, behind the last want; one that was cleared is not', () => {
    const bench = receiver()
    bench.tell({ kind: 'diskFilled', neededBytes: 10, freeBytes: 3 })
    bench.said()
    bench.open()
    expect(bench.said().slice(1)).toEqual([want([], 0, true), held])
    bench.tell({ kind: 'diskCleared' })
    bench.said()
    bench.open()
    expect(bench.said().slice(1)).toEqual([want([], 0, true)])
  })
})
