// One record of every kind with every field set, in the order of a session's life, and the journal of them.
// fixtures/journal/v1 has its bytes, for ever: a kind that gains a field gets a further file there, none is changed.

import { Fingerprints } from '../../src/model/fingerprints.ts'
import type { JournalRecord } from '../../src/model/records.ts'

const session = '0123456789abcdef0123456789abcdef'
const key = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'
const shape = { onConflict: 'fail', checksum: false } as const
const fingerprint = {
  size: 70_000,
  mtimeNs: 1_700_000_000_123_456_789n,
  ctimeNs: 1_700_000_000_123_456_790n,
  inode: 18_446_744_073_709_551_615n,
}

export const goldenRecords: readonly JournalRecord[] = [
  {
    kind: 'header',
    session,
    role: 'receiver',
    createdAt: 1_700_000_000_000,
    side: 'listener',
    ticketKey: key,
    ticketExpiresAt: 1_700_086_400_000,
    nonce: 'ffeeddccbbaa99887766554433221100',
    addresses: ['192.168.1.7:22779', '[::1]:22779'],
    root: 'cafecafecafecafecafecafecafecafe',
    sources: [{ path: '/home/you/caf\udce9', as: 'café' }],
    directory: '/home/you/in',
    identity: 'receive /home/you/in',
    frozen: { checksum: 'false', 'on-conflict': 'fail' },
    wishes: { onConflict: null, checksum: false },
  },
  {
    kind: 'bound',
    nonce: 'ffeeddccbbaa99887766554433221100',
    sessionKey: key,
    chunkBytes: 65_536,
    shape,
    root: 'cafecafecafecafecafecafecafecafe',
  },
  { kind: 'joined' },
  { kind: 'opened', epoch: 3, windowBytes: 67_108_864 },
  {
    kind: 'page',
    page: 0,
    first: 0,
    count: 2,
    offset: 0,
    length: 120,
    digest: '0f1e2d3c4b5a6978',
    bytesSoFar: 70_000,
    last: { entries: 2, bytes: 70_000 },
    fingerprints: new Fingerprints([fingerprint, null]),
    existed: [1],
  },
  {
    kind: 'durable',
    serial: 1,
    runs: [{ entry: 0, revision: 1, first: 0, hashes: BigUint64Array.of(0xffff_ffff_ffff_ffffn, 1n), holes: 1 }],
  },
  { kind: 'revised', entry: 0, revision: 2, size: 65_537, mtimeUs: -1, mode: 0o640, keep: [[0, 1]], fingerprint },
  { kind: 'bad', entry: 0, revision: 2, chunks: [[1, 1]] },
  {
    kind: 'intent',
    files: [
      {
        entry: 0,
        revision: 2,
        digest: '1111222233334444',
        size: 65_537,
        mtimeUs: -1,
        inode: '18446744073709551615',
        target: 'caf\udce9 (2)',
        method: 'link',
        outcome: 'renamed',
      },
    ],
  },
  {
    kind: 'outcome',
    serial: 2,
    outcomes: [
      { entry: 0, outcome: 'renamed', bytes: 65_537, digest: '1111222233334444', target: 'caf\udce9 (2)' },
      { entry: 1, outcome: 'failed', bytes: 0, reason: 'permission-denied' },
    ],
  },
  { kind: 'acknowledged', serial: 2, bytesDurable: 65_537 },
  { kind: 'parked', reason: 'disk-full' },
  { kind: 'paused', by: 'peer-user' },
  {
    kind: 'receipt',
    receipt: {
      version: 1,
      session,
      manifest: '0f1e2d3c4b5a6978',
      digest: 'xxh64c:5555666677778888',
      entries: 2,
      files: 1,
      bytes: 65_537,
      outcomes: [
        { outcome: 'renamed', count: 1 },
        { outcome: 'failed', count: 1 },
      ],
      durability: 'checkpoint',
      finishedAt: '2023-11-14T22:13:20Z',
    },
  },
  { kind: 'ended', how: 'released', by: 'peer', at: 1_700_000_100_000 },
]

/** What stands around each golden record. */
export const goldenPlace = { epoch: 3, sequence: 7, committed: 6, previous: 0x0102030405060708n } as const
