import { describe, expect, it } from 'vitest'
import type { JournalRecord, RecordKind } from '../../../src/model/records.ts'
import { recordFrom, recordText } from '../../../src/store/record-schema.ts'
import { goldenRecords } from '../../support/golden-records.ts'

const golden = new Map(goldenRecords.map((record) => [record.kind, record]))

/** A record's payload with some fields changed; an undefined one is left out. */
function changed(kind: RecordKind, fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...(JSON.parse(recordText(golden.get(kind)!)) as object), ...fields })
}

describe('R9: a record that was read', () => {
  it.each<[RecordKind, Readonly<Record<string, unknown>>, string]>([
    ['header', { directory: 7 }, '7 is no text'],
    ['header', { directory: undefined }, 'undefined is no text'],
    ['header', { directory: 'x'.repeat(100_000) }, 'at most'],
    ['header', { session: 'short' }, 'is not of the form'],
    ['header', { session: 7 }, 'is not of the form'],
    ['header', { role: 'both' }, 'is none of sender, receiver'],
    ['header', { addresses: 'here' }, 'is no list'],
    ['header', { frozen: [] }, 'is no object'],
    ['header', { frozen: null }, 'is no object'],
    ['header', { frozen: 'x' }, 'is no object'],
    ['header', { wishes: { onConflict: null, checksum: 'no' } }, 'is neither true nor false'],
    ['header', { createdAt: 1.5 }, 'is no safe integer'],
    ['opened', { epoch: -1 }, 'is not within 0'],
    ['opened', { epoch: 2 ** 32 }, 'is not within 0'],
    ['bad', { chunks: [1] }, 'is no pair'],
    ['bad', { chunks: [[1]] }, 'is no pair'],
    ['durable', { runs: [{ entry: 0, revision: 0, first: 0, holes: 0, hashes: 'AAAA' }] }, 'a list of hashes is cut'],
    ['durable', { runs: [{ entry: 0, revision: 0, first: 0, holes: 0, hashes: 'AAAAAAAAAAA' }] }, 'a list of hashes is cut'], // prettier-ignore
  ])('of kind %s with %j is refused by what is wrong', (kind, fields, why) => {
    expect(() => recordFrom(kind, changed(kind, fields))).toThrow(why)
  })

  it('takes a receipt that says that names are not durable, and none that says it otherwise', () => {
    const { receipt } = golden.get('receipt') as JournalRecord & { kind: 'receipt' }
    const said = (degraded: unknown) => recordFrom('receipt', changed('receipt', { receipt: { ...receipt, degraded } }))
    expect(said(true)).toEqual({ kind: 'receipt', receipt: { ...receipt, degraded: true } })
    expect(said(undefined)).toEqual({ kind: 'receipt', receipt })
    for (const other of [false, 'yes', 1]) expect(() => said(other)).toThrow()
  })

  it('refuses a receipt of another version', () => {
    const { receipt } = golden.get('receipt') as JournalRecord & { kind: 'receipt' }
    expect(() => recordFrom('receipt', changed('receipt', { receipt: { ...receipt, version: 0 } }))).toThrow(
      'version 1',
    )
  })

  it('drops fields that it does not know, and orders what has no order', () => {
    const text = changed('header', { frozen: { b: '2', a: '1', c: '3' }, more: 1 })
    const { frozen, ...header } = recordFrom('header', text) as JournalRecord & { kind: 'header' }
    expect(Object.keys(frozen)).toEqual(['a', 'b', 'c'])
    expect(header).not.toHaveProperty('more')
  })
})
