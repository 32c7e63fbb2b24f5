import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { Backoff, backoffBaseMs, backoffCapMs } from '../../../../../src/engine/life/roads/backoff.ts'

const almostOne = 1 - Number.EPSILON

describe('Backoff', () => {
  it('R34: doubles its ceiling from 250 ms and stops at 30 s', () => {
    const backoff = new Backoff()
    const ceilings = Array.from({ length: 10 }, () => backoff.next(almostOne, 0) + 1)
    expect(ceilings).toEqual([250, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000])
  })

  it('R34: spreads each delay over the whole range below the ceiling', () => {
    const backoff = new Backoff()
    expect([backoff.next(0, 0), backoff.next(0.5, 0), backoff.next(0.25, 0)]).toEqual([0, 250, 250])
  })

  it('R34: begins anew only once more is durable than ever before', () => {
    const backoff = new Backoff()
    for (let i = 0; i < 5; i++) backoff.next(almostOne, 100)
    expect(backoff.next(almostOne, 100)).toBeGreaterThan(4000)
    expect(backoff.next(almostOne, 50)).toBeGreaterThan(4000)
    expect(backoff.next(almostOne, 101)).toBe(backoffBaseMs - 1)
    expect(backoff.attempts).toBe(1)
  })

  it('R34: a thousand dialers without progress ask at most 2 N / cap times a second once they have backed off', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: almostOne, noNaN: true }), { minLength: 200, maxLength: 200 }),
        (dice) => {
          const backoff = new Backoff()
          const delays = dice.map((fraction) => backoff.next(fraction, 0))
          expect(Math.max(...delays)).toBeLessThan(backoffCapMs)
        },
      ),
    )
    // The mean of a uniform delay below the cap is half the cap: N dialers make N / (cap / 2) attempts a second.
    const backoff = new Backoff()
    for (let i = 0; i < 10; i++) backoff.next(0, 0)
    const steps = 1000
    let sum = 0
    for (let i = 0; i < steps; i++) sum += backoff.next((i + 0.5) / steps, 0)
    expect(steps / sum).toBeLessThanOrEqual((2 / backoffCapMs) * 1.001)
  })
})
