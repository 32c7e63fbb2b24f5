// Which entries a target leaves out for their names alone: carryon's own directory, what its disk cannot hold or takes for
// the name of another entry (R60, R62), and what programs obey if the target is a home folder (R69).

import { foldName, homeFault, isOwnName, windowsFault } from '../model/foreign-names.ts'
import type { Name, Path } from '../model/names.ts'
import type { TargetTraits } from '../store/target.ts'

export class NameRules {
  readonly #traits: TargetTraits
  readonly #twins = new Twins()

  constructor(traits: TargetTraits) {
    this.#traits = traits
  }

  /** Why an entry is left out, or undefined. To be asked of every entry once, in the order of the manifest. */
  fault(path: Path): string | undefined {
    const { folds, isWindows, isHome } = this.#traits
    if (isOwnName(path[0]!)) return 'carryon keeps its own state under that name'
    const twin = folds ? this.#twins.of(path) : undefined
    if (twin !== undefined) return `this disk takes its name and "${twin}" for the same`
    const fault = isWindows ? path.map(windowsFault).find((why) => why !== undefined) : undefined
    return fault ?? (isHome ? homeFault(path) : undefined)
  }
}

/**
 * Finds the names that a folding disk takes for one, in walk order: it remembers the names of the directories that the walk
 * is in, no others. All below the second of two such directories has its fault.
 */
class Twins {
  readonly #levels: Map<string, Name>[] = []
  #last: Path = []

  /** The name that came before in the same directory, other and yet the same. */
  of(path: Path): Name | undefined {
    let same = 0
    while (same < path.length && path[same] === this.#last[same]) same++
    this.#last = path
    this.#levels.length = Math.min(this.#levels.length, same + 1)
    for (let depth = same; depth < path.length; depth++) {
      const level = (this.#levels[depth] ??= new Map())
      const folded = foldName(path[depth]!)
      if (!level.has(folded)) level.set(folded, path[depth]!)
    }
    for (let depth = 0; depth < path.length; depth++) {
      const first = this.#levels[depth]?.get(foldName(path[depth]!))
      if (first !== undefined && first !== path[depth]) return first
    }
    return undefined
  }
}
