// "Did you mean": the nearest of some words to one that nobody knows.

/** The word of `words` that `typed` was probably meant to be, or undefined if none is near. */
export function nearest(typed: string, words: readonly string[]): string | undefined {
  const limit = typed.length < 2 ? 0 : Math.max(1, Math.floor(typed.length / 3))
  let best: { readonly word: string; readonly distance: number } | undefined
  for (const word of words) {
    const distance = typed.length >= 3 && shortens(typed, word) ? 1 : editDistance(typed, word)
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { word, distance }
  }
  return best?.word
}

/** Whether `typed` is `word` with letters left out, though not the first: `rec` and `recv` shorten `receive`. */
function shortens(typed: string, word: string): boolean {
  let found = 0
  for (const letter of word) if (letter === typed[found]) found++
  return found === typed.length && typed[0] === word[0]
}

/** Letters to insert, remove, replace or swap with a neighbour until `a` is `b`. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let cost = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1))
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (swapped) cost = Math.min(cost, beforeLast[column - 2]! + 1)
      current.push(cost)
    }
    beforeLast = last
    last = current
  }
  return last[b.length]!
}
