// Names as a peer spells them: each has one spelling, and what is none is refused with what is wrong with it.

import { describe, expect, it } from 'vitest'
import { hasCode } from '../../../src/errors.ts'
import { linkTargetFromWire, nameFromWire, nameToWire, pathFromWire, pathToWire } from '../../../src/wire/names.ts'

const lone = '\udcff' // Byte 0xFF.
const inBase64 = { base64: '/w==' }

/** Why something is refused, and by which code. */
function refused(read: (value: unknown) => unknown, value: unknown): string {
  try {
    return `read as ${JSON.stringify(read(value))}`
  } catch (error) {
    if (hasCode(error, 'bad-name')) return `bad-name ${error.details.name}: ${error.details.why}`
    if (hasCode(error, 'protocol')) return `protocol: ${error.details.why}`
    throw error
  }
}

describe('a name', () => {
  it('is text where its bytes are, and base64 where they are not', () => {
    for (const [name, spelt] of [
      ['a', 'a'],
      ['é', 'é'],
      [lone, inBase64],
      [`a${lone}`, { base64: 'Yf8=' }],
    ] as const) {
      expect(nameToWire(name)).toEqual(spelt)
      expect(nameFromWire(spelt)).toBe(name)
    }
    expect(pathToWire(['a', lone])).toEqual(['a', inBase64])
    expect(pathToWire(['a', 'é'])).toEqual(['a', 'é'])
    expect(pathFromWire(['a', inBase64])).toEqual(['a', lone])
  })

  it.each<readonly [unknown, string]>([
    [7, 'protocol: a name is neither text nor base64'],
    [null, 'protocol: a name is neither text nor base64'],
    [undefined, 'protocol: a name is neither text nor base64'],
    [['a'], 'protocol: a name is neither text nor base64'],
    [{}, 'protocol: a name is neither text nor base64'],
    [{ base64: 7 }, 'protocol: a name is neither text nor base64'],
    [{ base64: '/w=' }, 'protocol: the base64 of a name is damaged'],
    [{ base64: '/w' }, 'protocol: the base64 of a name is damaged'],
    [{ base64: 'YQ==' }, 'bad-name a: it is text, but came as base64'],
    ['a\ud800', 'bad-name a\\u{d800}: it holds half a character'],
    [lone, 'bad-name \\xff: it holds half a character'],
    ['', 'bad-name : it is empty'],
    ['..', 'bad-name ..: it is ".."'],
    ['a/b', 'bad-name a/b: it holds a slash'],
    ['\u001b[2J\0', 'bad-name \\x1b[2J\\x00: it holds a NUL'],
    ['x'.repeat(301), `bad-name ${'x'.repeat(300)}: it has more than 255 bytes`],
  ])('is not %j', (value, why) => {
    expect(refused(nameFromWire, value)).toBe(why)
  })
})

describe('a path', () => {
  it('has as many names as a path may have', () => {
    for (const depth of [1, 16, 17, 128]) {
      const path = Array<string>(depth).fill('a')
      expect(pathFromWire(path)).toEqual(path)
    }
    expect(pathFromWire(Array<string>(16).fill('x'.repeat(255)))).toHaveLength(16)
  })

  it.each<readonly [unknown, string]>([
    ['a', 'protocol: a path is not a list of names'],
    [undefined, 'protocol: a path is not a list of names'],
    [[], 'bad-name : it is empty'],
    [Array(129).fill('a'), 'bad-name a: it is deeper than 128 levels'],
    [['a', 7], 'protocol: a name is neither text nor base64'],
    [['a', '..'], 'bad-name a/..: it is ".."'],
    [['a', '.', 'b'], 'bad-name a/./b: it is "."'],
    [['a', ''], 'bad-name a/: it is empty'],
    [['a/b'], 'bad-name a/b: it holds a slash'],
    [['é', 'x'.repeat(256)], `bad-name é/${'x'.repeat(256)}: it has more than 255 bytes`],
    [[...Array<string>(16).fill('x'.repeat(240)), 'y'.repeat(241)], `bad-name ${'x'.repeat(240)}/${'x'.repeat(59)}: it has more than 4096 bytes`], // prettier-ignore
  ])('is not %j', (value, why) => {
    expect(refused(pathFromWire, value)).toBe(why)
  })
})

describe('the text of a link', () => {
  it('is any bytes but NUL, slashes and dots included, up to a page of them', () => {
    for (const text of ['../../etc', '/', '.', 'x'.repeat(4095)]) expect(linkTargetFromWire(text)).toBe(text)
    expect(linkTargetFromWire(inBase64)).toBe(lone)
  })

  it.each<readonly [unknown, string]>([
    ['', 'bad-name : the link points nowhere'],
    ['a\0', 'bad-name a\\x00: the link holds a NUL'],
    ['x'.repeat(4096), `bad-name ${'x'.repeat(300)}: the link has more than 4095 bytes`],
    [null, 'protocol: a name is neither text nor base64'],
  ])('is not %j', (value, why) => {
    expect(refused(linkTargetFromWire, value)).toBe(why)
  })
})
