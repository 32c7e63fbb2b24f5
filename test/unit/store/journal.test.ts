// The journal as it should be: what goes in comes out, and what a commit promises.

import { describe, expect, it } from 'vitest'
import { recordMaxBytes } from '../../../src/model/limits.ts'
import type { JournalRecord } from '../../../src/model/records.ts'
import { createJournal, type Journal, openJournal, rebuildJournal } from '../../../src/store/journal.ts'
import { readJournal } from '../../../src/store/journal-file.ts'
import { splitRecord } from '../../../src/store/record-codec.ts'
import { recordText } from '../../../src/store/record-schema.ts'
import { expectCode } from '../../conformance/disk-suite.ts'
import { goldenRecords } from '../../support/golden-records.ts'
import {
  compacting,
  appended,
  closed,
  fresh,
  hash,
  header,
  note,
  notes,
  placed,
  tools,
} from '../../support/journals.ts'

describe('a journal', () => {
  it('gives back every kind of record as it was', async () => {
    const { directory } = await fresh()
    const journal = await createJournal(directory, [header], tools)
    await journal.commit(goldenRecords.slice(1))
    await journal.close()
    const { records, tail, epoch, sequence } = await readJournal(directory, tools)
    expect(records).toEqual(goldenRecords)
    expect({ tail, epoch, sequence }).toEqual({ tail: 'clean', epoch: 3, sequence: goldenRecords.length })
  })

  it('has one spelling for a record, whatever the order of its fields', () => {
    for (const record of goldenRecords) {
      const shuffled = Object.fromEntries(Object.entries(record).reverse()) as unknown as JournalRecord
      expect(recordText(shuffled)).toBe(recordText(record))
    }
  })

  it('R9: refuses to write what is no record', async () => {
    const { directory } = await fresh()
    const journal = await createJournal(directory, [header], tools)
    const wrong = [
      { kind: 'opened', epoch: -1, windowBytes: 0 },
      { kind: 'durable', serial: 1.5, runs: [] },
    ] as const
    for (const record of wrong) await expect(journal.commit([record])).rejects.toThrow('bug')
  })

  it('goes on with its sequence after each opening', async () => {
    const { directory } = await fresh()
    await (await createJournal(directory, [header, note(1)], tools)).close()
    const first = await openJournal(directory, tools)
    expect(first.journal.sequence).toBe(4)
    await first.journal.commit([note(2)])
    await first.journal.close()
    const { records, sequence } = await readJournal(directory, tools)
    expect(records).toEqual([header, note(1), note(2)])
    expect(sequence).toBe(5)
  })

  it('compacts when it is opened', async () => {
    const { directory } = await fresh()
    const journal = await createJournal(directory, [header, ...notes(1, 50)], tools)
    await journal.close()
    const last = (records: readonly JournalRecord[]): JournalRecord[] => [records[0]!, records.at(-1)!]
    const opened = await openJournal(directory, { hash, compact: compacting(last) })
    expect(opened.records).toEqual([header, note(50)])
    await opened.journal.close()
    expect((await readJournal(directory, tools)).records).toEqual([header, note(50)])
  })

  it('is made anew in a few pieces, and in order, however much it begins with', async () => {
    const { disk, directory } = await fresh()
    const long = durable(5, 9_000)
    const records = [header, ...notes(1, 3_000), long, ...notes(6, 10)]
    await closed({ journal: await createJournal(directory, records, tools) })
    expect(disk.operations.filter(({ kind }) => kind === 'write')).toHaveLength(4)
    expect((await readJournal(directory, tools)).records).toEqual(records)
  })

  it('parts what is too long for one record, and loses nothing of it', () => {
    const hashes = BigUint64Array.from({ length: 180_000 }, (_, i) => BigInt(i))
    const runs = [{ entry: 1, revision: 0, first: 7, hashes, holes: 100_000 }, ...manyRuns(12_000)]
    const parts = splitRecord({ kind: 'durable', serial: 4, runs })
    expect(parts.length).toBeGreaterThan(3)
    for (const part of parts) expect(recordText(part).length).toBeLessThan(recordMaxBytes / 2)
    const back = parts.flatMap((part) => (part.kind === 'durable' ? part.runs : []))
    const ofOne = back.filter(({ entry }) => entry === 1)
    expect(ofOne.flatMap((run) => [...run.hashes])).toEqual([...hashes])
    expect(ofOne.reduce((sum, { holes }) => sum + holes, 0)).toBe(100_000)
    expect(ofOne.map(({ first }) => first)).toEqual([...ofOne.keys()].map((i) => 7 + i * ofOne[0]!.hashes.length))
    expect(back.length - ofOne.length).toBe(12_000)
    expect(splitRecord({ kind: 'durable', serial: 1, runs: [] })).toHaveLength(1)
  })
})

