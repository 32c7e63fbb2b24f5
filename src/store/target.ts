// The directory received into. The only part that touches final names, and only through pinned parents: whatever the peer
// names and whatever is swapped meanwhile, nothing outside is made, changed or removed (R59, R65).

import { hasCode, TransferError } from '../errors.ts'
import type { Random } from '../model/clock.ts'
import type { Directory, Disk, DiskFile, Stat } from '../model/disk.ts'
import { nameMaxBytes } from '../model/limits.ts'
import { nameBytes, pathText, type Name, type Path } from '../model/names.ts'
import { Pins, type PinnedDirectory } from './pins.ts'
import { checkPrivate } from './private-directory.ts'
import { rootIdName, type TargetTraits, traitsOf } from './target-traits.ts'

/** The directory of carryon's own in the root of a target; never sent, never received. */
export const ownName = '.carryon'
const scrapName = /^link-[0-9]+-[0-9]+$/ // A symbolic link on the way to its place.

/** `link` never replaces anything. `replace` takes the place of what is there, but for a directory. */
export type PublishMethod = 'link' | 'replace'
/** `exists`: something is in the way, and nothing was done. */
export type Placed = 'placed' | 'exists'

let linksMade = 0 // Of all sessions of this process: two of them may work in one folder.

export class Target {
  /** The directory received into. */
  readonly root: Directory
  /** `.carryon`, where the session directories are. */
  readonly own: Directory
  /** 32 hex digits that stay with this directory wherever it is mounted (R47). */
  readonly rootId: string
  readonly traits: TargetTraits
  readonly #pins: Pins

  constructor(root: Directory, own: Directory, rootId: string, traits: TargetTraits) {
    this.root = root
    this.own = own
    this.rootId = rootId
    this.traits = traits
    this.#pins = new Pins(root)
  }

  /** lstat of what is at `path` now; undefined if nothing is. @throws TransferError `not-a-directory` if a parent is none */
  async survey(path: Path): Promise<Stat | undefined> {
    return this.#pins.within(path.slice(0, -1), false, ({ directory }) => directory.stat(path.at(-1)!))
  }

  /**
   * `survey` of names in one directory; undefined if that is not there. Stops before the first that fails: `survey` tells why.
   * @throws TransferError as `survey`
   */
  async surveyEach(parent: Path, names: readonly Name[]): Promise<(Stat | undefined)[] | undefined> {
    return this.#pins.within(parent, false, ({ directory }) => directory.statEach(names))
  }

  /** Text of the link at `path`. @throws TransferError `not-found` */
  async readLink(path: Path): Promise<Name> {
    return this.#within(path, false, ({ directory }) => directory.readLink(path.at(-1)!))
  }

  /** Opens an existing file for reading. @throws TransferError `not-found`, `not-a-file`, `not-a-directory` */
  async openExisting(path: Path): Promise<DiskFile> {
    return this.#within(path, false, ({ directory }) => directory.openFile(path.at(-1)!, 'read'))
  }

  /** Makes a directory, 0700 until `finishDirectory`, and the parents it needs. False if it was there. */
  async makeDirectory(path: Path): Promise<boolean> {
    const isNew = (await this.survey(path)) === undefined
    await this.#pins.within(path, true, async () => undefined)
    return isNew
  }

  /**
   * Gives a finished part its final name, `targetName` in the parent of `path`; missing parents are made, 0700. Durable
   * after `syncDirectories`. With `link` the part keeps its own name too; `replace` takes it. Where the file system has no
   * hard links, `link` takes the name with an empty file and renames over that (R6); `hasLinks` tells beforehand.
   * @throws TransferError `not-found` if there is no such part
   */
  async publish(
    parts: Directory,
    partName: Name,
    path: Path,
    targetName: Name,
    method: PublishMethod,
  ): Promise<Placed> {
    const place = (): Promise<Placed> => this.#placePart(parts, partName, path, targetName, method)
    try {
      return await place()
    } catch (error) {
      if (!hasCode(error, 'not-found') || (await parts.stat(partName)) === undefined) throw error
      await this.#pins.forget(path.slice(0, -1)) // Somebody removed the folder: it is made again.
      return place()
    }
  }

