// What each kind of record holds: one table that checks a value, gives its fields their canonical order and drops what it
// does not know. Used before a record is written and after one is read. Fields and limits: docs/journal.md.

import { InternalError } from '../errors.ts'
import { entriesMax, linkTargetMaxBytes, pathMaxBytes, revisionMax } from '../model/limits.ts'
import type { DurableRun, IntentFile, JournalRecord, RecordKind, SourceRoot } from '../model/records.ts'
import { Fingerprints } from '../model/fingerprints.ts'
import type { Fingerprint, ManifestTotals } from '../model/manifest.ts'
import type { EntryOutcome } from '../model/messages.ts'
import type { Run } from '../model/places.ts'
import type { CertificateTrust } from '../model/ticket.ts'
import type { Durability, Receipt, Shape, ShapeWishes } from '../model/session.ts'
import { targetMaxLength } from '../model/ssh-target.ts'

/** Takes a value apart and puts it together anew, or throws `Misfit`. */
export type Shaper<T> = (value: unknown) => T

/** A value that is not of its shape. */
export class Misfit extends Error {}

type Fields<T> = { readonly [K in keyof Required<T>]: Shaper<T[K]> }

const whole: Shaper<number> = (value) => {
  if (!Number.isSafeInteger(value)) throw new Misfit(`${show(value)} is no safe integer`)
  return value as number
}

const upTo =
  (max: number): Shaper<number> =>
  (value) => {
    const number = whole(value)
    if (number < 0 || number > max) throw new Misfit(`${number} is not within 0 to ${max}`)
    return number
  }

const count: Shaper<number> = upTo(Number.MAX_SAFE_INTEGER)
const u32: Shaper<number> = upTo(2 ** 32 - 1)
const entry: Shaper<number> = upTo(entriesMax)
const revision: Shaper<number> = upTo(revisionMax)
const permissions: Shaper<number> = upTo(0o777)

const text =
  (max: number): Shaper<string> =>
  (value) => {
    if (typeof value !== 'string') throw new Misfit(`${show(value)} is no text`)
    if (value.length > max) throw new Misfit(`a text has ${value.length} characters, at most ${max} are allowed`)
    return value
  }

const pattern =
  (form: RegExp): Shaper<string> =>
  (value) => {
    if (typeof value !== 'string' || !form.test(value))
      throw new Misfit(`${show(value)} is not of the form ${form.source}`)
    return value
  }

const id = pattern(/^[0-9a-f]{32}$/)
const idOrNone = pattern(/^([0-9a-f]{32})?$/)
const keyOrNone = pattern(/^([0-9a-f]{64})?$/)
const digest = pattern(/^[0-9a-f]{16}$/)
const certificateTrust = pattern(/^(public|proxied|pin:[0-9a-f]{64})$/)
const decimal = pattern(/^-?[0-9]{1,20}$/)
/** In a record it is decimal text: JSON has no such numbers. */
const large: Shaper<bigint> = (value) => (typeof value === 'bigint' ? value : BigInt(decimal(value)))

const truth: Shaper<boolean> = (value) => {
  if (typeof value !== 'boolean') throw new Misfit(`${show(value)} is neither true nor false`)
  return value
}

const truly: Shaper<true> = (value) => (truth(value) ? true : misfit('it is left out where it is not so'))

/** A word of a union: newer releases may know more of them, but never in a record of this format. */
function oneOf<const T extends string>(...words: readonly T[]): Shaper<T> {
  return (value) => {
    if (!words.includes(value as T)) throw new Misfit(`${show(value)} is none of ${words.join(', ')}`)
    return value as T
  }
}

const orNull =
  <T>(shaper: Shaper<T>): Shaper<T | null> =>
  (value) =>
    value === null ? null : shaper(value)

const optional =
  <T>(shaper: Shaper<T>): Shaper<T | undefined> =>
  (value) =>
    value === undefined ? undefined : shaper(value)

const list =
  <T>(shaper: Shaper<T>): Shaper<T[]> =>
  (value) => {
    if (!Array.isArray(value)) throw new Misfit(`${show(value)} is no list`)
    return value.map(shaper)
  }

const dictionary: Shaper<Record<string, string>> = (value) => {
  const pairs = Object.entries(object(value)).map(([name, item]): [string, string] => [name, text(pathMaxBytes)(item)])
  return Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)))
}

function fields<T>(shapers: Fields<T>): Shaper<T> {
  const names = Object.keys(shapers) as (keyof T & string)[]
  return (value) => {
    const given = object(value)
    const shaped: Partial<T> = {}
    for (const name of names) {
      const item = shapers[name](Object.hasOwn(given, name) ? given[name] : undefined)
      if (item !== undefined) shaped[name] = item
    }
    return shaped as T
  }
}

