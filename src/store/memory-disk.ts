// A disk in memory with the manners of a real one: what was not synced may be gone after a power cut, in whole, in part or
// not at all, and names are synced apart from contents. For tests and the simulator: every operation is logged, can be made
// to fail, and can be the last one before the power goes.

import { assert } from '../errors.ts'
import type { Directory, Disk } from '../model/disk.ts'
import type { Name } from '../model/names.ts'
import { translateFault } from './faults.ts'
import type { Lock } from './lock.ts'
import { MemoryDirectory } from './memory-directory.ts'
import { DirectoryInode, FileInode, LinkInode, pageBytes, PowerCut, type Chance, type Inode } from './memory-inode.ts'

/** What a call did to the disk. Reading does nothing to it and is not counted. */
export type OperationKind =
  | 'create'
  | 'write'
  | 'truncate'
  | 'metadata'
  | 'sync-file'
  | 'sync-directory'
  | 'make-directory'
  | 'make-link'
  | 'link'
  | 'rename'
  | 'unlink'
  | 'remove-directory'

export interface Operation {
  /** Counts from 0. */
  readonly number: number
  readonly kind: OperationKind
  readonly path: string
}

export interface MemoryDiskOptions {
  /** Room for data, rounded to pages of 4 KiB; unlimited unless given. */
  readonly capacityBytes?: number
  /** Whether files can have a second name; true unless given. */
  readonly hasLinks?: boolean
}

/** A change of names that no sync has reached: all of it outlives a power cut, or nothing. */
interface NameChange {
  readonly edits: readonly {
    readonly directory: DirectoryInode
    readonly name: Name
    readonly inode: Inode | undefined
  }[]
}

export class MemoryDisk implements Disk {
  /** May change at any time: room that comes back, or goes. */
  capacityBytes: number
  readonly hasLinks: boolean
  /** All that was done so far, failed attempts included. */
  readonly operations: Operation[] = []
  #root: DirectoryInode
  #changes: NameChange[] = []
  #inodes = 2n
  #ticks = 1_000_000_000_000_000_000n
  #cutAfter = Infinity
  #listener: ((operation: Operation) => void) | undefined
  readonly #failures: { kind: OperationKind; code: string; skip: number }[] = []
  readonly #held = new Set<bigint>()

  constructor(options: MemoryDiskOptions = {}) {
    this.capacityBytes = options.capacityBytes ?? Infinity
    this.hasLinks = options.hasLinks ?? true
    this.#root = new DirectoryInode(1n, 0o755, this.tick())
  }

  /** Opens a directory by absolute path; what is missing of it is made, durably: it stands for what was there before. */
  async openRoot(path: string): Promise<Directory> {
    let inode = this.#root
    for (const name of path.split('/').filter((part) => part !== '')) {
      const below = inode.names.get(name) ?? this.#makeDurable(inode, name)
      if (below.kind !== 'directory') throw this.fault('ENOTDIR', 'open', path)
      inode = below
    }
    return new MemoryDirectory(this, inode, path)
  }

  /** Lets the power go right after `count` more operations: every later one fails with PowerCut and does nothing. */
  cutPowerAfter(count: number): void {
    this.#cutAfter = this.operations.length + count
  }

  /** Lets an operation of this kind fail with an errno (`ENOSPC`, `EIO`), after `skip` that succeed; once. */
  failNext(kind: OperationKind, code: string, skip = 0): void {
    this.#failures.push({ kind, code, skip })
  }

  /** Calls back before each operation; what it throws, the operation throws. */
  onOperation(listener: (operation: Operation) => void): void {
    this.#listener = listener
  }

  /** The disk as it is found after a power cut, see `image`; this one is dead from then on. */
  crash(random?: () => number): MemoryDisk {
    const after = this.image(random)
    this.#cutAfter = -1
    return after
  }

  /**
   * What a power cut at this moment would leave, as a disk of its own; this one goes on. Without `random` everything that
   * was not synced is gone; with it each unsynced page is kept, dropped or torn by sectors, of which those that no sync
   * ever reached may hold anything, and each change of names is kept or lost.
   * @param random uniform in [0, 1), seeded by the caller
   */
  image(random?: () => number): MemoryDisk {
    const chance = chanceOf(random)
    const after = new MemoryDisk({ capacityBytes: this.capacityBytes, hasLinks: this.hasLinks })
    after.#inodes = this.#inodes
    after.#ticks = this.#ticks
    const kept = this.#changes.filter(() => chance.coin())
    after.#root = rebuilt(this.#root, namesWith(kept), chance, new Map()) as DirectoryInode
    return after
  }

  /** What the worst power cut would leave of a file, or of a range of it; undefined: nothing. For checkers, at any time. */
  durableBytes(path: string, from: number = 0, to: number = Infinity): Uint8Array | undefined {
    let inode: Inode | undefined = this.#root
    for (const name of path.split('/').filter((part) => part !== ''))
      inode = inode?.kind === 'directory' ? inode.durableNames.get(name) : undefined
    return inode?.kind === 'file' ? inode.durableBytes(from, to) : undefined
  }

