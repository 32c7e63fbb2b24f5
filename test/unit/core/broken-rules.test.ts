// What a sender must not say or send to a receiver: each breach ends the session by name, and what lies just within the
// rule does not. The same from outside, against the whole program: hostile/evil-sender.test.ts.

import { describe, expect, it } from 'vitest'
import { entryKinds, type Input, plans } from '../../../src/core/inputs.ts'
import { fileChunksMax, hashesPerMessageMax, revisionMax } from '../../../src/model/limits.ts'
import type { Exception, Message, Resync } from '../../../src/model/messages.ts'
import { Bench, chunkBytes, pageOf, survey } from '../../support/core-bench.ts'

type Frame = (Input & { kind: 'frameArrived' })['frame']
type Breach = readonly [sentence: string, tell: (bench: Bench) => void]

const place = { entry: 0, revision: 0, chunk: 0 }
const resync: Resync = { kind: 'resync', ...place, revision: 1, size: 1, mtimeUs: 0, mode: 0o644, keep: [] }
const exception: Exception = { kind: 'exception', code: 'x', sentence: 'x', entry: 0, outcome: 'failed' }
const ask = { kind: 'hashes', way: 'ask', entry: 0, revision: 0, first: 0 } as const

const sends = (frame: object) => (bench: Bench) => {
  const arrived = { frame: 1, epoch: bench.core.epoch, ...frame } as Frame
  bench.tell({ kind: 'frameArrived', connection: bench.connection, frame: arrived })
}
const chunk = (changes: object, length = chunkBytes) =>
  sends({ kind: 'chunk', place: { ...place, ...changes }, length })
const zeros = (changes: object) => sends({ kind: 'zeros', place: { ...place, ...changes }, length: -1 })
const pack = (entry: number, length: number) => sends({ kind: 'pack', files: [{ entry, revision: 0, length }] })
const says = (message: Message) => (bench: Bench) => void bench.hear(message)
const allows = (entry: number, revision: number) =>
  says({ kind: 'sync', grade: 'major', files: [{ entry, revision, digest: '0'.repeat(16) }] })

/** A receiver that waits for a file of two chunks, the second of a byte, for one of 5 bytes, and for a folder. */
function receiver(): Bench {
  const bench = Bench.inPhase('receiver', 'transferring')
  const files = pageOf([chunkBytes + 1, 5, 0])
  const shape = { ...files, kinds: Uint8Array.of(entryKinds.file, entryKinds.file, entryKinds.directory) }
  bench.hear({ kind: 'manifest', page: 0, first: 0, entries: [], digest: shape.digest, last: shape.last! })
  const surveyed = { ...survey(3), plans: Uint8Array.of(plans.link, plans.link, plans.later) }
  bench.tell({ kind: 'pageStored', shape, survey: surveyed })
  bench.said()
  return bench
}

describe('a sender that breaks a rule', () => {
  it.each<Breach>([
    ['entry 3 is no file of the manifest', chunk({ entry: 3 })],
    ['entry 2 is no file of the manifest', chunk({ entry: 2 })],
    ['entry 3 is no file of the manifest', pack(3, 5)],
    ['entry 3 is no file of the manifest', allows(3, 0)],
    ['entry 2 is no file of the manifest', says({ ...resync, entry: 2 })],
    ['entry 3 is no file of the manifest', says({ ...exception, entry: 3 })],
    ['entry 0 came in a revision that was not announced', chunk({ revision: 1 })],
    ['entry 0 came in a revision that was not announced', allows(0, 1)],
    ['a chunk lies behind the end of its file', chunk({ chunk: 2 }, 0)],
    ['a chunk lies behind the end of its file', zeros({ chunk: 2 })],
    ['a chunk has 255 bytes where 256 are due', chunk({}, chunkBytes - 1)],
    ['a chunk has 256 bytes where 1 are due', chunk({ chunk: 1 })],
    ['a file of a pack has 4 bytes where 5 are due', pack(1, 4)],
    ['a file of a pack has 257 bytes where 257 are due', pack(0, chunkBytes + 1)],
    ['a revision is out of range', says({ ...resync, revision: revisionMax + 1 })],
    ['a file grew to more bytes than a receiver takes', says({ ...resync, size: fileChunksMax * chunkBytes + 1 })],
    ["a sender can't give an entry the outcome delivered", says({ ...exception, outcome: 'delivered' })],
    ['too many hashes were asked for at once', says({ ...ask, count: hashesPerMessageMax + 1 })],
  ])('ends the session by name: %s', (sentence, tell) => {
    const bench = receiver()
    tell(bench)
    expect(bench.said()).toContainEqual({ kind: 'abort', code: 'protocol', sentence })
    expect(bench.take('finish').end).toEqual({ how: 'failed', code: 'protocol', sentence })
    expect(bench.effects.filter(({ kind }) => kind === 'writeChunk' || kind === 'writePack')).toEqual([])
  })

  it('ends the session by name: a file changed again before its change was answered', () => {
    const bench = receiver()
    bench.hear(resync)
    bench.hear({ ...resync, revision: 2 })
    const sentence = 'a file changed again before its change was answered'
    expect(bench.take('finish').end).toEqual({ how: 'failed', code: 'protocol', sentence })
  })

  it('ends the session by name: data came before the last want, or behind the end', () => {
    const early = Bench.inPhase('receiver', 'agreeing')
    const late = Bench.inPhase('receiver', 'finishing')
    const sentence = 'data came before the last want, or behind the end'
    for (const bench of [early, late]) {
      chunk({})(bench)
      expect(bench.take('finish').end).toEqual({ how: 'failed', code: 'protocol', sentence })
    }
  })
})

describe('a sender that just keeps a rule', () => {
  it.each<Breach>([
    ['the last chunk is as short as its file says', chunk({ chunk: 1 }, 1)],
    ['zeros have the length that is due', zeros({ chunk: 1 })],
    ['a file fills its pack', pack(1, 5)],
    ['the last revision that there can be', says({ ...resync, revision: revisionMax })],
    ['a file of as many bytes as a receiver takes', says({ ...resync, size: fileChunksMax * chunkBytes })],
    ['as many hashes as a message may ask for', says({ ...ask, count: hashesPerMessageMax })],
    ['an outcome for no entry', says({ ...exception, entry: null })],
    ['an exception that is no outcome', says({ ...exception, outcome: null })],
  ])('goes on: %s', (_, tell) => {
    const bench = receiver()
    tell(bench)
    expect(bench.effects.filter(({ kind }) => kind === 'finish' || kind === 'destroy')).toEqual([])
    expect(bench.core.outcome(0)).toBeUndefined()
  })
})
