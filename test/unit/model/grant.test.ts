// What is kept of a ticket comes back as it was, and what is no grant opens nothing.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { grantText, parseBelow, parseGrant, type Grant } from '../../../src/model/grant.ts'
import { grantOf } from '../engine/life/grant.ts'

describe('a grant', () => {
  it('comes back as it was written', () => {
    for (const grant of [grantOf(), grantOf({ path: ['a', 'b'], maxBytes: 0, uses: 3, expiresAt: 7, keys: [] })])
      expect(parseGrant(grantText(grant))).toMatchObject(grant)
  })

  it('with any field of another shape is none', () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true }) // JSON knows no others: it would say null.
    const odd = fc.oneof(fc.constant(undefined), fc.string(), number, fc.constant(-1), fc.array(fc.string()))
    fc.assert(
      fc.property(fc.constantFrom(...(Object.keys(grantOf()) as (keyof Grant)[])), odd, (name, value) => {
        const text = JSON.stringify({ ...grantOf(), v: 1, [name]: value })
        const read = parseGrant(text)
        if (read !== undefined) expect(parseGrant(grantText(read))).toEqual(read)
        const counts = ['maxBytes', 'maxFiles', 'maxSessions', 'uses', 'createdAt', 'expiresAt', 'revokedAt']
        if (counts.includes(name)) expect(read === undefined).toBe(!(Number.isSafeInteger(value) && Number(value) >= 0))
      }),
    )
    for (const text of ['', '{}', '[]', 'null', JSON.stringify({ ...grantOf(), v: 2 })])
      expect(parseGrant(text), text).toBeUndefined()
    for (const path of [['..'], ['a/b'], [''], ['.'], [7]])
      expect(parseGrant(JSON.stringify({ ...grantOf(), v: 1, path })), String(path)).toBeUndefined()
  })

  const key = { ticket: '1'.repeat(32), key: 'a'.repeat(64), until: 0 }

  it.each<readonly [keyof Grant, readonly unknown[], readonly unknown[]]>([
    ['id', ['0123456789abcdef'.repeat(2)], ['f'.repeat(31), 'f'.repeat(33), 'F'.repeat(32), `x${'f'.repeat(32)}`, 7, ['f'.repeat(32)]]], // prettier-ignore
    ['scope', ['send', 'receive', 'both'], ['', 'all', null]],
    ['path', [[], ['a', 'b']], ['a', null, ['a', '..'], [7], { length: 0 }]],
    ['mayReplace', [true, false], [1, null, 'true']],
    ['createdAt', [0, 1], [null, -1, 0.5, '1', 2 ** 53]],
    ...(['maxBytes', 'maxFiles', 'maxSessions', 'uses', 'expiresAt', 'revokedAt'] as const).map(
      (bound) => [bound, [null, 0, 2 ** 53 - 1], [-1, 0.5, '1', 2 ** 53, undefined]] as const,
    ),
    [
      'keys',
      [[], [key, { ...key, until: null }], Array(8).fill(key)],
      [null, Array(9).fill(key), [null], { length: 1 }],
    ],
    ['keys', [[key]], [[{ ...key, ticket: '1' }], [key, { ...key, key: 'a'.repeat(63) }], [{ ...key, until: -1 }]]],
    ['keys', [[key]], [[{ ...key, key: `b${key.key}` }], [{ ...key, key: [key.key] }], [{ ...key, until: 'x' }]]],
    ['keys', [[key]], [[{ ...key, key: `${key.key}b` }], [{ ...key, key: 'A'.repeat(64) }], [{ ...key, ticket: 7 }]]],
  ])('has %s of %j, and not of %j', (name, good, bad) => {
    const read = (value: unknown): Grant | undefined => parseGrant(grantText({ ...grantOf(), [name]: value } as Grant))
    for (const value of good) expect(read(value)?.[name]).toEqual(value)
    for (const value of bad) expect(read(value), JSON.stringify(value)).toBeUndefined()
  })

  it('is kept in lines that people can read', () => {
    const text = grantText(grantOf())
    expect(text).toMatch(/^\{\n {2}"id": "f{32}",\n/)
    expect(text).toMatch(/\n {2}"v": 1\n\}\n$/)
  })

  it('is for a folder below, written as people do', () => {
    expect(['', 'a', 'a/b/', './a//b', 'ä ö'].map(parseBelow)).toEqual([[], ['a'], ['a', 'b'], ['a', 'b'], ['ä ö']])
    expect(['..', 'a/../b', '.carryon', 'a/.CARRYON', `a${'x'.repeat(255)}`, 'a\0'].map(parseBelow)).toEqual(
      Array.from({ length: 6 }, () => undefined),
    )
  })
})
