// Damage to what lies on a disk while no process works on it: bits that flip in a journal, parts that are cut, punched or
// gone.

import { loadHash } from '../../src/hash/xxh64.ts'
import type { Directory } from '../../src/model/disk.ts'
import { readJournal } from '../../src/store/journal-file.ts'
import type { MemoryDisk } from '../../src/store/memory-disk.ts'
import { fileHeaderBytes, recordHeaderBytes, recordLength } from '../../src/store/record-codec.ts'
import type { Chance } from './timeline.ts'

/** Flips a bit behind the first record, which says whose journal it is; false if there is nothing behind it. */
export async function damageJournal(disk: MemoryDisk, path: string, chance: Chance): Promise<boolean> {
  const directory = await disk.openRoot(path)
  const { validBytes } = await readJournal(directory, { hash: await loadHash() })
  const file = await directory.openFile('journal', 'update')
  const header = new Uint8Array(recordHeaderBytes)
  await file.read(header, fileHeaderBytes)
  const from = fileHeaderBytes + (recordLength(header) ?? 0)
  if (from >= validBytes) return false
  const at = from + chance.below(validBytes - from)
  const byte = new Uint8Array(1)
  await file.read(byte, at)
  await file.write(Uint8Array.of(byte[0]! ^ (1 << chance.below(8))), at)
  await file.sync()
  return true
}

/** Cuts, punches or removes a part of a file that has not got its name yet. @returns its entry; undefined if there is none */
export async function damagePart(disk: MemoryDisk, path: string, chance: Chance): Promise<number | undefined> {
  const parts = await disk.openRoot(`${path}/parts`)
  const published = await inodesBelow(await disk.openRoot('/dst'), '.carryon')
  const names: string[] = []
  for (const name of await parts.list()) if (!published.has((await parts.stat(name))!.inode)) names.push(name)
  if (names.length === 0) return undefined
  const name = chance.pick(names)
  const { size } = (await parts.stat(name))!
  if (chance.is(0.3)) await parts.unlink(name)
  else {
    const file = await parts.openFile(name, 'update')
    const isPunched = chance.is(0.5)
    await file.truncate(isPunched ? 0 : chance.below(size + 1))
    if (isPunched) await file.truncate(size)
    await file.sync()
  }
  await parts.sync()
  return Number(name)
}

async function inodesBelow(directory: Directory, but: string): Promise<Set<bigint>> {
  const inodes = new Set<bigint>()
  for (const name of await directory.list()) {
    if (name === but) continue
    const { kind, inode } = (await directory.stat(name))!
    if (kind === 'file') inodes.add(inode)
    if (kind === 'directory')
      for (const below of await inodesBelow(await directory.openDirectory(name), but)) inodes.add(below)
  }
  return inodes
}