  async #placePart(
    parts: Directory,
    partName: Name,
    path: Path,
    targetName: Name,
    method: PublishMethod,
  ): Promise<Placed> {
    return this.#within(path, true, async ({ directory, touch }) => {
      if (method === 'link') {
        const isPlaced = await linkOrReserve(parts, partName, directory, targetName, () => this.#pins.syncMade())
        if (isPlaced) touch()
        return isPlaced ? 'placed' : 'exists'
      }
      if ((await directory.stat(targetName))?.kind === 'directory') return 'exists'
      await this.#pins.syncMade()
      await parts.rename(partName, directory, targetName)
      touch()
      return 'placed'
    })
  }

  /**
   * `publish` by `link` for parts whose paths lie in one directory. Stops before the first that fails, and says what became
   * of those till then: `publish` then tells why.
   */
  async publishEach(
    parts: Directory,
    files: readonly { readonly partName: Name; readonly path: Path; readonly targetName: Name }[],
  ): Promise<Placed[]> {
    return this.#within(files[0]!.path, true, async ({ directory, touch }) => {
      const names = files.map(({ partName, targetName }) => [partName, targetName] as const)
      const placed = await parts.linkEach(names, directory)
      if (placed.includes(true)) touch()
      return placed.map((isPlaced) => (isPlaced ? 'placed' : 'exists'))
    })
  }

  /** Gives back a name that `publish` has reserved, and that holds no byte; durable after `syncDirectories`. */
  async giveBack(path: Path, targetName: Name): Promise<void> {
    await this.#within(path, false, async ({ directory, touch }) => {
      const there = await directory.stat(targetName)
      if (there?.kind !== 'file' || there.size > 0) return
      await directory.unlink(targetName)
      touch()
    })
  }

  /** Whether files can have a second name here; tried out in our own directory. */
  async hasLinks(): Promise<boolean> {
    const name = `try-link-${process.pid}-${linksMade++}`
    try {
      if (await this.own.link(rootIdName, this.own, name)) await this.own.unlink(name)
      return true
    } catch (error) {
      if (hasCode(error, 'links-unsupported')) return false
      throw error
    }
  }

  /** Has the next `syncDirectories` sync the directory that holds `path`, and those above, whoever made the names there. */
  async touch(path: Path): Promise<void> {
    await this.#within(path, true, async ({ touch }) => touch())
  }

  /** Puts all names made so far on the disk; false if the file system can't, told once (R7). @throws as `Pins.syncAll` */
  async syncDirectories(): Promise<boolean> {
    return this.#pins.syncAll()
  }

  /** Makes a symbolic link. One that is there with the same text counts as placed. `replace` takes the place of any but a directory. */
  async makeLink(path: Path, text: Name, mtimeUs: number, method: PublishMethod = 'link'): Promise<Placed> {
    return this.#within(path, true, async ({ directory, touch }) => {
      const name = path.at(-1)!
      const there = await directory.stat(name)
      const isSame = there?.kind === 'link' && (await directory.readLink(name)) === text
      if (there !== undefined && !isSame && (method === 'link' || there.kind === 'directory')) return 'exists'
      if (there === undefined && !(await madeLink(directory, name, text))) return 'exists'
      if (there !== undefined && !isSame) await this.#replaceByLink(directory, name, text)
      await directory.setLinkTimes(name, mtimeUs)
      touch()
      return 'placed'
    })
  }

  async #replaceByLink(directory: Directory, name: Name, text: Name): Promise<void> {
    const fresh = `link-${process.pid}-${linksMade++}`
    await this.own.unlink(fresh)
    await this.own.makeLink(fresh, text)
    await this.own.rename(fresh, directory, name)
  }

  /** Sets a directory's mode and time and syncs it; idempotent. Its entries must be finished before (R116). */
  async finishDirectory(path: Path, mode: number, mtimeUs: number): Promise<void> {
    try {
      const done = await this.#pins.within(path, false, async ({ directory }) => {
        await directory.setMode(mode)
        await directory.setTimes(mtimeUs)
        await directory.sync()
        return true
      })
      if (done === undefined) throw new TransferError('not-found', { path: pathText(path) })
    } catch (error) {
      // A mode that shuts us out was set by an earlier pass of ours.
      const isDone = hasCode(error, 'permission-denied') && (await this.survey(path))?.mode === mode
      if (!isDone) throw error
    }
  }

  /** The first of `name (2).ext`, `name (3).ext`, ... that is free beside `path`. */
  async freeName(path: Path): Promise<Name> {
    for (let n = 2; ; n++) {
      const name = numberedName(path.at(-1)!, n)
      if ((await this.survey([...path.slice(0, -1), name])) === undefined) return name
    }
  }

  /** Closes everything but the root. `.carryon` goes if no session is left in it (C30). */
  async close(): Promise<void> {
    try {
      await this.#pins.close()
      await removeOwnIfEmpty(this)
    } finally {
      await this.own.close()
    }
  }

  /** Acts in the parent of `path`; `make` makes it if it is missing. @throws TransferError `not-found` otherwise */
  async #within<T>(path: Path, make: boolean, act: (at: PinnedDirectory) => Promise<T>): Promise<T> {
    const result = await this.#pins.within(path.slice(0, -1), make, async (at) => ({ value: await act(at) }))
    if (result === undefined) throw new TransferError('not-found', { path: pathText(path) })
    return result.value
  }
}

/**
 * Opens a directory to receive into: pins it, makes `.carryon` (0700) and its random id, and puts both on the disk.
 * @throws TransferError `not-found`, `not-a-directory`, `permission-denied`; `state-unsafe` if `.carryon` is somebody else's
 */
