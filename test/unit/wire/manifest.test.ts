// Pages: entries come back from their text, the text is canonical, and every field of every row is checked.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Entry } from '../../../src/model/manifest.ts'
import { decodeEntries, digestInput, encodeEntries } from '../../../src/wire/manifest.ts'
import { nameFromWire } from '../../../src/wire/names.ts'
import { entry } from '../../support/arbitrary.ts'
import { codeOf } from '../../support/rejection.ts'

const entries = fc.array(entry, { maxLength: 20 })
const rejection = (rows: unknown) => codeOf(() => decodeEntries(JSON.stringify(rows)))

describe('entries', () => {
  it('come back as they went, whatever bytes their names have', () => {
    fc.assert(
      fc.property(entries, (sent) => {
        expect(decodeEntries(encodeEntries(sent))).toStrictEqual(sent)
      }),
    )
  })

  it('have one text, in whatever order their fields were set', () => {
    const sent: Entry = { kind: 'file', path: ['a', 'b'], size: 1, mtimeUs: 2, mode: 0o644 }
    const turned = Object.fromEntries(Object.entries(sent).toReversed()) as unknown as Entry
    expect(encodeEntries([sent])).toBe('[["f",["a","b"],1,2,420]]')
    expect(encodeEntries([turned])).toBe(encodeEntries([sent]))
  })

  it('are at most 2,000 a page', () => {
    const row = ['d', ['a'], 0, 0]
    expect(rejection(Array(2000).fill(row))).toBe('returned')
    expect(rejection(Array(2001).fill(row))).toBe('protocol')
  })

  it.each<[string, unknown]>([
    ['no list', {}],
    ['no list of rows', [1]],
    ['null', [null]],
    ['an unknown letter', [['x', ['a'], 1]]],
    ['no letter', [[]]],
    ['too few fields', [['f', ['a'], 1, 2]]],
    ['too many fields', [['f', ['a'], 1, 2, 3, '0123456789abcdef', 0]]],
    ['a negative size', [['f', ['a'], -1, 0, 0]]],
    ['a size with a fraction', [['f', ['a'], 0.5, 0, 0]]],
    ['a size beyond 2^32 chunks', [['f', ['a'], 2 ** 52 + 1, 0, 0]]],
    ['a size that is text', [['f', ['a'], '1', 0, 0]]],
    ['a time past 2^53', [['f', ['a'], 0, 2 ** 53, 0]]],
    ['a time that is null', [['f', ['a'], 0, null, 0]]],
    ['a mode with more than nine bits', [['f', ['a'], 0, 0, 0o1000]]],
    ['a negative mode', [['f', ['a'], 0, 0, -1]]],
    ['a digest that is short', [['f', ['a'], 0, 0, 0, '0']]],
    ['a digest that is null', [['f', ['a'], 0, 0, 0, null]]],
    ['a directory with a size', [['d', ['a'], 0, 0, 0]]],
    ['a directory without a mode', [['d', ['a'], 0]]],
    ['a link without a target', [['l', ['a'], 0]]],
    ['a link with a number for a target', [['l', ['a'], 0, 0]]],
    ['an unknown reason', [['o', ['a'], 'because']]],
    ['a reason of the prototype', [['o', ['a'], 'constructor']]],
    ['a path that is text', [['d', 'a', 0, 0]]],
    ['a path with a number', [['d', [1], 0, 0]]],
    ['a path with a list', [['d', [['a']], 0, 0]]],
    ['a name with broken base64', [['d', [{ base64: '/w=' }], 0, 0]]],
    ['a name with base64 of a number', [['d', [{ base64: 5 }], 0, 0]]],
  ])('are refused with %s', (_, rows) => {
    expect(rejection(rows)).toBe('protocol')
  })

  it('reach to the edges', () => {
    const edge = Number.MAX_SAFE_INTEGER
    expect(rejection([['f', ['a'], 2 ** 52, edge, 0o777, 'f'.repeat(16)]])).toBe('returned')
    expect(rejection([['f', ['a'], 0, -edge, 0]])).toBe('returned')
  })

  it('R70: any JSON gives entries or a typed error', () => {
    const row = fc.tuple(
      fc.constantFrom('f', 'd', 'l', 'o', 'x'),
      fc.jsonValue(),
      fc.jsonValue(),
      fc.jsonValue(),
      fc.jsonValue(),
    )
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.array(row)), (rows) => {
        expect(['returned', 'protocol', 'bad-name']).toContain(rejection(rows))
      }),
    )
  })
})

