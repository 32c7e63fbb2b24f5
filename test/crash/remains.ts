// What killed processes may leave behind, looked into: a tombstone, an offer that nobody took, a receipt that was not
// confirmed. Anything else is litter, and fails.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { loadHash } from '../../src/hash/xxh64.ts'
import { readJournal } from '../../src/store/journal-file.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'

const hash = await loadHash()

/** A sender's session whose release got lost: only what answers late callers is left. */
export async function expectTombstone(directory: string): Promise<void> {
  expect(filesIn(directory)).toEqual(['journal'])
  expect(await kindsIn(directory)).toEqual(['header', 'bound', 'ended'])
}

/** A ticket that was printed beside a session: somebody may hold it, so it stays good. Nothing came for it. */
export async function expectOffer(directory: string): Promise<void> {
  expect(filesIn(directory)).toEqual(['journal', 'manifest', 'parts'])
  expect(readdirSync(join(directory, 'parts'))).toEqual([])
  expect(await kindsIn(directory)).toEqual(['header'])
}

/** A session that was being made when its process died: a later start removes it. Nothing came for it either. */
export function expectHalfMade(directory: string): void {
  const parts = join(directory, 'parts')
  expect(existsSync(parts) ? readdirSync(parts) : []).toEqual([])
}

/** A receiver's session that is delivered and did not hear `release`: it says its receipt again until it expires. */
export async function expectUnconfirmed(directory: string): Promise<void> {
  expect(await kindsIn(directory)).toContain('receipt')
}

/** But for the sockets of locks, which the next holder removes. */
function filesIn(directory: string): readonly string[] {
  expect(existsSync(directory)).toBe(true)
  return readdirSync(directory)
    .filter((name) => !/^lock\.\d+$/.test(name))
    .toSorted()
}

async function kindsIn(path: string): Promise<readonly string[]> {
  const directory = await nodeDisk.openRoot(path)
  try {
    return (await readJournal(directory, { hash })).records.map(({ kind }) => kind)
  } finally {
    await directory.close()
  }
}
