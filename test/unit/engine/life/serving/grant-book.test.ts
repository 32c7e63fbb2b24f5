// What a ticket of a served folder allows: every scope against every wish, and its end by time or by will.

import { describe, expect, it } from 'vitest'
import { GrantBook, type Wanted } from '../../../../../src/engine/life/serving/grant-book.ts'
import type { Grant, Scope } from '../../../../../src/model/grant.ts'
import { clockLeewayMs } from '../../../../../src/model/limits.ts'
import type { ConflictPolicy, Role } from '../../../../../src/model/session.ts'
import { MemoryDisk } from '../../../../../src/store/memory-disk.ts'
import { openServerDirectory, writeGrant } from '../../../../../src/store/server-directory.ts'
import { FakeClock } from '../fake-clock.ts'
import { grantOf } from '../grant.ts'

async function bookOf(...grants: Partial<Grant>[]) {
  const clock = new FakeClock()
  const server = await openServerDirectory(await new MemoryDisk().openRoot('/served/.carryon'))
  const whole = grants.map((each) => grantOf(each))
  for (const grant of whole) await writeGrant(server, grant)
  const book = new GrantBook(server, clock)
  await book.reload()
  return { book, clock, server, grant: whole[0]! }
}

/** How a check ends. */
function verdict(book: GrantBook, { id }: Grant, wanted: Wanted): string {
  try {
    book.check(id, wanted)
    return 'allowed'
  } catch (error) {
    return (error as { code: string }).code
  }
}

const policies: readonly (ConflictPolicy | null)[] = [null, 'fail', 'keep', 'rename', 'replace', 'update']

describe('R91: a scope', () => {
  const rows = (['send', 'receive', 'both'] as const).flatMap((scope) =>
    (['sender', 'receiver'] as const).flatMap((role) =>
      policies.flatMap((onConflict) => [true, false].map((mayReplace) => ({ scope, role, onConflict, mayReplace }))),
    ),
  )

  it.each(rows)('$scope, may replace: $mayReplace: a $role with --on-conflict $onConflict', async (row) => {
    const { book, grant } = await bookOf({ scope: row.scope, mayReplace: row.mayReplace })
    const may: Readonly<Record<Scope, readonly Role[]>> = {
      send: ['sender'],
      receive: ['receiver'],
      both: ['sender', 'receiver'],
    }
    const replaces = row.role === 'sender' && (row.onConflict === 'replace' || row.onConflict === 'update')
    const isAllowed = may[row.scope].includes(row.role) && (row.mayReplace || !replaces)
    expect(verdict(book, grant, row)).toBe(isAllowed ? 'allowed' : 'scope')
  })

  it('is for its own folder: no session of a sibling, a parent or a folder below goes on under it', async () => {
    const { book, grant } = await bookOf({ path: ['photos', '2026'] })
    const at = (...path: string[]) => verdict(book, grant, { role: 'sender', onConflict: null, path })
    expect(at('photos', '2026')).toBe('allowed')
    for (const path of [[], ['photos'], ['photos', '2025'], ['photos', '2026', 'may'], ['photos/2026']])
      expect(at(...path), path.join(' > ')).toBe(path.join('/') === 'photos/2026' ? 'allowed' : 'scope')
  })
})

describe('who is refused', () => {
  const wanted: Wanted = { role: 'sender', onConflict: null }

  it.each<readonly [Partial<Grant>, Partial<Wanted>, string]>([
    [{ scope: 'receive' }, {}, 'The ticket does not allow this: to send.'],
    [{ scope: 'send' }, { role: 'receiver' }, 'The ticket does not allow this: to receive.'],
    [
      { path: ['a'] },
      { path: ['b'] },
      'The ticket does not allow this: the session is in another folder (--new begins another one).',
    ],
    [{}, { onConflict: 'update' }, 'The ticket does not allow this: to replace files (--on-conflict).'],
    [{ revokedAt: 1 }, {}, 'The ticket ffffffff was revoked.'],
    [{ expiresAt: 1 }, {}, 'The ticket expired at 1970-01-01T00:00:00.001Z.'],
  ])('of %j, wanting %j, is told why', async (over, want, sentence) => {
    const { book, grant } = await bookOf(over)
    expect(() => book.check(grant.id, { ...wanted, ...want })).toThrow(sentence)
  })

  it('and a grant that is not there is as one that was revoked', async () => {
    const { book } = await bookOf()
    expect(() => book.check('9'.repeat(32), wanted)).toThrow('The ticket 99999999 was revoked.')
  })
})

it('a book holds the grants that were there when it was read', async () => {
  const { book, grant } = await bookOf({}, { id: 'e'.repeat(32) })
  expect(book.all.map(({ id }) => id).sort()).toEqual(['e'.repeat(32), grant.id])
  expect(book.get(grant.id)).toMatchObject(grant)
  expect(book.get('9'.repeat(32))).toBeUndefined()
})

describe('R90: the end of a ticket', () => {
  const wanted: Wanted = { role: 'sender', onConflict: null }

  it('comes with its time, with leeway for two clocks, and is told by name', async () => {
    const expiresAt = new FakeClock().wall() + 1000
    const { book, clock, grant } = await bookOf({ expiresAt })
    await clock.pass(1000 + clockLeewayMs)
    expect([book.endOf(grant.id), verdict(book, grant, wanted)]).toEqual([undefined, 'allowed'])
    await clock.pass(1)
    expect([book.endOf(grant.id), verdict(book, grant, wanted)]).toEqual(['ticket-expired', 'ticket-expired'])
  })

  it('comes with being revoked, or gone, as soon as the book is read again', async () => {
    const { book, server, grant } = await bookOf({})
    await writeGrant(server, { ...grant, revokedAt: 1 })
    expect(verdict(book, grant, wanted)).toBe('allowed')
    await book.reload()
    expect([book.endOf(grant.id), verdict(book, grant, wanted)]).toEqual(['ticket-revoked', 'ticket-revoked'])
    expect(book.endOf('9'.repeat(32))).toBe('ticket-revoked')
    expect(book.passOf(grant.keys[0]!.ticket)?.key).toBe(grant.keys[0]!.key) // So that its holder can be told.
  })

  it('an exchanged secret opens until its day is over, and is then as unknown as any', async () => {
    const now = new FakeClock().wall()
    const keys = [
      { ticket: '1'.repeat(32), key: 'a'.repeat(64), until: null },
      { ticket: '2'.repeat(32), key: 'b'.repeat(64), until: now + 1000 },
    ]
    const { book, clock, grant } = await bookOf({ keys })
    expect(keys.map(({ ticket }) => book.passOf(ticket)?.grant.id)).toEqual([grant.id, grant.id])
    await clock.pass(1000)
    expect(keys.map(({ ticket }) => book.passOf(ticket)?.key)).toEqual(['a'.repeat(64), 'b'.repeat(64)])
    await clock.pass(1)
    expect(keys.map(({ ticket }) => book.passOf(ticket)?.key)).toEqual(['a'.repeat(64), undefined])
    expect(book.passOf('3'.repeat(32))).toBeUndefined()
  })
})
