// Whether what a person named can be sent at all, found out before anybody waits for a peer. Below a folder nothing is
// looked at: what cannot be read there is left out by name while the rest goes on (R54).

import { hasCode, isTransferError, TransferError } from '../errors.ts'
import type { Directory, Disk } from '../model/disk.ts'
import type { Name } from '../model/names.ts'
import type { SourceRoot } from '../model/records.ts'
import { splitPath } from './links.ts'
import { isMissing } from './roots.ts'

/** @throws TransferError `not-sendable` for the first source that may not be read, or is a socket, a pipe or a device */
export async function checkSendable(disk: Disk, sources: readonly SourceRoot[]): Promise<void> {
  for (const { path } of sources) {
    try {
      await openOnce(disk, path)
    } catch (error) {
      if (isTransferError(error)) throw unsendable(path, error)
      throw error
    }
  }
}

async function openOnce(disk: Disk, path: string): Promise<void> {
  try {
    await (await disk.openRoot(path)).close()
  } catch (error) {
    const [folder, name] = splitPath(path)
    if (!isMissing(error) || name === undefined) throw error
    const directory = await disk.openRoot(folder)
    try {
      await checkFile(directory, name)
    } finally {
      await directory.close()
    }
  }
}

/** Special files are never opened: for some that alone does something (R67). */
async function checkFile(directory: Directory, name: Name): Promise<void> {
  const kind = (await directory.stat(name))?.kind
  const path = `${directory.label}/${name}`
  if (kind === undefined) throw new TransferError('not-found', { path })
  if (kind !== 'file') throw new TransferError('not-a-file', { path })
  await (await directory.openFile(name, 'read')).close()
}

function unsendable(path: string, cause: TransferError): TransferError {
  if (hasCode(cause, 'not-found')) return new TransferError('no-such-path', { path }, { cause })
  if (hasCode(cause, 'not-a-file')) return new TransferError('not-sendable', { path, why: special }, { cause })
  const why = hasCode(cause, 'disk-failed') ? cause.details.cause : cause.message
  return new TransferError('not-sendable', { path, why: hasCode(cause, 'permission-denied') ? secret : why }, { cause })
}

const special = 'it is neither a file nor a folder but a socket, a pipe or a device'
const secret = 'you may not read it'