export async function openTarget(disk: Disk, path: string, random: Random): Promise<Target> {
  const root = await disk.openRoot(path)
  try {
    if (await root.makeDirectory(ownName, 0o700)) await root.sync()
    return await targetIn(disk, root, random)
  } catch (error) {
    await root.close()
    throw error
  }
}

async function targetIn(disk: Disk, root: Directory, random: Random): Promise<Target> {
  const own = await root.openDirectory(ownName)
  try {
    await checkPrivate(own)
    const rootId = await rootIdOf(own, random)
    return new Target(root, own, rootId, await traitsOf(disk, root, own))
  } catch (error) {
    await own.close()
    throw error
  }
}

/** Reads the id, or makes one: written and synced under another name first, so that it is never seen half. */
async function rootIdOf(own: Directory, random: Random): Promise<string> {
  const known = await readRootId(own)
  if (known !== undefined) return known
  await writeRootId(own, Buffer.from(random.bytes(16)).toString('hex'))
  const settled = await readRootId(own) // Another process may have been first.
  if (settled === undefined) throw new TransferError('root-mismatch', { directory: own.label })
  return settled
}

async function writeRootId(own: Directory, id: string): Promise<void> {
  const fresh = `root-${id}`
  try {
    const file = await own.openFile(fresh, 'create')
    try {
      await file.write(Buffer.from(`${id}\n`), 0)
      await file.sync()
    } finally {
      await file.close()
    }
    await placeNew(own, fresh, own, rootIdName)
  } catch (error) {
    await own.unlink(fresh)
    throw error
  }
  await own.sync()
}

async function readRootId(own: Directory): Promise<string | undefined> {
  if ((await own.stat(rootIdName)) === undefined) return undefined
  const file = await own.openFile(rootIdName, 'read')
  try {
    const bytes = new Uint8Array(64)
    const text = Buffer.from(bytes.subarray(0, await file.read(bytes, 0))).toString('latin1')
    if (!/^[0-9a-f]{32}\n$/.test(text)) throw new TransferError('root-mismatch', { directory: own.label })
    return text.trim()
  } finally {
    await file.close()
  }
}

/** False if the name exists. */
async function madeLink(directory: Directory, name: Name, text: Name): Promise<boolean> {
  try {
    await directory.makeLink(name, text)
    return true
  } catch (error) {
    if (hasCode(error, 'already-exists')) return false
    throw error
  }
}

/** Moves a name without ever replacing another; false if that one exists, and the old name goes either way. */
async function placeNew(from: Directory, name: Name, to: Directory, toName: Name): Promise<boolean> {
  const isPlaced = await linkOrReserve(from, name, to, toName)
  await from.unlink(name)
  return isPlaced
}

/** @param beforeRename called before the file leaves its old name, if it has to */
async function linkOrReserve(
  from: Directory,
  name: Name,
  to: Directory,
  toName: Name,
  beforeRename?: () => Promise<void>,
): Promise<boolean> {
  try {
    return await from.link(name, to, toName)
  } catch (error) {
    if (!hasCode(error, 'links-unsupported')) throw error
  }
  const reserved = await reserve(to, toName)
  if (reserved === undefined) return false
  try {
    await beforeRename?.()
    await from.rename(name, to, toName)
  } catch (error) {
    if ((await to.stat(toName))?.inode === reserved) await to.unlink(toName) // Or it would be in our own way.
    throw error
  }
  return true
}

/** Takes a name with an empty file; undefined if it is taken. @returns the inode */
async function reserve(directory: Directory, name: Name): Promise<bigint | undefined> {
  try {
    const file = await directory.openFile(name, 'create')
    try {
      return (await file.stat()).inode
    } finally {
      await file.close()
    }
  } catch (error) {
    if (hasCode(error, 'already-exists')) return undefined
    throw error
  }
}

/** Another process may be about to begin a session in it: then the directory does not go, and its id comes back. */
async function removeOwnIfEmpty({ root, own, rootId }: Target): Promise<void> {
  const names = await own.list()
  if (names.some((name) => name !== rootIdName && !scrapName.test(name))) return
  for (const name of names) if (name !== rootIdName) await own.unlink(name) // Of a process that died: a live one has a session here.
  if (!(await own.unlink(rootIdName))) return // Another one that has ended, too, is at it.
  if (await root.removeDirectory(ownName)) await root.sync()
  else await writeRootId(own, rootId)
}

/** `photo (2).jpg`: the number stands before the extension, and the stem gives way if the whole would be too long. */
function numberedName(name: Name, number: number): Name {
  const dot = name.lastIndexOf('.')
  const extension = dot > 0 && name.length - dot <= 12 ? name.slice(dot) : ''
  const tail = ` (${number})${extension}`
  const stem = Array.from(name.slice(0, name.length - extension.length))
  while (nameBytes(stem.join('') + tail) > nameMaxBytes) stem.pop()
  return stem.join('') + tail
}
