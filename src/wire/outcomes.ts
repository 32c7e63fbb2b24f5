// Outcomes of entries as rows, checked by hand as the entries are: an `acknowledge` names every file once, and a schema per
// row costs more than all else that happens to a small file. Format: docs/protocol.md, `acknowledge`.

import { entriesMax, outcomesPerMessageMax, sentenceMaxChars } from '../model/limits.ts'
import { isHex64 } from '../model/hash.ts'
import type { EntryOutcome } from '../model/messages.ts'
import type { Outcome } from '../model/session.ts'
import { nameFromWire, nameToWire } from './names.ts'
import { refusal } from './refusal.ts'

/** One word for each outcome; the compiler asks for each of them. */
export const outcomeWords: Readonly<Record<Outcome, 0>> = {
  delivered: 0,
  unchanged: 0,
  kept: 0,
  replaced: 0,
  renamed: 0,
  skipped: 0,
  omitted: 0,
  vanished: 0,
  conflict: 0,
  failed: 0,
}

/** A row that ends where there is nothing more to say. @param cut shortens a sentence to what may travel */
export function outcomeToWire(
  { entry, outcome, bytes, digest, target, reason }: EntryOutcome,
  cut: (sentence: string) => string,
): readonly unknown[] {
  const row = [
    entry,
    outcome,
    bytes,
    digest ?? null,
    target === undefined ? null : nameToWire(target),
    reason === undefined ? null : cut(reason),
  ]
  while (row.at(-1) === null) row.pop()
  return row
}

/** The outcomes of a value that `JSON.parse` returned. @throws TransferError `protocol`, `bad-name` */
export function outcomesFromWire(value: unknown): EntryOutcome[] {
  if (!Array.isArray(value)) throw refusal('the outcomes are not a list')
  if (value.length > outcomesPerMessageMax) throw refusal(`a message has more than ${outcomesPerMessageMax} outcomes`)
  return value.map(outcomeFromWire)
}

function outcomeFromWire(row: unknown): EntryOutcome {
  if (!Array.isArray(row) || row.length < 3 || row.length > 6)
    throw refusal('an outcome is not a list of 3 to 6 fields')
  const [entry, outcome, bytes, digest, target, reason] = row as readonly unknown[]
  if (!isCount(entry) || entry >= entriesMax) throw refusal('an outcome is of no entry')
  if (!isOutcome(outcome)) throw refusal('an outcome is of no known kind')
  if (!isCount(bytes)) throw refusal('the bytes of an outcome are no count')
  return {
    entry: entry + 0, // JSON can say -0.
    outcome,
    bytes: bytes + 0,
    ...(isAbsent(digest) ? {} : { digest: digestFromWire(digest) }),
    ...(isAbsent(target) ? {} : { target: nameFromWire(target) }),
    ...(isAbsent(reason) ? {} : { reason: reasonFromWire(reason) }),
  }
}

/** Fields at the end of a row are left out, those before them are null. */
function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isOutcome(value: unknown): value is Outcome {
  return typeof value === 'string' && Object.hasOwn(outcomeWords, value)
}

function digestFromWire(value: unknown): string {
  if (typeof value === 'string' && isHex64(value)) return value
  throw refusal('the digest of an outcome is not 16 hex digits')
}

function reasonFromWire(value: unknown): string {
  if (typeof value === 'string' && value.length <= sentenceMaxChars) return value
  throw refusal(`the reason of an outcome is not a text of at most ${sentenceMaxChars} characters`)
}
