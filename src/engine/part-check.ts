// What a receiver's disk has of unfinished files, held against what the journal says of them (R14). Reads only.

import { assert, hasCode } from '../errors.ts'
import { chunkCount, chunkLength, ChunkSet } from '../model/places.ts'
import type { Checkpoint, HeldRun } from '../core/checkpoint.ts'
import { zerosHash } from '../hash/xxh64.ts'
import type { PartFiles } from '../store/part-files.ts'
import type { World } from './context.ts'
import { digestOfFile } from './digest-of-file.ts'
import type { ManifestPages } from './manifest-pages.ts'

export class PartCheck {
  readonly #checkpoint: Checkpoint
  readonly #pages: ManifestPages
  readonly #files: PartFiles
  readonly #chunkBytes: number
  readonly #syncEveryBytes: number
  readonly #hash: World['hash']
  readonly #buffer: Uint8Array

  constructor(checkpoint: Checkpoint, pages: ManifestPages, files: PartFiles, chunkBytes: number, world: World) {
    this.#checkpoint = checkpoint
    this.#pages = pages
    this.#files = files
    this.#chunkBytes = chunkBytes
    this.#syncEveryBytes = world.limits.syncEveryBytes
    this.#hash = world.hash
    this.#buffer = new Uint8Array(chunkBytes)
  }

  /** Chunks that are not on the disk as they were, of those that are looked at. */
  async badChunks(entry: number, runs: readonly HeldRun[]): Promise<number[]> {
    const bad: number[] = []
    for (const run of await this.#suspects(entry, runs))
      for (const [i, hash] of run.hashes.entries())
        if (!(await this.#isOnDisk(entry, run.first + i, hash, run.holes > 0))) bad.push(run.first + i)
    return bad
  }

  /** All runs of a part that looks cut or punched, else their end. */
  async #suspects(entry: number, runs: readonly HeldRun[]): Promise<readonly HeldRun[]> {
    const size = await this.sizeOf(entry)
    const data = new ChunkSet(chunkCount(size, this.#chunkBytes))
    for (const { first, hashes, holes } of runs) {
      if (holes === 0) data.addRun(first, hashes.length)
      else for (let i = 0; i < hashes.length; i++) data.remove(first + i) // The later run is right.
    }
    let dataBytes = 0
    let end = 0
    for (const [first, count] of data.runs()) {
      const last = first + count - 1
      dataBytes += (count - 1) * this.#chunkBytes + chunkLength(size, this.#chunkBytes, last)
      end = last * this.#chunkBytes + chunkLength(size, this.#chunkBytes, last)
    }
    const stat = await this.#files.stat(entry)
    if (stat === undefined) return dataBytes === 0 ? [] : runs
    return stat.size < end || stat.allocatedBytes < dataBytes ? runs : this.#tailOf(runs)
  }

  /** The end of what is held, as much as one sync covers: resuming reads a tail, however long the file (R15). */
  #tailOf(runs: readonly HeldRun[]): readonly HeldRun[] {
    const tail: HeldRun[] = []
    let chunks = Math.max(1, Math.ceil(this.#syncEveryBytes / this.#chunkBytes))
    for (let i = runs.length - 1; i >= 0 && chunks > 0; i--) {
      const { first, hashes, holes } = runs[i]!
      const from = Math.max(0, hashes.length - chunks)
      tail.push({ first: first + from, hashes: hashes.subarray(from), holes })
      chunks -= hashes.length - from
    }
    return tail.toReversed()
  }

  async #isOnDisk(entry: number, chunk: number, hash: bigint, isHole: boolean): Promise<boolean> {
    const found = await this.read(entry, chunk)
    if (found !== undefined) return this.#hash(found) === hash
    return isHole && zerosHash(chunkLength(await this.sizeOf(entry), this.#chunkBytes, chunk), this.#hash) === hash
  }

  /** A chunk's bytes as they are on the disk; undefined if the part ends before it. */
  async read(entry: number, chunk: number): Promise<Uint8Array | undefined> {
    const view = this.#buffer.subarray(0, chunkLength(await this.sizeOf(entry), this.#chunkBytes, chunk))
    try {
      return (await this.#files.read(entry, chunk * this.#chunkBytes, view)) === view.length ? view : undefined
    } catch (error) {
      if (hasCode(error, 'not-found')) return undefined
      throw error
    }
  }

  /** What the entry is to have in the end. */
  async sizeOf(entry: number): Promise<number> {
    const revised = this.#checkpoint.revised.get(entry)
    if (revised !== undefined) return revised.size
    const listed = await this.#pages.entry(entry)
    assert(listed.kind === 'file', `entry ${entry} is a file`)
    return listed.size
  }

  /** Of the first `size` bytes of a part, as they are on the disk. */
  digest(entry: number, size: number): Promise<string> {
    const part = { read: (target: Uint8Array, position: number) => this.#files.read(entry, position, target) }
    return digestOfFile(this.#chunkBytes, this.#hash)(part, size)
  }
}
