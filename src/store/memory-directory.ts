// A pinned directory of the memory disk, and an open file of it.

import { assert, TransferError } from '../errors.ts'
import type { Directory, DiskFile, OpenMode, Stat } from '../model/disk.ts'
import { encodeName, nameFault, type Name } from '../model/names.ts'
import type { MemoryDisk, OperationKind } from './memory-disk.ts'
import { DirectoryInode, FileInode, LinkInode, pageBytes, PowerCut, type Inode } from './memory-inode.ts'
import { OneByOne } from './one-by-one.ts'

export class MemoryDirectory extends OneByOne implements Directory {
  readonly label: string
  readonly #disk: MemoryDisk
  readonly #inode: DirectoryInode
  #isClosed = false

  constructor(disk: MemoryDisk, inode: DirectoryInode, label: string) {
    super()
    this.#disk = disk
    this.#inode = inode
    this.label = label
  }

  async openFile(name: Name, mode: OpenMode): Promise<DiskFile> {
    const path = this.#pathOf(name)
    const there = this.#get(name)
    if (mode !== 'create') {
      if (there === undefined) throw new TransferError('not-found', { path })
      if (there.kind !== 'file') throw new TransferError('not-a-file', { path })
      return new MemoryFile(this.#disk, there, path, mode === 'read')
    }
    if (there !== undefined) throw new TransferError('already-exists', { path })
    const file = this.#add('create', name, new FileInode(this.#disk.nextInode(), 0o600, this.#disk.tick()))
    return new MemoryFile(this.#disk, file, path, false)
  }

  async openDirectory(name: Name): Promise<Directory> {
    const path = this.#pathOf(name)
    const there = this.#get(name)
    if (there === undefined) throw new TransferError('not-found', { path })
    if (there.kind !== 'directory') throw new TransferError('not-a-directory', { path })
    return new MemoryDirectory(this.#disk, there, path)
  }

  async makeDirectory(name: Name, mode: number): Promise<boolean> {
    if (this.#get(name) !== undefined) return false
    this.#add('make-directory', name, new DirectoryInode(this.#disk.nextInode(), mode, this.#disk.tick()))
    return true
  }

  async list(): Promise<Name[]> {
    this.#check()
    return [...this.#inode.names.keys()].sort((a, b) => Buffer.compare(encodeName(a), encodeName(b)))
  }

  async stat(name: Name): Promise<Stat | undefined> {
    return this.#get(name)?.stat()
  }

  async statSelf(): Promise<Stat> {
    this.#check()
    return this.#inode.stat()
  }

  async readLink(name: Name): Promise<Name> {
    const there = this.#get(name)
    if (there?.kind !== 'link') throw new TransferError('not-found', { path: this.#pathOf(name) })
    return there.target
  }

  async makeLink(name: Name, target: Name): Promise<void> {
    if (this.#get(name) !== undefined) throw new TransferError('already-exists', { path: this.#pathOf(name) })
    const link = new LinkInode(this.#disk.nextInode(), 0o777, this.#disk.tick())
    link.target = target
    this.#add('make-link', name, link)
  }

  async link(name: Name, to: Directory, toName: Name): Promise<boolean> {
    const path = sameKind(to).#pathOf(toName)
    const inode = this.#mustGet(name)
    if (sameKind(to).#get(toName) !== undefined) return false
    if (!this.#disk.hasLinks) throw new TransferError('links-unsupported', { path })
    this.#disk.begin('link', path)
    this.#disk.changeNames({ directory: sameKind(to).#inode, name: toName, inode })
    return true
  }

  async rename(name: Name, to: Directory, toName: Name): Promise<void> {
    const inode = this.#mustGet(name)
    const target = sameKind(to)
    const there = target.#get(toName)
    const path = target.#pathOf(toName)
    if (there === inode) return // Two names of one file: POSIX keeps both.
    if (there?.kind === 'directory' && inode.kind !== 'directory') throw this.#disk.fault('EISDIR', 'rename', path)
    if (there !== undefined && there.kind !== 'directory' && inode.kind === 'directory') {
      throw this.#disk.fault('ENOTDIR', 'rename', path)
    }
    if (there?.kind === 'directory' && there.names.size > 0) throw this.#disk.fault('ENOTEMPTY', 'rename', path)
    this.#disk.begin('rename', path)
    this.#disk.changeNames(
      { directory: this.#inode, name, inode: undefined },
      { directory: target.#inode, name: toName, inode },
    )
  }

  async unlink(name: Name): Promise<boolean> {
    const there = this.#get(name)
    if (there === undefined) return false
    if (there.kind === 'directory') throw this.#disk.fault('EISDIR', 'remove', this.#pathOf(name))
    this.#remove('unlink', name)
    return true
  }

  async removeDirectory(name: Name): Promise<boolean> {
    const there = this.#get(name)
    if (there === undefined) return false
    if (there.kind !== 'directory') throw this.#disk.fault('ENOTDIR', 'remove', this.#pathOf(name))
    if (there.names.size > 0) return false
    this.#remove('remove-directory', name)
    return true
  }

  async setLinkTimes(name: Name, mtimeUs: number): Promise<void> {
    const inode = this.#mustGet(name)
    this.#disk.begin('metadata', this.#pathOf(name))
    inode.meta.mtimeNs = nanoseconds(mtimeUs)
    inode.ctimeNs = this.#disk.tick()
  }

  async setMode(mode: number): Promise<void> {
    this.#changeSelf(() => (this.#inode.meta.mode = mode))
  }

  async setTimes(mtimeUs: number): Promise<void> {
    this.#changeSelf(() => (this.#inode.meta.mtimeNs = nanoseconds(mtimeUs)))
  }

  async sync(): Promise<boolean> {
    this.#check()
    this.#disk.begin('sync-directory', this.label)
    this.#disk.syncNames(this.#inode)
    return true
  }

  async freeBytes(): Promise<number> {
    return this.#disk.freeBytes
  }

  socketPath(name: Name): string {
    assert(false, `a memory disk has no socket ${name}: its locks are MemoryDisk.takeLock`)
  }

  async close(): Promise<void> {
    this.#isClosed = true
  }

  #add<T extends Inode>(kind: OperationKind, name: Name, inode: T): T {
    this.#disk.begin(kind, this.#pathOf(name))
    this.#disk.changeNames({ directory: this.#inode, name, inode })
    return inode
  }

  #remove(kind: OperationKind, name: Name): void {
    this.#disk.begin(kind, this.#pathOf(name))
    this.#disk.changeNames({ directory: this.#inode, name, inode: undefined })
  }

  #changeSelf(change: () => void): void {
    this.#check()
    this.#disk.begin('metadata', this.label)
    change()
    this.#inode.ctimeNs = this.#disk.tick()
  }

  #get(name: Name): Inode | undefined {
    const fault = nameFault(name)
    assert(fault === undefined, `a name below ${this.label} can't be used: ${fault}`)
    this.#check()
    return this.#inode.names.get(name)
  }

  #mustGet(name: Name): Inode {
    const inode = this.#get(name)
    if (inode === undefined) throw new TransferError('not-found', { path: this.#pathOf(name) })
    return inode
  }

  #check(): void {
    assert(!this.#isClosed, `${this.label} is used after it was closed`)
  }

  #pathOf(name: Name): string {
    return `${this.label}/${name}`
  }
}

class MemoryFile implements DiskFile {
  readonly #disk: MemoryDisk
  readonly #inode: FileInode
  readonly #path: string
  readonly #isReadOnly: boolean
  #isClosed = false

  constructor(disk: MemoryDisk, inode: FileInode, path: string, isReadOnly: boolean) {
    this.#disk = disk
    this.#inode = inode
    this.#path = path
    this.#isReadOnly = isReadOnly
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    this.#check(position)
    return this.#inode.read(target, position)
  }

  /** On a full disk as much is written as there is room for, as on a real one. */
  async write(source: Uint8Array, position: number): Promise<void> {
    this.#check(position)
    this.#begin('write')
    if (this.#isReadOnly) throw this.#disk.fault('EBADF', 'write', this.#path)
    const free = Math.floor(this.#disk.freeBytes / pageBytes)
    for (let offset = 0, pages = 0; offset < source.length;) {
      const length = Math.min(source.length - offset, pageBytes - ((position + offset) % pageBytes))
      pages += this.#inode.pagesMissing(position + offset, length)
      if (pages > free) throw this.#disk.fault('ENOSPC', 'write', this.#path, source.length - offset)
      this.#inode.write(source.subarray(offset, offset + length), position + offset)
      offset += length
    }
    this.#inode.meta.mtimeNs = this.#inode.ctimeNs = this.#disk.tick()
  }

  async truncate(size: number): Promise<void> {
    this.#begin('truncate')
    this.#inode.truncate(size)
    this.#inode.meta.mtimeNs = this.#inode.ctimeNs = this.#disk.tick()
  }

  async stat(): Promise<Stat> {
    this.#check()
    return this.#inode.stat()
  }

  async setMode(mode: number): Promise<void> {
    this.#begin('metadata')
    this.#inode.meta.mode = mode
    this.#inode.ctimeNs = this.#disk.tick()
  }

  async setTimes(mtimeUs: number): Promise<void> {
    this.#begin('metadata')
    this.#inode.meta.mtimeNs = nanoseconds(mtimeUs)
    this.#inode.ctimeNs = this.#disk.tick()
  }

  async datasync(): Promise<void> {
    this.#sync()
  }

  async sync(): Promise<void> {
    this.#sync()
    this.#inode.durableMeta = { ...this.#inode.meta }
  }

  async close(): Promise<void> {
    this.#isClosed = true
  }

  /** A failed one has lost what it was to sync, and the next one succeeds all the same: that is what Linux does (M3). */
  #sync(): void {
    try {
      this.#begin('sync-file')
      this.#inode.syncData()
    } catch (error) {
      if (!(error instanceof PowerCut)) this.#inode.loseDirty()
      throw error
    }
  }

  #begin(kind: OperationKind): void {
    this.#check()
    this.#disk.begin(kind, this.#path)
  }

  #check(position = 0): void {
    assert(!this.#isClosed, `${this.#path} is used after it was closed`)
    assert(Number.isSafeInteger(position) && position >= 0, `${this.#path} is used at ${position}`)
  }
}

function sameKind(directory: Directory): MemoryDirectory {
  assert(directory instanceof MemoryDirectory, 'a link or rename stays on one disk')
  return directory
}

function nanoseconds(mtimeUs: number): bigint {
  return BigInt(Math.round(mtimeUs)) * 1000n
}
