// Random values of the model for fast-check: names of any bytes, entries, and messages of every kind within their limits.

import fc from 'fast-check'
import { chunkBytesRange, entriesMax, revisionMax } from '../../src/model/limits.ts'
import type { Entry } from '../../src/model/manifest.ts'
import type { Message, MessageKind } from '../../src/model/messages.ts'
import { decodeName, nameFault, pathFault, type Name, type Path } from '../../src/model/names.ts'
import type { Run } from '../../src/model/places.ts'

/** Records as JSON.parse makes them: with a prototype. */
export function record<T, K extends keyof T = keyof T>(
  model: { [Key in keyof T]: fc.Arbitrary<T[Key]> },
  constraints: { requiredKeys?: K[] } = {},
): fc.Arbitrary<fc.RecordValue<T, K>> {
  return fc.record(model, { noNullPrototype: true, ...constraints })
}

const count = fc.maxSafeNat()
const entryIndex = fc.nat(entriesMax - 1)
const revision = fc.nat(revisionMax)
const epoch = fc.nat(2 ** 32 - 1)
const u32 = fc.nat(2 ** 32 - 1)
const size = fc.nat(Number.MAX_SAFE_INTEGER).map((bytes) => Math.floor(bytes / 2))
const mtimeUs = fc.maxSafeInteger()
const mode = fc.nat(0o777)
const sentence = fc.string({ maxLength: 60 })
const word = fc.stringMatching(/^[a-z][a-z0-9.-]{0,20}$/)
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })

/** Hex digits of `length`. */
export const hex = (length: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: length / 2, maxLength: length / 2 }).map((bytes) => Buffer.from(bytes).toString('hex'))

/** Any byte strings, many of them not valid UTF-8. */
export const nameBytesOf: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 24 }),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).map((text) => new Uint8Array(Buffer.from(text))),
  fc.constantFrom('ß', 'é', 'é', '한글', '💾', 'a b', 'CON', '"\\').map((text) => new Uint8Array(Buffer.from(text))),
)

export const name: fc.Arbitrary<Name> = nameBytesOf.map(decodeName).filter((text) => nameFault(text) === undefined)
export const path: fc.Arbitrary<Path> = fc
  .array(name, { minLength: 1, maxLength: 5 })
  .filter((names) => pathFault(names) === undefined)

const linkTarget = nameBytesOf.map(decodeName).filter((text) => !text.includes('\0'))

export const entry: fc.Arbitrary<Entry> = fc.oneof(
  record(
    { kind: fc.constant('file' as const), path, size, mtimeUs, mode, digest: hex(16) },
    { requiredKeys: ['kind', 'path', 'size', 'mtimeUs', 'mode'] },
  ),
  record({ kind: fc.constant('directory' as const), path, mtimeUs, mode }),
  record({ kind: fc.constant('link' as const), path, target: linkTarget, mtimeUs }),
  record({
    kind: fc.constant('omitted' as const),
    path,
    reason: fc.constantFrom('special', 'link-outside', 'link-skipped', 'unreadable', 'vanished', 'bad-name'),
  }),
) as fc.Arbitrary<Entry>

/** Sorted, disjoint, not adjacent. */
export const runs: fc.Arbitrary<readonly Run[]> = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 1000 })), { maxLength: 8 })
  .map((steps) => {
    let at = 0
    return steps.map(([gap, length]): Run => {
      const first = at + gap
      at = first + length
      return [first, length]
    })
  })

const role = fc.constantFrom('sender', 'receiver')
const outcome = fc.constantFrom(
  'delivered',
  'unchanged',
  'kept',
  'replaced',
  'renamed',
  'skipped',
  'conflict',
  'failed',
)
const state = fc.constantFrom('listening', 'greeting', 'transferring', 'interrupted', 'parked', 'paused', 'released')
const reason = fc.constantFrom('disk-full', 'quota', 'user', 'no-peer-yet')
const conflictPolicy = fc.constantFrom('fail', 'keep', 'replace', 'update', 'rename')
const shape = record({ onConflict: conflictPolicy, checksum: fc.boolean() })
const shapeWishes = record({ onConflict: orNull(conflictPolicy), checksum: fc.boolean() })
const totals = record({ entries: fc.nat(entriesMax), bytes: count })
const manifest = record({
  pages: count,
  entries: fc.nat(entriesMax),
  bytes: count,
  digest: hex(16),
  complete: fc.boolean(),
})
const wishes = record({ chunkBytes: count, windowBytes: count, lanes: count })
const agreed = record({
  chunkBytes: fc.integer({ min: 1, max: chunkBytesRange.max }),
  windowBytes: fc.integer({ min: 1, max: 2 ** 30 }),
  lanes: fc.integer({ min: 1, max: 16 }),
})
const want = fc.oneof(
  record({ need: fc.constant('all'), from: fc.nat(1000), count: fc.integer({ min: 1, max: 1000 }), revision }),
  record({ need: fc.constant('later'), from: fc.nat(1000), count: fc.integer({ min: 1, max: 1000 }) }),
  record({ need: fc.constant('done'), from: fc.nat(1000), count: fc.integer({ min: 1, max: 1000 }), outcome }),
  record({ need: fc.constant('part'), from: entryIndex, revision, durable: runs, received: runs }),
  record({ need: fc.constant('again'), from: entryIndex, revision, chunks: runs }),
)
const entryOutcome = record(
  { entry: entryIndex, outcome, bytes: count, digest: hex(16), target: name, reason: sentence },
  { requiredKeys: ['entry', 'outcome', 'bytes'] },
)
const place = record({
  entry: entryIndex,
  revision,
  first: fc.nat(2 ** 31),
  count: fc.integer({ min: 1, max: 2 ** 31 }),
})
const liveness = { number: count, receivedBytes: count, durableBytes: count }
const capabilities = fc.array(word, { maxLength: 4 })

