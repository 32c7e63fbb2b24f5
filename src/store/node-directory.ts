// A pinned directory of the real file system. Node has no openat(), but on Linux `/proc/<pid>/fd/<fd>/<name>` is one: the
// descriptor stays with the directory it was opened on, whatever becomes of its path, and a name is a single component, so
// no link is ever walked through (R65, M8). Where there is no /proc, the real path is used and checked against the pinned
// inode before each call; an attacker who swaps a directory between the check and the call wins that race (residual,
// docs/attacks.md).

import * as fs from 'node:fs'
import { promisify } from 'node:util'
import { assert, isTransferError, TransferError } from '../errors.ts'
import type { Directory, DiskFile, NewFile, OpenMode, Stat, WholeFile, WholeRead } from '../model/disk.ts'
import { decodeName, encodeName, isPlainName, nameFault, type Name } from '../model/names.ts'
import { faultName, meansNoDirectorySync, meansNoLinks, translateFault } from './faults.ts'
import { NodeFile } from './node-file.ts'
import { statOf, toSystemTime } from './node-stat.ts'

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = fs.constants

/** O_NONBLOCK, so that a fifo put in a file's place cannot hold us; it means nothing to files (R67). */
const openFlags: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
  update: O_RDWR | O_NOFOLLOW | O_NONBLOCK,
  create: O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CREAT | O_EXCL,
}

const inMemory: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]) // tmpfs and ramfs: statfs(2).

const readNames = promisify(
  (path: Buffer, done: (error: Error | null, names: Buffer[]) => void) => fs.readdir(path, 'buffer', done), // prettier-ignore
)
const fsync = promisify(fs.fsync)

/** Where our descriptors are. With our number in it as this /proc counts: to follow `self` takes 1 us of each call (measured). */
const ownDescriptors = (): string => (descriptors ??= `/proc/${fs.readlinkSync('/proc/self')}/fd`)
let descriptors: string | undefined

/** How a name below a pinned directory is reached: through its descriptor, or by its path and a check. */
export type PinWay = 'proc' | 'path'

export class NodeDirectory implements Directory {
  readonly label: string
  readonly #base: Buffer
  #fd: number
  readonly #way: PinWay
  /** Its number, once it was asked for. */
  #fileSystem: number | undefined
  /** Set where there is no /proc: the inode that the path must still lead to. */
  readonly #mustBe: bigint | undefined

  /** Whether there is no disk to wait for: then a sync costs less than its turn through the thread pool (35 us, measured). */
  readonly #isInMemory = (): boolean => {
    this.#fileSystem ??= this.#attemptSelf('stat', () => fs.statfsSync(this.#base).type)
    return inMemory.has(this.#fileSystem)
  }

  private constructor(fd: number, label: string, realPath: Buffer, way: PinWay) {
    this.#fd = fd
    this.label = label
    this.#way = way
    this.#base = way === 'proc' ? Buffer.from(`${ownDescriptors()}/${fd}`) : realPath
    this.#mustBe = way === 'proc' ? undefined : fs.fstatSync(fd, { bigint: true }).ino
  }

  /** Opens and pins by path, following links in it: only for directories that a person named. */
  static async openRoot(path: Name, way: PinWay): Promise<NodeDirectory> {
    try {
      const real = fs.realpathSync.native(Buffer.from(encodeName(path)), 'buffer')
      return new NodeDirectory(fs.openSync(real, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), path, real, way)
    } catch (error) {
      throw translateFault(error, { operation: 'open', path })
    }
  }

  async openFile(name: Name, mode: OpenMode): Promise<DiskFile> {
    return this.#openFile(name, mode)
  }

