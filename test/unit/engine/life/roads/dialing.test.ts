import { describe, expect, it } from 'vitest'
import {
  Dialing,
  type Dialed,
  type DialingOptions,
  type DialKey,
  type Retry,
} from '../../../../../src/engine/life/roads/dialing.ts'
import { errorTable, TransferError, type ErrorCode } from '../../../../../src/errors.ts'
import type { Connection } from '../../../../../src/model/connection.ts'
import { backoffCapMs } from '../../../../../src/engine/life/roads/backoff.ts'
import { Process } from '../../../../simulation/process.ts'
import { Timeline } from '../../../../simulation/timeline.ts'
import { seeded } from '../../../../support/chance.ts'
import { FakeClock, settle } from '../fake-clock.ts'

const refused = () => new TransferError('ticket-refused', { peer: 'there:1' })
const unreachable = () =>
  new TransferError('peer-unreachable', { addresses: ['there:1'], cause: 'nothing listens there' })
const connection = {} as Connection
const ticket: DialKey = { identity: 't.1', hex: '01' }
const session: DialKey = { identity: 's.1', hex: '02' }

/** A dialer on a clock of its own; `dial` is what the way there does at each attempt. */
function dialer(
  dial: (key: DialKey | undefined) => Promise<Connection>,
  more: Partial<DialingOptions> & { keys?: DialKey[]; ownAddresses?: () => string[] } = {},
) {
  const clock = new FakeClock()
  const ended = new AbortController()
  const retries: Retry[] = []
  const view = { isBound: false, epoch: 0, bytesAcknowledged: 0 }
  const connected: Connection[] = []
  const runner: Dialed = { view, connected: (it) => connected.push(it) }
  const tried: (string | undefined)[] = []
  const dialing = new Dialing({
    world: {
      clock,
      random: { bytes: () => new Uint8Array(), fraction: () => 0.5 },
    } as unknown as DialingOptions['world'],
    way: {
      addresses: ['there:1'],
      ownAddresses: () => more.ownAddresses?.() ?? [],
      keys: () => more.keys ?? [ticket],
      dial: (key) => {
        tried.push(key?.identity)
        return dial(key)
      },
    },
    connectForMs: 30_000,
    retryForMs: 3_600_000,
    signal: ended.signal,
    onRetry: (retry) => retries.push(retry),
    ...more,
  })
  const lose = (reason = 'network') => dialing.disconnected({ reason, permanent: false })
  return { clock, ended, retries, view, runner, dialing, connected, tried, lose }
}

