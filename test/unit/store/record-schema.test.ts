import { describe, expect, it } from 'vitest'
import { entriesMax, linkTargetMaxBytes, pathMaxBytes, revisionMax } from '../../../src/model/limits.ts'
import type { JournalRecord, RecordKind } from '../../../src/model/records.ts'
import { targetMaxLength } from '../../../src/model/ssh-target.ts'
import { recordFrom, recordText } from '../../../src/store/record-schema.ts'
import { goldenRecords } from '../../support/golden-records.ts'

const golden = new Map(goldenRecords.map((record) => [record.kind, record]))

/** A record's payload with some fields changed; an undefined one is left out. */
function changed(kind: RecordKind, fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...(JSON.parse(recordText(golden.get(kind)!)) as object), ...fields })
}

/** A payload's field, wherever it is, with another value. */
function withField(kind: RecordKind, path: readonly (string | number)[], value: unknown): string {
  const payload: unknown = JSON.parse(recordText(golden.get(kind)!))
  let at = payload as Record<string | number, unknown>
  for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>
  at[path.at(-1)!] = value
  return JSON.stringify(payload)
}

const takes = (kind: RecordKind, path: readonly (string | number)[], value: unknown): boolean => {
  try {
    return recordText(recordFrom(kind, withField(kind, path, value))) === withField(kind, path, value)
  } catch {
    return false
  }
}

const outcomes = 'delivered unchanged kept replaced renamed skipped omitted vanished conflict failed'.split(' ')
const policies = 'fail keep replace update rename'.split(' ')
const levels = 'checkpoint file none'.split(' ')
const states = [
  ...'no-peer-yet receipt-unconfirmed network peer-silent peer-busy port-in-use crash retry-over'.split(' '),
  ...'disk-full disk-failed quota source-gone no-progress user signal transfer-limit time-limit'.split(' '),
  ...'ticket-expired ticket-revoked peer-user peer-signal peer-expired peer-released ttl'.split(' '),
]

describe('R12: a word that a record may hold', () => {
  it.each<[RecordKind, (string | number)[], readonly string[]]>([
    ['header', ['role'], ['sender', 'receiver']],
    ['header', ['side'], ['dialer', 'listener']],
    ['header', ['wishes', 'onConflict'], policies],
    ['bound', ['shape', 'onConflict'], policies],
    ['bound', ['shape', 'durability'], levels],
    ['intent', ['files', 0, 'method'], ['link', 'replace']],
    ['intent', ['files', 0, 'outcome'], ['delivered', 'replaced', 'renamed', 'conflict']],
    ['outcome', ['outcomes', 1, 'outcome'], outcomes],
    ['receipt', ['receipt', 'outcomes', 0, 'outcome'], outcomes],
    ['receipt', ['receipt', 'durability'], levels],
    ['parked', ['reason'], states],
    [
      'paused',
      ['by'],
      'user signal transfer-limit time-limit ticket-expired ticket-revoked peer-user peer-signal'.split(' '),
    ],
    ['ended', ['how'], ['released', 'discarded', 'expired']],
    ['ended', ['by'], ['self', 'peer']],
  ])('of kind %s at %j is read and written for ever, and no other', (kind, path, words) => {
    expect(words.filter((word) => !takes(kind, path, word))).toEqual([])
    for (const other of ['', 'other', `${words[0]!}x`, 1]) expect(takes(kind, path, other), String(other)).toBe(false)
  })
})