describe('names', () => {
  const names: [string, unknown][] = [
    ['empty', ''],
    ['.', '.'],
    ['..', '..'],
    ['a slash', 'a/b'],
    ['a NUL', 'a\0b'],
    ['256 bytes', 'x'.repeat(256)],
    ['256 bytes of long characters', '한'.repeat(85) + 'x'],
    ['half a character', '\ud83d'],
    ['an escape spelled as text', 'caf\udcff'],
    ['text spelled as base64', { base64: 'YQ==' }],
    ['nothing spelled as base64', { base64: '' }],
    ['a slash beside a stray byte', { base64: '/y9h' }],
    ['a NUL beside a stray byte', { base64: '/wA=' }],
    ['dots spelled as base64', { base64: 'Li4=' }],
  ]
  it.each(names)('R60: %s is refused as a bad name where a single one is due', (_, name) => {
    expect(() => nameFromWire(name)).toThrow(expect.objectContaining({ code: 'bad-name' }))
  })

  it.each(names)('R60: %s is refused as a bad name, wherever it stands', (_, name) => {
    for (const path of [[name], ['a', name], [name, 'a']]) expect(rejection([['d', path, 0, 0]])).toBe('bad-name')
  })

  it('R60: a path has 1 to 128 levels and at most 4,096 bytes', () => {
    expect(rejection([['d', [], 0, 0]])).toBe('bad-name')
    expect(rejection([['d', Array(128).fill('a'), 0, 0]])).toBe('returned')
    expect(rejection([['d', Array(129).fill('a'), 0, 0]])).toBe('bad-name')
    const names16 = Array(16).fill('x'.repeat(255))
    expect(rejection([['d', names16, 0, 0]])).toBe('returned') // 16 x 255 + 15 = 4,095.
    expect(rejection([['d', [...names16.slice(1), 'x'.repeat(254), 'x'], 0, 0]])).toBe('returned') // 4,096.
    expect(rejection([['d', [...names16, ''], 0, 0]])).toBe('bad-name')
    expect(rejection([['d', [...names16, 'x'], 0, 0]])).toBe('bad-name')
  })

  it('of 255 bytes pass', () => {
    expect(rejection([['d', ['x'.repeat(255)], 0, 0]])).toBe('returned')
    expect(rejection([['d', ['한'.repeat(85)], 0, 0]])).toBe('returned')
    expect(rejection([['d', ['...'], 0, 0]])).toBe('returned')
  })

  it('R60: a link points somewhere, in at most 4,095 bytes', () => {
    const link = (target: unknown) => rejection([['l', ['a'], target, 0]])
    expect(link('../..//./x\n')).toBe('returned')
    expect(link('x'.repeat(4095))).toBe('returned')
    expect(link({ base64: '/w==' })).toBe('returned')
    expect(['', 'x'.repeat(4096), 'a\0', '\udcff', { base64: 'YQ==' }].map(link)).toEqual(Array(5).fill('bad-name'))
  })

  it('R69: a bad name is shown escaped and cut', () => {
    expect(() => decodeEntries(JSON.stringify([['d', ['\x1b[2J/'], 0, 0]]))).toThrow('"\\x1b[2J/"')
    expect(() => decodeEntries(JSON.stringify([['d', ['/'.repeat(100_000)], 0, 0]]))).toThrow(/^.{1,500}$/)
  })
})

describe('running digest', () => {
  it('covers the digest before, the entries, and the totals of the last page', () => {
    const zeros = '0'.repeat(16)
    expect(digestInput(zeros, '[["d",["a"],0,0]]', undefined)).toBe(`${zeros}[["d",["a"],0,0]]`)
    expect(digestInput('f'.repeat(16), '[]', { bytes: 2, entries: 1 })).toBe(
      `${'f'.repeat(16)}[]{"entries":1,"bytes":2}`,
    )
  })
})
