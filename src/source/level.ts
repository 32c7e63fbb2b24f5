// One directory on the walk's stack: its names, how far the walk has come in it, and what can be named on the wire at all.

import { assert } from '../errors.ts'
import type { Stat } from '../model/disk.ts'
import { depthMax, nameMaxBytes, pathMaxBytes } from '../model/limits.ts'
import { compareNames, decodeName, encodeName, nameBytes, pathText, type Name, type Path } from '../model/names.ts'
import type { Pinned } from './links.ts'

/** A name in a directory, about to be looked at. */
export interface Child {
  readonly parent: Pinned
  /** As it is on the disk. */
  readonly name: Name
  /** Where it lands. */
  readonly path: Path
  /** Path below the root's top, for filters. */
  readonly below: string
  /** What it was when its neighbours were looked at with it; unknown where that went wrong. */
  readonly stat: Stat | undefined
  /** False if the name on the disk is too long for any entry; `path` ends in its beginning then. */
  readonly isNameable: boolean
}

const looksMax = 256 // Names looked at together.
const ours = '.carryon' // Session directories at the top of a root: other sessions' business.

export class Level {
  readonly pinned: Pinned
  readonly #path: Path
  /** What all names of this directory begin with in `Child.below`. */
  readonly #below: string
  #stat: Stat | undefined
  #names: readonly Name[] = []
  #cut: ReadonlySet<Name> = new Set()
  #position = 0
  /** Of the next names, the last of them first. */
  #looks: (Stat | undefined)[] = []

  /** @param below path below the root's top, ending in a slash; '' for the top itself */
  constructor(pinned: Pinned, path: Path, below: string) {
    this.pinned = pinned
    this.#path = path
    this.#below = below
  }

  /** Reads the directory's names; to be called once, before anything else. */
  async list(): Promise<Stat> {
    this.#stat = await this.pinned.directory.statSelf()
    const names = await this.pinned.directory.list()
    const sendable = this.#below === '' ? names.filter((name) => name !== ours) : names
    this.#names = sendable.some(isTooLong) ? this.#withCutNames(sendable) : sendable
    return this.#stat
  }

  /**
   * Some file systems (NTFS, exFAT) have names of more bytes than an entry may hold. Each is listed by as much of its
   * beginning as fits, so that it is omitted by name; a file that has that very name comes first.
   */
  #withCutNames(names: readonly Name[]): readonly Name[] {
    const whole = names.filter((name) => !isTooLong(name))
    const cut = new Set(names.filter(isTooLong).map(beginningOf))
    for (const name of whole) cut.delete(name)
    this.#cut = cut
    return [...whole, ...cut].sort(compareNames)
  }

  /** Leaves out the names before `name`, which earlier walks have passed. */
  skipBefore(name: Name | undefined): void {
    if (name === undefined) return
    while (this.#position < this.#names.length && compareNames(this.#names[this.#position]!, name) < 0) this.#position++
  }

  /** Looks at the next names, unless that was done; `next` then tells what it found. */
  async lookAhead(): Promise<void> {
    if (this.#looks.length > 0) return
    this.#looks = await this.pinned.directory.statEach(this.#names.slice(this.#position, this.#position + looksMax))
    this.#looks.reverse()
  }

  peek(): Name | undefined {
    return this.#names[this.#position]
  }

  /** The names that are still to come. */
  rest(): readonly Name[] {
    return this.#names.slice(this.#position)
  }

  next(): Child {
    const name = this.#names[this.#position++]
    assert(name !== undefined, 'a level that is done was asked for more')
    return {
      parent: this.pinned,
      name,
      path: [...this.#path, name],
      below: this.#below + name,
      stat: this.#looks.pop(),
      isNameable: !this.#cut.has(name),
    }
  }

  /** Whether `next` will be a file that was looked at. */
  get isFileNext(): boolean {
    return this.#looks.at(-1)?.kind === 'file' && this.#cut.size === 0
  }

  /** Whether this is the directory that `stat` is of. */
  isOf(stat: Stat): boolean {
    return this.#stat?.device === stat.device && this.#stat.inode === stat.inode
  }

  async close(): Promise<void> {
    await this.pinned.close()
  }
}

/** Whether entries may lie below `path`: one level more, with a name of any length. */
export function hasRoomBelow(path: Path): boolean {
  return path.length < depthMax && nameBytes(pathText(path)) + 1 + nameMaxBytes <= pathMaxBytes
}

function isTooLong(name: Name): boolean {
  return name.length * 3 > nameMaxBytes && nameBytes(name) > nameMaxBytes
}

/** As much as fits; a character cut in two becomes escaped bytes. */
function beginningOf(name: Name): Name {
  return decodeName(encodeName(name).slice(0, nameMaxBytes))
}
