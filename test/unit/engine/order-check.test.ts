import fc from 'fast-check'
import { expect, it } from 'vitest'
import { OrderCheck } from '../../../src/engine/order-check.ts'
import type { Entry } from '../../../src/model/manifest.ts'

const file = (...path: string[]): Entry => ({ kind: 'file', path, size: 0, mtimeUs: 0, mode: 0o644 })
const folder = (...path: string[]): Entry => ({ kind: 'directory', path, mtimeUs: 0, mode: 0o755 })
const link = (...path: string[]): Entry => ({ kind: 'link', path, target: 'x', mtimeUs: 0 })
const omitted = (...path: string[]): Entry => ({ kind: 'omitted', path, reason: 'special' })

it('takes a walk in its order', () => {
  expect(new OrderCheck().fault([folder('a'), file('a', 'b'), file('a', 'c'), file('a!'), file('b')])).toBeUndefined()
})

it('goes on across pages', () => {
  const check = new OrderCheck()
  expect(check.fault([file('b')])).toBeUndefined()
  expect(check.fault([file('a')])).toContain('came behind')
})

it.each([
  ['the same entry twice', [file('a'), file('a')]],
  ['a folder behind what is in it', [file('a', 'b'), folder('a')]],
  ['names out of order', [file('b'), file('a')]],
  ['a folder twice', [folder('a'), file('a', 'b'), folder('a')]],
])('refuses %s', (_, entries) => {
  expect(new OrderCheck().fault(entries)).toContain('came behind')
})

it.each([
  ['a file', file('a')],
  ['a link', link('a')],
  ['what was omitted', omitted('a')],
])('refuses something inside of %s', (_, leaf) => {
  expect(new OrderCheck().fault([leaf, file('a', 'b')])).toContain('lies in what is no folder')
})

it('R76: finds every double, wherever it stands', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'é', '~')
  const path = fc.array(name, { minLength: 1, maxLength: 3 })
  fc.assert(
    fc.property(fc.array(path, { minLength: 2, maxLength: 20 }), (paths) => {
      const entries = paths.map((each) => folder(...each))
      const isDouble = new Set(paths.map((each) => each.join('/'))).size < paths.length
      if (isDouble) expect(new OrderCheck().fault(entries)).toBeDefined()
    }),
  )
})
