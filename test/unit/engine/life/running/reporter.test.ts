import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../../../src/engine/life/running/event-queue.ts'
import { Reporter, type ReporterOptions } from '../../../../../src/engine/life/running/reporter.ts'
import type { RunnerEvent, RunnerView } from '../../../../../src/engine/runner.ts'
import type { EntryOutcome } from '../../../../../src/model/messages.ts'
import type { Receipt } from '../../../../../src/model/session.ts'
import { FakeClock } from '../fake-clock.ts'
import { sessionId } from '../header.ts'

/** A runner's view that tests change as they go. */
const emptyView = {
  role: 'sender' as RunnerView['role'],
  state: 'transferring' as const,
  reason: null,
  who: null,
  epoch: 1,
  isConnected: true,
  peer: '10.0.0.2:4711',
  isBound: true,
  filesTotal: 3,
  bytesTotal: 1000,
  entriesSoFar: 3,
  bytesSoFar: 1000,
  filesDone: 0,
  filesOmitted: 0,
  durability: 'checkpoint' as const,
  bytesDurable: 0,
  bytesDurableAtStart: 0,
  bytesAcknowledged: 0,
  bytesAcknowledgedAtStart: 0,
  bytesUnchanged: 0,
  bytesPublished: 0,
  bytesSentThisRun: 0,
  bytesResent: 0,
  bytesOnWire: 0,
  checkpoints: 0,
  lanes: 1,
  reconnects: 0,
  phase: 'transferring' as const,
  outcomes: {},
}

function reporting(options: Partial<ReporterOptions> = {}, view: Partial<RunnerView> = {}) {
  const clock = new FakeClock()
  const events: RunEvent[] = []
  const role = () => 'sender' as const
  const sink = (event: RunEvent) => events.push(event)
  const reporter = new Reporter({ clock, role, files: false, intervalMs: 1000, sink, ...options })
  const now: { -readonly [K in keyof RunnerView]: RunnerView[K] } = { ...emptyView, ...view }
  const follow = () => reporter.follow({ session: sessionId, resumed: false, view: () => now })
  const of = <T extends RunEvent['type']>(type: T) =>
    events.filter((it): it is RunEvent & { type: T } => it.type === type)
  return { clock, reporter, events, view: now, follow, of }
}

const state = (over: Partial<RunnerEvent & { kind: 'state' }>): RunnerEvent => ({
  kind: 'state',
  state: 'transferring',
  reason: null,
  who: null,
  neededBytes: null,
  freeBytes: null,
  ...over,
})
const outcome = (path: string, over: Partial<EntryOutcome>): RunnerEvent => ({
  kind: 'outcome',
  path: path.split('/'),
  outcome: { entry: 4, outcome: 'delivered', bytes: 5, ...over },
  bytes: 5,
})

