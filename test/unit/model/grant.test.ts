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

  it('is for a folder below, written as people do', () => {
    expect(['', 'a', 'a/b/', './a//b', 'ä ö'].map(parseBelow)).toEqual([[], ['a'], ['a', 'b'], ['a', 'b'], ['ä ö']])
    expect(['..', 'a/../b', '.carryon', 'a/.CARRYON', `a${'x'.repeat(255)}`, 'a\0'].map(parseBelow)).toEqual(
      Array.from({ length: 6 }, () => undefined),
    )
  })
})
