// Walks what is sent into pages of entries: depth first, names in the order of their bytes, a directory before its
// contents. The order is the same in every run, so a walk that was cut goes on behind the last entry stored (R58). It
// enters directories name by name and follows no link unless it was told to; special files are never opened (R67).
//
//  1. The roots' tops are merged in the order of the names they land under.
//  2. What is excluded is not listed at all; what can't or shan't be sent is listed as omitted, with the reason.
//  3. A directory is opened before it is listed, so that one that can't be read is an omitted entry, not an empty directory.
//  4. Its contents are a level on a stack; memory grows with the depth of the tree and its largest directory alone.

import { hasCode, isTransferError, TransferError } from '../errors.ts'
import { closeAll } from '../model/closing.ts'
import type { DiskFile, Stat } from '../model/disk.ts'
import type { Entry, OmissionReason } from '../model/manifest.ts'
import { compareNames, type Name, type Path } from '../model/names.ts'
import type { LinkPolicy } from '../model/session.ts'
import { Filter } from './filter.ts'
import { fingerprintOf, modeOf, mtimeUsOf } from './fingerprint.ts'
import { hasRoomBelow, Level, type Child } from './level.ts'
import { followLink, pinBelow, staysInside, type Pinned, type Tops } from './links.ts'
import { PageCutter, type Walked, type WalkedPage } from './pages.ts'
import type { Root, Roots } from './roots.ts'

export interface WalkOptions {
  /** The last entry that is stored already: the walk goes on behind it. */
  readonly behind?: Entry | undefined
  /** Patterns of gitignore, relative to the top of each root; a single file is matched by the name it lands under. */
  readonly exclude: readonly string[]
  readonly links: LinkPolicy
  /** Set for `--checksum`: hashes a whole file, which is then read while walking. */
  readonly digestOf?: ((file: DiskFile, size: number) => Promise<string>) | undefined
  /** Entries of a page, at most; `pageEntriesMax` unless given. */
  readonly pageEntries?: number | undefined
}

/**
 * Lists what lies below the roots. Leaving the loop early closes what is open.
 *
 * @throws TransferError `same-name` before the first page if two spilled roots clash; `source-gone`, `disk-failed`,
 * `too-many-open-files`: walk again behind the last entry once that is cured
 */
export async function* walk(roots: Roots, options: WalkOptions): AsyncGenerator<WalkedPage, void, undefined> {
  const pages = new PageCutter(options.pageEntries)
  const walker = new Walker(roots, options)
  try {
    await walker.begin()
    for (;;) {
      const found = walker.nextAtHand() ?? (await walker.next())
      if (found === undefined) break
      const page = pages.add(found)
      if (page !== undefined) yield page
    }
    const rest = pages.take()
    if (rest !== undefined) yield rest
  } finally {
    await walker.close()
  }
}

/** The top of a root: the directory or file itself, or the first level of what it spills. */
type Top =
  | { readonly kind: 'one'; readonly name: Name; readonly root: Root; isDone: boolean }
  | { readonly kind: 'spilled'; readonly level: Level }

class Walker {
  readonly #roots: Roots
  readonly #links: LinkPolicy
  readonly #digestOf: WalkOptions['digestOf']
  readonly #filter: Filter
  readonly #tops: Top[] = []
  readonly #levels: Level[] = []
  /** The one the walk is in. */
  #top: Top | undefined
  readonly #inside: Tops
  /** Set until the walk has passed it. */
  #behind: Entry | undefined

  constructor(roots: Roots, options: WalkOptions) {
    this.#roots = roots
    this.#links = options.links
    this.#digestOf = options.digestOf
    this.#filter = new Filter(options.exclude)
    this.#behind = options.behind
    const names = roots.all.map((root) => root.source.as)
    this.#inside = { names: new Set(names), isSpilled: names.includes('') }
  }

