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
    this.#sizes = Float64Array.from(list, (it) => it?.size ?? noFile)
    this.#mtimesNs = BigInt64Array.from(list, (it) => BigInt(it?.mtimeNs ?? 0))
    this.#ctimesNs = BigInt64Array.from(list, (it) => BigInt(it?.ctimeNs ?? 0))
    this.#inodes = BigUint64Array.from(list, (it) => BigInt(it?.inode ?? 0))
  }

  at(index: number): Fingerprint | null {
    const size = this.#sizes[index]
    assert(size !== undefined, `a page has fingerprint ${index}`)
    if (size === noFile) return null
    const mtimeNs = String(this.#mtimesNs[index])
    const ctimeNs = String(this.#ctimesNs[index])
    return { size, mtimeNs, ctimeNs, inode: String(this.#inodes[index]) }
  }

  *[Symbol.iterator](): Generator<Fingerprint | null> {
    for (let index = 0; index < this.#sizes.length; index++) yield this.at(index)
  }

  /** As a journal has them. */
  toJSON(): (Fingerprint | null)[] {
    return [...this]
  }
}

export const noFingerprints: Fingerprints = new Fingerprints([])
