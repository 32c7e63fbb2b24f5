// A session of a file as large as one likes, all but its end acknowledged, made in moments: what is there is a hole.

import { closeSync, ftruncateSync, openSync } from 'node:fs'
import { Compaction } from '../../src/core/compact.ts'
import { loadHash, zerosHash } from '../../src/hash/xxh64.ts'
import type { JournalRecord } from '../../src/model/records.ts'
import { openJournal } from '../../src/store/journal.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'
import type { Scene } from './scene.ts'
import { MiB } from './trees.ts'

const chunksPerSync = 32 // As sync points come at full speed.

/** A session cut short, as if all but the tail of its file had been acknowledged: said by the shipping writer of journals. */
export async function haveAllButTheTail(scene: Scene, size: number, tailBytes: number): Promise<void> {
  const receiver = scene.receive()
  const sender = scene.send('disk.img', '--to', await receiver.ticket(), '--bwlimit', '64KiB')
  await sender.until('session', ({ state }) => state === 'transferring')
  const { session } = await receiver.until('progress', ({ bytesTotal }) => bytesTotal === size)
  await Promise.all([receiver.killed(), sender.killed()])
  await recordAllButTheTail(`${scene.target}/.carryon/${session!}`, size, tailBytes)
}

/** The same for a session that has begun and is not at work: its directory at the receiver. */
export async function recordAllButTheTail(own: string, size: number, tailBytes: number): Promise<void> {
  const hash = await loadHash()
  const directory = await nodeDisk.openRoot(own)
  const { journal } = await openJournal(directory, { hash, compact: () => new Compaction() })
  const hashes = new BigUint64Array(chunksPerSync).fill(zerosHash(MiB, hash))
  const syncs = Array.from({ length: (size - tailBytes) / MiB / chunksPerSync }, (_, i): JournalRecord => {
    const run = { entry: 0, revision: 0, first: i * chunksPerSync, hashes, holes: chunksPerSync }
    return { kind: 'durable', serial: i + 1, runs: [run] }
  })
  while (syncs.length > 0) await journal.commit(syncs.splice(0, 1024))
  await journal.close()
  await directory.close()
  const part = openSync(`${own}/parts/0`, 'a', 0o600)
  ftruncateSync(part, size)
  closeSync(part)
}