  /** A lock as of `takeLock`, for one process: a crash of the disk frees it, as does `release`. */
  async takeLock(directory: Directory): Promise<Lock | undefined> {
    const { inode } = await directory.statSelf()
    if (this.#held.has(inode)) return undefined
    this.#held.add(inode)
    return {
      broadcast: () => undefined,
      isHeld: async () => this.#held.has(inode),
      release: async () => void this.#held.delete(inode),
    }
  }

  /** Bytes that data takes up now. */
  get usedBytes(): number {
    const files = new Set<FileInode>()
    const walk = (directory: DirectoryInode): void => {
      for (const inode of directory.names.values()) {
        if (inode.kind === 'directory') walk(inode)
        else if (inode.kind === 'file') files.add(inode)
      }
    }
    walk(this.#root)
    return [...files].reduce((sum, file) => sum + file.pages.size * pageBytes, 0)
  }

  // What follows is for memory-directory.ts and memory-file.ts.

  /** To be called before each change: logs it, and fails if it was told to. */
  begin(kind: OperationKind, path: string): void {
    if (this.operations.length >= this.#cutAfter) throw new PowerCut(`no power for ${kind} ${path}`)
    const operation: Operation = { number: this.operations.length, kind, path }
    this.operations.push(operation)
    this.#listener?.(operation)
    const failure = this.#failures.find((each) => each.kind === kind)
    if (failure === undefined || failure.skip-- > 0) return
    this.#failures.splice(this.#failures.indexOf(failure), 1)
    throw this.fault(failure.code, kind, path)
  }

  fault(code: string, operation: string, path: string, neededBytes = 0): Error {
    const cause = Object.assign(new Error(`${code}: ${operation} '${path}'`), { code })
    return translateFault(cause, { operation, path, neededBytes, freeBytes: () => this.freeBytes })
  }

  get freeBytes(): number {
    if (this.capacityBytes === Infinity) return Number.MAX_SAFE_INTEGER
    return Math.max(0, this.capacityBytes - this.usedBytes)
  }

  /** Wall time of this disk, ns: each change takes a microsecond. */
  tick(): bigint {
    this.#ticks += 1000n
    return this.#ticks
  }

  /** Time goes by while nobody writes: what is changed from now on is that much younger. */
  passTime(ns: bigint): void {
    this.#ticks += ns
  }

  nextInode(): bigint {
    return this.#inodes++
  }

  changeNames(...edits: NameChange['edits']): void {
    for (const { directory, name, inode } of edits) {
      const before = directory.names.get(name)
      if (before !== undefined) before.links--
      if (inode !== undefined) inode.links++
      setName(directory.names, name, inode)
      directory.meta.mtimeNs = this.tick()
    }
    this.#changes.push({ edits })
  }

  /** What fsync of a directory does. Older changes of a name that is settled are settled before it: they can't come back. */
  syncNames(directory: DirectoryInode): void {
    const names = new Map<DirectoryInode, Set<Name>>()
    const isDue = (change: NameChange): boolean => {
      const { edits } = change
      if (!edits.some((edit) => edit.directory === directory || names.get(edit.directory)?.has(edit.name))) return false
      for (const edit of edits) names.set(edit.directory, (names.get(edit.directory) ?? new Set()).add(edit.name))
      return true
    }
    const due = new Set(this.#changes.toReversed().filter(isDue))
    for (const change of this.#changes) if (due.has(change)) settle(change)
    this.#changes = this.#changes.filter((change) => !due.has(change))
    directory.durableMeta = { ...directory.meta }
  }

  #makeDurable(parent: DirectoryInode, name: Name): DirectoryInode {
    const made = new DirectoryInode(this.nextInode(), 0o755, this.tick())
    made.links++
    parent.names.set(name, made)
    parent.durableNames.set(name, made)
    return made
  }
}

function settle({ edits }: NameChange): void {
  for (const { directory, name, inode } of edits) setName(directory.durableNames, name, inode)
}

function setName(names: Map<Name, Inode>, name: Name, inode: Inode | undefined): void {
  if (inode === undefined) names.delete(name)
  else names.set(name, inode)
}

/** The durable names of a directory, had these changes reached the disk, too. */
function namesWith(changes: readonly NameChange[]): (directory: DirectoryInode) => ReadonlyMap<Name, Inode> {
  const changed = new Map<DirectoryInode, Map<Name, Inode>>()
  for (const { directory, name, inode } of changes.flatMap(({ edits }) => edits)) {
    const names = changed.get(directory) ?? new Map(directory.durableNames)
    setName(names, name, inode)
    changed.set(directory, names)
  }
  return (directory) => changed.get(directory) ?? directory.durableNames
}

function chanceOf(random: (() => number) | undefined): Chance {
  if (random === undefined) return { coin: () => false, pick: (choices) => choices[0]! }
  return { coin: () => random() < 0.5, pick: (choices) => choices[Math.floor(random() * choices.length)]! }
}

/** A copy of what is left of an inode; a file with two names stays one file. */
function rebuilt(
  inode: Inode,
  namesOf: (directory: DirectoryInode) => ReadonlyMap<Name, Inode>,
  chance: Chance,
  done: Map<Inode, Inode>,
): Inode {
  const known = done.get(inode)
  if (known !== undefined) return known
  const after = inode.kind === 'file' ? inode.afterCut(chance) : copyOf(inode)
  done.set(inode, after)
  after.meta = chance.coin() ? { ...inode.meta } : { ...inode.durableMeta }
  after.durableMeta = { ...after.meta }
  after.ctimeNs = inode.ctimeNs
  if (inode.kind === 'directory') {
    assert(after.kind === 'directory', 'a copy has the kind of its original')
    for (const [name, below] of namesOf(inode)) {
      const left = rebuilt(below, namesOf, chance, done)
      left.links++
      after.names.set(name, left)
    }
    after.durableNames = new Map(after.names)
  }
  return after
}

function copyOf(inode: LinkInode | DirectoryInode): LinkInode | DirectoryInode {
  if (inode.kind === 'directory') return new DirectoryInode(inode.inode, 0, 0n)
  const link = new LinkInode(inode.inode, 0, 0n)
  link.target = inode.target
  return link
}
