import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compareNames, decodeName } from '../../../src/model/names.ts'
import { nameBytesOf } from '../../support/arbitrary.ts'

it('orders plain names, and those that begin alike, as well', () => {
  const ordered = [
    '',
    'A',
    'a',
    'a.b',
    'aa',
    'aé',
    'b',
    '\u07ff',
    '\ue000',
    '\uffff',
    '\u{10000}',
    '\u{1f4be}a',
    '\udcff',
  ]
  for (const [i, a] of ordered.entries())
    for (const [k, b] of ordered.entries()) expect(Math.sign(compareNames(a, b)), `${i} ${k}`).toBe(Math.sign(i - k))
})

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
