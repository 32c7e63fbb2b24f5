import { describe, expect, it } from 'vitest'
import { type Checkpoint, emptyCheckpoint } from '../../../src/core/checkpoint.ts'
import { refusalCode } from '../../../src/core/greeting.ts'
import type { Input } from '../../../src/core/inputs.ts'
import { chunkBytesRange, defaultLimits, epochJumpMax, windowBytesRange } from '../../../src/model/limits.ts'
import { type ManifestState, noManifest } from '../../../src/model/manifest.ts'
import type { Hello, Message, Welcome } from '../../../src/model/messages.ts'
import type { JournalRecord } from '../../../src/model/records.ts'
import { Bench, chunkBytes, listenerHello, pageOf, welcome } from '../../support/core-bench.ts'

type HelloArrived = Input & { readonly kind: 'helloArrived' }

const root = '1'.repeat(32)
const shape = { onConflict: 'fail', checksum: false } as const
const bound: Checkpoint['bound'] = {
  kind: 'bound',
  nonce: '2'.repeat(32),
  sessionKey: '3'.repeat(64),
  chunkBytes,
  shape,
  root,
}
const onePage: ManifestState = { ...noManifest, pages: 1, digest: pageOf([]).digest }

/** A hello of the other role, with some of its fields changed. */
function helloTo(role: 'sender' | 'receiver', changed: Partial<Hello>): HelloArrived {
  const input = listenerHello(role === 'sender' ? 'receiver' : 'sender') as HelloArrived
  return { ...input, hello: { ...input.hello, ...changed } }
}

function failure(bench: Bench): unknown {
  return bench.effects.find(({ kind }) => kind === 'finish')
}

const failed = (code: string): unknown => ({ kind: 'finish', end: expect.objectContaining({ how: 'failed', code }) })

describe('R47: a listener refuses by name', () => {
  it.each<[string, 'sender' | 'receiver', Partial<Hello>, string, boolean]>([
    ['another version', 'receiver', { versions: [2, 3] }, 'version', false],
    ['two of one role', 'receiver', { role: 'receiver' }, 'protocol', false],
    ['a receiver with pages that were never made', 'sender', { manifest: onePage }, 'manifest-mismatch', false],
    [
      'a receiver whose pages differ',
      'sender',
      { manifest: { ...onePage, digest: 'eeeeeeeeeeeeeeee' } },
      'manifest-mismatch',
      true,
    ],
    ['a receiver with another root', 'sender', { root: '9'.repeat(32), manifest: onePage }, 'root-mismatch', true],
    ['a receiver without a root', 'sender', { root: null, manifest: onePage }, 'root-mismatch', true],
    ['a sender that forgot pages', 'receiver', { manifest: noManifest }, 'manifest-mismatch', true],
    [
      'a sender whose pages differ',
      'receiver',
      { manifest: { ...onePage, digest: 'eeeeeeeeeeeeeeee' } },
      'manifest-mismatch',
      true,
    ],
  ])('%s', (_what, role, changed, code, isOld) => {
    const bench = isOld ? Bench.fresh(role, { ...emptyCheckpoint(), bound }, [pageOf([])]) : Bench.fresh(role)
    bench.effects.length = 0
    const input = helloTo(role, changed)
    bench.tell(input)
    const { connection } = input
    expect(bench.effects).toMatchObject([
      { kind: 'send', connection, message: { kind: 'refuse', code, retry: false } },
      { kind: 'close', connection, code: 4007 },
    ])
    expect(bench.core.openConnection).toBeUndefined()
  })

  it('and goes on with a peer that fits what it remembers', () => {
    const bench = Bench.fresh('sender', { ...emptyCheckpoint(), bound, epoch: 4 }, [pageOf([])])
    bench.tell(helloTo('sender', { manifest: onePage, root }))
    bench.commit()
    expect(bench.said()[0]).toMatchObject({ kind: 'welcome', epoch: 5 })
  })
})