const run: Shaper<Run> = (value) => {
  if (!Array.isArray(value) || value.length !== 2) throw new Misfit(`${show(value)} is no pair`)
  return [u32(value[0]), u32(value[1])]
}

/** Hashes as base64 of little-endian u64s: a third of the room of hexadecimal digits. */
const hashes: Shaper<BigUint64Array> = (value) => {
  if (value instanceof BigUint64Array) return value
  const base64 = text(Number.MAX_SAFE_INTEGER)(value)
  if (scratch.length < base64.length) scratch = Buffer.alloc(base64.length)
  const length = scratch.write(base64, 'base64')
  if (length % 8 !== 0 || base64.length !== Math.ceil(length / 3) * 4) throw new Misfit('a list of hashes is cut')
  const view = viewOf(scratch)
  const values = new BigUint64Array(length / 8)
  for (let i = 0; i < values.length; i++) values[i] = view.getBigUint64(i * 8, true)
  return values
}

/** Where base64 is taken apart: a fresh buffer for each record would be 8 MiB of garbage for a large file. */
let scratch = Buffer.alloc(0)

/** Several times as fast as the methods of Buffer, and a large file has a million hashes (R15, measured). */
function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

const totals = fields<ManifestTotals>({ entries: count, bytes: count })
// What a journal has for every file or sync is taken apart field by field, in six tenths of the time that `fields` takes (measured).
const fingerprint: Shaper<Fingerprint> = (value) => {
  const given = object(value)
  return {
    size: count(given['size']),
    mtimeNs: large(given['mtimeNs']),
    ctimeNs: large(given['ctimeNs']),
    inode: large(given['inode']),
  }
}
const fingerprints: Shaper<Fingerprints> = (value) =>
  value instanceof Fingerprints ? value : new Fingerprints(list(orNull(fingerprint))(value))
const policy = oneOf('fail', 'keep', 'replace', 'update', 'rename')
const durability = oneOf('checkpoint', 'file', 'none')
const level = optional(durability) as Shaper<Durability>
const shape = fields<Shape>({ onConflict: policy, checksum: truth, durability: level })
const shapeWishes = fields<ShapeWishes>({ onConflict: orNull(policy), checksum: truth, durability: level })
const sourceRoot = fields<SourceRoot>({ path: text(pathMaxBytes), as: text(pathMaxBytes) })
const durableRun: Shaper<DurableRun> = (value) => {
  const given = object(value)
  return {
    entry: entry(given['entry']),
    revision: revision(given['revision']),
    first: u32(given['first']),
    hashes: hashes(given['hashes']),
    holes: u32(given['holes']),
  }
}
const method = oneOf('link', 'replace')
const placed = oneOf('delivered', 'replaced', 'renamed', 'conflict')
const targetName = text(pathMaxBytes)
const intentFile: Shaper<IntentFile> = (value) => {
  const given = object(value)
  return {
    entry: entry(given['entry']),
    revision: revision(given['revision']),
    digest: digest(given['digest']),
    size: count(given['size']),
    mtimeUs: whole(given['mtimeUs']),
    inode: decimal(given['inode']),
    target: targetName(given['target']),
    method: method(given['method']),
    outcome: placed(given['outcome']),
  }
}
const outcome = oneOf(
  ...(['delivered', 'unchanged', 'kept', 'replaced', 'renamed'] as const),
  ...(['skipped', 'omitted', 'vanished', 'conflict', 'failed'] as const),
)
const linkTarget = text(linkTargetMaxBytes)
const reasonText = text(pathMaxBytes)
const entryOutcome: Shaper<EntryOutcome> = (value) => {
  const given = object(value)
  const shaped: { -readonly [Field in keyof EntryOutcome]: EntryOutcome[Field] } = {
    entry: entry(given['entry']),
    outcome: outcome(given['outcome']),
    bytes: count(given['bytes']),
  }
  if (given['digest'] !== undefined) shaped.digest = digest(given['digest'])
  if (given['target'] !== undefined) shaped.target = linkTarget(given['target'])
  if (given['reason'] !== undefined) shaped.reason = reasonText(given['reason'])
  return shaped
}
const receipt = fields<Receipt>({
  version: (value) => (upTo(1)(value) === 1 ? 1 : misfit('receipts have version 1')),
  session: id,
  manifest: digest,
  digest: pattern(/^xxh64c:[0-9a-f]{16}$/),
  entries: count,
  files: count,
  bytes: count,
  outcomes: list(fields<Receipt['outcomes'][number]>({ outcome, count })),
  durability,
  degraded: optional(truly) as Shaper<true>,
  finishedAt: text(40),
})
const stateReason = oneOf(
  ...(['no-peer-yet', 'receipt-unconfirmed', 'network', 'peer-silent', 'peer-busy', 'port-in-use', 'crash'] as const),
  ...(['retry-over', 'disk-full', 'disk-failed', 'quota', 'source-gone', 'no-progress', 'user', 'signal'] as const),
  ...(['transfer-limit', 'time-limit', 'ticket-expired', 'ticket-revoked'] as const),
  ...(['peer-user', 'peer-signal', 'peer-expired', 'peer-released', 'ttl'] as const),
)

