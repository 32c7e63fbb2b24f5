// How many columns text takes on a terminal, and cutting it to fit. Text has gone through display() before, so it holds
// no control, no zero-width joiner and no lone surrogate. Where terminals disagree (emoji), the larger answer is given:
// a line may end early, never run over.

const invisible = /^[\p{Mn}\p{Me}\p{Cf}]$/u

// East Asian Wide and Fullwidth, and what is drawn as a picture. First and last code point.
const wide: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x231a, 0x231b],
  [0x2329, 0x232a],
  [0x23e9, 0x23f3],
  [0x25fd, 0x25fe],
  [0x2614, 0x2615],
  [0x2630, 0x2637],
  [0x2648, 0x2653],
  [0x267f, 0x2693],
  [0x26a1, 0x26ff],
  [0x2705, 0x2705],
  [0x270a, 0x270b],
  [0x2728, 0x2728],
  [0x274c, 0x2757],
  [0x2795, 0x2797],
  [0x27b0, 0x27bf],
  [0x2b1b, 0x2b1c],
  [0x2b50, 0x2b55],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18cff],
  [0x1aff0, 0x1b2ff],
  [0x1d300, 0x1d37f],
  [0x1f000, 0x1faff],
  [0x20000, 0x3fffd],
]

/** Columns of one line of text without escape sequences. */
export function widthOf(text: string): number {
  let columns = 0
  for (const character of text) columns += widthOfCharacter(character)
  return columns
}

/** `text`, or as much of its beginning as fits into `columns` with `mark` behind it. */
export function cut(text: string, columns: number, mark: string): string {
  if (widthOf(text) <= columns) return text
  const room = columns - widthOf(mark)
  if (room < 0) return ''
  let kept = ''
  let used = 0
  for (const character of text) {
    used += widthOfCharacter(character)
    if (used > room) break
    kept += character
  }
  return kept + mark
}

function widthOfCharacter(character: string): number {
  const point = character.codePointAt(0)!
  if (point < 0x300) return 1
  if (point === 0xfe0f) return 1 // Turns the symbol before it into a picture, which is one column wider.
  if (invisible.test(character)) return 0
  return wide.some(([first, last]) => point >= first && point <= last) ? 2 : 1
}
