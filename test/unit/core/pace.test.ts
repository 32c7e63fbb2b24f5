import { describe, expect, it } from 'vitest'
import { Pace } from '../../../src/core/pace.ts'

/** A lane that has got rid of frames, one each so many ms, and never had less than two. */
function paceOf(times: readonly number[]): { pace: Pace; now: number } {
  const pace = new Pace()
  let now = 1_000
  pace.took(now)
  pace.took(now)
  for (const ms of times) {
    pace.done((now += ms))
    pace.took(now)
  }
  return { pace, now }
}

describe('what a lane takes for a frame', () => {
  it('is not known while its socket takes frames at once', () => {
    const { pace, now } = paceOf([0, 0, 0, 0, 100])
    expect(pace.frameMs(now)).toBeUndefined()
  })

  it('is what the last ones took, about', () => {
    const steady = paceOf([0, 0, 0, 0, ...Array<number>(30).fill(100)])
    expect(steady.pace.frameMs(steady.now)).toBeCloseTo(100, 1)
    const slower = paceOf([...Array<number>(30).fill(100), 200, 200, 200, 200])
    expect(slower.pace.frameMs(slower.now)).toBeGreaterThan(160)
  })

  it('is not counted while it has nothing to do', () => {
    const pace = new Pace()
    for (let i = 0, now = 0; i < 10; i++, now += 5_000) {
      pace.took(now)
      pace.done(now + 50)
    }
    expect(pace.frameMs(100_000)).toBe(50)
  })

  it('is more where one is under way for long, whatever was before', () => {
    const { pace, now } = paceOf(Array<number>(10).fill(100))
    expect([pace.frameMs(now + 400), pace.frameMs(now + 2_000)]).toEqual([100, 500])
    const stuck = new Pace()
    stuck.took(0)
    expect([stuck.frameMs(1_999), stuck.frameMs(2_000)]).toEqual([undefined, 500])
  })

  it('knows how many frames are under way', () => {
    expect(paceOf([1, 1, 1]).pace.framesUnderWay).toBe(2)
  })
})