type Payload<K extends RecordKind> = Omit<Extract<JournalRecord, { kind: K }>, 'kind'>

/** Each kind's fields, in the order in which they are written. */
const payloads: { readonly [K in RecordKind]: Shaper<Payload<K>> } = {
  header: fields<Payload<'header'>>({
    session: id,
    role: oneOf('sender', 'receiver'),
    createdAt: whole,
    side: oneOf('dialer', 'listener'),
    ticket: optional(id) as Shaper<string>,
    ticketKey: keyOrNone,
    ticketExpiresAt: whole,
    nonce: idOrNone,
    tls: optional(certificateTrust) as Shaper<CertificateTrust>,
    addresses: list(text(targetMaxLength + 4)), // `ssh:` and a path.
    root: idOrNone,
    sources: list(sourceRoot),
    directory: text(pathMaxBytes),
    identity: text(64 * 1024),
    frozen: dictionary,
    wishes: shapeWishes,
  }),
  bound: fields<Payload<'bound'>>({
    nonce: id,
    sessionKey: keyOrNone,
    chunkBytes: u32,
    shape,
    root: idOrNone,
    ticket: optional(id) as Shaper<string>,
  }),
  joined: fields<Payload<'joined'>>({}),
  opened: fields<Payload<'opened'>>({ epoch: u32, windowBytes: count }),
  page: fields<Payload<'page'>>({
    page: u32,
    first: entry,
    count: entry,
    offset: count,
    length: count,
    digest,
    bytesSoFar: count,
    last: optional(totals) as Shaper<ManifestTotals>,
    fingerprints,
    existed: list(entry),
  }),
  durable: fields<Payload<'durable'>>({ serial: count, runs: list(durableRun) }),
  revised: fields<Payload<'revised'>>({
    entry,
    revision,
    size: count,
    mtimeUs: whole,
    mode: permissions,
    keep: list(run),
    fingerprint: orNull(fingerprint),
  }),
  bad: fields<Payload<'bad'>>({ entry, revision, chunks: list(run) }),
  intent: fields<Payload<'intent'>>({ files: list(intentFile) }),
  outcome: fields<Payload<'outcome'>>({ serial: count, outcomes: list(entryOutcome) }),
  acknowledged: fields<Payload<'acknowledged'>>({ serial: count, bytesDurable: count }),
  parked: fields<Payload<'parked'>>({ reason: orNull(stateReason) }),
  paused: fields<Payload<'paused'>>({
    by: orNull(
      oneOf(
        ...(['user', 'signal', 'transfer-limit', 'time-limit'] as const),
        ...(['ticket-expired', 'ticket-revoked', 'peer-user', 'peer-signal'] as const),
      ),
    ),
  }),
  receipt: fields<Payload<'receipt'>>({ receipt }),
  ended: fields<Payload<'ended'>>({
    how: oneOf('released', 'discarded', 'expired'),
    by: oneOf('self', 'peer'),
    at: whole,
  }),
}

/** A record's payload as canonical JSON. @throws InternalError for a record that is not of its kind: a bug of ours. */
export function recordText(record: JournalRecord): string {
  try {
    const payload = payloads[record.kind](record)
    // A replacer is called for every value: only the records that need one get it.
    const isLarge = record.kind === 'durable' || record.kind === 'revised'
    return isLarge ? JSON.stringify(payload, largeAsText) : JSON.stringify(payload)
  } catch (error) {
    throw new InternalError(`a record of kind ${record.kind} can't be written`, { cause: error })
  }
}

/** A record from its payload. @throws Misfit, or a SyntaxError of JSON. */
export function recordFrom(kind: RecordKind, payload: string): JournalRecord {
  return { kind, ...payloads[kind](JSON.parse(payload)) } as JournalRecord
}

function largeAsText(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  return value instanceof BigUint64Array ? base64Of(value) : value
}

function base64Of(values: BigUint64Array): string {
  const bytes = Buffer.alloc(values.length * 8)
  const view = viewOf(bytes)
  for (let i = 0; i < values.length; i++) view.setBigUint64(i * 8, values[i]!, true)
  return bytes.toString('base64')
}

function object(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Misfit(`${show(value)} is no object`)
  return value as Record<string, unknown>
}

function misfit(why: string): never {
  throw new Misfit(why)
}

function show(value: unknown): string {
  return String(JSON.stringify(value) ?? typeof value).slice(0, 40)
}
