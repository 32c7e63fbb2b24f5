// What waits for the disk or for the rate, on a clock that is moved by hand.

import { describe, expect, it } from 'vitest'
import { Intake } from '../../../src/engine/intake.ts'
import { Meter } from '../../../src/transport/meter.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const MiB = 1024 * 1024

/** An intake and whether it reads; writes end at once unless told otherwise. */
function intake(bytesPerSecond?: () => number | undefined) {
  const clock = new ManualClock()
  const reading = { now: true }
  const links = { setReading: (isReading: boolean) => void (reading.now = isReading) }
  const meter = bytesPerSecond === undefined ? undefined : new Meter(clock, bytesPerSecond)
  return { it: new Intake({ clock, links, meter }), clock, reading }
}

describe('what came', () => {
  it('R19: waits for the disk up to a bound, and is read on when half of that is written', async () => {
    const { it: all, reading } = intake()
    const written: (() => void)[] = []
    const takes = Array.from({ length: 4 }, () =>
      all.take(MiB, () => new Promise<void>((resolve) => written.push(resolve))),
    )
    expect(reading.now).toBe(false)
    written[0]!()
    await takes[0]
    expect(reading.now).toBe(false)
    written[1]!()
    await takes[1]
    expect(reading.now).toBe(true)
  })

  it('counts no more where its write failed', async () => {
    const { it: all, reading } = intake()
    await expect(all.take(5 * MiB, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(reading.now).toBe(true)
  })

  it('beyond the rate is waited for, however fast the disk is', async () => {
    const { it: all, clock, reading } = intake(() => MiB)
    for (let i = 0; i < 4; i++) await all.take(MiB, async () => {})
    expect(reading.now).toBe(false)
    clock.advance(3_800)
    expect(reading.now).toBe(false)
    clock.advance(400)
    expect(reading.now).toBe(true)
  })

  it('is read on soon after the limit was lifted, and when it stops at once', async () => {
    let rate: number | undefined = 1
    const { it: all, clock, reading } = intake(() => rate)
    await all.take(4 * MiB, async () => {})
    expect(reading.now).toBe(false)
    rate = undefined
    clock.advance(500)
    expect(reading.now).toBe(true)
    rate = 1
    all.stop()
    await all.take(4 * MiB, async () => {})
    expect(reading.now).toBe(true)
  })
})
