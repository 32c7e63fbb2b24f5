// A folder that is, or is to be, served: what of it a server and whoever minds its tickets both need. Homes of sessions are
// opened through a disk that ends at it, so that no ticket leads out (R68, R91).

import { isTransferError, TransferError } from '../../../errors.ts'
import type { Directory, Disk } from '../../../model/disk.ts'
import type { Grant } from '../../../model/grant.ts'
import { pathText, type Path } from '../../../model/names.ts'
import type { Role } from '../../../model/session.ts'
import { confinedDisk } from '../../../store/confined-disk.ts'
import { realPath } from '../../../store/real-path.ts'
import { hasServerDirectory, openServerDirectory } from '../../../store/server-directory.ts'
import { ownName } from '../../../store/target.ts'
import type { World } from '../../context.ts'
import { absolutePath, receiverHome, senderHome, type Home } from '../known/home.ts'
import { servedIdentity } from '../known/served-identity.ts'

export class ServedFolder {
  /** Real, absolute. */
  readonly path: string
  /** Of the served folder itself. */
  readonly home: Home
  readonly server: Directory
  readonly disk: Disk
  readonly identity: string
  readonly #world: World
  readonly #stateDir: string | undefined

  private constructor(world: World, path: string, home: Home, server: Directory, stateDir: string | undefined) {
    const target = home.target!
    this.path = path
    this.home = home
    this.server = server
    this.disk = confinedDisk(world.disk, path, target.root)
    this.identity = servedIdentity(target.rootId, path)
    this.#world = world
    this.#stateDir = stateDir
  }

  /** @throws TransferError `folder-not-writable`, `state-unsafe` */
  static async open(
    world: World,
    folder: string,
    stateDir: string | undefined,
    onMade?: (path: string) => void,
  ): Promise<ServedFolder> {
    const asked = absolutePath(folder)
    const path = (await realPath(asked)) ?? asked
    const home = await receiverHome(world, path, stateDir, onMade)
    try {
      return new ServedFolder(world, path, home, await openServerDirectory(home.target!.own), stateDir)
    } catch (error) {
      await home.close()
      throw error
    }
  }

  /** The folder itself, pinned. */
  get root(): Directory {
    return this.home.target!.root
  }

  /** Components of a path in it; [] for one that is not. */
  below(path: string): Path {
    return path.startsWith(`${this.path}/`) ? path.slice(this.path.length + 1).split('/') : []
  }

  /** Whether sessions are, or were, received into a folder below. */
  async holdsSessions(below: Path): Promise<boolean> {
    try {
      const folder = await this.disk.openRoot(this.pathOf(below))
      try {
        return (await folder.stat(ownName))?.kind === 'directory'
      } finally {
        await folder.close()
      }
    } catch (error) {
      if (isTransferError(error)) return false
      throw error
    }
  }

  /** The path of a folder below. */
  pathOf(below: Path): string {
    return below.length === 0 ? this.path : `${this.path === '/' ? '' : this.path}/${pathText(below)}`
  }

  /** Where sessions of a role and folder lie, and the world they see. @throws as the homes of `home.ts` */
  async openHome(role: Role, { path }: Pick<Grant, 'path'>): Promise<{ readonly home: Home; readonly world: World }> {
    const world = { ...this.#world, disk: this.disk }
    const home =
      role === 'sender'
        ? await senderHome(this.#world, this.#stateDir)
        : await receiverHome(this.#world, this.pathOf(path), this.#stateDir, undefined, this.disk)
    return { home, world }
  }

  async close(): Promise<void> {
    await this.server.close()
    await this.home.close()
  }
}

/**
 * The server's directory of a folder that was served before.
 * @throws TransferError `usage` if it never was
 */
export async function openServed(world: World, folder: string): Promise<{ server: Directory; path: string }> {
  const path = (await realPath(absolutePath(folder))) ?? absolutePath(folder)
  const server = await serverOf(world.disk, path)
  if (server !== undefined) return { server, path }
  throw new TransferError('usage', {
    problem: `${path} was never served from here.`,
    remedy: 'Run carryon serve there first, or name the folder with --root DIR.',
  })
}

async function serverOf(disk: Disk, path: string): Promise<Directory | undefined> {
  const opened: Directory[] = []
  try {
    opened.push(await disk.openRoot(path))
    if ((await opened[0]!.stat(ownName))?.kind !== 'directory') return undefined
    opened.push(await opened[0]!.openDirectory(ownName))
    return (await hasServerDirectory(opened[1]!)) ? await openServerDirectory(opened[1]!) : undefined
  } finally {
    for (const directory of opened) await directory.close()
  }
}
