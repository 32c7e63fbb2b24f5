// Names are bytes: any byte string survives, each has one name, and what cannot be a component is refused by a reason.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeName,
  encodeName,
  haveSameParent,
  isEscaped,
  isPlainName,
  nameBytes,
  nameFault,
  pathFault,
  pathText,
} from '../../../src/model/names.ts'
import { nameBytesOf } from '../../support/arbitrary.ts'

const lone = '\udcff' // Byte 0xFF.
const anyBytes = fc.oneof(fc.uint8Array({ maxLength: 40 }), nameBytesOf, nearlyUtf8())

/** Lead bytes, continuation bytes and the edges of UTF-8, in any order: where decoders go wrong. */
function nearlyUtf8(): fc.Arbitrary<Uint8Array> {
  const edges = [
    0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff,
  ]
  return fc.array(fc.constantFrom(...edges), { maxLength: 12 }).map((list) => Uint8Array.from(list))
}

describe('bytes', () => {
  it('R63: any byte string comes back from its name', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(encodeName(decodeName(bytes))).toEqual(bytes)
      }),
      { numRuns: 3000 },
    )
  })

  it('every sequence of three bytes at the edges of UTF-8 comes back', () => {
    const edges = [0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xff]
    for (const a of edges)
      for (const b of edges)
        for (const c of edges) {
          const bytes = Uint8Array.of(a, b, c)
          expect(Buffer.from(encodeName(decodeName(bytes)))).toEqual(Buffer.from(bytes))
        }
  })

  it('agrees with the platform on what is valid UTF-8', () => {
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const name = decodeName(bytes)
        const valid = Buffer.from(Buffer.from(bytes).toString('utf8')).equals(Buffer.from(bytes))
        expect(isEscaped(name)).toBe(!valid)
        if (valid) expect(name).toBe(strict.decode(bytes))
        expect(name).not.toMatch(valid ? /[\ud800-\udfff]/u : /[\ud800-\udc7f\udd00-\udfff]/u)
      }),
      { numRuns: 2000 },
    )
  })

  it('are counted without being made', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(nameBytes(decodeName(bytes))).toBe(bytes.length)
      }),
    )
  })

  it('of half a character are those of U+FFFD; such a name is refused before', () => {
    for (const half of ['\ud83d', '\ud800', '\udfff']) expect(encodeName(half)).toEqual(Uint8Array.of(0xef, 0xbf, 0xbd))
  })

  it('are as many as Unicode says, at the edges of each length', () => {
    for (const text of [
      '\u007f',
      '\u0080',
      '\u07ff',
      '\u0800',
      '\ud7ff',
      '\ue000',
      '\uffff',
      '\u{10000}',
      '\u{10ffff}',
    ]) {
      const bytes = new TextEncoder().encode(text)
      expect(encodeName(text)).toEqual(bytes)
      expect(nameBytes(text)).toBe(bytes.length)
      expect(decodeName(bytes)).toBe(text)
      expect(isEscaped(text)).toBe(false)
    }
  })

  it('are never normalised', () => {
    for (const text of ['\u00e9', 'e\u0301', '\u212b', '\u00c5', '\u1100\u1161']) {
      const bytes = new TextEncoder().encode(text)
      expect(decodeName(bytes)).toBe(text)
      expect(encodeName(text)).toEqual(bytes)
    }
  })
})

it('a plain name is short, of printable ASCII, and good', () => {
  const plain = ['a', ' ', '~', '...', '.a', 'a.', '-', '0', 'x'.repeat(240)]
  const others = ['', '.', '..', '/', 'a/b', 'é', '\u007f', '\u001f', 'a\n', '\na', lone, 'x'.repeat(241)]
  expect(plain.map(isPlainName)).toEqual(plain.map(() => true))
  expect(others.map(isPlainName)).toEqual(others.map(() => false))
})

it('names lie in one directory if all but their last components agree', () => {
  const same = (a: string, b: string): boolean => haveSameParent(a.split('/'), b.split('/'))
  expect([same('a', 'b'), same('a/b', 'a/c'), same('x/y/a', 'x/y/b'), same('a/b', 'a/b')]).toEqual(Array(4).fill(true))
  expect([same('a', 'a/b'), same('a/b', 'a'), same('a/b', 'c/b'), same('x/y/a', 'x/z/a')]).toEqual(Array(4).fill(false))
})

describe('faults', () => {
  it.each([
    ['', 'it is empty'],
    ['.', 'it is "."'],
    ['..', 'it is ".."'],
    ['/', 'it holds a slash'],
    ['a/b', 'it holds a slash'],
    ['a\0', 'it holds a NUL'],
    ['x'.repeat(256), 'it has more than 255 bytes'],
    ['\u00e9'.repeat(128), 'it has more than 255 bytes'],
    ['\ud83d', 'it holds half a character'],
    ['\ud800', 'it holds half a character'],
    ['\udfff', 'it holds half a character'],
    ['\udc7f', 'it holds half a character'],
    ['\udd00', 'it holds half a character'],
  ])('R60: %j cannot be a name: %s', (name, why) => {
    expect(nameFault(name)).toBe(why)
    expect(pathFault(['a', name])).toBe(why)
  })

  it.each([
    'a',
    '...',
    ' ',
    '.a',
    'x'.repeat(255),
    '\u00e9'.repeat(127),
    '\udc80'.repeat(255),
    '\udcff',
    '\\',
    'CON',
    '\n',
    '💾',
  ])('%j can be a name', (name) => {
    expect(nameFault(name)).toBeUndefined()
  })

  it('R60: a path has 1 to 128 levels and at most 4,096 bytes, slashes included', () => {
    const long = Array<string>(16).fill('x'.repeat(255))
    expect(pathFault([])).toBe('it is empty')
    expect(pathFault(Array<string>(128).fill('a'))).toBeUndefined()
    expect(pathFault(Array<string>(129).fill('a'))).toBe('it is deeper than 128 levels')
    expect(pathFault(long)).toBeUndefined()
    expect(pathFault([...long.slice(1), 'x'.repeat(254), 'x'])).toBeUndefined()
    expect(pathFault([...long, 'x'])).toBe('it has more than 4096 bytes')
  })
})

it('a path reads with slashes', () => {
  expect(pathText(['a', 'b c', '\udcff'])).toBe('a/b c/\udcff')
})