describe('Reporter', () => {
  it('passes hints on', () => {
    const { reporter, of } = reporting()
    reporter.hear({ kind: 'hint', code: 'window-small', sentence: 'More would flow.' })
    expect(of('hint')).toMatchObject([{ code: 'window-small', message: 'More would flow.' }])
  })

  it('stamps every event with version, time, session and role', () => {
    const { reporter, events, follow } = reporting()
    reporter.stand('listening', 'no-peer-yet', 'peer')
    follow()
    reporter.stand('transferring', null, null)
    expect(events[0]).toMatchObject({ v: 1, time: '2023-11-14T22:13:20.000Z', session: null, role: 'sender' })
    expect(events.at(-1)).toMatchObject({
      session: sessionId,
      type: 'session',
      previous: 'listening',
      peer: '10.0.0.2:4711',
    })
  })

  it('says each state once', () => {
    const { reporter, of } = reporting()
    for (let i = 0; i < 3; i++) reporter.hear(state({}))
    reporter.hear(state({ state: 'interrupted', reason: 'network', who: 'both' }))
    expect(of('session').map((event) => event.state)).toEqual(['transferring', 'interrupted'])
  })

  it('C9: C14: says of a condition what is needed, what is there and what a person can do', () => {
    const { reporter, of } = reporting()
    reporter.hear(state({ state: 'parked', reason: 'disk-full', who: 'peer', neededBytes: 100, freeBytes: 7 }))
    expect(of('waiting')).toMatchObject([{ reason: 'disk-full', who: 'peer', bytesNeeded: 100, bytesFree: 7 }])
    expect(of('waiting')[0]!.hint).toContain('Make room')
  })

  it('C20: tells progress once per interval while there is a connection, and not at all if nobody wants it', async () => {
    const { clock, follow, of, view } = reporting()
    follow()
    await clock.pass(10_500)
    expect(of('progress')).toHaveLength(11)
    view.isConnected = false
    await clock.pass(10_000)
    expect(of('progress')).toHaveLength(11)

    const silent = reporting({ intervalMs: Infinity })
    silent.follow()
    await silent.clock.pass(10_000)
    silent.reporter.conclude(null, null)
    expect(silent.of('progress')).toEqual([])
    expect(silent.clock.armed).toBe(0)
  })

  it('C11: C12: counts what was durable before for the percentage, and this run alone for the speed', async () => {
    const { clock, follow, of, view } = reporting(
      {},
      { bytesTotal: 10_000, bytesDurable: 6_000, bytesAcknowledged: 6_000, bytesAcknowledgedAtStart: 6_000 },
    )
    follow()
    for (let second = 1; second <= 4; second++) {
      await clock.pass(1000)
      view.bytesSentThisRun = second * 500
      view.bytesDurable = view.bytesAcknowledged = 6_000 + second * 500
    }
    await clock.pass(1000)
    expect(of('progress')[0]).toMatchObject({
      bytesDurable: 6_000,
      bytesSent: 6_000,
      rateBytesPerSecond: 0,
      etaSeconds: null,
    })
    expect(of('progress').at(-1)).toMatchObject({
      bytesDurable: 8_000,
      bytesSent: 8_000,
      rateBytesPerSecond: 400,
      etaSeconds: 5,
    })
  })

  it('names entries that were neither delivered nor unchanged, or all of them where that is asked for', () => {
    const some = reporting()
    const all = reporting({ files: true })
    for (const { reporter } of [some, all]) {
      reporter.hear(outcome('a', {}))
      reporter.hear(outcome('b', { outcome: 'unchanged' }))
      reporter.hear(
        outcome('c\udcff', { outcome: 'conflict', target: 'c (2)', reason: 'it came late', digest: '0'.repeat(16) }),
      )
    }
    expect(all.of('file').map(({ path }) => path)).toEqual(['a', 'b', 'c\udcff'])
    expect(some.of('file')).toEqual([
      expect.objectContaining({
        path: 'c\udcff',
        pathBase64: 'Y/8=',
        index: 4,
        outcome: 'conflict',
        target: 'c (2)',
        reason: 'it came late',
        digest: `xxh64c:${'0'.repeat(16)}`,
      }),
    ])
  })

  it('balances its summary: what was reused and what was sent make up the whole', () => {
    const { reporter, follow, of, view } = reporting({}, { role: 'receiver' })
    reporter.hear({ kind: 'adopted', bytesHinted: 300, bytesAdopted: 250, durationMs: 3 })
    view.bytesAcknowledged = 100 // What the journal knew.
    follow()
    Object.assign(view, {
      bytesAcknowledgedAtStart: 100,
      bytesUnchanged: 50,
      bytesSentThisRun: 700,
      bytesResent: 100,
      bytesDurable: 1000,
    })
    reporter.conclude(
      {
        files: 3,
        bytes: 1000,
        digest: 'xxh64c:1',
        outcomes: [{ outcome: 'delivered', count: 3 }],
      } as unknown as Receipt,
      '/r.json',
    )
    const summary = of('summary')[0]!
    expect(summary.bytesReused + summary.bytesSentThisRun - summary.bytesResent).toBe(1000)
    expect(summary).toMatchObject({ bytes: 1000, receipt: '/r.json', outcomes: { delivered: 3 } })
  })

  it('concludes with the last progress and the summary, and nothing where no session was known', () => {
    const { reporter, follow, events } = reporting()
    reporter.conclude(null, null)
    expect(events).toEqual([])
    follow()
    reporter.conclude(null, null)
    expect(events.slice(-2).map(({ type }) => type)).toEqual(['progress', 'summary'])
  })
})
