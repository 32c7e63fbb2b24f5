// The state directory of this user: where the sender's sessions and all receipts are, and where a receiver notes which
// folders hold sessions of its own, so that `ls` finds them.

import { basename, dirname } from 'node:path'
import { hasCode, TransferError } from '../errors.ts'
import type { Directory, Disk } from '../model/disk.ts'
import type { SessionId } from '../model/session.ts'
import { checkPrivate } from './private-directory.ts'
import { isSessionId } from './session-directory.ts'
import { readFile, replaceFile } from './whole-file.ts'

const targetsName = 'targets'
const pathMaxBytes = 64 * 1024

/** Where a session is received into. */
export interface TargetNote {
  readonly id: SessionId
  /** Absolute path, as it was when the session began. */
  readonly path: string
}

/** As it is read back. */
export interface FoundTargetNote extends TargetNote {
  /** Wall time of the note, ms. */
  readonly notedAt: number
}

/**
 * Opens the state directory; what is missing of it is made, 0700.
 * @throws TransferError `state-unsafe` if it is a link, belongs to somebody else, or others may write into it
 */
export async function openState(disk: Disk, path: string): Promise<Directory> {
  const parent = await openOrMake(disk, dirname(path))
  try {
    if (path !== '/' && (await parent.makeDirectory(basename(path), 0o700))) await parent.sync()
  } finally {
    await parent.close()
  }
  return openPrivate(disk, path)
}

/** Opens the state directory if it is there; undefined if not. Makes nothing. @throws as `openState` */
export async function openStateIfThere(disk: Disk, path: string): Promise<Directory | undefined> {
  try {
    return await openPrivate(disk, path)
  } catch (error) {
    if (hasCode(error, 'not-found')) return undefined
    throw error
  }
}

async function openPrivate(disk: Disk, path: string): Promise<Directory> {
  await refuseLink(disk, path)
  const directory = await disk.openRoot(path)
  try {
    await checkPrivate(directory)
    return directory
  } catch (error) {
    await directory.close()
    throw error
  }
}

/**
 * Whoever can make a link there can have us keep secrets elsewhere. Not so links on the way, which a person may need, nor
 * one of root's: service managers lead to private directories with them.
 */
async function refuseLink(disk: Disk, path: string): Promise<void> {
  const parent = await disk.openRoot(dirname(path))
  try {
    const stat = path === '/' ? undefined : await parent.stat(basename(path))
    const isRoots = stat?.owner === 0 && process.getuid?.() !== 0
    if (stat?.kind === 'link' && !isRoots)
      throw new TransferError('state-unsafe', { path, why: 'it is a symbolic link' })
  } finally {
    await parent.close()
  }
}

async function openOrMake(disk: Disk, path: string): Promise<Directory> {
  try {
    return await disk.openRoot(path)
  } catch (error) {
    if (!hasCode(error, 'not-found') || dirname(path) === path) throw error
  }
  const parent = await openOrMake(disk, dirname(path))
  try {
    if (await parent.makeDirectory(basename(path), 0o700)) await parent.sync()
    return await parent.openDirectory(basename(path))
  } finally {
    await parent.close()
  }
}

/** Notes where a session is received into; durable on return. */
export async function noteTarget(state: Directory, { id, path }: TargetNote): Promise<void> {
  if (await state.makeDirectory(targetsName, 0o700)) await state.sync()
  await inTargets(state, (targets) => replaceFile(targets, id, Buffer.from(path)))
}

/** All notes, in the order of the ids. A note is no proof: the folder may have been moved, or the session be gone. */
export async function listTargets(state: Directory): Promise<FoundTargetNote[]> {
  if ((await state.stat(targetsName)) === undefined) return []
  return inTargets(state, async (targets) => {
    const notes: FoundTargetNote[] = []
    for (const id of await targets.list()) {
      const bytes = isSessionId(id) ? await readFile(targets, id, pathMaxBytes) : undefined
      const stat = await targets.stat(id)
      if (bytes === undefined || stat === undefined) continue
      notes.push({ id, path: Buffer.from(bytes).toString(), notedAt: Number(stat.mtimeNs / 1_000_000n) })
    }
    return notes
  })
}

/** Removes a note; nothing if there is none. */
export async function forgetTarget(state: Directory, id: SessionId): Promise<void> {
  if ((await state.stat(targetsName)) === undefined) return
  await inTargets(state, (targets) => targets.unlink(id))
}

async function inTargets<T>(state: Directory, act: (targets: Directory) => Promise<T>): Promise<T> {
  const targets = await state.openDirectory(targetsName)
  try {
    return await act(targets)
  } finally {
    await targets.close()
  }
}
