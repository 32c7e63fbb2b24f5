// Reads the files that the walk listed, and nothing else: by entry, below the roots, held against the fingerprint the walk
// took (R51, R68). A file that is not what it was is never read on: bytes of two versions are never mixed, and a file that
// became shorter than promised yields no bytes at all (R53). What can't be read fails alone (R54), unless its whole root is
// gone: that is `source-gone`, and reading goes on when the root is back.

import { assert, hasCode, isTransferError, TransferError } from '../errors.ts'
import type { DiskFile, Stat, WholeRead } from '../model/disk.ts'
import type { Fingerprint } from '../model/manifest.ts'
import { pathText, type Name, type Path } from '../model/names.ts'
import type { LinkPolicy } from '../model/session.ts'
import { fingerprintOf, isSameVersion, modeOf, mtimeUsOf } from './fingerprint.ts'
import { followLink, pinBelow, type Pinned } from './links.ts'
import { OpenLru } from './open-lru.ts'
import { isMissing, type Root, type Roots } from './roots.ts'

/** What a file is now, where that is not what it was. */
export interface SourceChange {
  readonly fingerprint: Fingerprint
  readonly mtimeUs: number
  readonly mode: number
}

/** A file to be read whole, in a version; `target` has the size that the fingerprint says. */
export interface SmallFile {
  readonly path: Path
  readonly fingerprint: Fingerprint
  readonly target: Uint8Array
}

interface KnownFile {
  readonly path: Path
  readonly fingerprint: Fingerprint
}

const filesMax = 12 // Idle descriptors kept open; files under way are few.
const directoriesMax = 8

/**
 * The files of one session. Calls may overlap. All of them throw, besides what is said at each: `source-vanished` where
 * the file is gone or is no plain file any more, `permission-denied`, `source-gone`, `disk-failed`, `too-many-open-files`.
 */
export class SourceFiles {
  readonly #roots: Roots
  readonly #isFollowing: boolean
  readonly #known = new Map<number, KnownFile>()
  readonly #files = new OpenLru<number, DiskFile>(filesMax)
  readonly #directories = new OpenLru<string, Pinned>(directoriesMax)

  /** @param options.links as the walk had it: only what `follow` resolved is reached through links */
  constructor(roots: Roots, options: { readonly links: LinkPolicy }) {
    this.#roots = roots
    this.#isFollowing = options.links === 'follow'
  }

  /**
   * Opens an entry for `read` and `check`, in the version that `fingerprint` says. Opening it again, after it changed,
   * replaces the older version.
   *
   * @throws TransferError `source-changed`: `check` says what it is now
   */
  async open(entry: number, path: Path, fingerprint: Fingerprint): Promise<void> {
    this.#known.set(entry, { path, fingerprint })
    await this.#files.drop(entry)
    await this.#use(entry, async () => {})
  }

  /**
   * Fills `target` with the bytes at `position`.
   *
   * @throws TransferError `source-changed` if the file ends before that; `target` is not to be used then
   */
  async read(entry: number, target: Uint8Array, position: number): Promise<void> {
    const path = this.#knownFile(entry).path
    try {
      await this.#use(entry, (file) => fill(file, target, position, path))
    } catch (error) {
      if (hasCode(error, 'disk-failed')) await this.#files.drop(entry) // Its disk may come back as another one.
      throw error
    }
  }

  /** Compares what lies at an opened entry's path now with the version it was opened in. */
  async check(entry: number): Promise<'same' | SourceChange> {
    const { path, fingerprint } = this.#knownFile(entry)
    return this.compare(path, fingerprint)
  }

  /**
   * Compares what lies at a path now with a version of it. The path is walked anew from its root, so that a file or folder
   * put in another's place is seen; the inode and ctime found there vouch for a descriptor that is open (R51).
   */
  async compare(path: Path, fingerprint: Fingerprint): Promise<'same' | SourceChange> {
    return this.#reach(path, async (root, below) => changeOf(await this.#lookAfresh(root, below, path), fingerprint))
  }

