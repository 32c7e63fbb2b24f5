// Whether a directory is fit to keep secrets and unfinished files in: ours, and closed to others (R66).

import { TransferError } from '../errors.ts'
import type { Directory } from '../model/disk.ts'

const othersMayWrite = 0o022

/** @throws TransferError `state-unsafe` if somebody else owns the directory or may write into it */
export async function checkPrivate(directory: Directory): Promise<void> {
  const { owner, mode } = await directory.statSelf()
  const self = process.getuid?.() ?? owner
  if (owner !== self) throw unsafe(directory, `it belongs to user ${owner}`)
  if ((mode & othersMayWrite) !== 0) throw unsafe(directory, 'others may write into it')
}

function unsafe(directory: Directory, why: string): TransferError {
  return new TransferError('state-unsafe', { path: directory.label, why })
}
