import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compareNames, decodeName } from '../../../src/model/names.ts'
import { nameBytesOf } from '../../support/arbitrary.ts'

it('orders names as their bytes are ordered, whatever these are', () => {
  const pair = nameBytesOf.chain((a) => {
    const similar = fc
      .tuple(fc.nat(a.length), nameBytesOf)
      .map(([kept, rest]) => Uint8Array.from([...a.slice(0, kept), ...rest]))
    return fc.tuple(fc.constant(a), fc.oneof(similar, nameBytesOf))
  })
  fc.assert(
    fc.property(pair, ([a, b]) => {
      expect(Math.sign(compareNames(decodeName(a), decodeName(b)))).toBe(Buffer.compare(a, b))
    }),
    { numRuns: 2000 },
  )
})