  /**
   * Reads a whole file for a pack; `target` has the size that the fingerprint says. The version is compared before and
   * after: if it is not the same, what is in `target` is not to be used.
   */
  async readSmall(path: Path, fingerprint: Fingerprint, target: Uint8Array): Promise<'same' | SourceChange> {
    assert(target.length === fingerprint.size, 'a small file is read whole')
    return this.#reach(path, (root, below) =>
      this.#withParent(root, below, (parent, name) =>
        this.#withPlainFile(parent, name, path, async (where, stat) => {
          const before = changeOf(stat, fingerprint)
          if (before !== 'same') return before
          const file = await where.parent.directory.openFile(where.name, 'read')
          try {
            const bytes = target.length === 0 ? 0 : await file.read(target, 0)
            const after = changeOf(await file.stat(), fingerprint)
            if (after === 'same' && bytes < target.length) throw tooShort(path)
            return after
          } finally {
            await file.close()
          }
        }),
      ),
    )
  }

  /**
   * `readSmall` for files of one directory, as far as they are what they were; `readSmall` then tells what the next one is.
   * @returns how many
   */
  async readSmallEach(files: readonly SmallFile[]): Promise<number> {
    const [first] = files
    if (first === undefined || first.path.length < 2) return 0 // Tops lie each in a root of its own.
    try {
      const reads = await this.#reach(first.path, (root, below) =>
        this.#withParent(root, below, (parent) =>
          parent.directory.readEach(files.map(({ path, target }) => ({ name: path.at(-1)!, target }))),
        ),
      )
      const other = reads.findIndex((read, i) => !isWhole(read, files[i]!))
      return other === -1 ? reads.length : other
    } catch (error) {
      if (isTransferError(error)) return 0
      throw error
    }
  }

  /** Forgets an entry; its descriptor is closed. */
  async forget(entry: number): Promise<void> {
    this.#known.delete(entry)
    await this.#files.drop(entry)
  }

  async close(): Promise<void> {
    this.#known.clear()
    await this.#files.clear()
    await this.#directories.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #knownFile(entry: number): KnownFile {
    const known = this.#known.get(entry)
    assert(known !== undefined, `entry ${entry} is used without being opened`)
    return known
  }

  /** Acts on an entry's descriptor, which is opened again if it was closed for others. */
  #use<Result>(entry: number, act: (file: DiskFile) => Promise<Result>): Promise<Result> {
    const { path, fingerprint } = this.#knownFile(entry)
    const open = (): Promise<DiskFile> =>
      this.#reach(path, (root, below) =>
        this.#withParent(root, below, (parent, name) =>
          this.#withPlainFile(parent, name, path, (where) => openVersion(where, path, fingerprint)),
        ),
      )
    return this.#files.use(entry, open, act)
  }

  /**
   * Acts on where an entry lies. What is missing is looked for once more if the root's path leads elsewhere by now.
   * Missing for good, it is gone alone, or with its root.
   */
  async #reach<Result>(path: Path, act: (root: Root, below: Path) => Promise<Result>): Promise<Result> {
    const { root, below } = await this.#roots.find(path)
    const attempt = async (): Promise<Result> => {
      const result = await act(root, below)
      this.#roots.settle(root)
      return result
    }
    try {
      return await attempt()
    } catch (error) {
      if (!isMissing(error) && !hasCode(error, 'disk-failed')) throw error
      if (!(await this.#roots.renew(root))) throw this.#verdict(root, path, error)
    }
    await this.#directories.clear()
    try {
      return await attempt()
    } catch (error) {
      throw this.#verdict(root, path, error)
    }
  }

  #verdict(root: Root, path: Path, error: unknown): unknown {
    if (!isMissing(error)) return error
    const because = { cause: error }
    if (this.#roots.isElsewhere(root)) return new TransferError('source-gone', { path: root.source.path }, because)
    return new TransferError('source-vanished', { path: pathText(path) }, because)
  }

  /** Acts on the directory that holds an entry, pinned. */
  #withParent<Result>(root: Root, below: Path, act: (parent: Pinned, name: Name) => Promise<Result>): Promise<Result> {
    return this.#withDirectory(root, below.slice(0, -1), (parent) => act(parent, below.at(-1)!))
  }

  #withDirectory<Result>(root: Root, below: Path, act: (pinned: Pinned) => Promise<Result>): Promise<Result> {
    const name = below.at(-1)
    if (name === undefined) return this.#roots.use(root, act)
    const open = (): Promise<Pinned> =>
      this.#withDirectory(root, below.slice(0, -1), (parent) => this.#enter(parent, name))
    return this.#directories.use(`${root.path}\0${pathText(below)}`, open, act)
  }

  async #enter(parent: Pinned, name: Name): Promise<Pinned> {
    try {
      return await pinBelow(parent, name)
    } catch (error) {
      if (!this.#isFollowing || !hasCode(error, 'not-a-directory')) throw error
      const found = await followLink(this.#roots.disk, parent, name)
      if (found?.kind === 'directory') return found.pinned
      await found?.parent.close()
      throw error
    }
  }

  /** lstat of an entry, entering every directory anew from the root's path. */
  async #lookAfresh(root: Root, below: Path, path: Path): Promise<Stat> {
    if (await this.#roots.renew(root)) await this.#directories.clear()
    const look = async (parent: Pinned, from: number): Promise<Stat> => {
      const name = below[from]!
      if (from === below.length - 1) return this.#withPlainFile(parent, name, path, async (_, stat) => stat)
      const next = await this.#enter(parent, name)
      try {
        return await look(next, from + 1)
      } finally {
        await next.close()
      }
    }
    return this.#roots.use(root, (pinned) => look(pinned, 0))
  }

  /** Acts on the plain file of that name, or at the end of the link of that name. Nothing else is ever opened (R67). */
  async #withPlainFile<Result>(
    parent: Pinned,
    name: Name,
    path: Path,
    act: (where: PlainFile, stat: Stat) => Promise<Result>,
  ): Promise<Result> {
    const stat = await parent.directory.stat(name)
    if (stat?.kind === 'file') return act({ parent, name }, stat)
    if (stat?.kind !== 'link' || !this.#isFollowing) throw new TransferError('not-found', { path: pathText(path) })
    const found = await followLink(this.#roots.disk, parent, name)
    const end = found?.kind === 'directory' ? found.pinned : found?.parent
    try {
      if (found?.kind !== 'file') throw new TransferError('not-found', { path: pathText(path) })
      return await act(found, found.stat)
    } finally {
      await end?.close().catch(() => undefined) // What was found through it, a file that is open now perhaps, is not to be lost.
    }
  }
}

/** What has that version behind the read had it before, too. */
function isWhole({ bytes, after }: WholeRead, { fingerprint, target }: SmallFile): boolean {
  return bytes === target.length && after.kind === 'file' && changeOf(after, fingerprint) === 'same'
}

interface PlainFile {
  readonly parent: Pinned
  readonly name: Name
}

/** Opens a file if it still has that version. */
async function openVersion({ parent, name }: PlainFile, path: Path, fingerprint: Fingerprint): Promise<DiskFile> {
  const file = await parent.directory.openFile(name, 'read')
  try {
    if (isSameVersion(await file.stat(), fingerprint)) return file
    throw new TransferError('source-changed', { path: pathText(path), what: 'it is another version' })
  } catch (error) {
    await file.close()
    throw error
  }
}

async function fill(file: DiskFile, target: Uint8Array, position: number, path: Path): Promise<void> {
  if (target.length > 0 && (await file.read(target, position)) < target.length) throw tooShort(path)
}

function tooShort(path: Path): TransferError {
  return new TransferError('source-changed', { path: pathText(path), what: 'it is shorter than it was' })
}

function changeOf(stat: Stat, known: Fingerprint): 'same' | SourceChange {
  if (isSameVersion(stat, known)) return 'same'
  return { fingerprint: fingerprintOf(stat), mtimeUs: mtimeUsOf(stat), mode: modeOf(stat) }
}