  async openDirectory(name: Name): Promise<Directory> {
    try {
      const path = this.#at(name)
      const fd = fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      return new NodeDirectory(fd, this.#labelOf(name), Buffer.from(path), this.#way)
    } catch (error) {
      const path = this.#labelOf(name)
      if (faultName(error) === 'ELOOP') throw new TransferError('not-a-directory', { path }, { cause: error })
      throw translateFault(error, { operation: 'open', path })
    }
  }

  async makeDirectory(name: Name, mode: number): Promise<boolean> {
    return this.#unless('EEXIST', 'make', name, (path) => fs.mkdirSync(path, mode))
  }

  async list(): Promise<Name[]> {
    try {
      this.#check()
      const names = await readNames(this.#base)
      return names.sort(Buffer.compare).map(decodeName)
    } catch (error) {
      throw translateFault(error, { operation: 'list', path: this.label })
    }
  }

  async stat(name: Name): Promise<Stat | undefined> {
    return this.#stat(name)
  }

  async statSelf(): Promise<Stat> {
    return this.#attemptSelf('stat', () => statOf(fs.fstatSync(this.#fd, { bigint: true })))
  }

  async readLink(name: Name): Promise<Name> {
    try {
      return decodeName(fs.readlinkSync(this.#at(name), 'buffer'))
    } catch (error) {
      const path = this.#labelOf(name)
      if (faultName(error) === 'EINVAL') throw new TransferError('not-found', { path }, { cause: error }) // No link there.
      throw this.#translate(error, 'read', path)
    }
  }

  async makeLink(name: Name, target: Name): Promise<void> {
    this.#attempt('make', name, (path) => fs.symlinkSync(Buffer.from(encodeName(target)), path))
  }

  async link(name: Name, to: Directory, toName: Name): Promise<boolean> {
    return this.#link(name, to, toName)
  }

  async rename(name: Name, to: Directory, toName: Name): Promise<void> {
    this.#attempt('rename', name, (path) => fs.renameSync(path, sameKind(to).#at(toName)))
  }

  async unlink(name: Name): Promise<boolean> {
    return this.#unlink(name)
  }

  async removeDirectory(name: Name): Promise<boolean> {
    try {
      fs.rmdirSync(this.#at(name))
      return true
    } catch (error) {
      if (['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(faultName(error))) return false
      throw this.#translate(error, 'remove', this.#labelOf(name))
    }
  }

  async setLinkTimes(name: Name, mtimeUs: number): Promise<void> {
    const time = toSystemTime(mtimeUs)
    this.#attempt('set the times of', name, (path) => fs.lutimesSync(path, time, time))
  }

  async setMode(mode: number): Promise<void> {
    this.#attemptSelf('chmod', () => fs.fchmodSync(this.#fd, mode))
  }

  async setTimes(mtimeUs: number): Promise<void> {
    const time = toSystemTime(mtimeUs)
    this.#attemptSelf('set the times of', () => fs.futimesSync(this.#fd, time, time))
  }

  async sync(): Promise<boolean> {
    try {
      if (this.#isInMemory()) fs.fsyncSync(this.#fd)
      else await fsync(this.#fd)
      return true
    } catch (error) {
      if (meansNoDirectorySync(error)) return false
      throw this.#translate(error, 'sync', this.label)
    }
  }

  async statEach(names: readonly Name[]): Promise<(Stat | undefined)[]> {
    return untilFault(names, (name) => this.#stat(name))
  }

  async readEach(files: readonly WholeFile[]): Promise<WholeRead[]> {
    return untilFault(files, (file) => this.#readWhole(file))
  }

  async writeEach(files: readonly NewFile[], isSynced: boolean): Promise<bigint[]> {
    const open: NodeFile[] = []
    try {
      const inodes = files.map((file) => this.#writeWhole(file, open))
      if (!isSynced) return inodes
      if (this.#isInMemory()) for (const file of open) file.syncNow()
      else await Promise.all(open.map((file) => file.sync()))
      return inodes
    } finally {
      for (const file of open) file.closeNow()
    }
  }

  async linkEach(names: readonly (readonly [Name, Name])[], to: Directory): Promise<boolean[]> {
    return untilFault(names, ([name, toName]) => this.#link(name, to, toName))
  }

  async unlinkEach(names: readonly Name[]): Promise<boolean[]> {
    return untilFault(names, (name) => this.#unlink(name))
  }

  async freeBytes(): Promise<number> {
    return this.#attemptSelf('stat', () => this.#free())
  }

  socketPath(name: Name): string {
    return this.#at(name).toString()
  }

  async close(): Promise<void> {
    const fd = this.#fd
    if (fd === -1) return
    this.#fd = -1
    fs.closeSync(fd)
  }

  #stat(name: Name): Stat | undefined {
    const stats = this.#attempt('stat', name, (path) => {
      return fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })
    })
    return stats === undefined ? undefined : statOf(stats)
  }

  #link(name: Name, to: Directory, toName: Name): boolean {
    try {
      fs.linkSync(this.#at(name), sameKind(to).#at(toName))
      return true
    } catch (error) {
      if (faultName(error) === 'EEXIST') return false
      const path = sameKind(to).#labelOf(toName)
      if (meansNoLinks(error)) throw new TransferError('links-unsupported', { path }, { cause: error })
      throw this.#translate(error, 'link', path)
    }
  }

  #unlink(name: Name): boolean {
    return this.#unless('ENOENT', 'remove', name, (path) => fs.unlinkSync(path))
  }

  /** @param permissions of one that is made */
  #openFile(name: Name, mode: OpenMode, permissions = 0o600): NodeFile {
    const fd = this.#attempt('open', name, (path) => fs.openSync(path, openFlags[mode], permissions))
    if (mode === 'create' || fs.fstatSync(fd).isFile()) return new NodeFile(fd, this.#labelOf(name), this.#isInMemory)
    fs.closeSync(fd)
    throw new TransferError('not-a-file', { path: this.#labelOf(name) })
  }

  /** What is no plain file is never opened (R67). */
  #readWhole({ name, target }: WholeFile): WholeRead {
    const isFile = this.#attempt('stat', name, (path) => fs.lstatSync(path, { throwIfNoEntry: false })?.isFile())
    if (isFile !== true) throw new TransferError('not-a-file', { path: this.#labelOf(name) })
    const fd = this.#attempt('open', name, (path) => fs.openSync(path, openFlags.read))
    const file = new NodeFile(fd, this.#labelOf(name))
    try {
      const bytes = file.readNow(target, 0)
      return { bytes, after: file.statNow() }
    } finally {
      file.closeNow()
    }
  }

  /** All but the sync. @param open takes the file, whatever happens to it */
  #writeWhole({ name, bytes, mode, mtimeUs }: NewFile, open: NodeFile[]): bigint {
    const file = this.#openFile(name, 'create', mode | 0o600) // Whoever finds it after a crash can write to it.
    open.push(file)
    file.writeNow(bytes, 0)
    const stat = file.statNow()
    if (stat.mode !== mode) file.setModeNow(mode) // A umask was in the way, or a list of rights.
    file.setTimesNow(mtimeUs)
    return stat.inode
  }

  /** The path of a name below the pin: as bytes, or as text that stands for the same bytes, which is cheaper. */
  #at(name: Name): Buffer | string {
    this.#check()
    if (this.#mustBe === undefined && isPlainName(name)) return `${ownDescriptors()}/${this.#fd}/${name}`
    const fault = nameFault(name)
    assert(fault === undefined, `a name below ${this.label} can't be used: ${fault}`)
    return Buffer.concat([this.#base, Buffer.from('/'), encodeName(name)])
  }

  #check(): void {
    assert(this.#fd !== -1, `${this.label} is used after it was closed`)
    if (this.#mustBe === undefined) return
    const path = this.label
    const stats = fs.lstatSync(this.#base, { bigint: true, throwIfNoEntry: false })
    if (stats?.ino !== this.#mustBe) throw new TransferError('not-a-directory', { path })
  }

  #free(): number {
    const { bavail, bsize } = fs.statfsSync(this.#base)
    return bavail * bsize
  }

  #labelOf(name: Name): string {
    return `${this.label}/${name}`
  }

  #attempt<T>(operation: string, name: Name, act: (path: Buffer | string) => T): T {
    try {
      return act(this.#at(name))
    } catch (error) {
      throw this.#translate(error, operation, this.#labelOf(name))
    }
  }

  #attemptSelf<T>(operation: string, act: () => T): T {
    try {
      this.#check()
      return act()
    } catch (error) {
      throw this.#translate(error, operation, this.label)
    }
  }

  /** Acts; false where it failed for the one reason that is an answer. */
  #unless(answer: string, operation: string, name: Name, act: (path: Buffer | string) => void): boolean {
    try {
      act(this.#at(name))
      return true
    } catch (error) {
      if (faultName(error) === answer) return false
      throw this.#translate(error, operation, this.#labelOf(name))
    }
  }

  #translate(error: unknown, operation: string, path: string): Error {
    return translateFault(error, { operation, path, freeBytes: () => this.#free() })
  }
}

/** The results up to the first that fails. What is no fault of the disk is thrown. */
function untilFault<Item, Result>(items: readonly Item[], act: (item: Item) => Result): Result[] {
  const results: Result[] = []
  try {
    for (const item of items) results.push(act(item))
  } catch (error) {
    if (!isTransferError(error)) throw error
  }
  return results
}

function sameKind(directory: Directory): NodeDirectory {
  assert(directory instanceof NodeDirectory, 'a link or rename stays on one disk')
  return directory
}
