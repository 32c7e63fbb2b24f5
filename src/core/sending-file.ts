// One file that is being sent, or may have to be sent again: which chunks the receiver has, which hashes are known.

import { parseHex64s } from '../model/hash.ts'
import { chunkCount, chunkLength, ChunkSet, type Run } from '../model/places.ts'
import type { ConnectionId, SourceVersion } from './inputs.ts'

/**
 * What is being done about a file.
 * - `waiting`: the receiver has not said what it holds in this epoch
 * - `verifying`: hashes of a sample of the held chunks are asked for and compared with the source
 * - `sending`: chunks go out
 * - `collecting`: all is there; the hashes of the other chunks are asked for, for the file's digest
 * - `checking`: all is there; descriptor and path are looked at once more
 * - `comparing`: the source changed; chunks that agree are looked for
 * - `announcing`: `resync` is said, the answer is awaited
 * - `sent`: the receiver may publish it
 */
export type Stage =
  'waiting' | 'verifying' | 'sending' | 'collecting' | 'checking' | 'comparing' | 'announcing' | 'sent'

export class SendingFile {
  readonly entry: number
  readonly revision: number
  readonly size: number
  readonly chunks: number
  stage: Stage = 'waiting'
  /** At the receiver, durable or not, or sent in this epoch. */
  held: ChunkSet
  durable: ChunkSet
  /** On their way to a socket, and of which connection. */
  readonly sending: Map<number, ConnectionId> = new Map()
  readonly hashes: BigUint64Array
  /** Chunks whose hash is known: sent by this process, or told by the receiver. */
  readonly known: ChunkSet
  /** Questions for hashes that are not answered. */
  questions = 0
  /** What is compared with the source before anything is sent. */
  sample: readonly number[] = []
  /** How often the source changed in this run. */
  changes = 0
  /** The version of the source that differs from the one announced. */
  changedTo: SourceVersion | undefined
  /** Its revision was announced by this side, which no longer knows how it looked. */
  isForgotten = false
  #again = new Set<number>()
  #cursor = 0

  constructor(entry: number, revision: number, size: number, chunkBytes: number) {
    this.entry = entry
    this.revision = revision
    this.size = size
    this.chunks = chunkCount(size, chunkBytes)
    this.held = new ChunkSet(this.chunks)
    this.durable = new ChunkSet(this.chunks)
    this.known = new ChunkSet(this.chunks)
    this.hashes = new BigUint64Array(this.chunks)
  }

  epochBegan(): void {
    this.heldBy(undefined, undefined)
  }

  /** The receiver says what it holds; undefined: nothing. */
  heldBy(durable: readonly Run[] | undefined, received: readonly Run[] | undefined): void {
    this.durable = ChunkSet.of(this.chunks, durable ?? [])
    this.held = ChunkSet.of(this.chunks, [...(durable ?? []), ...(received ?? [])])
    this.sending.clear()
    this.#again.clear()
    this.#cursor = 0
    this.questions = 0
    this.stage = 'waiting'
  }

  /** Chunks are durable there. One whose hash is not known is sent all the same: without it there is no digest. */
  acknowledge(first: number, count: number): void {
    const { durable } = this
    for (let chunk = durable.nextMissing(first); chunk < first + count; chunk = durable.nextMissing(chunk)) {
      durable.add(chunk)
      if (this.known.has(chunk) && !this.sending.has(chunk) && !this.#again.has(chunk)) this.held.add(chunk)
    }
  }

  sendAgain(runs: readonly Run[]): void {
    for (const [first, count] of runs)
      for (let chunk = first; chunk < first + count; chunk++) {
        this.durable.remove(chunk)
        this.#missing(chunk)
      }
    this.#goOn()
  }

  #missing(chunk: number): void {
    this.held.remove(chunk)
    this.#again.add(chunk)
  }

  #goOn(): void {
    if (['waiting', 'collecting', 'checking', 'sent'].includes(this.stage)) this.stage = 'sending'
  }

  /** The lane they went out on is gone, and they with it perhaps. What is durable all the same counts if its hash is known. */
  lost(chunks: Iterable<number>): void {
    for (const chunk of chunks) {
      this.sending.delete(chunk)
      if (this.durable.has(chunk) && this.known.has(chunk)) this.held.add(chunk)
      else this.#missing(chunk)
    }
    this.#goOn()
  }

  /** Chunks that are on their way to the socket of this connection. */
  *sendingOver(connection: ConnectionId): Iterable<number> {
    for (const [chunk, its] of this.sending) if (its === connection) yield chunk
  }

  start(): void {
    if (this.stage === 'waiting') this.stage = 'sending'
  }

  know(chunk: number, hash: bigint): void {
    this.hashes[chunk] = hash
    this.known.add(chunk)
  }

  /** The receiver tells the hashes of neighbours: 16 hex digits each. */
  learn(first: number, count: number, digits: string): void {
    parseHex64s(digits, this.hashes.subarray(first, first + count))
    this.known.addRun(first, count)
  }

  /** Whether chunks are held whose hash is not known: without it there is no digest. */
  get hasUnknown(): boolean {
    return this.held.exceeds(this.known)
  }

  /** These chunks. */
  unknown(): ChunkSet {
    return this.held.without(this.known)
  }

  /** Notes that a chunk is on its way to the socket. */
  send(chunk: number, connection: ConnectionId): void {
    if (!this.#again.delete(chunk) && chunk === this.next) this.#cursor = chunk + 1
    this.sending.set(chunk, connection)
  }

  /** The next chunk to send, or undefined. */
  get next(): number | undefined {
    if (this.stage !== 'sending') return undefined
    for (const chunk of this.#again) return chunk
    let chunk = this.held.nextMissing(this.#cursor)
    while (chunk < this.chunks && this.sending.has(chunk)) chunk = this.held.nextMissing(chunk + 1)
    return chunk < this.chunks ? chunk : undefined
  }

  /** The first of some chunks that is missing at the receiver, if any is. */
  nextOf(chunks: Iterable<number>): number | undefined {
    if (this.stage !== 'sending') return undefined
    for (const chunk of chunks) if (!this.held.has(chunk) && !this.sending.has(chunk)) return chunk
    return undefined
  }

  get isSent(): boolean {
    return this.held.isFull && this.sending.size === 0 && this.#again.size === 0
  }

  durableBytes(chunkBytes: number): number {
    const last = this.chunks - 1
    const whole = this.durable.count * chunkBytes
    return this.durable.has(last) ? whole - chunkBytes + chunkLength(this.size, chunkBytes, last) : whole
  }
}
