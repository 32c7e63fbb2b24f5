import { describe, expect, it } from 'vitest'
import { Rate, Speed } from '../../../../../src/engine/life/running/rates.ts'

describe('Rate', () => {
  it('averages over its span of time, not over calls', () => {
    const rate = new Rate(5_000)
    for (let second = 0; second <= 20; second++) rate.note(second * 1000, second < 10 ? 0 : (second - 10) * 100)
    expect(rate.perSecond).toBe(100)
    for (let ms = 0; ms < 1000; ms += 10) rate.note(20_000 + ms, 1000)
    expect(rate.perSecond).toBeLessThan(100)
  })

  it('falls to zero in a stall', () => {
    const rate = new Rate(5_000)
    for (let second = 0; second <= 10; second++) rate.note(second * 1000, Math.min(second, 3) * 1000)
    expect(rate.perSecond).toBe(0)
  })

  it('begins again when its total falls', () => {
    const rate = new Rate(5_000)
    rate.note(0, 5000)
    rate.note(1000, 6000)
    rate.note(2000, 100)
    rate.note(3000, 300)
    expect(rate.perSecond).toBe(200)
  })
})

describe('Speed', () => {
  it('C12: counts the bytes of this run only', () => {
    const speed = new Speed()
    speed.note(0, 0, 8_000_000)
    speed.note(1000, 50, 8_000_000)
    expect(speed.bytesPerSecond).toBe(50)
  })

  it('knows no time left in the first three seconds, while nothing moves, and without a total', () => {
    const speed = new Speed()
    speed.note(0, 0, 0)
    speed.note(2900, 0, 2900)
    expect(speed.secondsFor(1000)).toBeNull()
    speed.note(4000, 0, 4000)
    expect(speed.secondsFor(10_000)).toBe(10)
    expect(speed.secondsFor(null)).toBeNull()
    const stalled = new Speed()
    for (let second = 0; second < 10; second++) stalled.note(second * 1000, 0, 7)
    expect(stalled.secondsFor(10)).toBeNull()
  })

  it('knows no time left once all has stood still for the span of the rate, and again when it goes on', () => {
    const speed = new Speed()
    const at = (second: number): void => {
      const moved = Math.min(second, 5) + Math.max(0, second - 12)
      speed.note(second * 1000, moved * 100, moved * 100)
    }
    for (let second = 0; second <= 9; second++) at(second)
    expect(speed.secondsFor(1000)).not.toBeNull()
    for (let second = 10; second <= 12; second++) at(second)
    expect(speed.secondsFor(1000)).toBeNull()
    for (let second = 13; second <= 14; second++) at(second)
    expect(speed.secondsFor(1000)).not.toBeNull()
  })
})
