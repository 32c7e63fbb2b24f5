// The state directory of this user: where the sender's sessions and all receipts are, and where a receiver notes which
// folders hold sessions of its own, so that `ls` finds them.

import { basename, dirname } from 'node:path'
import { hasCode } from '../errors.ts'
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
 * @throws TransferError `state-unsafe` if it belongs to somebody else or others may write into it
 */
export async function openState(disk: Disk, path: string): Promise<Directory> {
  const directory = await openOrMake(disk, path)
  try {
    await checkPrivate(directory)
    return directory
  } catch (error) {
    await directory.close()
    throw error
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
