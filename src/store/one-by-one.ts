// What the calls for many names mean, told in single ones: for disks that know no quicker way, and the measure of those
// that do (test/conformance).

import { isTransferError, TransferError } from '../errors.ts'
import type { Directory, DiskFile, NewFile, OpenMode, Stat, WholeFile, WholeRead } from '../model/disk.ts'
import type { Name } from '../model/names.ts'

/** Gives a directory that has the single calls those for many names. */
export abstract class OneByOne {
  abstract openFile(name: Name, mode: OpenMode): Promise<DiskFile>
  abstract stat(name: Name): Promise<Stat | undefined>
  abstract link(name: Name, to: Directory, toName: Name): Promise<boolean>
  abstract unlink(name: Name): Promise<boolean>

  statEach(names: readonly Name[]): Promise<(Stat | undefined)[]> {
    return untilFault(names, (name) => this.stat(name))
  }

  readEach(files: readonly WholeFile[]): Promise<WholeRead[]> {
    return untilFault(files, async ({ name, target }) => {
      if ((await this.stat(name))?.kind !== 'file') throw new TransferError('not-a-file', { path: name })
      const file = await this.openFile(name, 'read')
      try {
        const bytes = await file.read(target, 0)
        return { bytes, after: await file.stat() }
      } finally {
        await file.close()
      }
    })
  }

  async writeEach(files: readonly NewFile[], isSynced: boolean): Promise<bigint[]> {
    const inodes: bigint[] = []
    for (const { name, bytes, mode, mtimeUs } of files) {
      const file = await this.openFile(name, 'create')
      try {
        await file.write(bytes, 0)
        inodes.push((await file.stat()).inode)
        await file.setMode(mode)
        await file.setTimes(mtimeUs)
        if (isSynced) await file.sync()
      } finally {
        await file.close()
      }
    }
    return inodes
  }

  linkEach(names: readonly (readonly [Name, Name])[], to: Directory): Promise<boolean[]> {
    return untilFault(names, ([name, toName]) => this.link(name, to, toName))
  }

  unlinkEach(names: readonly Name[]): Promise<boolean[]> {
    return untilFault(names, (name) => this.unlink(name))
  }
}

/** The results up to the first that fails. What is no fault of the disk is thrown. */
async function untilFault<Item, Result>(
  items: readonly Item[],
  act: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  try {
    for (const item of items) results.push(await act(item))
  } catch (error) {
    if (!isTransferError(error)) throw error
  }
  return results
}
