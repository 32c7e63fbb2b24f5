// The shape of every message of protocol v1, field by field, each with its bounds; the table at the end proves to the
// compiler that nothing is missing and nothing is of another shape than src/model/messages.ts says. A long list is measured
// before its items are looked at. Normative: docs/protocol.md.

import { z } from 'zod'
import {
  authorisedPerMessageMax,
  chunkBytesRange,
  chunksMax,
  codeMaxChars,
  entriesMax,
  hashesPerMessageMax,
  lanesRange,
  revisionMax,
  runsPerMessageMax,
  sentenceMaxChars,
  windowBytesRange,
} from '../model/limits.ts'
import type { AuthorisedFile, Message, MessageKind, Want } from '../model/messages.ts'
import type { PlaceRun, Run } from '../model/places.ts'
import type { ConflictPolicy, Durability, Outcome, Role, SessionState, StateReason } from '../model/session.ts'
import { entriesFromWire } from './manifest.ts'
import { outcomesFromWire, outcomeWords } from './outcomes.ts'
import { refusal } from './refusal.ts'

/** The kinds that travel: `skippable` stands for those we do not know. */
export type WireKind = Exclude<MessageKind, 'skippable'>

const u32Max = 2 ** 32 - 1
const versionsMax = 16
const capabilitiesMax = 32

const count = z.int().nonnegative()
const entry = count.max(entriesMax - 1)
const revision = count.max(revisionMax)
const chunk = count.max(chunksMax - 1)
const epoch = count.max(u32Max)
const version = z.int().positive().max(u32Max)
const hash = z.string().regex(/^[0-9a-f]{16}$/)
const id = z.string().regex(/^[0-9a-f]{32}$/)
const word = z
  .string()
  .max(codeMaxChars)
  .regex(/^[a-z][a-z0-9.-]*$/)
const sentence = z.string().max(sentenceMaxChars)

const role = oneOf<Role>({ sender: 0, receiver: 0 })
const outcome = oneOf<Outcome>(outcomeWords)
const state = oneOf<SessionState>({
  listening: 0,
  greeting: 0,
  agreeing: 0,
  transferring: 0,
  finishing: 0,
  released: 0,
  interrupted: 0,
  parked: 0,
  paused: 0,
  unresumable: 0,
  discarded: 0,
  expired: 0,
})
const stateReason = oneOf<StateReason>({
  'no-peer-yet': 0,
  'receipt-unconfirmed': 0,
  network: 0,
  'peer-silent': 0,
  'peer-busy': 0,
  'port-in-use': 0,
  crash: 0,
  'retry-over': 0,
  'disk-full': 0,
  'disk-failed': 0,
  quota: 0,
  'source-gone': 0,
  'no-progress': 0,
  'ticket-expired': 0,
  'ticket-revoked': 0,
  user: 0,
  signal: 0,
  'transfer-limit': 0,
  'time-limit': 0,
  'peer-user': 0,
  'peer-signal': 0,
  'peer-expired': 0,
  'peer-released': 0,
  ttl: 0,
})
const conflictPolicy = oneOf<ConflictPolicy>({ fail: 0, keep: 0, replace: 0, update: 0, rename: 0 })

const totals = z.object({ entries: count.max(entriesMax), bytes: count })
const manifestState = z.object({ pages: count, ...totals.shape, digest: hash, complete: z.boolean() })
const durability = oneOf<Durability>({ checkpoint: 0, file: 0, none: 0 })
const shape = z.object({ onConflict: conflictPolicy, checksum: z.boolean(), durability: durability.exactOptional() })
const shapeWishes = z.object({ ...shape.shape, onConflict: conflictPolicy.nullable() })
const wishes = z.object({ chunkBytes: count, windowBytes: count, lanes: count })
const agreed = z.object({
  chunkBytes: z.int().positive().max(chunkBytesRange.max),
  windowBytes: z.int().positive().max(windowBytesRange.max),
  lanes: z.int().positive().max(lanesRange.max),
})

const hello = z.object({
  kind: z.literal('hello'),
  versions: list(version, versionsMax),
  role,
  session: id,
  lane: count.max(lanesRange.max),
  epoch,
  instance: hash,
  attempt: z.int().positive(),
  state,
  capabilities: list(word, capabilitiesMax),
  wishes,
  shape: shapeWishes,
  nonce: id,
  root: id.nullable(),
  manifest: manifestState,
})

const welcome = z.object({
  kind: z.literal('welcome'),
  version,
  epoch,
  instance: hash,
  state,
  capabilities: list(word, capabilitiesMax),
  agreed,
  shape,
  root: id.nullable(),
  manifest: manifestState,
})

const manifest = z.object({
  kind: z.literal('manifest'),
  page: count.max(entriesMax),
  first: count.max(entriesMax),
  entries: z.unknown().transform(entriesFromWire),
  digest: hash,
  last: totals.exactOptional(),
})

const run = z.tuple([chunk, z.int().positive()]).refine(([first, length]) => first + length <= chunksMax, 'too long')
const runs = list(run, runsPerMessageMax).refine(areSorted, 'runs overlap, touch or are out of order')
const entries = { from: entry, count: z.int().positive().max(entriesMax) }
const wants = list(
  z.discriminatedUnion('need', [
    z.object({ need: z.literal('all'), ...entries, revision }),
    z.object({ need: z.literal('later'), ...entries }),
    z.object({ need: z.literal('done'), ...entries, outcome }),
    z.object({ need: z.literal('part'), from: entry, revision, durable: runs, received: runs }),
    z.object({ need: z.literal('again'), from: entry, revision, chunks: runs }),
  ]),
  runsPerMessageMax,
).refine((all) => all.every(staysInManifest), `a run of entries passes ${entriesMax}`)

