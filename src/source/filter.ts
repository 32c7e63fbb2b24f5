// What the user leaves out, in the words of gitignore: a pattern with a slash at its start or middle is anchored at the
// root's top, `/` at the end means directories, `!` takes back in, and nothing below an excluded directory comes back.

import ignore, { type Ignore } from 'ignore'

const questionsMax = 10_000 // Ignore remembers every path it was ever asked about: renewing it keeps memory flat.

export class Filter {
  readonly #patterns: readonly string[]
  #matcher: Ignore
  #questions = 0

  /** @param patterns lines of a gitignore file; blank ones and comments match nothing */
  constructor(patterns: readonly string[]) {
    this.#patterns = patterns
    this.#matcher = matcherOf(patterns)
  }

  /** Whether an entry is left out. @param below its path below the root's top, components joined by slashes */
  excludes(below: string, isDirectory: boolean): boolean {
    if (this.#patterns.length === 0) return false
    if (++this.#questions > questionsMax) {
      this.#matcher = matcherOf(this.#patterns)
      this.#questions = 0
    }
    return this.#matcher.ignores(isDirectory ? `${below}/` : below)
  }
}

/** Names that differ in case are two names. */
function matcherOf(patterns: readonly string[]): Ignore {
  return ignore({ ignoreCase: false }).add(patterns)
}
