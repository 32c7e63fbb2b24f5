// The journal: what it finds again after every kind of damage, and what it promises about syncs.

import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Directory } from '../../../src/model/disk.ts'
import type { Hash64 } from '../../../src/model/hash.ts'
import { recordMaxBytes } from '../../../src/model/limits.ts'
import type { JournalRecord } from '../../../src/model/records.ts'
import { loadHash } from '../../../src/hash/xxh64.ts'
import {
  createJournal,
  openJournal,
  readJournal,
  rebuildJournal,
  type JournalTools,
} from '../../../src/store/journal.ts'
import { MemoryDisk } from '../../../src/store/memory-disk.ts'
import { recordText } from '../../../src/store/record-schema.ts'
import { splitRecord } from '../../../src/store/record-codec.ts'
import { expectCode } from '../../conformance/disk-suite.ts'
import { goldenRecords } from '../../support/golden-records.ts'

let hash: Hash64
let tools: JournalTools
beforeAll(async () => {
  hash = await loadHash()
  tools = { hash, compact: (records) => [...records] }
})

const header = goldenRecords[0]!
const note = (serial: number): JournalRecord => ({ kind: 'acknowledged', serial, bytesDurable: serial })
const notes = (from: number, count: number): JournalRecord[] => Array.from({ length: count }, (_, i) => note(from + i))

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
    const opened = await openJournal(directory, { hash, compact: last })
    expect(opened.records).toEqual([header, note(50)])
    await opened.journal.close()
    expect((await readJournal(directory, tools)).records).toEqual([header, note(50)])
  })

  it('parts what is too long for one record, and loses nothing of it', () => {
    const hashes = BigUint64Array.from({ length: 300_000 }, (_, i) => BigInt(i))
    const runs = [{ entry: 1, revision: 0, first: 7, hashes, holes: 100_000 }, ...manyRuns(40_000)]
    const parts = splitRecord({ kind: 'durable', serial: 4, runs })
    expect(parts.length).toBeGreaterThan(3)
    for (const part of parts) expect(recordText(part).length).toBeLessThan(recordMaxBytes / 2)
    const back = parts.flatMap((part) => (part.kind === 'durable' ? part.runs : []))
    const ofOne = back.filter(({ entry }) => entry === 1)
    expect(ofOne.flatMap((run) => [...run.hashes])).toEqual([...hashes])
    expect(ofOne.reduce((sum, { holes }) => sum + holes, 0)).toBe(100_000)
    expect(ofOne.map(({ first }) => first)).toEqual([...ofOne.keys()].map((i) => 7 + i * ofOne[0]!.hashes.length))
    expect(back.length - ofOne.length).toBe(40_000)
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

  it('takes along what was noted, and close writes the rest', async () => {
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
    const { records } = await await openJournal(directory, tools).then(closed)
    expect(records.slice(0, 1)).toEqual([header])
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

  it('R23: without room for a rewrite the old journal stays', async () => {
    const { disk, directory } = await fresh()
    await (await createJournal(directory, [header, note(1)], tools)).close()
    disk.capacityBytes = disk.usedBytes + 4096
    await expectCode('disk-full', openJournal(directory, tools))
    expect(await directory.list()).toEqual(['journal'])
    expect((await readJournal(directory, tools)).records).toEqual([header, note(1)])
  })
})

describe('a torn journal', () => {
  it('R10: cut at each byte behind what was acknowledged, gives the longest whole prefix', async () => {
    const { bytes, ends } = await appended(6)
    for (let length = ends[0]!; length <= ends.at(-1)!; length++) {
      const { content } = await contentOf(bytes.subarray(0, length))
      expect(content.tail, `cut at ${length}`).not.toBe('damaged')
      expect(content.records.length).toBe(1 + ends.filter((end, i) => i > 0 && end <= length).length)
    }
  })

  it('R10: cut anywhere in what was acknowledged, is damaged, never shorter in silence', async () => {
    const { bytes, ends } = await appended(3, true)
    // The last record alone is not known to be synced to the others: its loss looks like a crash before its sync.
    for (let length = 0; length < ends.at(-2)!; length++) {
      const hole = Uint8Array.from(bytes)
      hole.fill(0, length, Math.min(length + 16, ends.at(-2)!))
      expect((await contentOf(hole)).content.tail, `16 bytes at ${length}`).toBe('damaged')
    }
  })

  it('R9: finds every flipped bit', async () => {
    const { bytes, ends } = await appended(3, true)
    for (let bit = 0; bit < ends.at(-1)! * 8; bit++) {
      const flipped = Uint8Array.from(bytes)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      const { content } = await contentOf(flipped)
      const isLast = bit >> 3 >= ends.at(-2)!
      expect(content.tail, `bit ${bit}`).toBe(isLast ? 'torn' : 'damaged')
      const whole = ends.filter((end) => end <= bit >> 3).length
      expect(content.records.length).toBe(whole)
    }
  })

  it('R10: with any unsynced blocks of 512 bytes missing, keeps all that was synced and calls nothing corrupt', async () => {
    const { bytes, ends } = await appended(40)
    const blocks = Math.ceil(ends.at(-1)! / 512)
    expect(blocks).toBeGreaterThan(7)
    await fc.assert(
      fc.asyncProperty(fc.subarray([...Array(blocks).keys()]), async (missing) => {
        const torn = Uint8Array.from(bytes)
        for (const block of missing) torn.fill(0, Math.max(block * 512, ends[0]!), (block + 1) * 512)
        const { content } = await contentOf(torn)
        expect(content.tail).not.toBe('damaged')
        expect(content.records).toEqual([header, ...notes(1, content.records.length - 1)])
      }),
      { numRuns: 300 },
    )
  })

  it('R10: one lost block in the middle of what was acknowledged is never missed', async () => {
    const { bytes, ends } = await appended(60, true)
    for (let from = 0; from + 512 < ends.at(-2)!; from += 512) {
      const holed = Uint8Array.from(bytes)
      holed.fill(0, from, from + 512)
      const { directory, content } = await contentOf(holed)
      expect(content.tail).toBe('damaged')
      await expectCode('journal-damaged', openJournal(directory, tools))
    }
  })

  it('R6: takes arbitrary bytes without an untyped throw', async () => {
    const { bytes, ends } = await appended(3, true)
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.nat(ends.at(-1)!), async (noise, at) => {
        const noisy = Uint8Array.from(bytes)
        noisy.set(noise.subarray(0, noisy.length - at), at)
        const { content } = await contentOf(noisy)
        expect(content.records.length).toBeLessThanOrEqual(4)
      }),
      { numRuns: 300 },
    )
  })
})

