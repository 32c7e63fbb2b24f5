// Journals on a memory disk, for the tests of the journal: made, cut, put back.

import { Compaction } from '../../src/core/compact.ts'
import { loadHash } from '../../src/hash/xxh64.ts'
import type { Directory } from '../../src/model/disk.ts'
import type { Hash64 } from '../../src/model/hash.ts'
import type { JournalRecord } from '../../src/model/records.ts'
import { createJournal, type JournalTools } from '../../src/store/journal.ts'
import { readJournal } from '../../src/store/journal-file.ts'
import { MemoryDisk } from '../../src/store/memory-disk.ts'
import { goldenRecords } from './golden-records.ts'

export const hash: Hash64 = await loadHash()
/** A compaction that says of a journal's records what `say` makes of them. */
export function compacting(say: (records: readonly JournalRecord[]) => JournalRecord[]): JournalTools['compact'] {
  return () => {
    const all: JournalRecord[] = []
    return { take: (record) => void all.push(record), records: () => say(all) }
  }
}

/** Every record as it was. */
export const asTheyWere: JournalTools['compact'] = compacting((records) => [...records])

/** What the shipping compaction says of these records. */
export function compacted(records: readonly JournalRecord[]): JournalRecord[] {
  const compaction = new Compaction()
  for (const record of records) compaction.take(record)
  return [...compaction.records()]
}

export const tools: JournalTools = { hash, compact: asTheyWere }

export const header = goldenRecords[0]!
export const note = (serial: number): JournalRecord => ({ kind: 'acknowledged', serial, bytesDurable: serial })
export const notes = (from: number, count: number): JournalRecord[] =>
  Array.from({ length: count }, (_, i) => note(from + i))

export async function fresh(disk = new MemoryDisk()) {
  return { disk, directory: await disk.openRoot('/s') }
}

/**
 * A journal of a header and `count` notes; `ends[i]` is where record i ends. Acknowledged: each was synced before the next. Of
 * the zeros written ahead a few are kept: they tell all, hundreds of times sooner.
 */
export async function appended(count: number, isAcknowledged = false) {
  const { directory } = await fresh()
  const journal = await createJournal(directory, [header], tools)
  const ends = [(await readJournal(directory, tools)).validBytes]
  const records = notes(1, count)
  if (isAcknowledged) for (const record of records) await journal.commit([record])
  else await journal.commit(records)
  const length = ((await readJournal(directory, tools)).validBytes - ends[0]!) / count
  for (let i = 1; i <= count; i++) ends.push(ends[0]! + i * length)
  const bytes = await bytesOf(directory, 'journal')
  return { bytes: bytes.slice(0, ends.at(-1)! + 512), ends }
}

export async function placed(bytes: Uint8Array, disk = new MemoryDisk()) {
  const { directory } = await fresh(disk)
  const file = await directory.openFile('journal', 'create')
  await file.write(bytes, 0)
  await file.close()
  return { directory, disk }
}

export async function bytesOf(directory: Directory, name: string): Promise<Uint8Array> {
  const file = await directory.openFile(name, 'read')
  const bytes = new Uint8Array((await file.stat()).size)
  await file.read(bytes, 0)
  await file.close()
  return bytes
}

export async function closed<T extends { journal: { close(): Promise<void> } }>(opened: T): Promise<T> {
  await opened.journal.close()
  return opened
}