describe('commit', () => {
  it('shares one sync among callers that wait together, and keeps their order', async () => {
    const { disk, directory } = await fresh()
    const journal = await createJournal(directory, [header], tools)
    const syncs = () => disk.operations.filter(({ kind }) => kind === 'sync-file').length
    const before = syncs()
    await Promise.all(notes(1, 20).map((record) => journal.commit([record])))
    expect(syncs() - before).toBeLessThanOrEqual(2)
    expect((await readJournal(directory, tools)).records).toEqual([header, ...notes(1, 20)])
  })

  it('R1: resolves only when a power cut can take nothing back', async () => {
    const { disk, directory } = await fresh()
    const journal = await createJournal(directory, [header], tools)
    await journal.commit([note(1)])
    const after = await disk.crash().openRoot('/s')
    expect((await readJournal(after, tools)).records).toEqual([header, note(1)])
  })

  it('writes what was noted at once and without a sync: it outlives a killed process, not a power cut', async () => {
    const { disk, directory } = await fresh()
    const journal = await createJournal(directory, [header], tools)
    const syncs = disk.operations.filter(({ kind }) => kind.startsWith('sync')).length
    journal.note([note(1)])
    journal.note([note(2)])
    await new Promise(setImmediate) // A memory disk needs no more; nobody waits for what is noted.
    expect((await readJournal(directory, tools)).records).toEqual([header, ...notes(1, 2)])
    expect(disk.operations.filter(({ kind }) => kind.startsWith('sync'))).toHaveLength(syncs)
    expect((await readJournal(await disk.crash().openRoot('/s'), tools)).records).toEqual([header])
  })

  it('keeps the order of what was noted and what was committed', async () => {
    const { directory } = await fresh()
    const journal = await createJournal(directory, [header], tools)
    journal.note([note(1)])
    await journal.commit([note(2)])
    journal.note([note(3)])
    await journal.close()
    expect((await readJournal(directory, tools)).records).toEqual([header, ...notes(1, 3)])
  })

  it('R16: fails for ever after a failed sync', async () => {
    const { disk, directory } = await fresh()
    const journal = await createJournal(directory, [header], tools)
    disk.failNext('sync-file', 'EIO')
    await expectCode('disk-failed', journal.commit([note(1)]))
    const writes = disk.operations.length
    await expectCode('disk-failed', journal.commit([note(2)]))
    expect(disk.operations.length).toBe(writes)
    await journal.close()
  })

  it('R16: fails those, too, who waited while the sync failed', async () => {
    const { disk, directory } = await fresh()
    const journal = await createJournal(directory, [header], tools)
    disk.failNext('sync-file', 'EIO')
    const first = journal.commit([note(1)])
    const second = journal.commit([note(2)])
    await expectCode('disk-failed', first)
    await expectCode('disk-failed', second)
    await journal.close()
    const { records } = await closed(await openJournal(directory, tools))
    expect([...records].slice(0, 1)).toEqual([header])
  })

  it('R23: a full disk refuses a record and keeps the journal; what parked us still goes in', async () => {
    const { disk, directory } = await fresh()
    const journal = await createJournal(directory, [header], tools)
    disk.capacityBytes = disk.usedBytes
    let refused = 0
    for (let serial = 1; refused === 0; serial++) {
      await journal.commit([note(serial), durable(serial, 100)]).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'disk-full' })
        refused = serial
      })
    }
    await journal.commit([{ kind: 'parked', reason: 'disk-full' }])
    const parked = await readJournal(directory, tools)
    expect(parked.records.at(-1)).toEqual({ kind: 'parked', reason: 'disk-full' })
    expect(parked.records.filter(({ kind }) => kind === 'durable')).toHaveLength(refused - 1)
    disk.capacityBytes = Infinity
    await journal.commit([durable(refused, 100)])
    expect((await readJournal(directory, tools)).records.at(-1)).toEqual(durable(refused, 100))
  })

  it.each<[string, (journal: Journal, serial: number) => Promise<void>]>([
    ['small records', (journal, serial) => journal.commit([durable(serial, 1)])],
    [
      'notes',
      async (journal, serial) => {
        journal.note([note(serial)])
        await new Promise(setImmediate) // Nobody waits for what is noted.
      },
    ],
  ])('R23: a full disk keeps room for a last word when there is none left for %s', async (_what, write) => {
    const { disk, directory } = await fresh()
    const journal = await createJournal(directory, [header], tools)
    disk.capacityBytes = disk.usedBytes
    for (let serial = 1; serial < 1000; serial++)
      await write(journal, serial).catch((error: unknown) => expect(error).toMatchObject({ code: 'disk-full' }))
    const parked = { kind: 'parked', reason: 'disk-full' } as const
    await journal.commit([parked])
    expect((await readJournal(directory, tools)).records.at(-1)).toEqual(parked)
  })

  it('R23: a full disk that refuses all else takes each record that says why nothing else happens, or that it ends', async () => {
    const { disk, directory } = await fresh()
    const journal = await createJournal(directory, [header], tools)
    disk.capacityBytes = disk.usedBytes
    let isFull = false
    while (!isFull) await journal.commit([durable(1, 1)]).catch(() => (isFull = true))
    const parked = { kind: 'parked', reason: 'disk-full' } as const
    for (let i = 0; i < 2; i++) await journal.commit([parked]) // Where the last small one was refused, a shorter one may have had room.
    const kinds: ReadonlySet<string> = new Set(['opened', 'joined', 'acknowledged', 'parked', 'paused', 'ended'])
    const last = goldenRecords.filter(({ kind }) => kinds.has(kind))
    for (const record of last) await journal.commit([record])
    expect((await readJournal(directory, tools)).records.slice(-last.length)).toEqual(last)
  })

  it('R44: writes not one record more once the lock is lost', async () => {
    const { directory } = await fresh()
    let isHeld = true
    const journal = await createJournal(directory, [header], { ...tools, isHeld: async () => isHeld })
    await journal.commit([note(1)])
    isHeld = false
    const lost = { code: 'lock-lost', details: { directory: '/s' } }
    await expect(journal.commit([note(2)])).rejects.toMatchObject(lost)
    isHeld = true
    await expectCode('lock-lost', journal.commit([note(3)]))
    expect((await readJournal(directory, tools)).records).toEqual([header, note(1)])
  })

  it('R23: without room for a rewrite the old journal stays', async () => {
    const { disk, directory } = await fresh()
    await (await createJournal(directory, [header, note(1)], tools)).close()
    disk.capacityBytes = disk.usedBytes + 4096
    await expectCode('disk-full', openJournal(directory, tools))
    expect(await directory.list()).toEqual(['journal'])
    expect((await readJournal(directory, tools)).records).toEqual([header, note(1)])
  })
})