describe('a damaged journal', () => {
  it('is copied once, left alone, and opened by rebuilding with what came before the damage', async () => {
    const { bytes, ends } = await appended(5, true)
    bytes.fill(0xee, ends[2]! + 20, ends[2]! + 30)
    const { directory } = await contentOf(bytes)
    const error: unknown = await openJournal(directory, tools).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'journal-damaged',
      details: { path: '/s/journal', copy: '/s/journal.broken-1', offset: ends[2] },
    })
    await expectCode('journal-damaged', openJournal(directory, tools))
    expect(await directory.list()).toEqual(['journal', 'journal.broken-1'])
    const { records } = await closed(await rebuildJournal(directory, tools))
    expect(records).toEqual([header, note(1), note(2)])
    expect((await closed(await openJournal(directory, tools))).records).toEqual(records)
    expect(await directory.list()).toEqual(['journal', 'journal.broken-1'])
  })

  it('is copied byte by byte where there are no links', async () => {
    const { bytes, ends } = await appended(5, true)
    bytes.fill(0xee, ends[2]! + 20, ends[2]! + 30)
    const { directory } = await contentOf(bytes, new MemoryDisk({ hasLinks: false }))
    await expectCode('journal-damaged', openJournal(directory, tools))
    expect(await bytesOf(directory, 'journal.broken-1')).toEqual(await bytesOf(directory, 'journal'))
  })

  it('has nothing to rebuild if not even its first record is left', async () => {
    const { directory } = await contentOf(new Uint8Array(100))
    await expectCode('journal-damaged', rebuildJournal(directory, tools))
  })
})