const place = z
  .tuple([entry, revision, chunk, z.int().positive()])
  .refine(([, , first, length]) => first + length <= chunksMax, 'too long')
  .transform(([entry, revision, first, count]): PlaceRun => ({ entry, revision, first, count }))
const authorised = z
  .tuple([entry, revision, hash])
  .transform(([entry, revision, digest]): AuthorisedFile => ({ entry, revision, digest }))

const hashesAsk = z
  .object({
    kind: z.literal('hashes'),
    way: z.literal('ask'),
    entry,
    revision,
    first: chunk,
    count: z.int().positive().max(hashesPerMessageMax),
  })
  .refine((ask) => ask.first + ask.count <= chunksMax, 'too long')
const hashesAnswer = z.object({
  kind: z.literal('hashes'),
  way: z.literal('answer'),
  entry,
  revision,
  first: chunk,
  hashes: z
    .string()
    .max(hashesPerMessageMax * 16)
    .refine((digits) => digits.length % 16 === 0 && !/[^0-9a-f]/.test(digits), 'expected 16 hex digits a chunk'),
})

const receipt = z.object({
  version: z.literal(1),
  session: id,
  manifest: hash,
  digest: z.string().regex(/^xxh64c:[0-9a-f]{16}$/),
  entries: count.max(entriesMax),
  files: count.max(entriesMax),
  bytes: count,
  outcomes: list(z.object({ outcome, count: count.max(entriesMax) }), outcome.options.length),
  durability,
  degraded: z.literal(true).exactOptional(),
  finishedAt: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/),
})

const liveness = { number: count, receivedBytes: count, durableBytes: count }

/** A schema for each kind, of exactly the shape the model says. Faulty names throw `bad-name` out of `safeParse`. */
export const schemas: { readonly [K in WireKind]: z.ZodType<Message & { readonly kind: K }> } = {
  hello,
  welcome,
  refuse: z.object({ kind: z.literal('refuse'), code: word, sentence, retry: z.boolean() }),
  manifest,
  want: z.object({ kind: z.literal('want'), wants, pages: count.max(entriesMax), last: z.boolean() }),
  sync: z.discriminatedUnion('grade', [
    z.object({ kind: z.literal('sync'), grade: z.literal('minor') }),
    z.object({ kind: z.literal('sync'), grade: z.literal('major'), files: list(authorised, authorisedPerMessageMax) }),
  ]),
  acknowledge: z.object({
    kind: z.literal('acknowledge'),
    serial: count,
    places: list(place, runsPerMessageMax),
    outcomes: z.unknown().transform(outcomesFromWire),
    level: durability,
    syncMs: count,
  }),
  resync: z.object({
    kind: z.literal('resync'),
    entry,
    revision,
    size: count.max(chunksMax * chunkBytesRange.max),
    mtimeUs: z.int(),
    mode: count.max(0o777),
    keep: runs,
  }),
  hashes: z.discriminatedUnion('way', [hashesAsk, hashesAnswer]),
  turn: z.object({
    kind: z.literal('turn'),
    holder: role,
    reason: stateReason.nullable(),
    neededBytes: count.nullable(),
    freeBytes: count.nullable(),
  }),
  exception: z.object({
    kind: z.literal('exception'),
    code: word,
    sentence,
    entry: entry.nullable(),
    outcome: outcome.nullable(),
  }),
  pause: z.object({ kind: z.literal('pause'), reason: z.enum(['user', 'signal']), confirm: z.boolean() }),
  discard: z.object({ kind: z.literal('discard'), confirm: z.boolean() }),
  end: z.object({ kind: z.literal('end'), manifest: hash, ...totals.shape }),
  receipt: z.object({ kind: z.literal('receipt'), receipt }),
  release: z.object({ kind: z.literal('release') }),
  released: z.object({ kind: z.literal('released') }),
  abort: z.object({ kind: z.literal('abort'), code: word, sentence }),
  ping: z.object({ kind: z.literal('ping'), ...liveness }),
  pong: z.object({ kind: z.literal('pong'), ...liveness }),
}

/** One word of a union of the model; the compiler asks for each of them. */
function oneOf<Word extends string>(words: Readonly<Record<Word, 0>>): z.ZodEnum<{ [W in Word]: W }> {
  return z.enum(Object.keys(words) as Word[]) as unknown as z.ZodEnum<{ [W in Word]: W }>
}

function list<Item extends z.ZodType>(item: Item, max: number): z.ZodPreprocess<z.ZodArray<Item>> {
  return z.preprocess((value) => {
    if (!Array.isArray(value)) throw refusal('a message has something else where a list belongs')
    if (value.length > max) throw refusal(`a list in a message has more than ${max} items`)
    return value as unknown
  }, z.array(item))
}

function areSorted(all: readonly Run[]): boolean {
  return all.every(([first], i) => i === 0 || first > all[i - 1]![0] + all[i - 1]![1])
}

function staysInManifest(want: Want): boolean {
  return !('count' in want) || want.from + want.count <= entriesMax
}
