// Files on their way into a receiver, by entry. What comes whole in a pack has its place in nobody's way, and nothing is to be
// known of it but its hash: it is a number, until somebody asks for more of it than that. All others are parts.

import { partsMaxBytes } from '../model/limits.ts'
import { standing } from './entry-table.ts'
import type { Hub } from './hub.ts'
import { Part } from './part.ts'
import { peerMust } from './violation.ts'

const wholeBytes = 256 // Of memory, with what waits for its place (measured: 250).

export class Parts {
  readonly #hub: Hub
  readonly #parts = new Map<number, Part>()
  /** Files of packs: their hash, or null while they are being written. None of them is among the parts. */
  readonly #whole = new Map<number, bigint | null>()
  /** Memory of all parts, about. */
  #bytes = 0

  constructor(hub: Hub) {
    this.#hub = hub
  }

  /** An entry's part, if it is on its way. */
  get(entry: number): Part | undefined {
    const hash = this.#whole.get(entry)
    return hash === undefined ? this.#parts.get(entry) : this.#unpacked(entry, hash)
  }

  /** The same; one that was not on its way is from now on. */
  begun(entry: number): Part {
    return this.get(entry) ?? this.#make(entry)
  }

  /** Takes the place of the entry's part. */
  keep(part: Part): void {
    this.drop(part.entry)
    this.#bytes += memoryOf(part)
    this.#parts.set(part.entry, part)
  }

  drop(entry: number): void {
    if (this.#whole.delete(entry)) return
    const part = this.#parts.get(entry)
    if (part === undefined) return
    this.#bytes -= memoryOf(part)
    this.#parts.delete(entry)
  }

  /**
   * Whether a chunk would be written if it came now: it is neither held nor being written, and no revision waits for such.
   * One behind the end of its file is neither, and refused where it comes.
   */
  awaits(entry: number, chunk: number): boolean {
    if (this.#whole.has(entry)) return chunk > 0
    const part = this.#parts.get(entry)
    if (part === undefined) return true
    if (part.revising !== undefined) return false
    return !(part.held.has(chunk) || part.writing.has(chunk))
  }

  /** A file that came whole is being written. */
  writeWhole(entry: number): void {
    const part = this.#parts.get(entry)
    if (part !== undefined) return void part.writing.add(0)
    this.#begin(entry)
    this.#whole.set(entry, null)
  }

  /** It is written; false if it is a part by now, which knows more of it. */
  wroteWhole(entry: number, hash: bigint): boolean {
    if (this.#whole.get(entry) !== null) return false
    this.#whole.set(entry, hash)
    return true
  }

  /** Bytes that are written and not durable. */
  get bytesStaged(): number {
    const { chunkBytes, entries } = this.#hub
    let bytes = 0
    for (const part of this.#parts.values()) bytes += part.heldBytes(chunkBytes) - part.durableBytes(chunkBytes)
    for (const [entry, hash] of this.#whole) if (hash !== null) bytes += entries.size(entry)
    return bytes
  }

  #begin(entry: number): void {
    this.#mustHaveRoom()
    this.#hub.entries.stand(entry, standing.part)
  }

  #mustHaveRoom(): void {
    peerMust(this.#bytes + this.#whole.size * wholeBytes < partsMaxBytes, 'too many files are under way at once')
  }

  #make(entry: number): Part {
    this.#begin(entry)
    const part = this.#partOf(entry)
    this.keep(part)
    return part
  }

  #partOf(entry: number): Part {
    const { entries, chunkBytes } = this.#hub
    return new Part(entry, entries.revision(entry), entries.size(entry), chunkBytes)
  }

  /** Makes a part of what came whole; where its entry stands stays as it is. */
  #unpacked(entry: number, hash: bigint | null): Part {
    this.#mustHaveRoom()
    const part = this.#partOf(entry)
    if (hash === null) part.writing.add(0)
    else part.hold(0, hash, false)
    this.keep(part)
    return part
  }
}

/** Hashes and three bits a chunk, and the objects themselves: 1.8 KiB (measured). */
function memoryOf({ chunks }: Part): number {
  return 2048 + 9 * chunks
}
