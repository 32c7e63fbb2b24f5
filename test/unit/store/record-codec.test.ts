// What stands around a record, and how what is too long for one is parted.

import { describe, expect, it } from 'vitest'
import { recordMaxBytes } from '../../../src/model/limits.ts'
import type { EntryOutcome } from '../../../src/model/messages.ts'
import type { IntentFile, JournalRecord } from '../../../src/model/records.ts'
import {
  encodeFileHeader,
  encodeRecord,
  readFileHeader,
  readFrame,
  recordHeaderBytes,
  recordLength,
  splitRecord,
} from '../../../src/store/record-codec.ts'
import { recordText } from '../../../src/store/record-schema.ts'
import { goldenPlace } from '../../support/golden-records.ts'
import { hash, note } from '../../support/journals.ts'

const MiB = 1024 * 1024
const odd = '\udce9'.repeat(100) // No UTF-8: six characters each, once it is written.

const intent = (entry: number): IntentFile => ({
  entry,
  revision: 0,
  digest: '0'.repeat(16),
  size: 1,
  mtimeUs: 0,
  inode: '1',
  target: odd,
  method: 'link',
  outcome: 'delivered',
})
const outcome = (entry: number, fields: Partial<EntryOutcome>): EntryOutcome => ({
  entry,
  outcome: 'failed',
  bytes: 0,
  ...fields,
})
const many = <T>(make: (entry: number) => T): T[] => Array.from({ length: 3000 }, (_, entry) => make(entry))

function itemsOf(record: JournalRecord): (IntentFile | EntryOutcome)[] {
  if (record.kind === 'intent') return [...record.files]
  return record.kind === 'outcome' ? [...record.outcomes] : []
}

describe('a record of more than fits', () => {
  it.each<[string, JournalRecord]>([
    ['intents', { kind: 'intent', files: many(intent) }],
    ['targets', { kind: 'outcome', serial: 4, outcomes: many((entry) => outcome(entry, { target: odd })) }],
    ['reasons', { kind: 'outcome', serial: 4, outcomes: many((entry) => outcome(entry, { reason: odd })) }],
  ])('is parted into some of a MiB at most, and few of them, whatever the names (%s)', (_what, record) => {
    const parts = splitRecord(record)
    const sizes = parts.map((part) => recordText(part).length)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(MiB)
    expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThan(MiB / 2)
    expect(parts.flatMap(itemsOf)).toEqual(itemsOf(record))
    for (const part of parts) expect(part).toMatchObject(record.kind === 'outcome' ? { serial: 4 } : {})
  })

  it('is never written: nobody could read it', () => {
    const hashes = new BigUint64Array((recordMaxBytes / 8) * 0.8)
    const long: JournalRecord = {
      kind: 'durable',
      serial: 1,
      runs: [{ entry: 0, revision: 0, first: 0, hashes, holes: 0 }],
    }
    expect(() => encodeRecord(long, goldenPlace, hash)).toThrow(/a record of kind durable has \d+ bytes/)
  })
})

describe('the length of a record', () => {
  const header = (length: number): Uint8Array => {
    const bytes = encodeRecord(note(1), goldenPlace, hash).bytes.slice(0, recordHeaderBytes)
    new DataView(bytes.buffer).setUint32(8, length, true)
    return bytes
  }

  it('is what its field says, up to the longest there may be', () => {
    const most = recordMaxBytes - recordHeaderBytes - 8
    expect(recordLength(header(0))).toBe(recordHeaderBytes + 8)
    expect(recordLength(header(most))).toBe(recordMaxBytes)
    expect(recordLength(header(most + 1))).toBeUndefined()
    expect(recordLength(header(2 ** 32 - 1))).toBeUndefined()
  })

  it('is none where none begins', () => {
    const bytes = header(0)
    expect(recordLength(bytes.subarray(1))).toBeUndefined()
    bytes[0]! ^= 1
    expect(recordLength(bytes)).toBeUndefined()
  })

  it('is that of the bytes it is read from, or there is no record', () => {
    const { bytes } = encodeRecord(note(1), goldenPlace, hash)
    expect(readFrame(bytes, hash)).toMatchObject({ ...goldenPlace, isSkippable: false, length: bytes.length })
    expect(readFrame(bytes.subarray(0, -8), hash)).toBeUndefined()
    expect(readFrame(Buffer.concat([bytes, new Uint8Array(8)]), hash)).toBeUndefined()
  })
})

describe('the first bytes of a journal', () => {
  it.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ['are too few', (bytes) => bytes.subarray(0, -1)],
    ['are none', () => new Uint8Array(0)],
    [
      'have another name',
      (bytes) => {
        bytes[0]! ^= 1
        new DataView(bytes.buffer).setBigUint64(16, hash(bytes.subarray(0, 16)), true)
        return bytes
      },
    ],
    [
      'do not add up',
      (bytes) => {
        bytes[12]! ^= 1
        return bytes
      },
    ],
  ])('are no header where they %s', (_what, spoil) => {
    expect(readFileHeader(encodeFileHeader(hash), hash)).toMatchObject({ format: 1 })
    expect(readFileHeader(spoil(encodeFileHeader(hash)), hash)).toBeUndefined()
  })
})