describe('R72: a number or text of a record', () => {
  const u32 = 2 ** 32 - 1
  const safe = Number.MAX_SAFE_INTEGER

  it.each<[RecordKind, (string | number)[], number, number]>([
    ['header', ['createdAt'], -safe, safe],
    ['header', ['ticketExpiresAt'], -safe, safe],
    ['bound', ['chunkBytes'], 0, u32],
    ['opened', ['epoch'], 0, u32],
    ['opened', ['windowBytes'], 0, safe],
    ['page', ['page'], 0, u32],
    ['page', ['first'], 0, entriesMax],
    ['page', ['count'], 0, entriesMax],
    ['page', ['last', 'entries'], 0, safe],
    ['page', ['last', 'bytes'], 0, safe],
    ['page', ['existed', 0], 0, entriesMax],
    ['durable', ['runs', 0, 'entry'], 0, entriesMax],
    ['durable', ['runs', 0, 'revision'], 0, revisionMax],
    ['durable', ['runs', 0, 'first'], 0, u32],
    ['durable', ['runs', 0, 'holes'], 0, u32],
    ['revised', ['mode'], 0, 0o777],
    ['revised', ['mtimeUs'], -safe, safe],
    ['revised', ['keep', 0, 0], 0, u32],
    ['revised', ['keep', 0, 1], 0, u32],
    ['intent', ['files', 0, 'mtimeUs'], -safe, safe],
    ['intent', ['files', 0, 'size'], 0, safe],
    ['outcome', ['outcomes', 0, 'bytes'], 0, safe],
    ['ended', ['at'], -safe, safe],
  ])('of kind %s at %j is within %d and %d', (kind, path, min, max) => {
    expect([min, max, 1].map((value) => takes(kind, path, value))).toEqual([true, true, true])
    expect([min - 1, max + 1, 0.5, '1', null].map((value) => takes(kind, path, value))).toEqual(
      Array<boolean>(5).fill(false),
    )
  })

  it.each<[RecordKind, (string | number)[], number]>([
    ['header', ['directory'], pathMaxBytes],
    ['header', ['sources', 0, 'path'], pathMaxBytes],
    ['header', ['sources', 0, 'as'], pathMaxBytes],
    ['header', ['frozen', 'checksum'], pathMaxBytes],
    ['header', ['addresses', 0], targetMaxLength + 4],
    ['header', ['identity'], 65_536],
    ['intent', ['files', 0, 'target'], pathMaxBytes],
    ['outcome', ['outcomes', 0, 'target'], linkTargetMaxBytes],
    ['outcome', ['outcomes', 1, 'reason'], pathMaxBytes],
    ['receipt', ['receipt', 'finishedAt'], 40],
  ])('of kind %s at %j has at most %d characters', (kind, path, max) => {
    const lengths = [0, max, max + 1].map((length) => takes(kind, path, 'x'.repeat(length)))
    expect(lengths).toEqual([true, true, false])
  })

  const hex = (digits: number): string => '0123456789abcdef'.repeat(4).slice(0, digits)

  it.each<[RecordKind, (string | number)[], readonly string[]]>([
    ['header', ['session'], [hex(32)]],
    ['header', ['nonce'], [hex(32), '']],
    ['header', ['root'], [hex(32), '']],
    ['header', ['ticketKey'], [hex(64), '']],
    ['bound', ['nonce'], [hex(32)]],
    ['bound', ['root'], [hex(32), '']],
    ['bound', ['sessionKey'], [hex(64), '']],
    ['page', ['digest'], [hex(16)]],
    ['intent', ['files', 0, 'digest'], [hex(16)]],
    ['receipt', ['receipt', 'digest'], [`xxh64c:${hex(16)}`]],
    ['revised', ['fingerprint', 'inode'], ['0', '18446744073709551615', '-1']],
  ])('of kind %s at %j is of its form: %j', (kind, path, forms) => {
    for (const form of forms) expect(takes(kind, path, form), form).toBe(true)
    const others = forms.flatMap((form) => (form === '' ? [] : [`x${form}`, `${form}x`, form.slice(0, -1) + 'G']))
    for (const other of [...others, 7, null]) expect(takes(kind, path, other), String(other)).toBe(false)
  })

  it.each(['public', 'proxied', `pin:${hex(64)}`])('says which certificate is trusted: %s', (tls) => {
    const read = recordFrom('header', changed('header', { tls }))
    expect(read).toMatchObject({ tls })
    for (const other of [`${tls}x`, `x${tls}`])
      expect(() => recordFrom('header', changed('header', { tls: other }))).toThrow()
  })
})

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
