// A command line as a person can paste it into a shell again.

/** Words as one POSIX shell command. A control character goes into `$'…'`, so that nothing hides and nothing runs. */
export function shellQuoted(words: readonly string[]): string {
  return words.map(quoted).join(' ')
}

function quoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word
  // eslint-disable-next-line no-control-regex
  if (!/[\u0000-\u001f\u007f-\u009f]/.test(word)) return `'${word.replaceAll("'", `'\\''`)}'`
  // eslint-disable-next-line no-control-regex
  return `$'${word.replace(/['\\\u0000-\u001f\u007f-\u009f]/g, escaped)}'`
}

function escaped(character: string): string {
  if (character === "'" || character === '\\') return `\\${character}`
  const point = character.charCodeAt(0)
  const bytes = point < 0x80 ? [point] : [0xc0 | (point >> 6), 0x80 | (point & 0x3f)]
  return bytes.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
}
