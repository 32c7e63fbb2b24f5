// A disk that ends at a folder: whatever path is asked for is opened name by name from there, following no link, so that
// neither a link somebody left in the folder nor one that is put there meanwhile leads out of it (R65, R91).

import { TransferError } from '../errors.ts'
import type { Directory, Disk } from '../model/disk.ts'

/**
 * @param path of the folder, absolute
 * @param root the folder, pinned: should `path` lead elsewhere meanwhile, nothing is opened any more
 */
export function confinedDisk(disk: Disk, path: string, root: Directory): Disk {
  return {
    async openRoot(asked) {
      const below = componentsBelow(path, asked)
      if (below === undefined) throw new TransferError('permission-denied', { path: asked, operation: 'open' })
      let directory = await openSame(disk, path, root)
      for (const name of below) directory = await enter(directory, name)
      return directory
    },
  }
}

async function openSame(disk: Disk, path: string, root: Directory): Promise<Directory> {
  const directory = await disk.openRoot(path)
  const [found, pinned] = [await directory.statSelf(), await root.statSelf()]
  if (found.inode === pinned.inode && found.device === pinned.device) return directory
  await directory.close()
  throw new TransferError('root-mismatch', { directory: path })
}

async function enter(directory: Directory, name: string): Promise<Directory> {
  try {
    return await directory.openDirectory(name)
  } finally {
    await directory.close()
  }
}

function componentsBelow(path: string, asked: string): string[] | undefined {
  const top = path.endsWith('/') ? path : `${path}/`
  if (asked !== path && !asked.startsWith(top)) return undefined
  const names = asked
    .slice(top.length)
    .split('/')
    .filter((name) => name !== '' && name !== '.')
  return names.includes('..') ? undefined : names
}
