// Dead, stuck, slow, or was it us who slept: what the core makes of silence, on the bench.

import { describe, expect, it } from 'vitest'
import type { Effect } from '../../../src/core/effects.ts'
import { defaultLimits } from '../../../src/model/limits.ts'
import { noManifest } from '../../../src/model/manifest.ts'
import { type Message, signOfLife } from '../../../src/model/messages.ts'
import { Bench, listenerHello, want } from '../../support/core-bench.ts'

const { deadAfterMs, pingIdleMs, watchdogMs } = defaultLimits

/** Lets time pass and rings each deadline as it comes, until the connection is given up. @returns why, and after how long */
function pass(
  bench: Bench,
  forMs: number,
  meanwhile: () => void = () => {},
): { reason: string; afterMs: number } | undefined {
  const from = bench.now
  while (bench.now < from + forMs) {
    bench.now = Math.min(from + forMs, Math.max(bench.now + 1, bench.core.deadline ?? Infinity))
    meanwhile()
    const effects = bench.tell({ kind: 'deadlinePassed' })
    const end = effects.find((effect): effect is Effect & { kind: 'destroy' } => effect.kind === 'destroy')
    if (end !== undefined) return { reason: end.reason, afterMs: bench.now - from }
  }
  return undefined
}

const hear = (bench: Bench, arrivingBytes = 0, isReading = true) =>
  bench.tell({ kind: 'heard', connection: bench.connection, arrivingBytes, isReading })

const pings = (bench: Bench) => bench.said().filter(({ kind }) => kind === 'ping')

/** The peer's ping, with its counts. */
const ping = (bench: Bench, receivedBytes: number, durableBytes = 0) =>
  bench.hear({ kind: 'ping', number: 1, receivedBytes, durableBytes })

describe.each(['sender', 'receiver'] as const)('the %s', (role) => {
  it('R31: calls a peer dead that is silent for so long, and pings three times before', () => {
    const bench = Bench.inPhase(role, 'transferring')
    bench.said()
    expect(pass(bench, 10 * deadAfterMs)).toEqual({ reason: 'peer-silent', afterMs: deadAfterMs })
    expect(pings(bench)).toHaveLength(deadAfterMs / pingIdleMs - 1)
  })

  it('is interrupted by a silent peer, and says so', () => {
    const bench = Bench.inPhase(role, 'transferring')
    bench.tell({ kind: 'connectionEnded', connection: bench.connection, reason: 'peer-silent' })
    const reports = bench.effects.filter(({ kind }) => kind === 'report')
    expect(reports.at(-1)).toMatchObject({ state: 'interrupted', reason: 'peer-silent', who: 'peer' })
  })

  it('R32: takes any byte for life', () => {
    const bench = Bench.inPhase(role, 'transferring')
    expect(pass(bench, 10 * deadAfterMs, () => hear(bench))).toBeUndefined()
  })

  it('R32: says each second that it lives while it does not read, whatever its own patience', () => {
    const bench = Bench.inPhase(role, 'transferring')
    bench.said()
    hear(bench, 0, false)
    pass(bench, 10_000)
    expect(pings(bench)).toHaveLength(10) // A peer with the shortest patience, 3 s, would be gone by now.
    hear(bench)
    pass(bench, pingIdleMs)
    expect(pings(bench)).toHaveLength(1)
  })

  it('R37: asks at once when it finds that it stood still itself, and gives the peer its time', () => {
    const bench = Bench.inPhase(role, 'transferring')
    bench.said()
    bench.now += deadAfterMs + pingIdleMs - 1 // Stopped; more than a peer may be silent.
    expect(bench.tell({ kind: 'deadlinePassed' }).map(({ kind }) => kind)).toEqual(['send'])
    expect(pings(bench)).toHaveLength(1)
    expect(pass(bench, 10 * deadAfterMs)).toEqual({ reason: 'peer-silent', afterMs: deadAfterMs })
  })

  it('R37: gives a peer less time after a sleep in which that has probably given up', () => {
    const bench = Bench.inPhase(role, 'transferring')
    bench.said()
    bench.tell({ kind: 'woke', sleptMs: deadAfterMs })
    expect(pings(bench)).toHaveLength(1)
    expect(pass(bench, 10 * deadAfterMs)).toEqual({ reason: 'peer-silent', afterMs: pingIdleMs + 1_000 })
  })

  it('R37: trusts a peer as before once it has answered after a sleep', () => {
    const bench = Bench.inPhase(role, 'transferring')
    bench.tell({ kind: 'woke', sleptMs: 10 * deadAfterMs })
    hear(bench)
    expect(pass(bench, 10 * deadAfterMs)).toEqual({ reason: 'peer-silent', afterMs: deadAfterMs })
  })
})

