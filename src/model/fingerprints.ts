// The fingerprints of a page in columns: a sender keeps those of all its entries, and as objects with their texts a million
// would take 250 MB instead of 32 (measured).

import { assert } from '../errors.ts'
import type { Fingerprint } from './manifest.ts'

const noFile = -1 // As a size.

export class Fingerprints {
  readonly #sizes: Float64Array
  readonly #mtimesNs: BigInt64Array
  readonly #ctimesNs: BigInt64Array
  readonly #inodes: BigUint64Array

  /** @param list one per entry; null for what is no file */
  constructor(list: readonly (Fingerprint | null)[]) {
    this.#sizes = new Float64Array(list.length).fill(noFile)
    this.#mtimesNs = new BigInt64Array(list.length)
    this.#ctimesNs = new BigInt64Array(list.length)
    this.#inodes = new BigUint64Array(list.length)
    for (let index = 0; index < list.length; index++) {
      const fingerprint = list[index]!
      if (fingerprint === null) continue
      this.#sizes[index] = fingerprint.size
      this.#mtimesNs[index] = fingerprint.mtimeNs
      this.#ctimesNs[index] = fingerprint.ctimeNs
      this.#inodes[index] = fingerprint.inode
    }
  }

  at(index: number): Fingerprint | null {
    const size = this.#sizes[index]
    assert(size !== undefined, `a page has fingerprint ${index}`)
    if (size === noFile) return null
    return { size, mtimeNs: this.#mtimesNs[index]!, ctimeNs: this.#ctimesNs[index]!, inode: this.#inodes[index]! }
  }

  *[Symbol.iterator](): Generator<Fingerprint | null> {
    for (let index = 0; index < this.#sizes.length; index++) yield this.at(index)
  }

  /** As a journal has them: nanoseconds and inodes pass 2^53, and are decimal texts. */
  toJSON(): (Readonly<Record<keyof Fingerprint, number | string>> | null)[] {
    return Array.from(this.#sizes, (size, index) => {
      if (size === noFile) return null
      const mtimeNs = String(this.#mtimesNs[index])
      const ctimeNs = String(this.#ctimesNs[index])
      return { size, mtimeNs, ctimeNs, inode: String(this.#inodes[index]) }
    })
  }
}

export const noFingerprints: Fingerprints = new Fingerprints([])
