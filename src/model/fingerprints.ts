// The fingerprints of a page in columns: a sender keeps those of all its entries, and as objects with their texts a million
// would take 250 MB instead of some 20 (measured). What lies close together takes four bytes instead of eight.

import { assert } from '../errors.ts'
import type { Fingerprint } from './manifest.ts'

const noFile = -1 // As a size.
const spanMax = 2n ** 32n - 1n

export class Fingerprints {
  readonly #sizes: Float64Array
  readonly #mtimesNs: IntegerColumn
  readonly #ctimesNs: IntegerColumn
  readonly #inodes: IntegerColumn

  /** @param list one per entry; null for what is no file */
  constructor(list: readonly (Fingerprint | null)[]) {
    this.#sizes = Float64Array.from(list, (fingerprint) => fingerprint?.size ?? noFile)
    const column = (key: 'mtimeNs' | 'ctimeNs' | 'inode') =>
      new IntegerColumn(list.map((fingerprint) => fingerprint?.[key]))
    this.#mtimesNs = column('mtimeNs')
    this.#ctimesNs = column('ctimeNs')
    this.#inodes = column('inode')
  }

  at(index: number): Fingerprint | null {
    const size = this.#sizes[index]
    assert(size !== undefined, `a page has fingerprint ${index}`)
    if (size === noFile) return null
    return {
      size,
      mtimeNs: this.#mtimesNs.at(index),
      ctimeNs: this.#ctimesNs.at(index),
      inode: this.#inodes.at(index),
    }
  }

  *[Symbol.iterator](): Generator<Fingerprint | null> {
    for (let index = 0; index < this.#sizes.length; index++) yield this.at(index)
  }

  /** As a journal has them: nanoseconds and inodes pass 2^53, and are decimal texts. */
  toJSON(): (Readonly<Record<keyof Fingerprint, number | string>> | null)[] {
    return Array.from(this, (fingerprint) => {
      if (fingerprint === null) return null
      const { size, mtimeNs, ctimeNs, inode } = fingerprint
      return { size, mtimeNs: String(mtimeNs), ctimeNs: String(ctimeNs), inode: String(inode) }
    })
  }
}

/** Integers that the list may leave out: by how much they exceed the least of them. */
class IntegerColumn {
  readonly #least: bigint
  readonly #excess: Uint32Array | BigUint64Array

  constructor(list: readonly (bigint | undefined)[]) {
    let least: bigint | undefined
    let most: bigint | undefined
    for (const value of list) {
      if (value === undefined) continue
      if (least === undefined || value < least) least = value
      if (most === undefined || value > most) most = value
    }
    const base = least ?? 0n
    this.#least = base
    const excess = list.map((value) => (value ?? base) - base)
    this.#excess = (most ?? base) - base <= spanMax ? Uint32Array.from(excess, Number) : BigUint64Array.from(excess)
  }

  at(index: number): bigint {
    return this.#least + BigInt(this.#excess[index]!)
  }
}

export const noFingerprints: Fingerprints = new Fingerprints([])
