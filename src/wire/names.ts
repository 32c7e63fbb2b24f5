// Names as they stand in JSON: a string, or `{ "base64": "…" }` where the bytes are not valid UTF-8. Each name has exactly
// one spelling, so that texts can be compared and hashed. What comes in here is hostile; what goes out can be a path.

import { TransferError } from '../errors.ts'
import { decodeBase64, encodeBase64 } from '../model/base64.ts'
import { display } from '../model/display.ts'
import { depthMax, linkTargetMaxBytes } from '../model/limits.ts'
import {
  decodeName,
  encodeName,
  isEscaped,
  isPlainName,
  nameBytes,
  nameFault,
  pathFault,
  pathText,
  type Name,
  type Path,
} from '../model/names.ts'
import { refusal } from './refusal.ts'

export type WireName = string | { readonly base64: string }

export function nameToWire(name: Name): WireName {
  return isEscaped(name) ? { base64: encodeBase64(encodeName(name), 'padded') } : name
}

export function pathToWire(path: Path): readonly WireName[] {
  return path.some(isEscaped) ? path.map(nameToWire) : path
}

/** One component of a path. @throws TransferError `bad-name`, or `protocol` if it is no name at all. */
export function nameFromWire(value: unknown): Name {
  const name = textFromWire(value)
  const fault = nameFault(name)
  if (fault !== undefined) throw badName(name, fault)
  return name
}

/** A path below the root. @throws as `nameFromWire`. */
export function pathFromWire(value: unknown): Path {
  if (!Array.isArray(value)) throw refusal('a path is not a list of names')
  if (isPlainPath(value)) return value as Path
  if (value.length > depthMax) throw badName(String(value[0]), `it is deeper than ${depthMax} levels`)
  const path = value.map(textFromWire)
  const fault = pathFault(path)
  if (fault !== undefined) throw badName(pathText(path), fault)
  return path
}

/** A link's text: any bytes but NUL, at least one. @throws as `nameFromWire`. */
export function linkTargetFromWire(value: unknown): Name {
  const target = textFromWire(value)
  if (target === '') throw badName(target, 'the link points nowhere')
  if (target.includes('\0')) throw badName(target, 'the link holds a NUL')
  if (nameBytes(target) > linkTargetMaxBytes)
    throw badName(target, `the link has more than ${linkTargetMaxBytes} bytes`)
  return target
}

// A short way for what nearly every path is: short components of printable ASCII without a slash. It may only say yes
// where the long way would: 16 components of 240 characters stay below every limit.
const plainDepth = 16

function isPlainPath(value: readonly unknown[]): boolean {
  if (value.length === 0 || value.length > plainDepth) return false
  for (const name of value) if (typeof name !== 'string' || !isPlainName(name)) return false
  return true
}

const halfCharacter = /[\ud800-\udfff]/u

function textFromWire(value: unknown): Name {
  if (typeof value === 'string') {
    if (halfCharacter.test(value)) throw badName(value, 'it holds half a character')
    return value
  }
  const base64 = typeof value === 'object' && value !== null && 'base64' in value ? value.base64 : undefined
  if (typeof base64 !== 'string') throw refusal('a name is neither text nor base64')
  const bytes = decodeBase64(base64, 'padded')
  if (bytes === undefined) throw refusal('the base64 of a name is damaged')
  const name = decodeName(bytes)
  if (!isEscaped(name)) throw badName(name, 'it is text, but came as base64')
  return name
}

const shownMaxChars = 300

function badName(name: string, why: string): TransferError<'bad-name'> {
  return new TransferError('bad-name', { name: display(name.slice(0, shownMaxChars)), why })
}
