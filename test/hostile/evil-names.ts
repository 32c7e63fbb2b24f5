// Names that have led programs astray, as they would stand in a message; and a judge that knows nothing of the code under
// test: which of them are names at all, byte by byte.

/** A component as JSON has it. */
export type Spelt = string | { readonly base64: string }

const bytes = (...values: readonly number[]): Spelt => ({ base64: Buffer.from(values).toString('base64') })
const text = (value: string): Spelt => ({ base64: Buffer.from(value).toString('base64') })

export const pieces: readonly Spelt[] = [
  // Out of the root.
  '..', '.', '', '/', '//', '/etc/passwd', '../..', '..\\..', 'a/../b', 'a/..', './a', 'a/', '/a', '~', '~root', '...', '. ', '.. ',
  '..;', '%2e%2e', '%2f', '%00', '..%2f', '..%c0%af', 'file:///etc/passwd', '\\\\host\\share', 'C:', 'C:\\x', 'c:x', '\\', '\\?\\C:',
  // What looks like dots and slashes, and what does when decoded carelessly.
  '\u2024\u2024', '\uff0e\uff0e', '\u2025', '\u2026', '\u2215', '\u2044', '\uff0f', '\u29f8', '\uff3c', 'a\u0338', '\u202e/..',
  bytes(0xc0, 0xae, 0xc0, 0xae), bytes(0xc0, 0xaf), bytes(0xe0, 0x80, 0xaf), bytes(0xf0, 0x80, 0x80, 0xaf), bytes(0xed, 0xa0, 0x80),
  bytes(0x2e, 0x2e, 0xff), bytes(0xff, 0x2f), bytes(0x00), bytes(0xff, 0x00), bytes(0xff), bytes(0x80, 0x2e), bytes(), text('..'), text('a'),
  // Not text at all.
  '\0', 'a\0', '\0..', 'a\0/b', '\ud800', '\udc80', 'a\udcff', '\udfff\ud800', '\ufffd', '\ufeff', '\uffff',
  // Terminals, shells, languages.
  '\u001b[2J', '\u001b]0;x\u0007', '\r', '\n', 'a\nb', '\t', '\u0008', '\u007f', '\u009b31m', '\u200b', '\u200f', '\u2028', '-rf', '--', '-',
  '$(id)', '`id`', ';id', '|id', '&', '*', '?', '[a]', '{a,b}', '!', '"', "'", ' ', '  a', 'a ', '__proto__', 'constructor', 'toString',
  'hasOwnProperty', '<script>', '{{x}}', '%s%n', '\u{1f4a9}', 'e\u0301', '\u00e9', 'ß',
  // Names that mean something here, and at the limits.
  '.carryon', '.CARRYON', '.Carryon', 'carryon', 'link-0', '.git', '.ssh', 'CON', 'nul.txt', 'COM1 ', 'aux', 'desktop.ini', '.htaccess',
  'x'.repeat(255), 'x'.repeat(256), 'ä'.repeat(127), 'ä'.repeat(128), '\u{1f600}'.repeat(64), 'x'.repeat(4096), '.'.repeat(255),
] // prettier-ignore

export type SpeltPath = readonly Spelt[]

/** Every piece alone, on top, below and in the middle; every pair; and paths at the limits of depth and length. */
export const corpus: readonly SpeltPath[] = [
  [],
  ...pieces.flatMap((piece) => [[piece], ['d', piece], [piece, 'f'], ['d', piece, 'f']]),
  ...pieces.flatMap((one) => pieces.map((two) => [one, two])),
  ...[127, 128, 129, 1000].map((depth) => Array.from({ length: depth }, () => 'd')),
  ...[15, 16, 17].map((depth) => Array.from({ length: depth }, () => 'x'.repeat(255))),
]

/** The bytes of each component, or undefined if the path may not be accepted. */
export function judged(path: SpeltPath): readonly Buffer[] | undefined {
  if (path.length === 0 || path.length > 128) return undefined
  const components: Buffer[] = []
  for (const piece of path) {
    const isText = typeof piece === 'string'
    if (isText && /[\ud800-\udfff]/u.test(piece)) return undefined // Half a character.
    const component = isText ? Buffer.from(piece) : Buffer.from(piece.base64, 'base64')
    if (!isText && isUtf8(component)) return undefined // Text has one spelling only.
    if (component.length === 0 || component.length > 255 || component.includes(0) || component.includes(0x2f))
      return undefined
    if (component.equals(Buffer.from('.')) || component.equals(Buffer.from('..'))) return undefined
    components.push(component)
  }
  const length = components.reduce((sum, component) => sum + component.length + 1, -1)
  return length > 4096 ? undefined : components
}

function isUtf8(component: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(component)
    return true
  } catch {
    return false
  }
}
