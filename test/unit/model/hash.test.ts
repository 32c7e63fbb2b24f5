// Hashes as text: 16 lower-case hex digits, no more, no less.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { hex64, hex64s, isHex64, parseHex64, parseHex64s } from '../../../src/model/hash.ts'

it('any 64-bit value comes back from its digits', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (value) => {
      expect(hex64(value)).toMatch(/^[0-9a-f]{16}$/)
      expect(parseHex64(hex64(value))).toBe(value)
    }),
  )
})

it('the digits of many values are those of each', () => {
  fc.assert(
    fc.property(fc.bigUint64Array({ maxLength: 300 }), fc.nat(3), (values, at) => {
      expect(hex64s(values.subarray(at))).toBe([...values.subarray(at)].map(hex64).join(''))
    }),
  )
})

it('any values come back from their digits, one behind the other', () => {
  fc.assert(
    fc.property(fc.bigUint64Array({ maxLength: 9 }), fc.nat(3), (values, at) => {
      const room = new BigUint64Array(values.length + 4)
      parseHex64s([...values].map(hex64).join(''), room.subarray(at, at + values.length))
      expect(room.subarray(at, at + values.length)).toEqual(values)
      expect(room.filter((_, i) => i < at || i >= at + values.length).every((value) => value === 0n)).toBe(true)
    }),
  )
})

it.each(['0'.repeat(15), '0'.repeat(32), 'F'.repeat(16), `${'0'.repeat(15)}g`, `${'0'.repeat(15)}\u0130`])(
  '%j is not the digits of one hash',
  (text) => expect(() => parseHex64s(text, new BigUint64Array(1))).toThrow('bug'),
)

it.each(['', '0', '0'.repeat(15), '0'.repeat(17), 'F'.repeat(16), `0x${'0'.repeat(14)}`, `${'0'.repeat(16)}\n`])(
  '%j is no hash',
  (text) => {
    expect(isHex64(text)).toBe(false)
    expect(() => parseHex64(text)).toThrow('bug')
  },
)
