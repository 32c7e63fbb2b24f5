import { describe, expect, it } from 'vitest'
import type { Runner } from '../../../../../src/engine/runner.ts'
import type { Arrival } from '../../../../../src/engine/life/roads/listening.ts'
import { Seat, type Seated } from '../../../../../src/engine/life/roads/seat.ts'
import { clockLeewayMs } from '../../../../../src/model/limits.ts'
import type { HeaderRecord, JournalRecord } from '../../../../../src/model/records.ts'
import { sessionKey } from '../../../../../src/transport/keys.ts'
import { FakeClock } from '../fake-clock.ts'
import { headerOf, sessionId } from '../header.ts'
import { foldRecords } from '../../../../support/fold-records.ts'

const [first, second] = ['1'.repeat(32), '2'.repeat(32)]

/** A seat whose runner remembers what it was given, and counts as bound once it was given the binding. */
function seated({ header = {}, records = [] }: { header?: Partial<HeaderRecord>; records?: JournalRecord[] } = {}) {
  const clock = new FakeClock()
  const whole = headerOf({ ticketExpiresAt: clock.wall() + 1000, ...header })
  const accepted: (readonly JournalRecord[])[] = []
  const noted: JournalRecord[] = []
  let isBound = records.length > 0
  const runner = {
    get view() {
      return { isBound }
    },
    accepted: (_connection: unknown, _hello: unknown, given: readonly JournalRecord[]) => {
      accepted.push(given)
      return {}
    },
    note: (given: readonly JournalRecord[]) => noted.push(...given),
  } as unknown as Runner
  const checkpoint: Seated['found']['checkpoint'] = foldRecords([whole, ...records])
  const found = { checkpoint } as Seated['found']
  const work: Seated = { id: sessionId, header: whole, found, runner: async () => runner }
  const seat = new Seat(work, { clock }, () => {})
  const come = (proven: Arrival['proven'], nonce: string) => seat.welcome({ hello: { nonce }, proven } as Arrival)
  return { seat, clock, accepted, noted, come, commit: () => (isBound = true) }
}

const binding = (nonce: string): JournalRecord => ({
  kind: 'bound',
  nonce,
  sessionKey: sessionKey('a'.repeat(64), nonce, sessionId),
  chunkBytes: 1 << 20,
  shape: { onConflict: 'fail', checksum: false },
  root: '',
})

describe('R114: a session that waits for its peer', () => {
  it('is bound by the first dialer with its ticket, and refuses another one with the same text', async () => {
    const { come, accepted, seat } = seated()
    await come('ticket', first)
    expect(accepted).toEqual([[expect.objectContaining({ kind: 'bound', nonce: first })]])
    await expect(come('ticket', second)).rejects.toMatchObject({ code: 'ticket-refused' })
    expect(seat.keyFor('session')).toBe(sessionKey('a'.repeat(64), first, sessionId))
  })

  it('gives the binding again until it was stored', async () => {
    const { come, accepted, commit } = seated()
    await come('ticket', first)
    await come('ticket', first)
    commit()
    await come('ticket', first)
    expect(accepted.map((records) => records.length)).toEqual([1, 1, 0])
  })

  it('after a restart lets in the same dialer by ticket or by session key, until the latter was used', async () => {
    const { come, seat, noted } = seated({ records: [binding(first)] })
    await come('ticket', first)
    await expect(come('ticket', second)).rejects.toMatchObject({ code: 'ticket-refused' })
    expect(noted).toEqual([])
    await come('session', first)
    await come('session', first)
    expect(noted).toEqual([{ kind: 'joined' }])
    expect(seat.keyFor('ticket')).toBeUndefined()
    await expect(come('ticket', first)).rejects.toMatchObject({ code: 'ticket-refused' })
  })

  it('opens to nothing but the session key once joined', () => {
    const { seat } = seated({ header: { ticketKey: '' }, records: [binding(first), { kind: 'joined' }] })
    expect(seat.keyFor('ticket')).toBeUndefined()
    expect(seat.keyFor('session')).toBeDefined()
  })

  it('R90: the time of a ticket bounds first contact only', async () => {
    const fresh = seated()
    await fresh.clock.pass(1000 + clockLeewayMs)
    expect(fresh.seat.keyFor('ticket')).toBeDefined()
    await fresh.clock.pass(1)
    expect(fresh.seat.keyFor('ticket')).toBeUndefined()

    const known = seated({ records: [binding(first)] })
    await known.clock.pass(1e9)
    expect(known.seat.keyFor('ticket')).toBeDefined()
  })

  it('R83: lets nobody in who proved nothing, unless it is a plain one', async () => {
    await expect(seated().come(undefined, first)).rejects.toMatchObject({ code: 'ticket-refused' })
    const plain = seated({ header: { frozen: { plaintext: 'yes' } } })
    await plain.come(undefined, first)
    await expect(plain.come(undefined, second)).rejects.toMatchObject({ code: 'ticket-refused' })
  })
})
