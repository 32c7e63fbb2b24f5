// One file that is arriving: which chunks are held, which of them are acknowledged, which are being written, and their hashes.

import type { EntryOutcome, Resync } from '../model/messages.ts'
import { chunkCount, chunkLength, ChunkSet, type Run } from '../model/places.ts'

export class Part {
  readonly entry: number
  readonly revision: number
  readonly size: number
  readonly chunks: number
  /** Written, or adopted after a crash. */
  readonly held: ChunkSet
  /** Acknowledged: durable, or below `--durability checkpoint` hinted. */
  readonly durable: ChunkSet
  /** Left as holes. */
  readonly holes: ChunkSet
  readonly writing: ChunkSet
  readonly hashes: BigUint64Array
  /** How often chunks arrived damaged. */
  #bad: Map<number, number> | undefined
  /** File digest that the sender authorised for publishing (R112). */
  authorised: string | undefined
  /** A newer revision was announced and waits for writes under way. */
  revising: Resync | undefined
  /** The entry gets this outcome as soon as writes under way have ended. */
  givenUp: EntryOutcome | undefined
  /** No process before this one wrote to the part file, so unwritten chunks are zeros. */
  #isNew = true

  constructor(entry: number, revision: number, size: number, chunkBytes: number) {
    this.entry = entry
    this.revision = revision
    this.size = size
    this.chunks = chunkCount(size, chunkBytes)
    this.held = new ChunkSet(this.chunks)
    this.durable = new ChunkSet(this.chunks)
    this.holes = new ChunkSet(this.chunks)
    this.writing = new ChunkSet(this.chunks)
    this.hashes = new BigUint64Array(this.chunks)
  }

  get isComplete(): boolean {
    return this.held.isFull && this.writing.count === 0
  }

  /** Whether nothing was ever written at this chunk's bytes: zeros may stay a hole (R28). */
  isFresh(chunk: number): boolean {
    return this.#isNew && this.#bad?.has(chunk) !== true
  }

  /** Notes that a chunk arrived damaged. @returns how often by now */
  damaged(chunk: number): number {
    this.#bad ??= new Map()
    const tries = (this.#bad.get(chunk) ?? 0) + 1
    this.#bad.set(chunk, tries)
    return tries
  }

  hold(chunk: number, hash: bigint, hole: boolean): void {
    this.held.add(chunk)
    this.hashes[chunk] = hash
    if (hole) this.holes.add(chunk)
    else this.holes.remove(chunk)
  }

  /** An earlier process may have written anywhere in the part file. */
  restored(): void {
    this.#isNew = false
  }

  /** Neighbours that the journal vouches for; what lies behind the end of the file is passed over. */
  restore(first: number, hashes: BigUint64Array, areHoles: boolean): void {
    const count = Math.min(hashes.length, this.chunks - first)
    if (count <= 0) return
    this.hashes.set(hashes.subarray(0, count), first)
    this.held.addRun(first, count)
    this.durable.addRun(first, count)
    if (areHoles) this.holes.addRun(first, count)
    else for (let chunk = first; chunk < first + count; chunk++) this.holes.remove(chunk)
  }

  /** Hashes of `count` neighbours from `first` on, as far as they are held. */
  heldFrom(first: number, count: number): BigUint64Array {
    return this.hashes.subarray(first, Math.min(first + count, this.held.nextMissing(first)))
  }

  durableBytes(chunkBytes: number): number {
    return this.#bytesOf(this.durable, chunkBytes)
  }

  heldBytes(chunkBytes: number): number {
    return this.#bytesOf(this.held, chunkBytes)
  }

  #bytesOf(chunks: ChunkSet, chunkBytes: number): number {
    const whole = chunks.count * chunkBytes
    const last = this.chunks - 1
    return chunks.has(last) ? whole - chunkBytes + chunkLength(this.size, chunkBytes, last) : whole
  }

  /** The same file in its next revision: of what is held, the chunks to keep. */
  revised(revision: number, size: number, chunkBytes: number, keep: readonly Run[]): Part {
    const next = new Part(this.entry, revision, size, chunkBytes)
    next.#isNew = false
    for (const [first, count] of keep)
      for (let chunk = first; chunk < Math.min(first + count, next.chunks); chunk++) {
        if (!this.held.has(chunk)) continue
        next.hold(chunk, this.hashes[chunk]!, this.holes.has(chunk))
        if (this.durable.has(chunk)) next.durable.add(chunk)
      }
    return next
  }
}
