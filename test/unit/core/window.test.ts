import { describe, expect, it } from 'vitest'
import { Window } from '../../../src/core/window.ts'
import { placesOutMax, windowBytesRange } from '../../../src/model/limits.ts'

describe('the window', () => {
  it('lets no more than 16,384 places out at once, however small they are', () => {
    const window = new Window(windowBytesRange.max)
    for (let entry = 0; entry < placesOutMax; entry++) {
      expect(window.admits(0)).toBe(true)
      window.add(entry, 0, 0, undefined)
    }
    expect(window.admits(0)).toBe(false)
    window.add(0, 0, 0, undefined) // Again: it was out already.
    window.settleEntry(7)
    expect(window.admits(0)).toBe(true)
    window.add(7, 0, 0, undefined)
    expect(window.admits(0)).toBe(false)
  })
})
