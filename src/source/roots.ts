// The roots of what is sent, while a session runs. A root is a directory or a single file; what is read later lies below
// it and is entered name by name. At most a few are open at once, so that `send *` may name thousands: one that is opened
// again is told from another by its device and inode, and a disk that was unplugged parks the session instead of making
// every file look deleted.

import { hasCode, TransferError } from '../errors.ts'
import type { Directory, Disk } from '../model/disk.ts'
import { pathText, type Name, type Path } from '../model/names.ts'
import type { SourceRoot } from '../model/records.ts'
import { pinAt, splitPath, type Pinned } from './links.ts'
import { OpenLru } from './open-lru.ts'

/** One root, seen at least once. */
export interface Root {
  readonly source: SourceRoot
  /** The path to open: of the directory, or of the single file's parent. */
  readonly path: string
  /** The last component if the root is a single file. */
  readonly file: Name | undefined
}

/** Where an entry lies: a root, and the names to enter below its directory. None: the directory itself. */
export interface Whereabouts {
  readonly root: Root
  readonly below: Path
}

/** Which directory it was that a path led to. */
interface Identity {
  readonly device: bigint
  readonly inode: bigint
}

const openMax = 8

/** All roots of a session. */
export class Roots {
  readonly disk: Disk
  readonly all: readonly Root[]
  readonly #named: ReadonlyMap<Name, Root>
  readonly #spilled: readonly Root[]
  readonly #open = new OpenLru<string, Pinned>(openMax)
  /** By path: what it led to when it was last opened. */
  readonly #seen = new Map<string, Identity>()
  /** By path: the file system on which something was last found below it. */
  readonly #homes = new Map<string, bigint>()

  private constructor(disk: Disk, all: readonly Root[]) {
    this.disk = disk
    this.all = all
    this.#named = new Map(all.filter((root) => root.source.as !== '').map((root) => [root.source.as, root]))
    this.#spilled = all.filter((root) => root.source.as === '')
  }

  /**
   * Looks at every source: whether it is there, and whether it is a directory or a file.
   *
   * @throws TransferError `source-gone`, `permission-denied`
   */
  static async open(disk: Disk, sources: readonly SourceRoot[]): Promise<Roots> {
    const all: Root[] = []
    for (const source of sources) all.push(await lookAt(disk, source))
    const roots = new Roots(disk, all)
    try {
      for (const root of all) await roots.use(root, async () => roots.settle(root))
    } catch (error) {
      await roots.close()
      throw error
    }
    return roots
  }

  /** Finds the root that an entry's path begins in. @throws TransferError `source-vanished` if none can hold it */
  async find(path: Path): Promise<Whereabouts> {
    const top = path[0]!
    const named = this.#named.get(top)
    if (named?.file === undefined && named !== undefined) return { root: named, below: path.slice(1) }
    if (named?.file !== undefined && path.length === 1) return { root: named, below: [named.file] }
    for (const root of this.#spilled) {
      if (this.#spilled.length === 1 || (await this.#holds(root, top))) return { root, below: path }
    }
    throw new TransferError('source-vanished', { path: pathText(path) })
  }

  async #holds(root: Root, name: Name): Promise<boolean> {
    return this.use(root, async ({ directory }) => (await directory.stat(name)) !== undefined)
  }

  /** Acts on a root's directory; it stays open until `act` is done. @throws TransferError `source-gone` */
  async use<Result>(root: Root, act: (pinned: Pinned) => Promise<Result>): Promise<Result> {
    return this.#open.use(root.path, () => this.#pinAndNote(root), act)
  }

  async #pinAndNote(root: Root): Promise<Pinned> {
    const pinned = await this.pin(root)
    try {
      const { device, inode } = await pinned.directory.statSelf()
      this.#seen.set(root.path, { device, inode })
      return pinned
    } catch (error) {
      await pinned.close()
      throw error
    }
  }

  /** Opens a root's directory for a caller who closes it. @throws TransferError `source-gone` */
  async pin(root: Root): Promise<Pinned> {
    try {
      return await pinAt(this.disk, root.path)
    } catch (error) {
      throw isMissing(error) ? new TransferError('source-gone', { path: root.source.path }, { cause: error }) : error
    }
  }

  /** Opens a root's path again; true if it leads to another directory now. @throws TransferError `source-gone` */
  async renew(root: Root): Promise<boolean> {
    const before = this.#seen.get(root.path)
    await this.#open.drop(root.path)
    await this.use(root, async () => {})
    const now = this.#seen.get(root.path)
    return before?.device !== now?.device || before?.inode !== now?.inode
  }

  /** Whether a root's path leads to another file system than its files were on, as an empty mount point does. */
  isElsewhere(root: Root): boolean {
    return this.#seen.get(root.path)?.device !== this.#homes.get(root.path)
  }

  /** To be called when something was found below a root: where it is now is home. */
  settle(root: Root): void {
    const seen = this.#seen.get(root.path)
    if (seen !== undefined) this.#homes.set(root.path, seen.device)
  }

  async close(): Promise<void> {
    await this.#open.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Looks at every source and keeps a few of them pinned. @throws TransferError `source-gone`, `permission-denied` */
export function openRoots(disk: Disk, sources: readonly SourceRoot[]): Promise<Roots> {
  return Roots.open(disk, sources)
}

/**
 * Tells a directory from a single file. What is spilled is a directory: in place of a file its neighbours would be sent.
 * Nor is a directory one that comes back between two looks.
 */
async function lookAt(disk: Disk, source: SourceRoot): Promise<Root> {
  const [parentPath, file] = splitPath(source.path)
  try {
    await (await disk.openRoot(source.path)).close()
    return { source, path: source.path, file: undefined }
  } catch (error) {
    if (!isMissing(error)) throw error
    const mayBeFile = source.as !== '' && file !== undefined
    if (mayBeFile && (await isFileBelow(disk, parentPath, file))) return { source, path: parentPath, file }
    throw new TransferError('source-gone', { path: source.path }, { cause: error })
  }
}

async function isFileBelow(disk: Disk, parentPath: string, name: Name): Promise<boolean> {
  let parent: Directory | undefined
  try {
    parent = await disk.openRoot(parentPath)
    const stat = await parent.stat(name)
    return stat !== undefined && stat.kind !== 'directory'
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  } finally {
    await parent?.close()
  }
}

/** Errors that say something is not there, or not any more what it was. */
export function isMissing(error: unknown): boolean {
  return hasCode(error, 'not-found') || hasCode(error, 'not-a-directory') || hasCode(error, 'not-a-file')
}
