// Base64: as Node writes it, and read only when spelled exactly so.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { base64Stray, decodeBase64, encodeBase64 } from '../../../src/model/base64.ts'

const bytes = fc.uint8Array({ maxLength: 70 })

describe('encoding', () => {
  it('writes what Node writes', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(encodeBase64(value, 'padded')).toBe(Buffer.from(value).toString('base64'))
        expect(encodeBase64(value, 'url')).toBe(Buffer.from(value).toString('base64url'))
      }),
    )
  })
})

describe('decoding', () => {
  it('gives the bytes back', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(decodeBase64(encodeBase64(value, 'padded'), 'padded')).toEqual(value)
        expect(decodeBase64(encodeBase64(value, 'url'), 'url')).toEqual(value)
      }),
    )
  })

  it('takes one spelling only: what is read would be written the same', () => {
    const text = fc.stringMatching(/^[AQgw09+/\-_= ]{0,9}$/)
    fc.assert(
      fc.property(text, fc.constantFrom('padded' as const, 'url' as const), (spelled, form) => {
        const value = decodeBase64(spelled, form)
        if (value !== undefined) expect(encodeBase64(value, form)).toBe(spelled)
      }),
      { numRuns: 2000 },
    )
  })

  it.each(['A', 'AB', 'AA=', 'AA===', 'AAA', '=', '==', '====', 'A===', 'AA==\n', 'AA-_', 'QQ=A', '\u0141A=='])(
    'refuses %j as padded',
    (text) => {
      expect(decodeBase64(text, 'padded')).toBeUndefined()
    },
  )

  it('finds the first character that no text has', () => {
    expect(base64Stray('AZaz09-_', 'url')).toBe(-1)
    expect(base64Stray('AZ+', 'url')).toBe(2)
    expect(base64Stray('\u00e9', 'url')).toBe(0)
  })
})
