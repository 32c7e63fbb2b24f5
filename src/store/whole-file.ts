// Small files that are replaced whole: after a crash the old content is there or the new one, never half of it.

import { TransferError } from '../errors.ts'
import type { Directory } from '../model/disk.ts'
import type { Name } from '../model/names.ts'

/**
 * 1. Write and sync under `.new-<name>`.   A crash leaves: the old file, and a leftover that the next call removes.
 * 2. Rename over the old one.              The old file or the new one.
 * 3. Sync the directory.                   The new one.
 */
export async function replaceFile(directory: Directory, name: Name, bytes: Uint8Array): Promise<void> {
  const fresh = `.new-${name}`
  await directory.unlink(fresh)
  const file = await directory.openFile(fresh, 'create')
  try {
    await file.write(bytes, 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await directory.rename(fresh, directory, name)
  await directory.sync()
}

/** A whole file of at most `maxBytes`; undefined if there is none. @throws TransferError `limit` */
export async function readFile(directory: Directory, name: Name, maxBytes: number): Promise<Uint8Array | undefined> {
  if ((await directory.stat(name)) === undefined) return undefined
  const file = await directory.openFile(name, 'read')
  try {
    const { size } = await file.stat()
    if (size > maxBytes)
      throw new TransferError('limit', { what: `${directory.label}/${name}`, limit: maxBytes, asked: size })
    const bytes = new Uint8Array(size)
    return bytes.subarray(0, await file.read(bytes, 0))
  } finally {
    await file.close()
  }
}