describe('Dialing', () => {
  it('R34: C2: redials after every loss, with growing delays, until the session ends', async () => {
    const { dialing, runner, clock, ended, connected, lose, retries, view } = dialer(async () => connection)
    const run = dialing.run(runner)
    await settle()
    view.isBound = true
    for (let losses = 0; losses < 3; losses++) {
      view.epoch++
      lose()
      await clock.pass(1_000)
    }
    expect(connected).toHaveLength(4)
    expect(retries.map(({ delayMs }) => delayMs)).toEqual([125, 250, 500])
    ended.abort()
    await run
    expect(clock.armed).toBe(0)
  })

  describe('R34: while it waits for the next attempt', () => {
    const waits = async (more: Parameters<typeof dialer>[1] = {}) => {
      const bench = dialer(() => Promise.reject(unreachable()), more)
      bench.view.isBound = true
      const run = bench.dialing.run(bench.runner)
      while (bench.retries.length < 9) await bench.clock.pass(1_000)
      expect(bench.retries.at(-1)!.delayMs).toBe(15_000) // Half of the cap, as chance has it here.
      return { ...bench, stop: () => (bench.ended.abort(), run) }
    }

    it('tries at once when the machine has woken up', async () => {
      const { clock, tried, stop } = await waits()
      const before = tried.length
      clock.jumpWall(60_000)
      await clock.pass(1_000)
      expect(tried.length).toBe(before + 1)
      await clock.pass(10_000)
      expect(tried.length).toBe(before + 1)
      await stop()
    })

    it('tries at once when its network is another one, and when that came while an attempt was under way', async () => {
      let network = ['10.0.0.1']
      const { clock, tried, stop } = await waits({ ownAddresses: () => network })
      const before = tried.length
      network = []
      await clock.pass(1_000)
      expect(tried.length).toBe(before + 1)
      network = ['10.0.0.2']
      await clock.pass(1_000)
      expect(tried.length).toBe(before + 2)
      await clock.pass(10_000)
      expect(tried.length).toBe(before + 2)
      await stop()
    })

    it('tries at most once a second while the network comes and goes', async () => {
      let flips = 0
      const { clock, tried, stop } = await waits({ ownAddresses: () => [String(flips++)] })
      const before = tried.length
      await clock.pass(60_000)
      expect(tried.length - before).toBeLessThanOrEqual(60)
      await stop()
    })
  })

  it('R34: a thousand dialers whose listener accepts and drops come at most 2 N / cap times a second', async () => {
    const timeline = new Timeline()
    const { clock } = new Process('sender', timeline, () => 0)
    const chance = seeded(34)
    const enders: AbortController[] = []
    let comings = 0
    const runs = Array.from({ length: 1_000 }, () => {
      const ended = new AbortController()
      enders.push(ended)
      const view = { isBound: true, epoch: 1, bytesAcknowledged: 0 }
      const dialing: Dialing = new Dialing({
        world: { clock, random: { fraction: chance } } as unknown as DialingOptions['world'],
        way: { addresses: [], ownAddresses: () => [], keys: () => [], dial: async () => connection },
        connectForMs: Infinity,
        retryForMs: Infinity,
        signal: ended.signal,
        onRetry: () => {},
      })
      const connected = (): void => {
        comings++
        queueMicrotask(() => dialing.disconnected({ reason: 'network', permanent: false }))
      }
      return dialing.run({ view, connected })
    })
    const pass = async (ms: number): Promise<void> => {
      const until = timeline.now + ms
      while (timeline.now < until) {
        await new Promise((resolve) => setImmediate(resolve))
        timeline.ring()
      }
    }
    await pass(120_000) // Until all have backed off.
    comings = 0
    await pass(2 * backoffCapMs)
    const deviation = 1.05 // Of 4,000 comings 63 are a matter of chance.
    expect(comings / (2 * backoffCapMs)).toBeLessThanOrEqual((2 * 1_000 * deviation) / backoffCapMs)
    for (const ended of enders) ended.abort()
    await Promise.all(runs)
  }, 60_000)

  it('gives up before first contact after connectForMs, with what was in the way', async () => {
    const { dialing, runner, clock } = dialer(() => Promise.reject(unreachable()))
    const run = dialing.run(runner)
    run.catch(() => {})
    await clock.pass(31_000)
    await expect(run).rejects.toMatchObject({ code: 'peer-unreachable' })
  })

  it('tries for retryForMs once the sides know each other, from the last loss that worked', async () => {
    let isUp = true
    const { dialing, runner, clock, view, lose } = dialer(async () => {
      if (isUp) return connection
      throw unreachable()
    })
    const run = dialing.run(runner)
    run.catch(() => {})
    await clock.pass(3_000_000)
    view.isBound = true
    view.epoch = 1
    isUp = false
    lose()
    await clock.pass(3_500_000)
    let isOver = false
    run.then(undefined, () => (isOver = true))
    await settle()
    expect(isOver).toBe(false)
    await clock.pass(200_000)
    await expect(run).rejects.toMatchObject({ code: 'retry-over' })
  })

  it('R35: a refused ticket is final before first contact, and a matter of time after it', async () => {
    const fresh = dialer(() => Promise.reject(refused()))
    await expect(fresh.dialing.run(fresh.runner)).rejects.toMatchObject({ code: 'ticket-refused' })

    const known = dialer(() => Promise.reject(refused()))
    known.view.isBound = true
    const run = known.dialing.run(known.runner)
    await known.clock.pass(60_000)
    expect(known.retries.length).toBeGreaterThan(5)
    known.ended.abort()
    await run
  })

  it('R35: connections that bring no progress do not renew the time for trying; progress does', async () => {
    const { dialing, runner, clock, view, lose, connected, retries } = dialer(async () => connection, {
      retryForMs: 100_000,
    })
    const run = dialing.run(runner)
    let failure: unknown
    run.catch((error: unknown) => (failure = error))
    await settle()
    view.isBound = true
    const comeAndGo = async (): Promise<void> => {
      const before = connected.length
      view.epoch++
      lose()
      for (let second = 0; second < 31 && connected.length === before; second++) await clock.pass(1_000)
      await clock.pass(120_000) // Up for as long as a peer may get nowhere; that is no time of trying.
    }
    for (let time = 0; time < 8; time++) await comeAndGo()
    expect(failure).toBeUndefined()
    view.bytesAcknowledged = 1
    const { length } = retries
    for (let time = 0; time < 8; time++) await comeAndGo()
    expect(retries.length).toBeGreaterThan(length)
    expect(failure).toBeUndefined() // Begun anew.
    for (let time = 0; time < 20 && failure === undefined; time++) await comeAndGo()
    expect(failure).toMatchObject({ code: 'retry-over' })
  })

  const codes = Object.keys(errorTable) as ErrorCode[]
  it.each(codes)('R35: %s is retried, before and after first contact, as the table says', async (code) => {
    for (const isBound of [false, true]) {
      const { dialing, runner, clock, view, retries, ended } = dialer(() =>
        Promise.reject(TransferError.told(code, '')),
      )
      view.isBound = isBound
      let failure: unknown
      const run = dialing.run(runner).catch((error: unknown) => (failure = error))
      await clock.pass(10_000)
      const isLater = isBound && ['ticket-refused', 'not-carryon', 'ssh-refused', 'no-carryon'].includes(code) // Another listener, for now.
      const isRetried = errorTable[code].retryable !== 'never' || isLater
      expect(retries.length > 0).toBe(isRetried)
      if (isRetried) expect(failure).toBeUndefined()
      else expect(failure).toMatchObject({ code })
      ended.abort()
      await run
    }
  })

  it('R114: proves the other key where the first one is not known, and nothing else', async () => {
    const { dialing, runner, tried, ended, connected } = dialer(
      async (key) => {
        if (key === ticket) return connection
        throw refused()
      },
      { keys: [session, ticket] },
    )
    const run = dialing.run(runner)
    await settle()
    expect(tried).toEqual(['s.1', 't.1'])
    expect(connected).toHaveLength(1)
    ended.abort()
    await run
  })

  it('does not dial again after a loss for good', async () => {
    const { dialing, runner, tried, clock, ended } = dialer(async () => connection)
    const run = dialing.run(runner)
    await settle()
    dialing.disconnected({ reason: 'protocol', permanent: true })
    await clock.pass(100_000)
    expect(tried).toHaveLength(1)
    ended.abort()
    await run
  })

  it('passes a bug on at once', async () => {
    const { dialing, runner } = dialer(() => Promise.reject(new Error('a bug')))
    await expect(dialing.run(runner)).rejects.toThrow('a bug')
  })
})
