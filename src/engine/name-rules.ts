// Which entries a target leaves out for their names alone: carryon's own directory, what its disk cannot hold or takes for
// the name of another entry (R60, R62), and what programs obey if the target is a home folder (R69). Names that only other
// disks would take for one are left in, and said.

import { foldName, homeFault, isOwnName, windowsFault } from '../model/foreign-names.ts'
import type { Name, Path } from '../model/names.ts'
import type { TargetTraits } from '../store/target-traits.ts'

const alikeMax = 10 // Said of one run; whoever has more knows by then.
const rememberedMax = 10_000 // Names of a directory that are compared where nothing depends on it.

export class NameRules {
  readonly #traits: TargetTraits
  readonly #twins: Twins
  readonly #onAlike: (path: Path, first: Name) => void
  #alikeCount = 0
  /** The first component that was asked for last, and whether it is ours: whole trees lie below one. */
  #top: { readonly name: Name; readonly isOwn: boolean } | undefined

  /** @param onAlike told of paths beside whose last name another one lies that some disks take for the same */
  constructor(traits: TargetTraits, onAlike: (path: Path, first: Name) => void) {
    this.#traits = traits
    this.#twins = new Twins(traits.folds ? Infinity : rememberedMax)
    this.#onAlike = onAlike
  }

  /** Why an entry is left out, or undefined. To be asked of every entry once, in the order of the manifest. */
  fault(path: Path): string | undefined {
    const { folds, isWindows, isHome } = this.#traits
    if (this.#isOwn(path[0]!)) return 'carryon keeps its own state under that name'
    const twin = this.#twins.of(path)
    if (folds && twin !== undefined) return `this disk takes its name and "${twin.first}" for the same`
    if (twin?.depth === path.length - 1 && this.#alikeCount++ < alikeMax) this.#onAlike(path, twin.first)
    const fault = isWindows ? path.map(windowsFault).find((why) => why !== undefined) : undefined
    return fault ?? (isHome ? homeFault(path) : undefined)
  }

  #isOwn(name: Name): boolean {
    if (this.#top?.name !== name) this.#top = { name, isOwn: isOwnName(name) }
    return this.#top.isOwn
  }
}

/**
 * Finds the names that a folding disk takes for one, in walk order: it remembers the names of the directories that the walk
 * is in, no others. All below the second of two such directories has its fault.
 */
class Twins {
  readonly #levels: Map<string, Name>[] = []
  readonly #namesMax: number
  #last: Path = []
  /** What came before each component of the last path, if that is another name. */
  readonly #firsts: (Name | undefined)[] = []

  /** @param namesMax remembered of each directory */
  constructor(namesMax: number) {
    this.#namesMax = namesMax
  }

  /** The first component beside which another name came before, other and yet the same. */
  of(path: Path): { readonly first: Name; readonly depth: number } | undefined {
    let same = 0
    while (same < path.length && path[same] === this.#last[same]) same++
    this.#last = path
    this.#levels.length = Math.min(this.#levels.length, same + 1)
    this.#firsts.length = same
    for (let depth = same; depth < path.length; depth++) this.#firsts.push(this.#firstBefore(path[depth]!, depth))
    const depth = this.#firsts.findIndex((first) => first !== undefined)
    return depth === -1 ? undefined : { first: this.#firsts[depth]!, depth }
  }

  #firstBefore(name: Name, depth: number): Name | undefined {
    const level = (this.#levels[depth] ??= new Map())
    const folded = foldName(name)
    const first = level.get(folded)
    if (first === undefined && level.size < this.#namesMax) level.set(folded, name)
    return first === name ? undefined : first
  }
}
