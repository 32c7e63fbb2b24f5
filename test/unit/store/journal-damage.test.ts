// The journal after everything that can happen to it: cut at every byte, flipped in every bit, with blocks missing, cut off
// from power at every step of its recovery.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TransferError } from '../../../src/errors.ts'
import type { Directory, DiskFile } from '../../../src/model/disk.ts'
import { createJournal, openJournal, rebuildJournal } from '../../../src/store/journal.ts'
import { readJournal } from '../../../src/store/journal-file.ts'
import { encodeFileHeader, encodeRecord, readFileHeader, recordHeaderBytes } from '../../../src/store/record-codec.ts'
import { MemoryDisk } from '../../../src/store/memory-disk.ts'
import { expectCode } from '../../conformance/disk-suite.ts'
import { seeded } from '../../support/chance.ts'
import { overridden } from '../../support/overridden.ts'
import { appended, bytesOf, closed, fresh, hash, header, note, notes, placed, tools } from '../../support/journals.ts'

const slowly = 120_000 // Thousands of journals: seconds on an idle machine, far more on a busy one.

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

  it('R10: a rewritten journal knows its last record: all of it was synced before it had its name', async () => {
    const { directory } = await fresh()
    await (await createJournal(directory, [header, note(1), note(2)], tools)).close()
    const bytes = await bytesOf(directory, 'journal')
    bytes[(await readJournal(directory, tools)).validBytes - 1]! ^= 1
    expect((await contentOf(bytes)).content.tail).toBe('damaged')
  })

  it('R9: finds every flipped bit', { timeout: slowly }, async () => {
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

  it('R9: ends before a record that is whole and not the next one', async () => {
    const { directory } = await fresh()
    const file = await directory.openFile('journal', 'create')
    const head = encodeFileHeader(hash)
    const first = encodeRecord(header, placeOf(1, readFileHeader(head, hash)!.checksum), hash)
    const third = encodeRecord(note(3), placeOf(3, first.checksum), hash)
    await file.write(Buffer.concat([head, first.bytes, third.bytes]), 0)
    expect(await readJournal(directory, tools)).toMatchObject({ records: [header], sequence: 1, tail: 'torn' })
  })

  it('R9: ends before a record that is whole and was written behind another one', async () => {
    const { directory } = await fresh()
    const file = await directory.openFile('journal', 'create')
    const head = encodeFileHeader(hash)
    const first = encodeRecord(header, placeOf(1, readFileHeader(head, hash)!.checksum), hash)
    const second = encodeRecord(note(2), placeOf(2, first.checksum + 1n), hash)
    await file.write(Buffer.concat([head, first.bytes, second.bytes]), 0)
    expect(await readJournal(directory, tools)).toMatchObject({ records: [header], sequence: 1, tail: 'torn' })
  })

  it('R10: is clean if all behind the last record is zero, and torn by any byte that is not, wherever it is', async () => {
    const { bytes, ends } = await appended(2)
    for (const length of [40, 41, 47]) {
      const behind = Uint8Array.from(bytes.subarray(0, ends[2]! + length))
      expect((await contentOf(behind)).content.tail, `${length} zeros`).toBe('clean')
      for (let at = ends[2]!; at < behind.length; at++) {
        behind[at] = 1
        expect((await contentOf(behind)).content.tail, `${at - ends[2]!} of ${length}`).toBe('torn')
        behind[at] = 0
      }
    }
  })

  it('is read once, in blocks, however long it is, and closed', async () => {
    const { bytes, ends } = await appended(2)
    const long = new Uint8Array(1024 * 1024)
    long.set(bytes.subarray(0, ends[2]))
    const { directory } = await placed(long)
    let reads = 0
    let closes = 0
    const counting = overridden(directory, {
      openFile: async (...args) => {
        const file = await directory.openFile(...args)
        return overridden(file, {
          read: (...what) => (reads++, file.read(...what)),
          close: () => (closes++, file.close()),
        })
      },
    })
    expect((await readJournal(counting, tools)).tail).toBe('clean')
    expect(reads).toBeLessThanOrEqual(1 + 4 + 1) // Blocks of 256 KiB, the header and the end.
    expect(closes).toBe(1)
  })

  it.each<[string, (payload: Uint8Array) => void]>([
    ['no JSON', (payload) => payload.fill(0x20)],
    ['of another shape', (payload) => payload.set(Buffer.from('[]'.padEnd(payload.length)))],
  ])('R9: a record that was written as it is and is %s is damage', async (_what, spoil) => {
    const { bytes, ends } = await appended(2)
    const [from, end] = [ends[0]!, ends[1]! - 8]
    spoil(bytes.subarray(from + recordHeaderBytes, from + recordHeaderBytes + 4))
    new DataView(bytes.buffer).setBigUint64(end, hash(bytes.subarray(from, end)), true)
    const { content } = await contentOf(bytes)
    expect(content).toMatchObject({ tail: 'damaged', records: [header], validBytes: from })
  })

  it('R10: is looked through to its end, however much lies behind the last record', async () => {
    const { bytes, ends } = await appended(4, true)
    const far = new Uint8Array(700_000)
    far.set(bytes.subarray(0, ends[1]))
    expect((await contentOf(far)).content.tail).toBe('clean')
    far.set(bytes.subarray(ends[3], ends[4]), 600_000)
    expect((await contentOf(far)).content.tail).toBe('damaged')
  })

  it('R70: takes arbitrary bytes without an untyped throw', async () => {
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

  it('leaves nothing open when it was copied', async () => {
    const { bytes, ends } = await appended(5, true)
    bytes.fill(0xee, ends[2]! + 20, ends[2]! + 30)
    const { directory } = await contentOf(bytes, new MemoryDisk({ hasLinks: false }))
    const open: string[] = []
    const counting = overridden(directory, {
      link: (from, _same, to) => directory.link(from, directory, to),
      openFile: async (name, mode) => {
        const file = await directory.openFile(name, mode)
        open.push(`${name} ${mode}`)
        return overridden(file, { close: () => (open.splice(open.indexOf(`${name} ${mode}`), 1), file.close()) })
      },
    })
    await expectCode('journal-damaged', openJournal(counting, tools))
    expect(open).toEqual([])
  })

  it('gets a copy of its own each time it is another one', async () => {
    const { bytes, ends } = await appended(5, true)
    const { directory } = await contentOf(bytes)
    for (const [i, record] of [3, 2].entries()) {
      const file = await directory.openFile('journal', 'update')
      await file.write(new Uint8Array(8).fill(0xee), ends[record]! + 20)
      await file.close()
      await expectCode('journal-damaged', openJournal(directory, tools))
      expect(await directory.list()).toEqual(['journal', 'journal.broken-1', 'journal.broken-2'].slice(0, 2 + i))
      await directory.unlink('journal')
      await (await placedIn(directory, bytes)).close()
    }
  })

  it('that cannot be copied says why', async () => {
    const { bytes, ends } = await appended(5, true)
    bytes.fill(0xee, ends[2]! + 20, ends[2]! + 30)
    const { directory } = await contentOf(bytes)
    const broken = new TransferError('disk-failed', { path: 'x', operation: 'link', cause: 'EIO' })
    const failing = overridden(directory, { link: () => Promise.reject(broken) })
    await expectCode('disk-failed', openJournal(failing, tools))
  })

  it('that is sound is opened by rebuilding, too, and no copy is made', async () => {
    const { bytes } = await appended(3)
    const { directory } = await contentOf(bytes)
    const { records } = await closed(await rebuildJournal(directory, tools))
    expect(records).toEqual([header, ...notes(1, 3)])
    expect(await directory.list()).toEqual(['journal'])
  })

  it('has nothing to rebuild if not even its first record is left', async () => {
    const { directory } = await contentOf(new Uint8Array(100))
    await expectCode('journal-damaged', rebuildJournal(directory, tools))
  })
})

describe('R11: recovery', () => {
  it('ends in the same state, whatever step it is cut at, three deep', { timeout: slowly }, async () => {
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
          await recover(copy.crash(random), depth - 1)
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
        const records = [...(await closed(await openJournal(after, tools))).records]
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

async function contentOf(bytes: Uint8Array, disk = new MemoryDisk()) {
  const { directory } = await placed(bytes, disk)
  return { directory, content: await readJournal(directory, tools) }
}

async function syncAll(directory: Directory): Promise<void> {
  const file = await directory.openFile('journal', 'update')
  await file.sync()
  await directory.sync()
}

function placeOf(sequence: number, previous: bigint) {
  return { epoch: 0, sequence, committed: 1, previous }
}

async function placedIn(directory: Directory, bytes: Uint8Array): Promise<DiskFile> {
  const file = await directory.openFile('journal', 'create')
  await file.write(bytes, 0)
  return file
}