describe('a greeting', () => {
  it('R114: commits what binds first contact together with the epoch, filled in with what was agreed', () => {
    const bench = Bench.fresh('receiver')
    const records: JournalRecord[] = [{ ...bound!, chunkBytes: 0, root: '' }, { kind: 'joined' }]
    bench.tell({ ...helloTo('receiver', {}), records })
    expect(bench.take('commit').records).toEqual([
      bound,
      { kind: 'joined' },
      { kind: 'opened', epoch: 1, windowBytes: 4096 },
    ])
  })

  it('R38: a late hello of an attempt that was overtaken is destroyed', () => {
    const bench = Bench.fresh('receiver')
    const early = helloTo('receiver', { attempt: 1 })
    bench.tell(helloTo('receiver', { attempt: 2 }))
    bench.effects.length = 0
    bench.tell({ ...early, connection: 9 })
    expect(bench.effects).toMatchObject([{ kind: 'destroy', connection: 9 }])
  })

  it('R80: takes over the epoch of a peer, and no more than a bound of it', () => {
    for (const [theirs, epoch] of [
      [7, 8],
      [2 ** 32 - 1, epochJumpMax],
    ] as const) {
      const bench = Bench.fresh('receiver')
      bench.tell(helloTo('receiver', { epoch: theirs }))
      expect(bench.take('commit').records).toMatchObject([{ kind: 'opened', epoch }])
    }
  })

  it('R80: agrees on the smaller wish, for window and chunk', () => {
    const { chunkBytes: most, windowBytes } = defaultLimits
    const agreed = (theirs: number): unknown => {
      const bench = Bench.fresh('receiver', emptyCheckpoint(), [], [], { limits: defaultLimits })
      bench.tell(helloTo('receiver', { wishes: { chunkBytes: theirs, windowBytes: theirs, lanes: 9 } }))
      bench.commit()
      return bench.said()[0]
    }
    expect(agreed(2 ** 30)).toMatchObject({ agreed: { chunkBytes: most, windowBytes, lanes: 9 } })
    expect(agreed(512 * 1024)).toMatchObject({ agreed: { chunkBytes: 512 * 1024, windowBytes: windowBytesRange.min } })
    expect(agreed(0)).toMatchObject({ agreed: { chunkBytes: chunkBytesRange.min, windowBytes: windowBytesRange.min } })
  })

  it.each([
    [0, 1],
    [3, 3],
    [9, 4],
    [2 ** 40, 4],
  ])('that asks for %i lanes where 4 may be asked for gets %i', (asked, given) => {
    const limits = { ...defaultLimits, lanesMax: 4 }
    const bench = Bench.fresh('receiver', emptyCheckpoint(), [], [], { limits })
    bench.tell(helloTo('receiver', { wishes: { chunkBytes, windowBytes: 4096, lanes: asked } }))
    bench.commit()
    expect(bench.said()[0]).toMatchObject({ agreed: { lanes: given } })
  })

  it('that nobody answers is given up, and a lost one is forgotten', () => {
    const bench = Bench.inPhase('sender', 'greeting')
    bench.now = bench.core.deadline!
    bench.tell({ kind: 'deadlinePassed' })
    expect(bench.effects).toContainEqual(expect.objectContaining({ kind: 'destroy', connection: 1 }))
    expect(bench.core.isConnected).toBe(false)
    const lost = Bench.inPhase('sender', 'greeting')
    lost.tell({ kind: 'connectionEnded', connection: 2, reason: 'another one' })
    expect(lost.core.isConnected).toBe(true)
    lost.tell({ kind: 'connectionEnded', connection: 1, reason: 'cut' })
    expect(lost.core.isConnected).toBe(false)
    expect(lost.core.deadline).toBeUndefined()
  })

  it('whose epoch comes back from the disk when the connection is gone opens nothing', () => {
    const bench = Bench.inPhase('sender', 'greeting')
    bench.hear(welcome)
    bench.close()
    bench.commit()
    expect(bench.core.openConnection).toBeUndefined()
  })
})

