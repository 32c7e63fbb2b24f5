// A transfer that is under way or was cut short by killing both sides, and the way it goes on.

import { expect } from 'vitest'
import { Compaction } from '../../src/core/compact.ts'
import { loadHash } from '../../src/hash/xxh64.ts'
import type { JournalRecord } from '../../src/model/records.ts'
import { openJournal } from '../../src/store/journal.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'
import { bothSucceed, Scene, slowly } from './scene.ts'
import { listing, MiB, noise, plant } from './trees.ts'

export const size = 24 * MiB + 99

/** A transfer under way: the receiver listens, the sender is slow. */
export async function begun(durable: number = 1, limit: readonly string[] = slowly) {
  const scene = new Scene()
  plant(scene.source, { 'disk.img': noise(size) })
  const receiver = scene.receive()
  const sender = scene.send('disk.img', '--to', await receiver.ticket(), ...limit)
  const { session } = await receiver.until('progress', ({ bytesDurable }) => bytesDurable >= durable)
  const own = `${scene.target}/.carryon/${session!}`
  return { scene, receiver, sender, session: session!, own, state: `${scene.stateOf('sender')}/${session!}` }
}

/** As `begun`, and then both sides were killed. */
export async function broken(durable: number = 4 * MiB) {
  const world = await begun(durable)
  await Promise.all([world.sender.killed(), world.receiver.killed()])
  return world
}

/** Adds to the journal of a session that nobody works on. */
export async function addRecords(own: string, records: readonly JournalRecord[]): Promise<void> {
  const directory = await nodeDisk.openRoot(own)
  const { journal } = await openJournal(directory, { hash: await loadHash(), compact: () => new Compaction() })
  await journal.commit(records)
  await journal.close()
  await directory.close()
}

export async function goOn(scene: Scene) {
  const receiver = scene.receive()
  const sender = scene.as('sender', ['resume'])
  await bothSucceed(receiver, sender)
  expect(listing(scene.target)).toEqual(listing(scene.source))
  scene.expectClean()
  return { receiver, sender }
}
