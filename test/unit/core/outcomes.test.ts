import { describe, expect, it } from 'vitest'
import { outcomeNames } from '../../../src/core/entry-table.ts'
import { Outcomes } from '../../../src/core/outcomes.ts'
import type { EntryOutcome } from '../../../src/model/messages.ts'
import { seeded } from '../../support/chance.ts'

describe('outcomes in columns', () => {
  it.each([1, 2, 3])('say of each entry what was said last, in order (seed %i)', (seed) => {
    const fraction = seeded(seed)
    const below = (count: number): number => Math.floor(fraction() * count)
    const outcomes = new Outcomes()
    const plain = new Map<number, EntryOutcome>()
    for (let step = 0; step < 5_000; step++) {
      const entry = below(3_000)
      if (below(4) === 0) {
        outcomes.delete(entry)
        plain.delete(entry)
      } else {
        const outcome = outcomeNames[below(outcomeNames.length)]!
        const said = { entry, outcome, bytes: below(2 ** 31) * 2 ** 20, ...details[below(details.length)] }
        outcomes.set(said)
        plain.set(entry, said)
      }
    }
    expect(outcomes.size).toBe(plain.size)
    expect([...outcomes]).toEqual([...plain.values()].toSorted((a, b) => a.entry - b.entry))
    for (let entry = 0; entry < 5_000; entry++) {
      expect(outcomes.get(entry)).toEqual(plain.get(entry))
      expect(outcomes.has(entry)).toBe(plain.has(entry))
    }
  })
})

const details: readonly Partial<EntryOutcome>[] = [
  {},
  { digest: '0000000000000000' },
  { digest: 'ffffffffffffffff' },
  { digest: '8000000000000001', target: 'b~1.txt' },
  { reason: 'another file has that name' },
]
