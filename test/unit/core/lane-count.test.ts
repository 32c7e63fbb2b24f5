import { describe, expect, it } from 'vitest'
import { LaneCount } from '../../../src/core/lane-count.ts'

/** Lives through 60 s of data at a rate that depends on the number of lanes: the numbers there were. */
function countsOver(rateOf: (lanes: number) => number, most = 8): number[] {
  const count = new LaneCount(1, most)
  const counts = [count.count]
  let bytes = 0
  count.begin(0, bytes)
  for (let now = 100; now <= 60_000; now += 100) {
    bytes += 100 * rateOf(count.count)
    if (count.look(now, bytes)) counts.push(count.count)
  }
  return counts
}

describe('the number of lanes', () => {
  it.each<[string, (lanes: number) => number, number[]]>([
    ['doubles while each lane carries as much as one', (lanes) => lanes * 1_000, [1, 2, 4, 8]],
    ['goes back where another one gains nothing', () => 1_000, [1, 2, 1]],
    ['goes back where they gain less than a tenth', (lanes) => 1_000 + lanes * 50, [1, 2, 1]],
    ['stays at the best step where the link is full', (lanes) => Math.min(lanes, 3) * 1_000, [1, 2, 4]],
    ['stops at the last step that paid', (lanes) => (lanes > 2 ? 1_500 : lanes * 1_000), [1, 2, 4, 2]],
    ['is not changed while nothing moves', () => 0, [1]],
  ])('%s', (_what, rateOf, counts) => {
    expect(countsOver(rateOf).slice(0, counts.length)).toEqual(counts)
  })

  it('never passes the most there may be', () => {
    expect(countsOver((lanes) => lanes * 1_000, 6)).toEqual([1, 2, 4, 6])
    expect(countsOver((lanes) => lanes * 1_000, 1)).toEqual([1])
  })
})
