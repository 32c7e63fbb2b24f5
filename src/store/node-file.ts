// An open file of the real file system. Small transfers are synchronous calls: they are copies to and from the page cache
// that cost less than the bookkeeping of a promise (measured: 2 to 4 times). Large ones and syncs go to the thread pool.

import * as fs from 'node:fs'
import { assert, InternalError, TransferError } from '../errors.ts'
import type { DiskFile, Stat } from '../model/disk.ts'
import { translateFault } from './faults.ts'
import { statOf, toSystemTime } from './node-stat.ts'

/** Up to here a synchronous call is cheaper than a turn through the thread pool. */
const smallBytes = 64 * 1024

export class NodeFile implements DiskFile {
  readonly #label: string
  readonly #isInMemory: () => boolean
  #fd: number
  /** Why the first sync failed. A second one would succeed and mean nothing: the kernel has marked the pages clean (R16, M3). */
  #syncFault: Error | undefined

  /** Takes over the descriptor. @param isInMemory whether there is no disk that a sync would wait for */
  constructor(fd: number, label: string, isInMemory: () => boolean = () => false) {
    this.#fd = fd
    this.#label = label
    this.#isInMemory = isInMemory
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    let done = 0
    while (done < target.length) {
      const count = await this.#transfer('read', target, done, position + done)
      if (count === 0) break
      done += count
    }
    return done
  }

  async write(source: Uint8Array, position: number): Promise<void> {
    let done = 0
    while (done < source.length) {
      const count = await this.#transfer('write', source, done, position + done)
      if (count === 0) throw this.#failed('write', 'nothing was written')
      done += count
    }
  }

  /** `read` without a wait, whatever the length. */
  readNow(target: Uint8Array, position: number): number {
    let done = 0
    while (done < target.length) {
      const count = this.#transferNow('read', target, done, position + done)
      if (count === 0) break
      done += count
    }
    return done
  }

  /** `write` without a wait, whatever the length. */
  writeNow(source: Uint8Array, position: number): void {
    let done = 0
    while (done < source.length) {
      const count = this.#transferNow('write', source, done, position + done)
      if (count === 0) throw this.#failed('write', 'nothing was written')
      done += count
    }
  }

  async truncate(size: number): Promise<void> {
    this.#attempt('truncate', () => fs.ftruncateSync(this.#fd, size))
  }

  async stat(): Promise<Stat> {
    return this.statNow()
  }

  statNow(): Stat {
    return this.#attempt('stat', () => statOf(fs.fstatSync(this.#fd, { bigint: true })))
  }

  async setMode(mode: number): Promise<void> {
    this.setModeNow(mode)
  }

  setModeNow(mode: number): void {
    this.#attempt('chmod', () => fs.fchmodSync(this.#fd, mode))
  }

  async setTimes(mtimeUs: number): Promise<void> {
    this.setTimesNow(mtimeUs)
  }

  setTimesNow(mtimeUs: number): void {
    const time = toSystemTime(mtimeUs)
    this.#attempt('set the times of', () => fs.futimesSync(this.#fd, time, time))
  }

  async datasync(): Promise<void> {
    await this.#sync(fs.fdatasync)
  }

  async sync(): Promise<void> {
    await this.#sync(fs.fsync)
  }

  /** `sync` without a wait: for file systems that have no disk to wait for. */
  syncNow(): void {
    if (this.#syncFault !== undefined) throw this.#failed('sync', 'an earlier sync failed', this.#syncFault)
    try {
      fs.fsyncSync(this.#fd)
    } catch (error) {
      this.#syncFault = this.#translate(error, 'sync', 0)
      throw this.#syncFault
    }
  }

  async close(): Promise<void> {
    this.closeNow()
  }

  closeNow(): void {
    const fd = this.#fd
    if (fd === -1) return
    this.#fd = -1
    this.#attempt('close', () => fs.closeSync(fd))
  }

  async #sync(call: (fd: number, done: (error: NodeJS.ErrnoException | null) => void) => void): Promise<void> {
    if (this.#isInMemory()) return this.syncNow()
    if (this.#syncFault !== undefined) throw this.#failed('sync', 'an earlier sync failed', this.#syncFault)
    try {
      await new Promise<void>((resolve, reject) => {
        call(this.#fd, (error) => (error === null ? resolve() : reject(error)))
      })
    } catch (error) {
      this.#syncFault = this.#translate(error, 'sync', 0)
      throw this.#syncFault
    }
  }

  /** One read or write; it may move fewer bytes than asked. */
  async #transfer(direction: 'read' | 'write', bytes: Uint8Array, offset: number, position: number): Promise<number> {
    const length = bytes.length - offset
    if (length <= smallBytes) return this.#transferNow(direction, bytes, offset, position)
    checkPosition(direction, position)
    try {
      return await new Promise<number>((resolve, reject) => {
        const done = (error: NodeJS.ErrnoException | null, count: number): void =>
          error === null ? resolve(count) : reject(error)
        if (direction === 'read') fs.read(this.#fd, bytes, offset, length, position, done)
        else fs.write(this.#fd, bytes, offset, length, position, done)
      })
    } catch (error) {
      throw this.#translate(error, direction, direction === 'write' ? length : 0)
    }
  }

  #transferNow(direction: 'read' | 'write', bytes: Uint8Array, offset: number, position: number): number {
    const length = bytes.length - offset
    checkPosition(direction, position)
    try {
      if (direction === 'read') return fs.readSync(this.#fd, bytes, offset, length, position)
      return fs.writeSync(this.#fd, bytes, offset, length, position)
    } catch (error) {
      throw this.#translate(error, direction, direction === 'write' ? length : 0)
    }
  }

  #attempt<T>(operation: string, act: () => T): T {
    try {
      return act()
    } catch (error) {
      throw this.#translate(error, operation, 0)
    }
  }

  #translate(error: unknown, operation: string, neededBytes: number): Error {
    if (this.#fd === -1 && operation !== 'close') {
      return new InternalError(`${operation} of ${this.#label} after it was closed`, { cause: error })
    }
    const freeBytes = (): number => {
      const { bavail, bsize } = fs.statfsSync(`/proc/self/fd/${this.#fd}`)
      return bavail * bsize
    }
    return translateFault(error, { operation, path: this.#label, neededBytes, freeBytes })
  }

  #failed(operation: string, cause: string, because?: Error): TransferError {
    const options = because === undefined ? undefined : { cause: because }
    return new TransferError('disk-failed', { path: this.#label, operation, cause }, options)
  }
}

/** Node takes any other number for "wherever the file stands" (R18). */
function checkPosition(direction: string, position: number): void {
  assert(Number.isSafeInteger(position) && position >= 0, `${direction} at ${position}`)
}