describe('a dialer', () => {
  it.each<[string, Partial<Welcome>, string]>([
    ['of another version', { version: 2 }, 'version'],
    ['with an epoch that is not newer', { epoch: 0 }, 'protocol'],
    ['with an epoch far ahead', { epoch: epochJumpMax + 1 }, 'protocol'],
    ['with pages that were never made', { manifest: onePage }, 'manifest-mismatch'],
  ])('ends at a welcome %s', (_what, changed, code) => {
    const bench = Bench.inPhase('sender', 'greeting')
    bench.hear({ ...welcome, ...changed })
    expect(failure(bench)).toEqual(failed(code))
  })

  it('ends at a welcome with another chunk size than the session has', () => {
    const checkpoint = { ...emptyCheckpoint(), bound: { ...bound!, chunkBytes: defaultLimits.chunkBytes } }
    const bench = Bench.fresh('sender', checkpoint, [], [], { limits: defaultLimits })
    bench.tell({ kind: 'connected', connection: 1, attempt: 1 })
    bench.hear({ ...welcome, agreed: { ...welcome.agreed, chunkBytes: chunkBytesRange.min } })
    expect(failure(bench)).toEqual(failed('protocol'))
  })

  it('ends at a second welcome', () => {
    const bench = Bench.inPhase('sender', 'greeting')
    bench.hear(welcome)
    bench.commit()
    bench.hear(welcome)
    expect(failure(bench)).toEqual(failed('protocol'))
  })

  it('binds itself and stores the epoch before it uses it; what came behind the welcome is heard then', () => {
    const bench = Bench.inPhase('sender', 'greeting')
    bench.hear(welcome)
    bench.hear({ kind: 'want', wants: [], pages: 0, last: true })
    expect(bench.core.phase).toBe('greeting')
    expect(bench.take('commit').records).toEqual([bound, { kind: 'opened', epoch: 1, windowBytes: 4096 }])
    bench.tell({ kind: 'committed', purpose: { for: 'epoch', connection: 1 } })
    expect(bench.core.phase).toBe('transferring')
  })

  it('tries again where a refusal is for now, and ends with its code where it is for good', () => {
    const refuse: Message = { kind: 'refuse', code: 'peer-busy', sentence: 'busy', retry: true }
    const later = Bench.inPhase('sender', 'greeting')
    later.hear(refuse)
    expect(failure(later)).toBeUndefined()
    expect(later.effects).toContainEqual(expect.objectContaining({ kind: 'destroy', connection: 1 }))
    const never = Bench.inPhase('sender', 'greeting')
    never.hear({ ...refuse, code: 'discarded', retry: false })
    expect(failure(never)).toEqual(failed('discarded'))
  })

  it('keeps a code that it knows, and shows another one as what it is', () => {
    expect(refusalCode('expired')).toBe('expired')
    expect(refusalCode('of-a-newer-peer')).toBe('peer-refused')
    expect(refusalCode('internal')).toBe('peer-refused') // Ours alone.
  })

  it('hears an abort in the greeting: the connection ends, and for some reasons the session', () => {
    const lost = Bench.inPhase('sender', 'greeting')
    lost.hear({ kind: 'abort', code: 'peer-busy', sentence: 'busy' })
    expect(failure(lost)).toBeUndefined()
    const over = Bench.inPhase('sender', 'greeting')
    over.hear({ kind: 'abort', code: 'manifest-mismatch', sentence: 'no' })
    expect(failure(over)).toEqual(failed('manifest-mismatch'))
  })

  it('that breaks the rules in the greeting ends the session by name; elsewhere nobody cares', () => {
    const bench = Bench.inPhase('sender', 'greeting')
    bench.tell({ kind: 'peerBroke', connection: 7, code: 'protocol', sentence: 'no' })
    expect(failure(bench)).toBeUndefined()
    bench.tell({ kind: 'peerBroke', connection: 1, code: 'bad-name', sentence: 'no' })
    expect(failure(bench)).toEqual(failed('bad-name'))
    const open = Bench.inPhase('sender', 'transferring')
    open.tell({ kind: 'peerBroke', connection: open.connection, code: 'protocol', sentence: 'no' })
    expect(failure(open)).toEqual(failed('protocol'))
  })
})
