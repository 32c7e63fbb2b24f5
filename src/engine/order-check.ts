// A manifest names every entry once, in walk order: depth first, bytewise, a directory before what is in it. Held against
// the entry before alone, this finds doubles and things inside of what is no directory, in constant memory (R76).

import type { Entry } from '../model/manifest.ts'
import { compareNames, type Path, pathText } from '../model/names.ts'

export class OrderCheck {
  #last: Path | undefined
  /** The last entry that can't hold others. */
  #leaf: Path | undefined

  /** What is wrong with the next entries, or undefined. */
  fault(entries: readonly Entry[]): string | undefined {
    for (const { path, kind } of entries) {
      if (this.#last !== undefined && comparePaths(this.#last, path) >= 0)
        return `"${pathText(path)}" came behind "${pathText(this.#last)}" in the manifest`
      if (this.#leaf !== undefined && isWithin(path, this.#leaf)) return `"${pathText(path)}" lies in what is no folder`
      this.#last = path
      if (kind !== 'directory') this.#leaf = path
    }
    return undefined
  }
}

function comparePaths(a: Path, b: Path): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compareNames(a[i]!, b[i]!)
    if (order !== 0) return order
  }
  return a.length - b.length
}

const isWithin = (path: Path, above: Path): boolean =>
  path.length > above.length && above.every((name, i) => path[i] === name)
