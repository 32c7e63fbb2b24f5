// Nothing of a peer or a disk moves the cursor, turns the direction, hides or ends a line.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { display } from '../../../src/model/display.ts'
import { decodeName } from '../../../src/model/names.ts'

it.each([
  ['plain text, ünïcode, 한글 and 💾', 'plain text, ünïcode, 한글 and 💾'],
  ['a\nb\r\tc', 'a\\nb\\r\\tc'],
  ['\u001b[2J\u0007', '\\x1b[2J\\x07'],
  ['\u007f\u009b31m', '\\x7f\\x9b31m'],
  ['evil\u202etxt.exe', 'evil\\u{202e}txt.exe'],
  ['\u200b\u2028\ufeff', '\\u{200b}\\u{2028}\\u{feff}'],
  ['\u{e0041}', '\\u{e0041}'],
  ['caf\udcff', 'caf\\xff'],
  ['\ud83d', '\\u{d83d}'],
])('%j is shown as %s', (text, shown) => {
  expect(display(text)).toBe(shown)
})

it('R96: no text leaves anything dangerous behind, and shown text is shown the same again', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.uint8Array().map(decodeName),
    fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units)),
  )
  fc.assert(
    fc.property(text, (any) => {
      const shown = display(any)
      expect(shown).not.toMatch(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u)
      expect(display(shown)).toBe(shown)
    }),
    { numRuns: 1000 },
  )
})
