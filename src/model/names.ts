// Names are bytes. A Name is a string that stands for exactly one byte string: valid UTF-8 is decoded, every other byte
// 0x80..0xFF becomes the lone surrogate U+DC80..U+DCFF (PEP 383, "surrogateescape"), so names can be compared, kept in
// maps and printed through display() like any string, and still come back byte for byte. Nothing is ever normalised.

import { depthMax, nameMaxBytes, pathMaxBytes } from './limits.ts'

/** One component of a path, in the escaped form described above. Never empty, `.` or `..` once parsed. */
export type Name = string

/** The components of a path below a root, outermost first. */
export type Path = readonly Name[]

const isEscape = (unit: number): boolean => unit >= 0xdc80 && unit <= 0xdcff

// What nearly every name is: a few letters of printable ASCII. Each is its own byte, and none makes a name unusable.
const plainName = /^(?!\.{1,2}$)[ -.0-~]{1,240}$/

/** Whether a name is short, of printable ASCII, and good as a component of a path; many that are not so are good, too. */
export function isPlainName(name: Name): boolean {
  return plainName.test(name)
}

const escape = /[\udc80-\udcff]/u // Not as the second half of a character.

/** Whether a name is not valid UTF-8, that is, whether it holds an escaped byte. */
export function isEscaped(name: Name): boolean {
  return escape.test(name)
}

/** The bytes a name stands for. A lone surrogate that is no escape has none: it becomes U+FFFD's bytes, and `nameFault` refuses it. */
export function encodeName(name: Name): Uint8Array {
  const bytes: number[] = []
  for (const character of name) {
    const point = character.codePointAt(0)!
    if (point < 0x80) bytes.push(point)
    else if (point >= 0xdc80 && point <= 0xdcff) bytes.push(point - 0xdc00)
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 0x3f))
    else if (point >= 0xd800 && point <= 0xdfff) bytes.push(0xef, 0xbf, 0xbd)
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f))
    else
      bytes.push(
        0xf0 | (point >> 18),
        0x80 | ((point >> 12) & 0x3f),
        0x80 | ((point >> 6) & 0x3f),
        0x80 | (point & 0x3f),
      )
  }
  return Uint8Array.from(bytes)
}

/** The name that bytes stand for: strict UTF-8 (no overlong forms, no surrogates), every byte outside it escaped. */
export function decodeName(bytes: Uint8Array): Name {
  let name = ''
  for (let i = 0; i < bytes.length;) {
    const length = sequenceLength(bytes, i)
    if (length === 0) name += String.fromCharCode(0xdc00 + bytes[i++]!)
    else {
      name += String.fromCodePoint(pointAt(bytes, i, length))
      i += length
    }
  }
  return name
}

/** Bytes of the valid UTF-8 sequence at `i`, or 0 (Unicode 15, table 3-7). */
function sequenceLength(bytes: Uint8Array, i: number): number {
  const first = bytes[i]!
  if (first < 0x80) return 1
  const length =
    first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0
  if (length === 0 || i + length > bytes.length) return 0
  const second = bytes[i + 1]!
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  for (let k = 2; k < length; k++) if ((bytes[i + k]! & 0xc0) !== 0x80) return 0
  return length
}

function pointAt(bytes: Uint8Array, i: number, length: number): number {
  if (length === 1) return bytes[i]!
  let point = bytes[i]! & (0xff >> (length + 1))
  for (let k = 1; k < length; k++) point = (point << 6) | (bytes[i + k]! & 0x3f)
  return point
}

/** How many bytes a name has. */
export function nameBytes(name: Name): number {
  let bytes = 0
  for (const character of name) {
    const point = character.codePointAt(0)!
    bytes += point < 0x80 || (point >= 0xdc80 && point <= 0xdcff) ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
  }
  return bytes
}

/** Orders names by their bytes: negative, 0 or positive. */
export function compareNames(a: Name, b: Name): number {
  // Where they first differ one is ASCII, which lies before everything else, in letters as in bytes.
  if (isPlainName(a)) return a < b ? -1 : Number(a > b)
  const [bytesA, bytesB] = [encodeName(a), encodeName(b)]
  const length = Math.min(bytesA.length, bytesB.length)
  for (let i = 0; i < length; i++) if (bytesA[i] !== bytesB[i]) return bytesA[i]! - bytesB[i]!
  return bytesA.length - bytesB.length
}

/** Why a name can't be a component of a path, or undefined if it can. */
export function nameFault(name: Name): string | undefined {
  if (isPlainName(name)) return undefined
  if (name === '') return 'it is empty'
  if (name === '.' || name === '..') return `it is "${name}"`
  if (name.includes('/')) return 'it holds a slash'
  if (name.includes('\0')) return 'it holds a NUL'
  if (nameBytes(name) > nameMaxBytes) return `it has more than ${nameMaxBytes} bytes`
  for (const character of name) {
    const point = character.codePointAt(0)!
    if (point >= 0xd800 && point <= 0xdfff && !isEscape(point)) return 'it holds half a character'
  }
  return undefined
}

/** Why a path can't be below a root, or undefined if it can. */
export function pathFault(path: Path): string | undefined {
  if (path.length === 0) return 'it is empty'
  if (path.length > depthMax) return `it is deeper than ${depthMax} levels`
  let bytes = path.length - 1
  for (const name of path) {
    const fault = nameFault(name)
    if (fault !== undefined) return fault
    bytes += nameBytes(name)
  }
  return bytes > pathMaxBytes ? `it has more than ${pathMaxBytes} bytes` : undefined
}

/** Whether two paths lie in the same directory. */
export function haveSameParent(a: Path, b: Path): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length - 1; i++) if (a[i] !== b[i]) return false
  return true
}

/** A path as one string with slashes, for people and events; escapes are left to `display`. */
export function pathText(path: Path): string {
  return path.join('/')
}
