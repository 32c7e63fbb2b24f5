// The disk as one simulated process sees it: every call may take a while, may be the process's last, and never returns
// once the process is dead. What it did before stays done: that is the memory disk's business.

import type { Directory, Disk, DiskFile, OpenMode } from '../../src/model/disk.ts'
import type { Name } from '../../src/model/names.ts'

/** Lets a call happen, late or never. */
export type Gate = <T>(what: string, act: () => Promise<T>) => Promise<T>

export class ProcessDisk implements Disk {
  readonly #disk: Disk
  readonly #gate: Gate

  constructor(disk: Disk, gate: Gate) {
    this.#disk = disk
    this.#gate = gate
  }

  openRoot(path: string): Promise<Directory> {
    return this.#gate('openRoot', async () => new ProcessDirectory(await this.#disk.openRoot(path), this.#gate))
  }
}

class ProcessDirectory implements Directory {
  readonly label: string
  readonly inner: Directory
  readonly #gate: Gate

  constructor(inner: Directory, gate: Gate) {
    this.inner = inner
    this.label = inner.label
    this.#gate = gate
  }

  openFile(name: Name, mode: OpenMode) {
    return this.#gate(`open ${mode}`, async () => new ProcessFile(await this.inner.openFile(name, mode), this.#gate))
  }
  openDirectory(name: Name) {
    return this.#gate(
      'openDirectory',
      async () => new ProcessDirectory(await this.inner.openDirectory(name), this.#gate),
    )
  }
  makeDirectory(name: Name, mode: number) {
    return this.#gate('makeDirectory', () => this.inner.makeDirectory(name, mode))
  }
  list() {
    return this.#gate('list', () => this.inner.list())
  }
  stat(name: Name) {
    return this.#gate('stat', () => this.inner.stat(name))
  }
  statSelf() {
    return this.#gate('statSelf', () => this.inner.statSelf())
  }
  readLink(name: Name) {
    return this.#gate('readLink', () => this.inner.readLink(name))
  }
  makeLink(name: Name, target: Name) {
    return this.#gate('makeLink', () => this.inner.makeLink(name, target))
  }
  link(name: Name, to: Directory, toName: Name) {
    return this.#gate(`link ${to.label}/${toName}`, () => this.inner.link(name, innerOf(to), toName))
  }
  rename(name: Name, to: Directory, toName: Name) {
    return this.#gate(`rename ${to.label}/${toName}`, () => this.inner.rename(name, innerOf(to), toName))
  }
  unlink(name: Name) {
    return this.#gate('unlink', () => this.inner.unlink(name))
  }
  removeDirectory(name: Name) {
    return this.#gate('removeDirectory', () => this.inner.removeDirectory(name))
  }
  setLinkTimes(name: Name, mtimeUs: number) {
    return this.#gate('setLinkTimes', () => this.inner.setLinkTimes(name, mtimeUs))
  }
  setMode(mode: number) {
    return this.#gate('setMode', () => this.inner.setMode(mode))
  }
  setTimes(mtimeUs: number) {
    return this.#gate('setTimes', () => this.inner.setTimes(mtimeUs))
  }
  sync() {
    return this.#gate('sync', () => this.inner.sync())
  }
  freeBytes() {
    return this.#gate('freeBytes', () => this.inner.freeBytes())
  }
  socketPath(name: Name): string {
    return this.inner.socketPath(name)
  }
  close() {
    return this.#gate('close', () => this.inner.close())
  }
}

function innerOf(directory: Directory): Directory {
  return directory instanceof ProcessDirectory ? directory.inner : directory
}

class ProcessFile implements DiskFile {
  readonly #inner: DiskFile
  readonly #gate: Gate

  constructor(inner: DiskFile, gate: Gate) {
    this.#inner = inner
    this.#gate = gate
  }

  read(target: Uint8Array, position: number) {
    return this.#gate('read', () => this.#inner.read(target, position))
  }
  write(source: Uint8Array, position: number) {
    return this.#gate('write', () => this.#inner.write(source, position))
  }
  truncate(size: number) {
    return this.#gate('truncate', () => this.#inner.truncate(size))
  }
  stat() {
    return this.#gate('stat', () => this.#inner.stat())
  }
  setMode(mode: number) {
    return this.#gate('setMode', () => this.#inner.setMode(mode))
  }
  setTimes(mtimeUs: number) {
    return this.#gate('setTimes', () => this.#inner.setTimes(mtimeUs))
  }
  datasync() {
    return this.#gate('datasync', () => this.#inner.datasync())
  }
  sync() {
    return this.#gate('sync', () => this.#inner.sync())
  }
  close() {
    return this.#gate('close', () => this.#inner.close())
  }
}