describe('a sender whose places are out', () => {
  function owed(): Bench {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.page([1024])
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }]))
    return bench
  }

  it('R33: replaces the connection to a peer that answers and gets nowhere', () => {
    const bench = owed()
    const stuck = () => (hear(bench), ping(bench, 0))
    expect(pass(bench, 10 * watchdogMs, stuck)).toEqual({ reason: 'no-progress', afterMs: watchdogMs })
  })

  it('R32: waits for a peer that receives a frame for minutes', () => {
    const bench = owed()
    let arriving = 0
    const slow = () => (hear(bench), ping(bench, (arriving += 10)))
    expect(pass(bench, 10 * watchdogMs, slow)).toBeUndefined()
  })

  it('R33: begins to count anew behind a sleep of its own', () => {
    const bench = owed()
    const stuck = () => (hear(bench), ping(bench, 0))
    pass(bench, watchdogMs - pingIdleMs, stuck)
    bench.tell({ kind: 'woke', sleptMs: 3_000 })
    expect(pass(bench, 10 * watchdogMs, stuck)).toEqual({ reason: 'no-progress', afterMs: watchdogMs })
  })

  it('R33: does not blame a receiver that holds the turn', () => {
    const bench = owed()
    bench.hear({ kind: 'turn', holder: 'receiver', reason: 'disk-full', neededBytes: 1, freeBytes: 0 })
    const parked = () => (hear(bench), ping(bench, 0))
    expect(pass(bench, 10 * watchdogMs, parked)).toBeUndefined()
  })
})

it('R32: a receiver counts what it has of a frame under way among the bytes received', () => {
  const bench = Bench.inPhase('receiver', 'transferring')
  bench.said()
  hear(bench, 700)
  bench.now += pingIdleMs
  bench.tell({ kind: 'deadlinePassed' })
  expect(pings(bench)).toMatchObject([{ receivedBytes: 700, durableBytes: 0 }])
})

describe('a dialer', () => {
  it('R31: gives up a listener that never greets', () => {
    const bench = Bench.inPhase('receiver', 'greeting')
    expect(pass(bench, 10 * deadAfterMs)).toEqual({ reason: 'no answer to the greeting', afterMs: deadAfterMs })
  })

  it('R32: waits for a listener whose disk takes its time, as long as that gives signs of life', () => {
    const bench = Bench.inPhase('receiver', 'greeting')
    bench.connection = 1
    const alive = () => (bench.hear(signOfLife), hear(bench))
    expect(pass(bench, 10 * deadAfterMs, alive)).toBeUndefined()
    expect(bench.said()).toMatchObject([{ kind: 'hello' }])
  })

  it('R32: gives signs of life while its own disk stores the epoch', () => {
    const bench = Bench.inPhase('receiver', 'greeting')
    bench.connection = 1
    bench.said()
    bench.hear(welcome)
    expect(pass(bench, 10 * deadAfterMs)).toBeUndefined()
    expect(pings(bench).length).toBeGreaterThanOrEqual((10 * deadAfterMs) / pingIdleMs - 1)
  })
})

it('R32: a listener gives signs of life while its disk stores the epoch', () => {
  const bench = Bench.fresh('sender')
  bench.tell(listenerHello('receiver'))
  expect(pass(bench, 10 * deadAfterMs)).toBeUndefined()
  expect(pings(bench).length).toBeGreaterThanOrEqual((10 * deadAfterMs) / pingIdleMs - 1)
  bench.commit()
  expect(bench.said()).toMatchObject([{ kind: 'welcome' }])
})

const welcome: Message = {
  kind: 'welcome',
  version: 1,
  epoch: 1,
  instance: 'b'.repeat(16),
  state: 'agreeing',
  capabilities: [],
  agreed: { chunkBytes: 256, windowBytes: 4096, lanes: 1 },
  shape: { onConflict: 'fail', checksum: false },
  root: '1'.repeat(32),
  manifest: noManifest,
}
