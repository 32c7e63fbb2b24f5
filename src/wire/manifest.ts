// Pages of the manifest as text. Entries are compact arrays, checked by hand: a schema per entry costs more than all else
// (SPEED F5). The text is canonical: the same entries give the same text, which is what travels, is stored and is hashed.
// Format: docs/protocol.md, `manifest`.

import { chunkBytesRange, chunksMax, pageEntriesMax } from '../model/limits.ts'
import type { Entry, ManifestTotals, OmissionReason } from '../model/manifest.ts'
import { isHex64 } from '../model/hash.ts'
import { linkTargetFromWire, nameToWire, pathFromWire, pathToWire } from './names.ts'
import { parseJson } from './json.ts'
import { refusal } from './refusal.ts'

/** The canonical text of a page's entries: a JSON array of arrays, no white space. */
export function encodeEntries(entries: readonly Entry[]): string {
  return JSON.stringify(entriesToWire(entries))
}

/** The same as a value, to be part of a message. */
export function entriesToWire(entries: readonly Entry[]): readonly unknown[] {
  return entries.map(entryToWire)
}

/** The entries of a text that travelled or was stored. @throws TransferError `protocol`, `bad-name` */
export function decodeEntries(text: string): Entry[] {
  return entriesFromWire(parseJson(text))
}

/** The same for a value that `JSON.parse` returned. */
export function entriesFromWire(value: unknown): Entry[] {
  if (!Array.isArray(value)) throw refusal('the entries are not a list')
  if (value.length > pageEntriesMax) throw refusal(`a page has more than ${pageEntriesMax} entries`)
  return value.map(entryFromWire)
}

/**
 * What the running digest of a page is the xxh64 of, once in UTF-8: the digest before, the canonical text of the entries,
 * and on the last page the text of the totals.
 * @param previousDigest 16 hex digits; of the first page, 16 zeros
 */
export function digestInput(previousDigest: string, entriesText: string, last: ManifestTotals | undefined): string {
  return previousDigest + entriesText + (last === undefined ? '' : encodeTotals(last))
}

/** Names the two keys, in this order, whatever order the value has them in. */
function encodeTotals({ entries, bytes }: ManifestTotals): string {
  return JSON.stringify({ entries, bytes })
}

function entryToWire(entry: Entry): readonly unknown[] {
  const path = pathToWire(entry.path)
  switch (entry.kind) {
    case 'file': {
      const row = ['f', path, entry.size, entry.mtimeUs, entry.mode]
      return entry.digest === undefined ? row : [...row, entry.digest]
    }
    case 'directory':
      return ['d', path, entry.mtimeUs, entry.mode]
    case 'link':
      return ['l', path, nameToWire(entry.target), entry.mtimeUs]
    case 'omitted':
      return ['o', path, entry.reason]
  }
}

const sizeMax = chunksMax * chunkBytesRange.max
const omissions: ReadonlySet<unknown> = new Set<OmissionReason>([
  'special',
  'link-outside',
  'link-skipped',
  'unreadable',
  'vanished',
  'bad-name',
])

function entryFromWire(row: unknown): Entry {
  if (!Array.isArray(row)) throw refusal('an entry is not a list')
  switch (row[0]) {
    case 'f':
      return fileFromWire(row)
    case 'd':
      checkLength(row, 4)
      return {
        kind: 'directory',
        path: pathFromWire(row[1]),
        mtimeUs: mtimeFromWire(row[2]),
        mode: modeFromWire(row[3]),
      }
    case 'l':
      checkLength(row, 4)
      return {
        kind: 'link',
        path: pathFromWire(row[1]),
        target: linkTargetFromWire(row[2]),
        mtimeUs: mtimeFromWire(row[3]),
      }
    case 'o':
      checkLength(row, 3)
      return { kind: 'omitted', path: pathFromWire(row[1]), reason: reasonFromWire(row[2]) }
    default:
      throw refusal('an entry is of no known kind')
  }
}

function fileFromWire(row: readonly unknown[]): Entry {
  checkLength(row, row.length === 6 ? 6 : 5)
  const path = pathFromWire(row[1])
  const size = sizeFromWire(row[2])
  const mtimeUs = mtimeFromWire(row[3])
  const mode = modeFromWire(row[4])
  if (row.length === 5) return { kind: 'file', path, size, mtimeUs, mode }
  const digest = row[5]
  if (typeof digest !== 'string' || !isHex64(digest)) throw refusal('the digest of an entry is not 16 hex digits')
  return { kind: 'file', path, size, mtimeUs, mode, digest }
}

function checkLength(row: readonly unknown[], length: number): void {
  if (row.length !== length) throw refusal('an entry has too few or too many fields')
}

function sizeFromWire(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= sizeMax)
    return unsigned(value as number)
  throw refusal(`the size of an entry is not a count of at most ${sizeMax} bytes`)
}

/** JSON can say -0, and canonical text is `0`. */
const unsigned = (value: number): number => value + 0

function mtimeFromWire(value: unknown): number {
  if (Number.isSafeInteger(value)) return unsigned(value as number)
  throw refusal('the time of an entry is not a safe integer')
}

function modeFromWire(value: unknown): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0o777) return unsigned(value as number)
  throw refusal('the mode of an entry is not nine permission bits')
}

function reasonFromWire(value: unknown): OmissionReason {
  if (omissions.has(value)) return value as OmissionReason
  throw refusal('an entry is left out for no known reason')
}