  async begin(): Promise<void> {
    for (const root of this.#roots.all) {
      if (root.source.as === '') {
        const level = new Level(await this.#roots.pin(root), [], '')
        this.#tops.push({ kind: 'spilled', level })
        await level.list()
        level.skipBefore(this.#behind?.path[0])
      } else if (this.#behind === undefined || compareNames(root.source.as, this.#behind.path[0]!) >= 0) {
        this.#tops.push({ kind: 'one', name: root.source.as, root, isDone: false })
      }
    }
    await this.#refuseClashes()
  }

  /** Two roots may both hold a name that is excluded, but only one may send it. */
  async #refuseClashes(): Promise<void> {
    const spilled = this.#tops.filter((top) => top.kind === 'spilled')
    if (spilled.length === 0 || this.#tops.length === 1) return
    const holders = new Map<Name, string>()
    for (const top of this.#tops) if (top.kind === 'one') holders.set(top.name, top.root.source.path)
    for (const { level } of spilled) {
      for (const name of level.rest()) {
        const second = level.pinned.path
        const first = holders.get(name)
        const stat = first === undefined ? undefined : await level.pinned.directory.stat(name)
        if (stat !== undefined && this.#filter.excludes(name, stat.kind === 'directory')) continue
        if (first !== undefined) throw new TransferError('same-name', { name, first, second })
        holders.set(name, second)
      }
    }
  }

  /** The next entry, if it is a file that was looked at with its neighbours: most are, and cost no promise. `next` for any other. */
  nextAtHand(): Walked | undefined {
    const level = this.#levels.at(-1)
    if (level === undefined || this.#digestOf !== undefined || this.#behind !== undefined) return undefined
    while (level.isFileNext) {
      const { path, below, stat } = level.next()
      if (!this.#filter.excludes(below, false)) return fileEntry(path, stat!)
    }
    return undefined
  }

  /** The next entry to list; undefined at the end. */
  async next(): Promise<Walked | undefined> {
    for (;;) {
      const level = this.#levels.at(-1)
      if (level === undefined) {
        const top = this.#nextTop()
        this.#top = top
        if (top === undefined) return undefined
        const found = top.kind === 'one' ? await this.#visitRoot(top.root) : await this.#visitNext(top.level)
        if (found !== undefined) return found
      } else if (level.peek() === undefined) {
        this.#levels.pop()
        await level.close()
      } else {
        const found = await this.#visitNext(level)
        if (found !== undefined) return found
      }
    }
  }

  /** The top whose next name comes first. */
  #nextTop(): Top | undefined {
    let first: Top | undefined
    let firstName: Name | undefined
    for (const top of this.#tops) {
      const name = top.kind === 'spilled' ? top.level.peek() : top.isDone ? undefined : top.name
      if (name === undefined || (firstName !== undefined && compareNames(name, firstName) >= 0)) continue
      first = top
      firstName = name
    }
    if (first?.kind === 'one') first.isDone = true
    return first
  }

  async #visitRoot(root: Root): Promise<Walked | undefined> {
    const path: Path = [root.source.as]
    if (root.file === undefined) {
      const isListed = this.#isListed(path)
      return this.#directory(path, '', isListed, async () => this.#roots.pin(root))
    }
    const file = root.file
    return this.#roots.use(root, async (parent) => {
      const stat = await parent.directory.stat(file)
      if (stat === undefined || stat.kind === 'directory') return this.#omitted(path, 'vanished', this.#isListed(path))
      return this.#visit({ parent, name: file, path, below: root.source.as, stat, isNameable: true }, stat)
    })
  }

  async #visitNext(level: Level): Promise<Walked | undefined> {
    await level.lookAhead()
    const child = level.next()
    if (!child.isNameable) return this.#omitted(child.path, 'bad-name', this.#isListed(child.path))
    try {
      const stat = child.stat ?? (await child.parent.directory.stat(child.name))
      return stat === undefined ? undefined : await this.#visit(child, stat) // Gone: as if the walk had come later.
    } catch (error) {
      if (!hasCode(error, 'permission-denied')) throw error
      if (this.#filter.excludes(child.below, false)) return undefined
      return this.#omitted(child.path, 'unreadable', this.#isListed(child.path))
    }
  }

  async #visit(child: Child, stat: Stat): Promise<Walked | undefined> {
    const isListed = this.#isListed(child.path)
    if (this.#filter.excludes(child.below, stat.kind === 'directory')) return undefined
    switch (stat.kind) {
      case 'directory':
        return this.#directory(child.path, `${child.below}/`, isListed, () => pinBelow(child.parent, child.name))
      case 'file':
        return isListed ? undefined : this.#file(child.parent, child.name, child.path, stat)
      case 'link':
        return this.#links === 'follow' ? this.#followed(child, isListed) : this.#link(child, stat, isListed)
      case 'other':
        return this.#omitted(child.path, 'special', isListed)
    }
  }

  /** Opens and enters a directory; its entry, or why it is omitted with all that is in it. */
  async #directory(
    path: Path,
    below: string,
    isListed: boolean,
    open: () => Promise<Pinned>,
  ): Promise<Walked | undefined> {
    const behind = this.#behind
    if (isListed && behind?.kind !== 'directory' && behind?.path.length === path.length) return undefined
    let level: Level | undefined
    try {
      level = new Level(await open(), path, below)
      const stat = await level.list()
      const omission = this.#reasonToOmit(level, stat, path)
      if (omission !== undefined) {
        await level.close()
        return this.#omitted(path, omission, isListed)
      }
      if (isListed) level.skipBefore(behind?.path[path.length])
      this.#levels.push(level)
      if (isListed) return undefined
      return { entry: { kind: 'directory', path, mtimeUs: mtimeUsOf(stat), mode: modeOf(stat) }, fingerprint: null }
    } catch (error) {
      await level?.close()
      return this.#omitted(path, reasonOf(error), isListed)
    }
  }

  /** A directory that a link leads back into would never end; one whose contents no entry can name is left out whole. */
  #reasonToOmit(level: Level, stat: Stat, path: Path): OmissionReason | undefined {
    const isCircle = this.#links === 'follow' && this.#openLevels().some((open) => open.isOf(stat))
    if (isCircle) return 'link-skipped'
    return level.peek() === undefined || hasRoomBelow(path) ? undefined : 'bad-name'
  }

