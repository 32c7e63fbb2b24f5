// Journal v1, frozen: today's reader finds in every file of fixtures/journal/v1 what was written into it, and today's
// writer still writes exactly these bytes. Files are only ever added.

import { readdirSync, readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadHash } from '../../src/hash/xxh64.ts'
import type { Hash64 } from '../../src/model/hash.ts'
import { createJournal } from '../../src/store/journal.ts'
import { readJournal } from '../../src/store/journal-file.ts'
import { MemoryDisk } from '../../src/store/memory-disk.ts'
import { decodeRecord, encodeRecord, readFrame } from '../../src/store/record-codec.ts'
import { goldenPlace, goldenRecords } from '../support/golden-records.ts'
import { asTheyWere } from '../support/journals.ts'

const folder = new URL('../../fixtures/journal/v1/', import.meta.url)
const bytesOf = (file: string) => new Uint8Array(readFileSync(new URL(file, folder)))

let hash: Hash64
beforeAll(async () => void (hash = await loadHash()))

describe('records', () => {
  it('every kind has its file and every file its kind', () => {
    const files = readdirSync(folder).filter((file) => file.endsWith('.record'))
    expect(files).toEqual(goldenRecords.map(({ kind }) => `${kind}.record`).toSorted())
  })

  it.each(goldenRecords)('$kind is read and written as ever', (record) => {
    const bytes = bytesOf(`${record.kind}.record`)
    const frame = readFrame(bytes, hash)!
    expect(frame).toMatchObject({ ...goldenPlace, isSkippable: false, length: bytes.length })
    expect(decodeRecord(frame, 'journal')).toStrictEqual(record)
    expect(encodeRecord(record, goldenPlace, hash).bytes).toEqual(bytes)
  })
})

describe('a whole journal', () => {
  it('is read as ever', async () => {
    const directory = await new MemoryDisk().openRoot('/s')
    const file = await directory.openFile('journal', 'create')
    await file.write(bytesOf('session.journal'), 0)
    expect(await readJournal(directory, { hash })).toMatchObject({ records: goldenRecords, tail: 'clean', epoch: 3 })
  })

  it('is written as ever, but for the zeros ahead', async () => {
    const directory = await new MemoryDisk().openRoot('/s')
    await createJournal(directory, goldenRecords, { hash, compact: asTheyWere })
    const golden = bytesOf('session.journal')
    const written = new Uint8Array(golden.length)
    await (await directory.openFile('journal', 'read')).read(written, 0)
    expect(written).toEqual(golden)
  })
})
