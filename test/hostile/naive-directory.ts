// What a Directory would be without pins: it keeps a path, looks at each name before it uses it, as a careful program does,
// and then hands the whole path to the system. It is here to be beaten: what the confined one must survive, this one must not.

import * as fs from 'node:fs'
import { join } from 'node:path'
import type { Directory, Disk, DiskFile, OpenMode, Stat } from '../../src/model/disk.ts'
import type { Name } from '../../src/model/names.ts'
import { faultName, translateFault } from '../../src/store/faults.ts'
import { NodeFile } from '../../src/store/node-file.ts'
import { statOf, toSystemTime } from '../../src/store/node-stat.ts'
import { OneByOne } from '../../src/store/one-by-one.ts'

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants
const flags: Readonly<Record<OpenMode, number>> = { read: O_RDONLY, update: O_RDWR, create: O_RDWR | O_CREAT | O_EXCL }

export const naiveDisk: Disk = { openRoot: async (path) => new NaiveDirectory(path) }

class NaiveDirectory extends OneByOne implements Directory {
  readonly label: string

  constructor(path: string) {
    super()
    this.label = path
  }

  async openFile(name: Name, mode: OpenMode): Promise<DiskFile> {
    const kind = (await this.stat(name))?.kind
    return this.#try(() => {
      if (kind !== undefined && kind !== 'file') throw Object.assign(new Error('no file'), { code: 'ELOOP' })
      return new NodeFile(fs.openSync(this.#at(name), flags[mode], 0o600), this.#at(name))
    })
  }

  async openDirectory(name: Name): Promise<Directory> {
    const kind = (await this.stat(name))?.kind
    return this.#try(() => {
      if (kind === undefined) throw Object.assign(new Error('gone'), { code: 'ENOENT' })
      if (kind !== 'directory') throw Object.assign(new Error('no directory'), { code: 'ENOTDIR' })
      return new NaiveDirectory(this.#at(name))
    })
  }

  async makeDirectory(name: Name, mode: number): Promise<boolean> {
    return this.#unless('EEXIST', () => fs.mkdirSync(this.#at(name), mode))
  }

  async list(): Promise<Name[]> {
    return this.#try(() => fs.readdirSync(this.label))
  }

  async stat(name: Name): Promise<Stat | undefined> {
    const stats = this.#try(() => fs.lstatSync(this.#at(name), { bigint: true, throwIfNoEntry: false }))
    return stats && statOf(stats)
  }

  async statSelf(): Promise<Stat> {
    return this.#try(() => statOf(fs.statSync(this.label, { bigint: true })))
  }

  async readLink(name: Name): Promise<Name> {
    const kind = (await this.stat(name))?.kind
    return this.#try(() => {
      if (kind !== 'link') throw Object.assign(new Error('no link'), { code: 'ENOENT' })
      return fs.readlinkSync(this.#at(name))
    })
  }

  async makeLink(name: Name, target: Name): Promise<void> {
    this.#try(() => fs.symlinkSync(target, this.#at(name)))
  }

  async link(name: Name, to: Directory, toName: Name): Promise<boolean> {
    return this.#unless('EEXIST', () => fs.linkSync(this.#at(name), join(to.label, toName)))
  }

  async rename(name: Name, to: Directory, toName: Name): Promise<void> {
    this.#try(() => fs.renameSync(this.#at(name), join(to.label, toName)))
  }

  async unlink(name: Name): Promise<boolean> {
    return this.#unless('ENOENT', () => fs.unlinkSync(this.#at(name)))
  }

  async removeDirectory(name: Name): Promise<boolean> {
    return this.#unless('ENOTEMPTY', () => fs.rmdirSync(this.#at(name)))
  }

  async setLinkTimes(name: Name, mtimeUs: number): Promise<void> {
    this.#try(() => fs.lutimesSync(this.#at(name), toSystemTime(mtimeUs), toSystemTime(mtimeUs)))
  }

  async setMode(mode: number): Promise<void> {
    this.#try(() => fs.chmodSync(this.label, mode))
  }

  async setTimes(mtimeUs: number): Promise<void> {
    this.#try(() => fs.utimesSync(this.label, toSystemTime(mtimeUs), toSystemTime(mtimeUs)))
  }

  async sync(): Promise<boolean> {
    return true
  }

  async freeBytes(): Promise<number> {
    return Number.MAX_SAFE_INTEGER
  }

  socketPath(name: Name): string {
    return this.#at(name)
  }

  async close(): Promise<void> {}

  #at(name: Name): string {
    return join(this.label, name)
  }

  #try<T>(act: () => T): T {
    try {
      return act()
    } catch (error) {
      throw translateFault(error, { operation: 'use', path: this.label })
    }
  }

  #unless(answer: string, act: () => void): boolean {
    try {
      act()
      return true
    } catch (error) {
      if (faultName(error) === answer) return false
      throw translateFault(error, { operation: 'use', path: this.label })
    }
  }
}
