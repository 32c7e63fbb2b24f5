// What the messages of fixtures/wire/ say, by file name: one small transfer, told message by message. The bytes stay for
// ever; a new variant gets a new file.

import type { Entry } from '../../src/model/manifest.ts'
import type { Message } from '../../src/model/messages.ts'
import { encodeMessage } from '../../src/wire/messages.ts'

const session = '000102030405060708090a0b0c0d0e0f'
const nonce = '101112131415161718191a1b1c1d1e1f'
const root = '202122232425262728292a2b2c2d2e2f'
const none = '0000000000000000'

/** Page 0: a folder with three files and a link, and a socket that stays behind. */
export const firstPage: readonly Entry[] = [
  { kind: 'directory', path: ['photos'], mtimeUs: 1_763_900_000_000_000, mode: 0o755 },
  { kind: 'file', path: ['photos', 'note.txt'], size: 9, mtimeUs: 1_763_900_000_000_001, mode: 0o644 },
  { kind: 'file', path: ['photos', 'film.mkv'], size: 5_368_709_120, mtimeUs: 1_763_900_000_000_002, mode: 0o600 },
  { kind: 'file', path: ['photos', 'empty'], size: 0, mtimeUs: -1, mode: 0o444, digest: '1fe08be0c24637de' },
  { kind: 'link', path: ['photos', 'latest'], target: '../photos/film.mkv', mtimeUs: 0 },
  { kind: 'omitted', path: ['photos', 'socket'], reason: 'special' },
]

/** Page 1: names that are not plain. `\udcff` stands for the byte FF, `\udc80` for 80. */
export const namesPage: readonly Entry[] = [
  { kind: 'file', path: ['photos', 'Gr\u00fc\u00dfe \ud83d\udc4b.txt'], size: 1, mtimeUs: 1, mode: 0o644 },
  { kind: 'file', path: ['photos', 'caf\udcff.jpg'], size: 2, mtimeUs: 2, mode: 0o644 },
  { kind: 'link', path: ['photos', 'to'], target: '/\udc80', mtimeUs: 3 },
]

export const firstDigest = '64a0e0bcf337963a'
export const namesDigest = '72e0bbea04c346d2'
export const lastDigest = '4b2ffc223501bdd7'
const totals = { entries: 9, bytes: 5_368_709_132 }

