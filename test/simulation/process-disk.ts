// The disk as one simulated process sees it: every call passes a gate, which may hold it up, let it fail or never let it
// return. What was done before stays done: that is the memory disk's business.

import type { Directory, Disk, DiskFile, OpenMode } from '../../src/model/disk.ts'
import type { Name } from '../../src/model/names.ts'
import { OneByOne } from '../../src/store/one-by-one.ts'

export interface Call {
  readonly kind:
    | 'open'
    | 'create'
    | 'read'
    | 'write'
    | 'truncate'
    | 'stat'
    | 'metadata'
    | 'sync-file'
    | 'sync-directory'
    | 'list'
    | 'make'
    | 'link'
    | 'rename'
    | 'remove'
    | 'close'
  /** What it is about; of `link` and `rename` the new name. */
  readonly path: string
  /** The open file. */
  readonly file?: ProcessFile
  /** What is written. */
  readonly bytes?: Uint8Array
  /** Writes the first `count` bytes only. */
  readonly writeFirst?: (count: number) => Promise<void>
}

export interface Gate {
  pass<T>(call: Call, act: () => Promise<T>): Promise<T>
  /** Files and directories that are open. */
  readonly handles: Set<object>
}

export class ProcessDisk implements Disk {
  readonly #disk: Disk
  readonly #gate: Gate

  constructor(disk: Disk, gate: Gate) {
    this.#disk = disk
    this.#gate = gate
  }

  openRoot(path: string): Promise<Directory> {
    return this.#gate.pass(
      { kind: 'open', path },
      async () => new ProcessDirectory(await this.#disk.openRoot(path), this.#gate),
    )
  }
}

export class ProcessDirectory extends OneByOne implements Directory {
  readonly label: string
  readonly inner: Directory
  readonly #gate: Gate

  constructor(inner: Directory, gate: Gate) {
    super()
    this.inner = inner
    this.label = inner.label
    this.#gate = gate
    gate.handles.add(this)
  }

  #pass<T>(kind: Call['kind'], path: string, act: () => Promise<T>): Promise<T> {
    return this.#gate.pass({ kind, path }, act)
  }

  #pathOf(name: Name): string {
    return `${this.label}/${name}`
  }

  openFile(name: Name, mode: OpenMode): Promise<DiskFile> {
    const path = this.#pathOf(name)
    return this.#pass(mode === 'create' ? 'create' : 'open', path, async () => {
      const file = await this.inner.openFile(name, mode)
      return new ProcessFile(file, path, (await file.stat()).inode, this.#gate)
    })
  }
  openDirectory(name: Name): Promise<Directory> {
    return this.#pass(
      'open',
      this.#pathOf(name),
      async () => new ProcessDirectory(await this.inner.openDirectory(name), this.#gate),
    )
  }
  makeDirectory(name: Name, mode: number) {
    return this.#pass('make', this.#pathOf(name), () => this.inner.makeDirectory(name, mode))
  }
  list() {
    return this.#pass('list', this.label, () => this.inner.list())
  }
  stat(name: Name) {
    return this.#pass('stat', this.#pathOf(name), () => this.inner.stat(name))
  }
  statSelf() {
    return this.#pass('stat', this.label, () => this.inner.statSelf())
  }
  readLink(name: Name) {
    return this.#pass('stat', this.#pathOf(name), () => this.inner.readLink(name))
  }
  makeLink(name: Name, target: Name) {
    return this.#pass('make', this.#pathOf(name), () => this.inner.makeLink(name, target))
  }
  link(name: Name, to: Directory, toName: Name) {
    return this.#pass('link', `${to.label}/${toName}`, () => this.inner.link(name, innerOf(to), toName))
  }
  rename(name: Name, to: Directory, toName: Name) {
    return this.#pass('rename', `${to.label}/${toName}`, () => this.inner.rename(name, innerOf(to), toName))
  }
  unlink(name: Name) {
    return this.#pass('remove', this.#pathOf(name), () => this.inner.unlink(name))
  }
  removeDirectory(name: Name) {
    return this.#pass('remove', this.#pathOf(name), () => this.inner.removeDirectory(name))
  }
  setLinkTimes(name: Name, mtimeUs: number) {
    return this.#pass('metadata', this.#pathOf(name), () => this.inner.setLinkTimes(name, mtimeUs))
  }
  setMode(mode: number) {
    return this.#pass('metadata', this.label, () => this.inner.setMode(mode))
  }
  setTimes(mtimeUs: number) {
    return this.#pass('metadata', this.label, () => this.inner.setTimes(mtimeUs))
  }
  sync() {
    return this.#pass('sync-directory', this.label, () => this.inner.sync())
  }
  freeBytes() {
    return this.#pass('stat', this.label, () => this.inner.freeBytes())
  }
  socketPath(name: Name): string {
    return this.inner.socketPath(name)
  }
  close() {
    this.#gate.handles.delete(this)
    return this.#pass('close', this.label, () => this.inner.close())
  }
}

function innerOf(directory: Directory): Directory {
  return directory instanceof ProcessDirectory ? directory.inner : directory
}

export class ProcessFile implements DiskFile {
  readonly path: string
  readonly inode: bigint
  readonly #inner: DiskFile
  readonly #gate: Gate

  constructor(inner: DiskFile, path: string, inode: bigint, gate: Gate) {
    this.#inner = inner
    this.path = path
    this.inode = inode
    this.#gate = gate
    gate.handles.add(this)
  }

  #pass<T>(kind: Call['kind'], act: () => Promise<T>): Promise<T> {
    return this.#gate.pass({ kind, path: this.path, file: this }, act)
  }

  read(target: Uint8Array, position: number) {
    return this.#pass('read', () => this.#inner.read(target, position))
  }
  write(source: Uint8Array, position: number) {
    const call: Call = {
      kind: 'write',
      path: this.path,
      file: this,
      bytes: source,
      writeFirst: (count) => this.#inner.write(source.subarray(0, count), position),
    }
    return this.#gate.pass(call, () => this.#inner.write(source, position))
  }
  truncate(size: number) {
    return this.#pass('truncate', () => this.#inner.truncate(size))
  }
  stat() {
    return this.#pass('stat', () => this.#inner.stat())
  }
  setMode(mode: number) {
    return this.#pass('metadata', () => this.#inner.setMode(mode))
  }
  setTimes(mtimeUs: number) {
    return this.#pass('metadata', () => this.#inner.setTimes(mtimeUs))
  }
  datasync() {
    return this.#pass('sync-file', () => this.#inner.datasync())
  }
  sync() {
    return this.#pass('sync-file', () => this.#inner.sync())
  }
  close() {
    this.#gate.handles.delete(this)
    return this.#pass('close', () => this.#inner.close())
  }
}
