// What the disk and the place of a target ask of names, found out by trying.

import { homedir } from 'node:os'
import { hasCode, isTransferError } from '../errors.ts'
import type { Directory, Disk } from '../model/disk.ts'
import type { Name } from '../model/names.ts'

/** A name in lower case that every target has in our own directory. */
export const rootIdName = 'root'

/** What a directory's disk and place ask of names. */
export interface TargetTraits {
  /** Takes names that differ in case for one. */
  readonly folds: boolean
  /** Has none of the names that Windows refuses. */
  readonly isWindows: boolean
  /** Is the user's home folder. */
  readonly isHome: boolean
}

/** Found out in our own directory, where `rootIdName` is there by now. */
export async function traitsOf(disk: Disk, root: Directory, own: Directory): Promise<TargetTraits> {
  const folds = (await own.stat(rootIdName.toUpperCase())) !== undefined
  const isWindows = process.platform === 'win32' || (folds && !(await takes(own, `try:${process.pid}`)))
  return { folds, isWindows, isHome: await isHomeFolder(disk, root) }
}

/** Whether a name can be given here. */
async function takes(own: Directory, name: Name): Promise<boolean> {
  try {
    await (await own.openFile(name, 'create')).close()
    return await own.unlink(name)
  } catch (error) {
    if (hasCode(error, 'name-refused') || hasCode(error, 'not-found')) return false
    throw error
  }
}

async function isHomeFolder(disk: Disk, root: Directory): Promise<boolean> {
  try {
    const home = await disk.openRoot(homedir())
    try {
      const [ours, theirs] = [await root.statSelf(), await home.statSelf()]
      return ours.inode === theirs.inode && ours.device === theirs.device
    } finally {
      await home.close()
    }
  } catch (error) {
    if (isTransferError(error)) return false // There is none, or it is none of ours.
    throw error
  }
}
