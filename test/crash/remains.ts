// What killed processes may leave behind, looked into: a tombstone, an offer that nobody took, a receipt that was not
// confirmed. Anything else is litter, and fails.

import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { loadHash } from '../../src/hash/xxh64.ts'
import { readJournal } from '../../src/store/journal-file.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'
import type { Scene, Side } from '../support/scene.ts'
import { listing } from '../support/trees.ts'

const hash = await loadHash()

/** What arrived, without what is left of sessions beside it. */
export function delivered(scene: Scene): Record<string, string> {
  const found = Object.entries(listing(scene.target))
  return Object.fromEntries(found.filter(([name]) => name.split('/')[0] !== '.carryon'))
}

/** Sessions that are left on a side. */
export function left(scene: Scene, side: Side): readonly string[] {
  return [...new Set(scene.leftovers(side))].filter((name) => name !== 'root')
}

/**
 * A receiver that was killed behind its receipt leaves a session that says it again until it expires; killed while it put
 * that away, a pointer to nothing, for a pointer goes last. Later starts remove both.
 */
export async function removeDelivered(scene: Scene, session: string): Promise<void> {
  if (!left(scene, 'receiver').includes(session)) return
  const own = join(scene.target, '.carryon', session)
  if (existsSync(own)) await expectUnconfirmed(own)
  removeReceivers(scene, session)
}

/**
 * A receiver that was killed while it offered a fresh ticket beside its session leaves that offer, until a person discards
 * it; killed while it made one, a pointer and perhaps half a directory, which later starts remove.
 */
export async function discardOffers(scene: Scene, session: string): Promise<void> {
  const own = join(scene.target, '.carryon')
  for (const name of left(scene, 'receiver')) {
    if (name === session) continue
    const isWhole = existsSync(join(own, name, 'journal')) && !name.startsWith('new-')
    if (!isWhole) {
      expectHalfMade(join(own, name))
      removeReceivers(scene, name)
      continue
    }
    await expectOffer(join(own, name))
    const discard = scene.as('receiver', ['discard', name, '--yes'])
    expect(await discard.code(), discard.transcript).toBe(0)
  }
}

/** As a later start does. Of a pointer alone there is no directory, and the last session takes that with it. */
function removeReceivers(scene: Scene, name: string): void {
  rmSync(join(scene.target, '.carryon', name), { recursive: true, force: true })
  rmSync(join(scene.stateOf('receiver'), 'targets', name), { force: true })
  if (left(scene, 'receiver').length === 0) rmSync(join(scene.target, '.carryon'), { recursive: true, force: true })
}

/**
 * A sender whose release got lost, or that was killed between its receipt and the release, leaves what answers late callers,
 * until it expires.
 */
export async function removeTombstone(scene: Scene, session: string): Promise<void> {
  if (!left(scene, 'sender').includes(session)) return
  const own = join(scene.stateOf('sender'), session)
  await expectTombstone(own)
  rmSync(own, { recursive: true })
}

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