describe('R12: a journal of another version', () => {
  it('is refused when its format is newer', async () => {
    const { bytes } = await appended(1)
    bytes[8] = 2
    new DataView(bytes.buffer).setBigUint64(16, hash(bytes.subarray(0, 16)), true)
    const { directory } = await placed(bytes)
    for (const open of [readJournal, openJournal, rebuildJournal]) {
      const details = { path: '/s/journal', format: 2 }
      await expect(open(directory, tools)).rejects.toMatchObject({ code: 'journal-version', details })
    }
    expect(await directory.list()).toEqual(['journal'])
  })

  it.each([
    ['skipped', 1],
    ['refused', 0],
  ])('has records of unknown kind %s if their flag is %d', async (_, flag) => {
    const { bytes, ends } = await appended(1)
    const from = ends[0]!
    bytes[from + 4] = 200
    bytes[from + 5] = flag
    const end = ends[1]! - 8
    new DataView(bytes.buffer).setBigUint64(end, hash(bytes.subarray(from, end)), true)
    const { directory } = await placed(bytes)
    const refused = { code: 'journal-version', details: { path: '/s/journal', format: 1 } }
    if (flag === 0) return expect(readJournal(directory, tools)).rejects.toMatchObject(refused)
    expect(await readJournal(directory, tools)).toMatchObject({ records: [header], sequence: 2 })
  })
})

function durable(serial: number, chunks: number): JournalRecord {
  const hashes = BigUint64Array.from({ length: chunks }, (_, i) => BigInt(i + serial))
  return { kind: 'durable', serial, runs: [{ entry: 0, revision: 0, first: 0, hashes, holes: 0 }] }
}

function manyRuns(count: number) {
  return Array.from({ length: count }, (_, i) => ({
    entry: i + 2,
    revision: 0,
    first: 0,
    hashes: BigUint64Array.of(1n),
    holes: 0,
  }))
}
