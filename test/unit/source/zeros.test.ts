import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isZeros } from '../../../src/source/zeros.ts'

const KiB = 1024

describe('zeros', () => {
  it.each([0, 1, 63 * KiB, 64 * KiB, 64 * KiB + 1, 1024 * KiB])('%i of them are zeros', (length) => {
    expect(isZeros(new Uint8Array(length))).toBe(true)
  })

  it('are none with any bit set anywhere, whatever lies around the view', () => {
    const chunk = fc.tuple(
      fc.integer({ min: 1, max: 200 * KiB }),
      fc.nat(100),
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      fc.nat(7),
    )
    fc.assert(
      fc.property(chunk, ([length, offset, where, bit]) => {
        const memory = new Uint8Array(offset + length + 10).fill(0xff)
        const bytes = memory.subarray(offset, offset + length).fill(0)
        expect(isZeros(bytes)).toBe(true)
        bytes[Math.floor(where * length)] = 1 << bit
        expect(isZeros(bytes)).toBe(false)
      }),
    )
  })
})
