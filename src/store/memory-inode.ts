// Files, directories and links of the memory disk: what each holds now, and what of it would outlive a power cut.

import type { FileKind, Stat } from '../model/disk.ts'
import type { Name } from '../model/names.ts'

export const pageBytes = 4096
const sectorBytes = 512

/** Thrown by every operation from the moment that `MemoryDisk.cutPowerAfter` named. */
export class PowerCut extends Error {
  override readonly name = 'PowerCut'
}

export interface Metadata {
  mode: number
  mtimeNs: bigint
}

abstract class InodeBase {
  abstract readonly kind: FileKind
  readonly inode: bigint
  meta: Metadata
  durableMeta: Metadata
  ctimeNs = 0n
  /** How many names lead here now. */
  links = 0

  constructor(inode: bigint, mode: number, now: bigint) {
    this.inode = inode
    this.meta = { mode, mtimeNs: now }
    this.durableMeta = { ...this.meta }
    this.ctimeNs = now
  }

  stat(): Stat {
    const { inode, kind, ctimeNs, links } = this
    const { mode, mtimeNs } = this.meta
    return { kind, size: 0, mode, mtimeNs, ctimeNs, inode, device: 1n, owner, allocatedBytes: 0, links }
  }
}

const owner = process.getuid?.() ?? 0

export class FileInode extends InodeBase {
  readonly kind = 'file'
  size = 0
  durableSize = 0
  /** By page number; a page that is not there reads as zeros. Pages are replaced, never changed. */
  pages: Map<number, Uint8Array> = new Map()
  durablePages: Map<number, Uint8Array> = new Map()
  /** Pages that no sync has reached, each with a mark for every byte that was written. */
  readonly dirty: Map<number, Uint8Array> = new Map()

  override stat(): Stat {
    return { ...super.stat(), size: this.size, allocatedBytes: this.pages.size * pageBytes }
  }

  read(target: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(target.length, this.size - position))
    target.fill(0, 0, count)
    forPages(position, count, (page, from, to, offset) => {
      const bytes = this.pages.get(page)
      if (bytes !== undefined) target.set(bytes.subarray(from, to), offset)
    })
    return count
  }

  write(source: Uint8Array, position: number): void {
    forPages(position, source.length, (page, from, to, offset) => {
      const bytes = copyOfPage(this.pages.get(page))
      bytes.set(source.subarray(offset, offset + to - from), from)
      this.pages.set(page, bytes)
      this.#mark(page, from, to)
    })
    this.size = Math.max(this.size, position + source.length)
  }

  /** How many pages a write would add. */
  pagesMissing(position: number, length: number): number {
    let missing = 0
    forPages(position, length, (page) => {
      if (!this.pages.has(page)) missing++
    })
    return missing
  }

  truncate(size: number): void {
    if (size < this.size) {
      for (const page of this.pages.keys()) {
        const from = size - page * pageBytes
        if (from <= 0) this.pages.delete(page)
        else if (from < pageBytes) this.pages.set(page, copyOfPage(this.pages.get(page)).fill(0, from))
        if (from < pageBytes) this.#mark(page, Math.max(0, from), pageBytes)
      }
    }
    this.size = size
  }

  #mark(page: number, from: number, to: number): void {
    let marks = this.dirty.get(page)
    if (marks === undefined) this.dirty.set(page, (marks = new Uint8Array(pageBytes)))
    marks.fill(1, from, to)
  }

  /** What fdatasync does; fsync does `syncMeta`, too. */
  syncData(): void {
    for (const page of this.dirty.keys()) keep(this.durablePages, page, this.pages.get(page))
    this.dirty.clear()
    this.durableSize = this.size
  }

  /** What a failed sync does: the pages count as clean, and what was on the disk is still what is on the disk (M3). */
  loseDirty(): void {
    this.dirty.clear()
  }

  /** What syncs have reached, between two offsets. */
  durableBytes(first: number, end: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(end, this.durableSize) - first))
    forPages(first, bytes.length, (page, from, to, offset) => {
      const kept = this.durablePages.get(page)
      if (kept !== undefined) bytes.set(kept.subarray(from, to), offset)
    })
    return bytes
  }

  /** The file after a power cut: each unsynced page is kept, dropped or torn, the size old or new. */
  afterCut(chance: Chance): FileInode {
    const after = new FileInode(this.inode, 0, 0n)
    const keepsSize = this.size !== this.durableSize && chance.coin()
    after.size = keepsSize ? this.size : this.durableSize
    after.pages = new Map(this.durablePages)
    for (const [page, marks] of this.dirty) {
      const old = this.durablePages.get(page)
      const fresh = this.pages.get(page)
      const fate = chance.pick(['dropped', 'kept', 'torn'] as const)
      if (fate === 'kept') keep(after.pages, page, fresh)
      const virginFrom = old === undefined ? 0 : this.durableSize - page * pageBytes
      if (fate === 'torn') keep(after.pages, page, torn({ old, fresh, virginFrom, marks }, chance))
    }
    const pagesLeft = Math.ceil(after.size / pageBytes)
    for (const page of after.pages.keys()) if (page >= pagesLeft) after.pages.delete(page)
    const tail = after.size % pageBytes
    const last = after.pages.get(pagesLeft - 1)
    if (tail !== 0 && last !== undefined) after.pages.set(pagesLeft - 1, copyOfPage(last).fill(0, tail))
    after.durablePages = new Map(after.pages)
    after.durableSize = after.size
    return after
  }
}

