// The words of a greeting: what each side says of itself, and why it will not have the other.

import { describe, expect, it } from 'vitest'
import { emptyCheckpoint } from '../../../src/core/checkpoint.ts'
import { refusalCode } from '../../../src/core/greeting.ts'
import { defaultLimits, lanesAutoMax } from '../../../src/model/limits.ts'
import { noManifest } from '../../../src/model/manifest.ts'
import type { Hello, Welcome } from '../../../src/model/messages.ts'
import type { Role } from '../../../src/model/session.ts'
import { Bench, chunkBytes, listenerHello, pageOf, welcome } from '../../support/core-bench.ts'

const root = '1'.repeat(32)
const windowBytes = 4_096
const shape = { onConflict: null, checksum: false } as const
const bound = {
  kind: 'bound',
  nonce: '2'.repeat(32),
  sessionKey: '3'.repeat(64),
  chunkBytes,
  shape: { onConflict: 'fail', checksum: false },
  root,
} as const

/** What a dialer says first. */
function helloOf(role: Role, lanes: number | 'auto' | 'any' = 'any', isBound = false): unknown {
  const limits = { ...defaultLimits, chunkBytes, windowBytes, lanes }
  const checkpoint = isBound ? { ...emptyCheckpoint(), bound, epoch: 3 } : emptyCheckpoint()
  const bench = Bench.fresh(role, checkpoint, [], [], { limits })
  bench.tell({ kind: 'connected', connection: 1, attempt: 7 })
  return bench.said()[0]
}

describe('a dialer', () => {
  it('says who it is, what it wishes and what it remembers', () => {
    expect(helloOf('receiver')).toEqual({
      kind: 'hello',
      versions: [1],
      role: 'receiver',
      session: '0'.repeat(32),
      lane: 0,
      epoch: 0,
      instance: 'a'.repeat(16),
      attempt: 7,
      state: 'greeting',
      capabilities: [],
      wishes: { chunkBytes, windowBytes, lanes: 1 },
      shape,
      nonce: '2'.repeat(32),
      root,
      manifest: noManifest,
    })
    expect(helloOf('sender')).toMatchObject({ role: 'sender', root: null })
    expect(helloOf('sender', 'any', true)).toMatchObject({ state: 'interrupted', epoch: 3 })
  })

  it.each([
    ['any', 1],
    ['auto', lanesAutoMax],
    [5, 5],
  ] as const)('that may open %s lanes wishes %i', (lanes, wished) => {
    expect(helloOf('sender', lanes)).toMatchObject({ wishes: { lanes: wished } })
  })

  it.each<[string, Partial<Welcome>]>([
    ['the new epoch is not newer', { epoch: 0 }],
    ['the new epoch is too far ahead', { epoch: 2 ** 32 - 1 }],
    ['it would be none, less than asked', { shape: { onConflict: 'fail', checksum: false, durability: 'none' } }],
  ])('breaks off by name: %s', (why, changed) => {
    const bench = Bench.inPhase('sender', 'greeting')
    bench.said()
    bench.tell({ kind: 'messageArrived', connection: 1, message: { ...welcome, ...changed } })
    expect(bench.take('finish').end).toMatchObject({ code: 'protocol', sentence: expect.stringContaining(why) })
  })
})

describe('a listener', () => {
  it.each<[Role, string | null]>([
    ['receiver', root],
    ['sender', null],
  ])('that is the %s says who it is and what was agreed', (role, its) => {
    const bench = Bench.fresh(role)
    bench.tell(listenerHello(role === 'sender' ? 'receiver' : 'sender'))
    bench.commit()
    expect(bench.said()[0]).toEqual({
      kind: 'welcome',
      version: 1,
      epoch: 1,
      instance: 'a'.repeat(16),
      state: 'agreeing',
      capabilities: [],
      agreed: { chunkBytes, windowBytes, lanes: 1 },
      shape: { onConflict: 'fail', checksum: false },
      root: its,
      manifest: noManifest,
    })
  })

  const memory = 'The two sides do not remember the same session: '
  it.each<[string, Role, Partial<Hello>]>([
    ['Here 1, there 2, 3.', 'receiver', { versions: [2, 3] }],
    ['Both sides are the receiver.', 'receiver', { role: 'receiver' }],
    [
      `${memory}the receiver holds manifest pages that this side never made.`,
      'sender',
      { manifest: { ...noManifest, pages: 2, digest: pageOf([]).digest } },
    ],
    [
      `${memory}the manifest pages differ.`,
      'sender',
      { manifest: { ...noManifest, pages: 1, digest: '0'.repeat(16) } },
    ],
    ['The other side now receives into another folder.', 'sender', { root: '9'.repeat(32) }],
    [`${memory}the sender has forgotten manifest pages that are here.`, 'receiver', { manifest: noManifest }],
    [
      `${memory}the manifest pages differ.`,
      'receiver',
      { manifest: { ...noManifest, pages: 1, digest: '0'.repeat(16) } },
    ],
  ])('says why it will not have a peer: %s', (sentence, role, changed) => {
    const bench = Bench.fresh(role, { ...emptyCheckpoint(), bound }, [pageOf([])])
    const greeted = listenerHello(role === 'sender' ? 'receiver' : 'sender')
    if (greeted.kind !== 'helloArrived') throw new Error('a listener is greeted')
    bench.tell({ ...greeted, hello: { ...greeted.hello, ...changed } })
    expect(bench.said()).toMatchObject([{ kind: 'refuse', sentence, retry: false }])
  })
})

it.each([
  ...(['version', 'protocol', 'manifest-mismatch', 'root-mismatch', 'session-unknown', 'discarded'] as const),
  ...(['expired', 'ticket-refused', 'ticket-expired', 'ticket-revoked', 'scope', 'limit'] as const),
])('a refusal with code %s keeps it', (code) => {
  expect(refusalCode(code)).toBe(code)
})
