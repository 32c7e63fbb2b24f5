// Base64 by hand, for the parts that compile without Buffer and atob: names that are no text (RFC 4648 section 4, padded)
// and tickets (section 5, URL-safe, not padded). One byte string has one spelling: stray bits and wrong padding are faults.

export type Base64Form = 'padded' | 'url'

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const alphabets: Readonly<Record<Base64Form, string>> = { padded: `${letters}+/`, url: `${letters}-_` }
const values: Readonly<Record<Base64Form, Uint8Array>> = {
  padded: valuesOf(alphabets.padded),
  url: valuesOf(alphabets.url),
}
const notALetter = 255

export function encodeBase64(bytes: Uint8Array, form: Base64Form): string {
  const alphabet = alphabets[form]
  let text = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i
    const bits = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    text += alphabet[bits >>> 18]! + alphabet[(bits >>> 12) & 63]!
    text += left > 1 ? alphabet[(bits >>> 6) & 63]! : form === 'padded' ? '=' : ''
    text += left > 2 ? alphabet[bits & 63]! : form === 'padded' ? '=' : ''
  }
  return text
}

/** The bytes, or undefined if `text` is not exactly what `encodeBase64` makes of some bytes. */
export function decodeBase64(text: string, form: Base64Form): Uint8Array | undefined {
  const digits = form === 'padded' ? text.replace(/={1,2}$/, '') : text
  if (form === 'padded' && text.length !== Math.ceil(digits.length / 4) * 4) return undefined
  if (digits.length % 4 === 1) return undefined
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4))
  let bits = 0
  let held = 0
  let at = 0
  for (let i = 0; i < digits.length; i++) {
    const value = valueOf(digits.charCodeAt(i), form)
    if (value === notALetter) return undefined
    bits = ((bits << 6) | value) & 0xffff
    held += 6
    if (held >= 8) {
      held -= 8
      bytes[at++] = bits >>> held
    }
  }
  return (bits & ((1 << held) - 1)) === 0 ? bytes : undefined
}

/** Where the first character stands that no text of this form has, or -1. Padding counts as such a character. */
export function base64Stray(text: string, form: Base64Form): number {
  for (let i = 0; i < text.length; i++) if (valueOf(text.charCodeAt(i), form) === notALetter) return i
  return -1
}

function valueOf(unit: number, form: Base64Form): number {
  return unit < 128 ? values[form][unit]! : notALetter
}

function valuesOf(alphabet: string): Uint8Array {
  const table = new Uint8Array(128).fill(255)
  for (let i = 0; i < alphabet.length; i++) table[alphabet.charCodeAt(i)] = i
  return table
}