export class LinkInode extends InodeBase {
  readonly kind = 'link'
  target: Name = ''
}

export class DirectoryInode extends InodeBase {
  readonly kind = 'directory'
  names: Map<Name, Inode> = new Map()
  durableNames: Map<Name, Inode> = new Map()
}

export type Inode = FileInode | LinkInode | DirectoryInode

/** What becomes of the unsynced at a power cut. */
export interface Chance {
  coin(): boolean
  pick<T>(choices: readonly T[]): T
}

interface TornPage {
  readonly old: Uint8Array | undefined
  readonly fresh: Uint8Array | undefined
  /** From here on nothing of it ever was on the disk. */
  readonly virginFrom: number
  readonly marks: Uint8Array
}

/**
 * Each 512 byte sector of the page is old or new; one that never was on the disk may hold anything where it was written. The
 * chunks of the simulation are smaller than sectors: one that is a hole is not written because its neighbour is.
 */
function torn({ old, fresh, virginFrom, marks }: TornPage, chance: Chance): Uint8Array {
  const page = copyOfPage(old)
  for (let from = 0; from < pageBytes; from += sectorBytes) {
    const sector = page.subarray(from, from + sectorBytes)
    const fate = chance.pick(['old', 'new', from >= virginFrom ? 'garbage' : 'old'] as const)
    if (fate === 'garbage') garble(sector, marks.subarray(from, from + sectorBytes), chance.pick([0x00, 0x5a, 0xff]))
    else if (fate === 'new' && fresh === undefined) sector.fill(0)
    else if (fate === 'new') sector.set(fresh!.subarray(from, from + sectorBytes))
  }
  return page
}

function garble(sector: Uint8Array, marks: Uint8Array, seed: number): void {
  for (let i = 0; i < sector.length; i++) if (marks[i] === 1) sector[i] = (seed + i * 31) & 0xff
}

function copyOfPage(page: Uint8Array | undefined): Uint8Array {
  const copy = new Uint8Array(pageBytes)
  if (page !== undefined) copy.set(page)
  return copy
}

function keep(pages: Map<number, Uint8Array>, page: number, bytes: Uint8Array | undefined): void {
  if (bytes === undefined) pages.delete(page)
  else pages.set(page, bytes)
}

/** Calls back for each page that a range touches: bytes `from` to `to` of it, `offset` into the range. */
function forPages(
  position: number,
  length: number,
  act: (page: number, from: number, to: number, offset: number) => void,
): void {
  for (let offset = 0; offset < length;) {
    const page = Math.floor((position + offset) / pageBytes)
    const from = position + offset - page * pageBytes
    const to = Math.min(pageBytes, from + length - offset)
    act(page, from, to, offset)
    offset += to - from
  }
}