export const golden: Readonly<Record<string, Message>> = {
  hello: {
    kind: 'hello',
    versions: [1],
    role: 'sender',
    session,
    lane: 0,
    epoch: 2,
    instance: '0123456789abcdef',
    attempt: 1,
    state: 'interrupted',
    capabilities: [],
    wishes: { chunkBytes: 1_048_576, windowBytes: 67_108_864, lanes: 1 },
    shape: { onConflict: null, checksum: false },
    nonce,
    root,
    manifest: { pages: 3, ...totals, digest: lastDigest, complete: true },
  },
  'hello.first': {
    kind: 'hello',
    versions: [2, 1],
    role: 'receiver',
    session,
    lane: 0,
    epoch: 0,
    instance: 'fedcba9876543210',
    attempt: 1,
    state: 'greeting',
    capabilities: ['zeros'],
    wishes: { chunkBytes: 65_536, windowBytes: 2_097_152, lanes: 4 },
    shape: { onConflict: 'rename', checksum: true },
    nonce,
    root: null,
    manifest: { pages: 0, entries: 0, bytes: 0, digest: none, complete: false },
  },
  welcome: {
    kind: 'welcome',
    version: 1,
    epoch: 3,
    instance: 'fedcba9876543210',
    state: 'interrupted',
    capabilities: [],
    agreed: { chunkBytes: 1_048_576, windowBytes: 67_108_864, lanes: 1 },
    shape: { onConflict: 'fail', checksum: false },
    root,
    manifest: { pages: 1, entries: 6, bytes: 5_368_709_129, digest: firstDigest, complete: false },
  },
  refuse: { kind: 'refuse', code: 'peer-busy', sentence: 'Another process holds this session.', retry: true },
  manifest: { kind: 'manifest', page: 0, first: 0, entries: firstPage, digest: firstDigest },
  'manifest.names': { kind: 'manifest', page: 1, first: 6, entries: namesPage, digest: namesDigest },
  'manifest.last': { kind: 'manifest', page: 2, first: 9, entries: [], digest: lastDigest, last: totals },
  'want.all': {
    kind: 'want',
    wants: [
      { need: 'later', from: 0, count: 1 },
      { need: 'all', from: 1, count: 2, revision: 0 },
      { need: 'done', from: 3, count: 1, outcome: 'unchanged' },
      { need: 'later', from: 4, count: 2 },
    ],
    pages: 1,
    last: false,
  },
  'want.part': {
    kind: 'want',
    wants: [
      {
        need: 'part',
        from: 2,
        revision: 1,
        durable: [
          [0, 32],
          [40, 1],
        ],
        received: [[32, 8]],
      },
    ],
    pages: 3,
    last: true,
  },
  'want.again': {
    kind: 'want',
    wants: [{ need: 'again', from: 2, revision: 1, chunks: [[17, 1]] }],
    pages: 3,
    last: false,
  },
  'sync.minor': { kind: 'sync', grade: 'minor' },
  'sync.major': { kind: 'sync', grade: 'major', files: [{ entry: 2, revision: 1, digest: '00112233445566ff' }] },
  acknowledge: {
    kind: 'acknowledge',
    serial: 7,
    places: [{ entry: 2, revision: 1, first: 41, count: 5079 }],
    outcomes: [
      { entry: 1, outcome: 'delivered', bytes: 9, digest: '28c307c2f3229510' },
      {
        entry: 6,
        outcome: 'conflict',
        bytes: 1,
        digest: '07bbb120a0c0c675',
        target: 'Gr\u00fc\u00dfe \ud83d\udc4b (2).txt',
      },
      { entry: 7, outcome: 'failed', bytes: 0, reason: 'permission-denied' },
    ],
    level: 'checkpoint',
    syncMs: 12,
  },
  resync: {
    kind: 'resync',
    entry: 2,
    revision: 1,
    size: 5_368_709_121,
    mtimeUs: 1_763_900_000_000_003,
    mode: 0o600,
    keep: [[0, 5120]],
  },
  'hashes.ask': { kind: 'hashes', way: 'ask', entry: 2, revision: 1, first: 0, count: 3 },
  'hashes.answer': {
    kind: 'hashes',
    way: 'answer',
    entry: 2,
    revision: 1,
    first: 0,
    hashes: '000000000000000100000000000000020000000000000003',
  },
  turn: { kind: 'turn', holder: 'sender', reason: null, neededBytes: null, freeBytes: null },
  'turn.held': { kind: 'turn', holder: 'receiver', reason: 'disk-full', neededBytes: 4_294_967_296, freeBytes: 0 },
  exception: {
    kind: 'exception',
    code: 'source-vanished',
    sentence: 'photos/film.mkv was deleted after it was listed.',
    entry: 2,
    outcome: 'vanished',
  },
  'exception.whole': {
    kind: 'exception',
    code: 'source-gone',
    sentence: 'The folder to send from is gone.',
    entry: null,
    outcome: null,
  },
  pause: { kind: 'pause', reason: 'user', confirm: false },
  discard: { kind: 'discard', confirm: true },
  end: { kind: 'end', manifest: lastDigest, ...totals },
  receipt: {
    kind: 'receipt',
    receipt: {
      version: 1,
      session,
      manifest: lastDigest,
      digest: 'xxh64c:0123456789abcdef',
      entries: 9,
      files: 4,
      bytes: 5_368_709_130,
      outcomes: [
        { outcome: 'delivered', count: 6 },
        { outcome: 'unchanged', count: 1 },
        { outcome: 'omitted', count: 1 },
        { outcome: 'failed', count: 1 },
      ],
      durability: 'checkpoint',
      finishedAt: '2026-11-23T21:09:00.000Z',
    },
  },
  release: { kind: 'release' },
  released: { kind: 'released' },
  abort: { kind: 'abort', code: 'peer-silent', sentence: 'Nothing came for 15 s.' },
  ping: { kind: 'ping', number: 41, receivedBytes: 67_108_864, durableBytes: 33_554_432 },
  pong: { kind: 'pong', number: 41, receivedBytes: 67_108_864, durableBytes: 33_554_432 },
  skippable: { kind: 'skippable', name: 'preview' },
}

/** The JSON of a golden message with some fields replaced, or left out where undefined. */
export function changed(name: string, fields: Record<string, unknown>): string {
  return JSON.stringify({ ...(JSON.parse(encodeMessage(golden[name]!)) as object), ...fields })
}
