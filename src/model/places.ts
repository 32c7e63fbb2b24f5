// Places and runs of them. A place is (entry, revision, chunk): where bytes belong. Runs are [first, count] pairs, sorted,
// disjoint and not adjacent. ChunkSet is a bit per chunk, for the few files that are under way.

/** Where bytes belong. */
export interface Place {
  readonly entry: number
  readonly revision: number
  readonly chunk: number
}

/** Chunks `first` to `first + count - 1`. */
export type Run = readonly [first: number, count: number]

/** Chunks of one (entry, revision). */
export interface PlaceRun {
  readonly entry: number
  readonly revision: number
  readonly first: number
  readonly count: number
}

/** How many chunks a file of `size` bytes has. An empty file has one, empty, chunk: it is a place too. */
export function chunkCount(size: number, chunkBytes: number): number {
  return Math.max(1, Math.ceil(size / chunkBytes))
}

/** Bytes of one chunk of a file. */
export function chunkLength(size: number, chunkBytes: number, chunk: number): number {
  return Math.max(0, Math.min(chunkBytes, size - chunk * chunkBytes))
}

/** A set of chunk indexes of one file: one bit each. */
export class ChunkSet {
  readonly size: number
  /** Of the first 32 chunks: most files have no more, and an array would be most of what they cost. */
  #first = 0
  #rest: Uint32Array | undefined
  #count = 0

  /** @param size how many chunks there are; indexes run from 0 to size - 1 */
  constructor(size: number) {
    this.size = size
    if (size > 32) this.#rest = new Uint32Array(Math.ceil(size / 32) - 1)
  }

  static of(size: number, runs: readonly Run[]): ChunkSet {
    const set = new ChunkSet(size)
    for (const [first, count] of runs) set.addRun(first, count)
    return set
  }

  /** How many chunks are in it. */
  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count === this.size
  }

  has(chunk: number): boolean {
    return (this.#word(chunk >>> 5) & (1 << (chunk & 31))) !== 0
  }

  /** Adds a chunk; false if it was there. */
  add(chunk: number): boolean {
    if (this.has(chunk)) return false
    this.#setWord(chunk >>> 5, this.#word(chunk >>> 5) | (1 << (chunk & 31)))
    this.#count++
    return true
  }

  /** Removes a chunk; false if it was not there. */
  remove(chunk: number): boolean {
    if (!this.has(chunk)) return false
    this.#setWord(chunk >>> 5, this.#word(chunk >>> 5) & ~(1 << (chunk & 31)))
    this.#count--
    return true
  }

  addRun(first: number, count: number): void {
    for (let chunk = first; chunk < first + count; chunk++) {
      const word = chunk >>> 5
      const isWhole = (chunk & 31) === 0 && chunk + 32 <= first + count && this.#word(word) === 0
      if (!isWhole) this.add(chunk)
      else {
        this.#setWord(word, 0xffffffff) // A run may be a million chunks long.
        this.#count += 32
        chunk += 31
      }
    }
  }

  /** Whether it has a chunk that the other set of this size lacks. */
  exceeds(other: ChunkSet): boolean {
    for (let word = 0; word < this.size / 32; word++) if ((this.#word(word) & ~other.#word(word)) !== 0) return true
    return false
  }

  /** Its chunks that are not in the other set of this size. */
  without(other: ChunkSet): ChunkSet {
    const rest = new ChunkSet(this.size)
    for (let word = 0; word < this.size / 32; word++) {
      const bits = this.#word(word) & ~other.#word(word)
      if (bits === 0) continue
      rest.#setWord(word, bits)
      rest.#count += onesIn(bits)
    }
    return rest
  }

  /** The first chunk at or after `from` that is not in the set, or `size`. */
  nextMissing(from: number): number {
    for (let chunk = from; chunk < this.size; chunk++) {
      if ((chunk & 31) === 0 && this.#word(chunk >>> 5) === 0xffffffff) chunk += 31
      else if (!this.has(chunk)) return chunk
    }
    return this.size
  }

  /** The first chunk at or after `from` that is in the set, or `size`. */
  nextHeld(from: number): number {
    for (let chunk = from; chunk < this.size; chunk++) {
      if ((chunk & 31) === 0 && this.#word(chunk >>> 5) === 0) chunk += 31
      else if (this.has(chunk)) return chunk
    }
    return this.size
  }

  /** Its chunks as runs. */
  runs(): Run[] {
    const runs: [number, number][] = []
    for (let chunk = this.nextHeld(0); chunk < this.size;) {
      const end = this.nextMissing(chunk)
      runs.push([chunk, end - chunk])
      chunk = this.nextHeld(end)
    }
    return runs
  }

  /** 32 chunks, unsigned. */
  #word(index: number): number {
    return index === 0 ? this.#first : (this.#rest?.[index - 1] ?? 0)
  }

  #setWord(index: number, word: number): void {
    if (index === 0) this.#first = word >>> 0
    else this.#rest![index - 1] = word
  }
}

/** How many bits of a word are set (Hacker's Delight 5-2). */
function onesIn(bits: number): number {
  const pairs = bits - ((bits >>> 1) & 0x55555555)
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

/** Groups places into runs of neighbours of one (entry, revision). The input may come in any order and is not changed. */
export function placeRuns(places: readonly Place[]): PlaceRun[] {
  const sorted = places.toSorted((a, b) => a.entry - b.entry || a.revision - b.revision || a.chunk - b.chunk)
  const runs: { entry: number; revision: number; first: number; count: number }[] = []
  for (const { entry, revision, chunk } of sorted) {
    const last = runs[runs.length - 1]
    if (last?.entry === entry && last.revision === revision && last.first + last.count === chunk) last.count++
    else runs.push({ entry, revision, first: chunk, count: 1 })
  }
  return runs
}