  /** The directories the walk is in. */
  #openLevels(): readonly Level[] {
    return this.#top?.kind === 'spilled' ? [this.#top.level, ...this.#levels] : this.#levels
  }

  async #file(parent: Pinned, name: Name, path: Path, stat: Stat): Promise<Walked> {
    if (this.#digestOf === undefined) return fileEntry(path, stat)
    let file: DiskFile | undefined
    try {
      file = await parent.directory.openFile(name, 'read')
      const held = await file.stat()
      return fileEntry(path, held, await this.#digestOf(file, held.size))
    } catch (error) {
      if (hasCode(error, 'source-changed')) return fileEntry(path, stat) // No digest: it will be found changed later.
      return { entry: { kind: 'omitted', path, reason: reasonOf(error) }, fingerprint: null }
    } finally {
      await file?.close()
    }
  }

  async #link({ parent, name, path }: Child, stat: Stat, isListed: boolean): Promise<Walked | undefined> {
    if (isListed) return undefined
    if (this.#links === 'skip') return this.#omitted(path, 'link-skipped', false)
    try {
      const target = await parent.directory.readLink(name)
      if (this.#links === 'keep' && !staysInside(path, target, this.#inside)) {
        return this.#omitted(path, 'link-outside', false)
      }
      return { entry: { kind: 'link', path, target, mtimeUs: mtimeUsOf(stat) }, fingerprint: null }
    } catch (error) {
      return this.#omitted(path, reasonOf(error), false)
    }
  }

  /** Lists what a link leads to in its place. */
  async #followed(child: Child, isListed: boolean): Promise<Walked | undefined> {
    const found = await followLink(this.#roots.disk, child.parent, child.name)
    if (found === undefined) return this.#omitted(child.path, 'unreadable', isListed)
    if (found.kind === 'directory') {
      if (!this.#filter.excludes(child.below, true)) {
        return this.#directory(child.path, `${child.below}/`, isListed, async () => found.pinned)
      }
      await found.pinned.close()
      return undefined
    }
    try {
      if (isListed || found.kind === 'other') return this.#omitted(child.path, 'special', isListed)
      return await this.#file(found.parent, found.name, child.path, found.stat)
    } finally {
      await found.parent.close()
    }
  }

  #omitted(path: Path, reason: OmissionReason, isListed: boolean): Walked | undefined {
    return isListed ? undefined : { entry: { kind: 'omitted', path, reason }, fingerprint: null }
  }

  /** Whether an entry was listed by the walk that this one continues: the last stored entry, or a directory it is in. */
  #isListed(path: Path): boolean {
    if (this.#behind === undefined) return false
    const last = this.#behind.path
    if (path.length <= last.length && path.every((name, i) => name === last[i])) return true
    this.#behind = undefined
    return false
  }

  async close(): Promise<void> {
    const spilled = this.#tops.flatMap((top) => (top.kind === 'spilled' ? [top.level] : []))
    await closeAll([...this.#levels, ...spilled])
  }
}

function fileEntry(path: Path, stat: Stat, digest?: string): Walked {
  const entry = { kind: 'file' as const, path, size: stat.size, mtimeUs: mtimeUsOf(stat), mode: modeOf(stat) }
  return { entry: digest === undefined ? entry : { ...entry, digest }, fingerprint: fingerprintOf(stat) }
}

/** Why an entry alone is left out; throws what concerns the whole walk. */
function reasonOf(error: unknown): OmissionReason {
  if (!isTransferError(error)) throw error
  if (error.code === 'permission-denied') return 'unreadable'
  if (error.code === 'not-found' || error.code === 'not-a-directory' || error.code === 'not-a-file') return 'vanished'
  throw error
}
