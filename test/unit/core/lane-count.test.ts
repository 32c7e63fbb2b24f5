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

  it('goes back from the most there may be, too', () => {
    expect(countsOver(() => 1_000, 2)).toEqual([1, 2, 1])
  })

  it('is looked at while there is something to find out, and not a moment longer', () => {
    const count = new LaneCount(1, 2)
    count.begin(1_000, 0)
    expect(count.deadline).toBe(3_000)
    expect(count.look(2_999, 1_000)).toBe(false)
    expect(count.deadline).toBe(3_000)
    for (const [now, bytes] of [
      [3_000, 2_000],
      [5_000, 4_000],
      [7_000, 8_000],
    ] as const) {
      count.look(now, bytes)
      expect(count.deadline).toBe(now + 2_000)
    }
    expect(count.look(9_000, 12_000)).toBe(false) // Two carry twice as much, and more there may not be.
    expect([count.count, count.deadline]).toEqual([2, undefined])
  })

  it('is not looked at where nothing can be found out', () => {
    const all = new LaneCount(4, 4)
    all.begin(0, 0)
    expect(all.deadline).toBeUndefined()
    const paused = new LaneCount(1, 4)
    paused.begin(0, 0)
    paused.pause()
    expect(paused.deadline).toBeUndefined()
    expect(paused.look(2_000, 1_000)).toBe(false)
  })

  it('is not judged by the time in which a socket fills, nor by one in which nothing moved', () => {
    const count = new LaneCount(1, 8)
    count.begin(0, 0)
    expect(count.look(2_000, 90_000)).toBe(false)
    expect(count.look(4_000, 90_000)).toBe(false) // Nothing moves.
    expect(count.look(6_000, 180_000)).toBe(false) // It does again: the socket fills.
    expect(count.look(8_000, 182_000)).toBe(true)
    count.look(10_000, 184_000)
    expect(count.look(12_000, 186_200)).toBe(true) // A tenth more than one carried once its socket was full is enough.
    expect(count.count).toBe(4)
  })

  it('is judged by bytes in time, however late one looks', () => {
    const count = new LaneCount(1, 8)
    count.begin(0, 0)
    count.look(2_000, 1_000)
    expect(count.look(4_000, 2_000)).toBe(true)
    count.look(6_000, 3_000)
    expect(count.look(16_000, 8_000)).toBe(true)
    expect(count.count).toBe(1)
  })
})
