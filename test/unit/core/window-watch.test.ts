import { describe, expect, it } from 'vitest'
import { WindowWatch } from '../../../src/core/window-watch.ts'

/** When it says that the window holds the rate down; acknowledges come each so many ms, and are waited for as said. */
function toldAt(everyMs: number, isHeldUp: (count: number) => boolean): number[] {
  const watch = new WindowWatch()
  const told: number[] = []
  for (let count = 0, now = 5_000; now < 65_000; count++, now += everyMs)
    if (watch.acknowledged(now, isHeldUp(count))) told.push(now - 5_000)
  return told
}

describe('the window holds the rate down', () => {
  it('where most acknowledges are waited for, for ten seconds; that is said once', () => {
    expect(toldAt(250, () => true)).toEqual([10_000])
    expect(toldAt(250, (count) => count % 3 > 0)).toEqual([10_000])
    expect(toldAt(250, (count) => count > 10)).toEqual([10_000])
  })

  it('not where most are not', () => {
    expect(toldAt(250, () => false)).toEqual([])
    expect(toldAt(250, (count) => count % 3 === 0)).toEqual([])
  })

  it('not where they come late: something else is waited for', () => {
    expect(toldAt(2_500, () => true)).toEqual([])
  })
})