describe('R12: a journal of another version', () => {
  it('is refused when its format is newer', async () => {
    const { bytes } = await appended(1)
    bytes[8] = 2
    new DataView(bytes.buffer).setBigUint64(16, hash(bytes.subarray(0, 16)), true)
    const { directory } = await placed(bytes)
    for (const open of [readJournal, openJournal, rebuildJournal]) {
      await expectCode('journal-version', open(directory, tools))
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
    if (flag === 0) return expectCode('journal-version', readJournal(directory, tools))
    expect(await readJournal(directory, tools)).toMatchObject({ records: [header], sequence: 2 })
  })
})

describe('R11: recovery', () => {
  it('ends in the same state, whatever step it is cut at, three deep', async () => {
    const { bytes, ends } = await appended(4)
    const torn = bytes.subarray(0, ends.at(-1)! - 3)
    const expected = [header, ...notes(1, 3)]
    let cuts = 0
    const recover = async (disk: MemoryDisk, depth: number): Promise<void> => {
      for (let step = 0; ; step++) {
        const copy = disk.crash() // Synced to the last byte, so this is a copy.
        if (depth > 0) copy.cutPowerAfter(step)
        const opened = await openJournal(await copy.openRoot('/s'), tools).catch(() => undefined)
        if (opened !== undefined) {
          expect(opened.records).toEqual(expected)
          return
        }
        cuts++
        for (const random of [undefined, seeded(step + 1), seeded(step + 101)])
          await recover(await settled(copy, random), depth - 1)
      }
    }
    const { directory, disk } = await placed(torn)
    await syncAll(directory)
    await recover(disk, 3)
    expect(cuts).toBeGreaterThan(100)
  })

  it('R1: keeps what was acknowledged through power cuts at any step of a life', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(60), fc.integer(), async (step, seed) => {
        const { disk, directory } = await fresh()
        await (await createJournal(directory, [header], tools)).close()
        let acknowledged = 0
        disk.cutPowerAfter(step)
        await live(directory, (serial) => (acknowledged = serial)).catch(() => undefined)
        const after = await disk.crash(seeded(seed)).openRoot('/s')
        const { records } = await closed(await openJournal(after, tools))
        expect(records.length - 1).toBeGreaterThanOrEqual(acknowledged)
        expect(records).toEqual([header, ...notes(1, records.length - 1)])
      }),
      { numRuns: 200 },
    )
  })
})

/** Three openings with a few commits each. */
async function live(directory: Directory, acknowledge: (serial: number) => void): Promise<void> {
  for (let opening = 0, serial = 0; opening < 3; opening++) {
    const { journal } = await openJournal(directory, tools)
    for (let i = 0; i < 4; i++) {
      await journal.commit([note(++serial)])
      acknowledge(serial)
    }
    await journal.close()
  }
}

async function fresh(disk = new MemoryDisk()) {
  return { disk, directory: await disk.openRoot('/s') }
}

/** A journal of a header and `count` notes; `ends[i]` is where record i ends. Acknowledged: each was synced before the next. */
async function appended(count: number, isAcknowledged = false) {
  const { directory } = await fresh()
  const journal = await createJournal(directory, [header], tools)
  const ends = [(await readJournal(directory, tools)).validBytes]
  const records = notes(1, count)
  if (isAcknowledged) for (const record of records) await journal.commit([record])
  else await journal.commit(records)
  const length = ((await readJournal(directory, tools)).validBytes - ends[0]!) / count
  for (let i = 1; i <= count; i++) ends.push(ends[0]! + i * length)
  return { bytes: await bytesOf(directory, 'journal'), ends }
}

async function contentOf(bytes: Uint8Array, disk = new MemoryDisk()) {
  const { directory } = await placed(bytes, disk)
  return { directory, content: await readJournal(directory, tools) }
}

async function placed(bytes: Uint8Array, disk = new MemoryDisk()) {
  const { directory } = await fresh(disk)
  const file = await directory.openFile('journal', 'create')
  await file.write(bytes, 0)
  await file.close()
  return { directory, disk }
}

async function bytesOf(directory: Directory, name: string): Promise<Uint8Array> {
  const file = await directory.openFile(name, 'read')
  const bytes = new Uint8Array((await file.stat()).size)
  await file.read(bytes, 0)
  await file.close()
  return bytes
}

async function syncAll(directory: Directory): Promise<void> {
  const file = await directory.openFile('journal', 'update')
  await file.sync()
  await directory.sync()
}

/** The disk after the cut, with all that is left on it synced, so that a plain `crash` copies it. */
async function settled(disk: MemoryDisk, random: (() => number) | undefined): Promise<MemoryDisk> {
  return disk.crash(random)
}

async function closed<T extends { journal: { close(): Promise<void> } }>(opened: T): Promise<T> {
  await opened.journal.close()
  return opened
}

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

function seeded(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32
  }
}