const byKind: { readonly [K in MessageKind]: fc.Arbitrary<object> } = {
  hello: record({
    versions: fc.constantFrom([1], [2, 1]),
    role,
    session: hex(32),
    lane: fc.nat(16),
    epoch,
    instance: hex(16),
    attempt: fc.integer({ min: 1 }),
    state,
    capabilities,
    wishes,
    shape: shapeWishes,
    nonce: hex(32),
    root: orNull(hex(32)),
    manifest,
  }),
  welcome: record({
    version: fc.constant(1),
    epoch,
    instance: hex(16),
    state,
    capabilities,
    agreed,
    shape,
    root: orNull(hex(32)),
    manifest,
  }),
  refuse: record({ code: word, sentence, retry: fc.boolean() }),
  manifest: record(
    {
      page: fc.nat(1000),
      first: entryIndex,
      entries: fc.array(entry, { maxLength: 6 }),
      digest: hex(16),
      last: totals,
    },
    { requiredKeys: ['page', 'first', 'entries', 'digest'] },
  ),
  want: record({ wants: fc.array(want, { maxLength: 4 }), pages: fc.nat(1000), last: fc.boolean() }),
  sync: fc.oneof(
    fc.constant({ grade: 'minor' }),
    record({
      grade: fc.constant('major'),
      files: fc.array(record({ entry: entryIndex, revision, digest: hex(16) }), { maxLength: 4 }),
    }),
  ),
  acknowledge: record({
    serial: count,
    places: fc.array(place, { maxLength: 4 }),
    outcomes: fc.array(entryOutcome, { maxLength: 4 }),
    level: fc.constant('checkpoint'),
    syncMs: count,
  }),
  resync: record({ entry: entryIndex, revision, size, mtimeUs, mode, keep: runs }),
  hashes: fc.oneof(
    record({
      way: fc.constant('ask'),
      entry: entryIndex,
      revision,
      first: fc.nat(2 ** 31),
      count: fc.integer({ min: 1, max: 32_768 }),
    }),
    record({
      way: fc.constant('answer'),
      entry: entryIndex,
      revision,
      first: u32,
      hashes: fc.array(hex(16), { maxLength: 4 }).map((list) => list.join('')),
    }),
  ),
  turn: record({ holder: role, reason: orNull(reason), neededBytes: orNull(count), freeBytes: orNull(count) }),
  exception: record({ code: word, sentence, entry: orNull(entryIndex), outcome: orNull(outcome) }),
  pause: record({ reason: fc.constantFrom('user', 'signal'), confirm: fc.boolean() }),
  discard: record({ confirm: fc.boolean() }),
  end: record({ manifest: hex(16), entries: fc.nat(entriesMax), bytes: count }),
  receipt: record({
    receipt: record({
      version: fc.constant(1),
      session: hex(32),
      manifest: hex(16),
      digest: hex(16).map((digits) => `xxh64c:${digits}`),
      entries: fc.nat(entriesMax),
      files: fc.nat(entriesMax),
      bytes: count,
      outcomes: fc.array(record({ outcome, count: fc.nat(entriesMax) }), { maxLength: 3 }),
      durability: fc.constant('checkpoint'),
      finishedAt: fc.constantFrom('2026-11-23T21:09:00Z', '2026-11-23T21:09:00.123Z'),
    }),
  }),
  release: fc.constant({}),
  released: fc.constant({}),
  abort: record({ code: word, sentence }),
  ping: record(liveness),
  pong: record(liveness),
  skippable: record({ name: fc.constantFrom('preview', 'x-trace', 'q2') }),
}

export const kinds = Object.keys(byKind) as MessageKind[]

/** Any message of a kind. */
export function messageOf(kind: MessageKind): fc.Arbitrary<Message> {
  return byKind[kind].map((fields) => ({ kind, ...fields }) as Message)
}

export const message: fc.Arbitrary<Message> = fc.oneof(...kinds.map(messageOf))
