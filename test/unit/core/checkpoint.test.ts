// What a journal folds into, where the order of its records matters.

import { describe, expect, it } from 'vitest'
import { goldenRecords } from '../../support/golden-records.ts'
import { compacted } from '../../support/journals.ts'
import { foldRecords } from '../../support/fold-records.ts'

const [header, bound, joined] = goldenRecords

describe('foldRecords', () => {
  it('R114: takes a session for joined only once its binding is in the journal: until then the ticket stays', () => {
    expect(foldRecords([header!, joined!]).isJoined).toBe(false)
    expect(compacted([header!, joined!])).toEqual([header])
    expect(foldRecords([header!, bound!, joined!]).isJoined).toBe(true)
  })
})
