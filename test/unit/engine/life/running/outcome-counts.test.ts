import { describe, expect, it } from 'vitest'
import { OutcomeCounts } from '../../../../../src/engine/life/running/outcome-counts.ts'
import type { EntryOutcome } from '../../../../../src/model/messages.ts'
import type { Receipt } from '../../../../../src/model/session.ts'

const noted = (special: 'list' | 'fail', ...outcomes: Partial<EntryOutcome>[]) => {
  const counts = new OutcomeCounts(special)
  for (const outcome of outcomes) counts.note({ entry: 0, outcome: 'delivered', bytes: 0, ...outcome })
  return counts
}

const failures: Partial<EntryOutcome>[] = [
  { outcome: 'failed', reason: 'integrity: its digest is 1, the sender says 2' },
  { outcome: 'failed', reason: 'it kept changing' },
  { outcome: 'omitted', reason: 'unreadable' },
  { outcome: 'skipped', reason: 'special' },
  { outcome: 'skipped', reason: 'link-outside' },
  { outcome: 'conflict' },
  { outcome: 'vanished' },
]

describe('OutcomeCounts', () => {
  it('C24: tells damage, conflicts, omissions and vanished files apart', () => {
    expect(noted('list', ...failures).tally(null)).toEqual({ integrity: 1, conflicts: 1, omissions: 2, vanished: 1 })
  })

  it('counts special files as omissions only where that was asked for', () => {
    expect(noted('fail', ...failures).tally(null).omissions).toBe(3)
  })

  it('believes the receipt, which counts all runs', () => {
    const outcomes = [{ outcome: 'vanished', count: 5 }]
    expect(noted('list', { outcome: 'vanished' }).tally({ outcomes } as unknown as Receipt)).toMatchObject({
      vanished: 5,
    })
  })
})
