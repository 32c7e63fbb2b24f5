// Hashes as text: 16 lower-case hex digits, no more, no less.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { hex64, isHex64, parseHex64 } from '../../../src/model/hash.ts'

it('any 64-bit value comes back from its digits', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (value) => {
      expect(hex64(value)).toMatch(/^[0-9a-f]{16}$/)
      expect(parseHex64(hex64(value))).toBe(value)
    }),
  )
})

it.each(['', '0', '0'.repeat(15), '0'.repeat(17), 'F'.repeat(16), `0x${'0'.repeat(14)}`, `${'0'.repeat(16)}\n`])(
  '%j is no hash',
  (text) => {
    expect(isHex64(text)).toBe(false)
    expect(() => parseHex64(text)).toThrow('bug')
  },
)
