import { describe, expect, it } from 'vitest'
import { emptyCheckpoint } from '../../../src/core/checkpoint.ts'
import type { Effect } from '../../../src/core/effects.ts'
import type { SourceVersion } from '../../../src/core/inputs.ts'
import { hashesPerMessageMax, hashesPerQuestion, revisionMax, sourceChangesMax } from '../../../src/model/limits.ts'
import { hex64 } from '../../../src/model/hash.ts'
import { noManifest } from '../../../src/model/manifest.ts'
import type { Run } from '../../../src/model/places.ts'
import { Bench, chunkBytes, pageOf, want } from '../../support/core-bench.ts'

const version = (size: number, mtimeNs = 1n): SourceVersion => ({
  fingerprint: { size, mtimeNs, ctimeNs: 1n, inode: 1n },
  mtimeUs: 0,
  mode: 0o644,
})
const kindsOf = (effects: readonly Effect[]): string[] => effects.map(({ kind }) => kind)
const hashOf = (chunk: number): bigint => BigInt(chunk + 1)
const hashesOf = (chunks: readonly number[]): string => chunks.map((chunk) => hex64(hashOf(chunk))).join('')

/** A new process of a sender with one file, of which the receiver holds some chunks. */
function resumed(chunks: number, durable: readonly Run[]): Bench {
  const bench = Bench.fresh('sender', emptyCheckpoint(), [pageOf([chunks * chunkBytes])])
  bench.open({ ...noManifest, pages: 1, digest: pageOf([]).digest })
  bench.effects.length = 0
  bench.hear(want([{ need: 'part', from: 0, revision: 0, durable, received: [] }], 1, true))
  return bench
}

function answer(bench: Bench, first: number, chunks: readonly number[], revision = 0): void {
  bench.hear({ kind: 'hashes', way: 'answer', entry: 0, revision, first, hashes: hashesOf(chunks) })
}

/** Answers all that is asked for. @returns what it was, neighbours as one */
function answerAll(bench: Bench): Run[] {
  const asked: [number, number][] = []
  for (const question of bench.said()) {
    if (question.kind !== 'hashes' || question.way !== 'ask') continue
    const { first, count } = question
    expect(count).toBeLessThanOrEqual(hashesPerQuestion)
    const last = asked.at(-1)
    if (last !== undefined && last[0] + last[1] === first) last[1] += count
    else asked.push([first, count])
    const chunks = Array.from({ length: count }, (_, i) => first + i)
    answer(bench, first, chunks)
  }
  return asked
}

function rehash(bench: Bench, found: (chunk: number) => bigint, at: SourceVersion): readonly number[] {
  const { entry, revision, chunks } = bench.take('rehash')
  bench.tell({ kind: 'rehashed', entry, revision, chunks, hashes: BigUint64Array.from(chunks, found), version: at })
  return chunks
}

function change(bench: Bench, to: SourceVersion): void {
  const revision = bench.core.entries.revision(0)
  bench.tell({ kind: 'sourceFailed', entry: 0, revision, problem: { kind: 'changed', version: to } })
}

describe('R52: a sender that comes back to chunks an earlier process sent', () => {
  it('asks for the hashes of a sample, first and last among it, compares it with the source, and sends what is missing', () => {
    const bench = resumed(20, [[2, 5]])
    const ask = { kind: 'hashes', way: 'ask', entry: 0, revision: 0, count: 1 } as const
    expect(bench.said()).toEqual([
      { ...ask, first: 2 },
      { ...ask, first: 6 }, // This bench has no chance: all random picks are the first.
    ])
    answer(bench, 2, [2])
    expect(kindsOf(bench.effects)).not.toContain('rehash')
    answer(bench, 6, [6])
    expect(kindsOf(bench.effects)).not.toContain('sendChunk')
    expect(rehash(bench, hashOf, version(20 * chunkBytes))).toEqual([2, 6])
    expect(bench.take('sendChunk').place).toEqual({ entry: 0, revision: 0, chunk: 0 })
    expect(kindsOf(bench.effects)).not.toContain('warn')
  })

  it('picks them by chance out of all that is held', () => {
    const fractions = [0, 0.3, 0.49, 0.5, 0.7, 0.99, 0.999, 0]
    const others = { fraction: () => fractions.shift()! }
    const bench = Bench.fresh('sender', emptyCheckpoint(), [pageOf([40 * chunkBytes])], [], others)
    bench.open({ ...noManifest, pages: 1, digest: pageOf([]).digest })
    const durable = [[0, 10], [30, 10]] as const // prettier-ignore
    bench.hear(want([{ need: 'part', from: 0, revision: 0, durable, received: [] }], 1, true))
    for (const chunk of [0, 6, 9, 30, 34, 39]) answer(bench, chunk, [chunk])
    expect(bench.take('rehash').chunks).toEqual([0, 6, 9, 30, 34, 39])
  })

  it('R15: asks for the other hashes, which make the digest, only once all of the file is there, and once', () => {
    const bench = resumed(6, [[0, 5]])
    bench.said()
    answer(bench, 0, [0])
    answer(bench, 4, [4])
    rehash(bench, hashOf, version(6 * chunkBytes))
    const { place, connection } = bench.take('sendChunk')
    expect(bench.said()).toEqual([])
    bench.tell({ kind: 'chunkSent', connection, place, hash: hashOf(5), zeros: false })
    expect(bench.said()).toEqual([{ kind: 'hashes', way: 'ask', entry: 0, revision: 0, first: 1, count: 3 }])
    const places = [{ entry: 0, revision: 0, first: 5, count: 1 }]
    bench.hear({ kind: 'acknowledge', serial: 1, places, outcomes: [], level: 'checkpoint', syncMs: 0 })
    expect(bench.said()).toEqual([])
    answer(bench, 1, [1, 2]) // Less than was asked for: the rest is asked for again.
    expect(kindsOf(bench.effects)).not.toContain('checkSource')
    expect(bench.said()).toMatchObject([{ first: 3, count: 1 }])
    answer(bench, 3, [3])
    bench.tell({ kind: 'sourceChecked', entry: bench.take('checkSource').entry, revision: 0 })
    const digest = (BigInt(6 * chunkBytes) + 21n).toString(16).padStart(16, '0') // As this bench adds hashes up.
    expect(bench.said()).toEqual([{ kind: 'sync', grade: 'major', files: [{ entry: 0, revision: 0, digest }] }])
  })

  it('needs no answer for what it has sent itself: the sample is compared at once', () => {
    const bench = resumed(3, [])
    for (const chunk of [0, 1, 2]) {
      const { place, connection } = bench.take('sendChunk')
      expect(place.chunk).toBe(chunk)
      if (chunk !== 1) bench.tell({ kind: 'chunkSent', connection, place, hash: hashOf(chunk), zeros: false })
    }
    bench.open()
    bench.said()
    bench.hear(want([{ need: 'part', from: 0, revision: 0, durable: [[0, 3]], received: [] }], 1, true))
    expect(bench.said()).toEqual([])
    expect(rehash(bench, hashOf, version(3 * chunkBytes))).toEqual([0, 2])
    expect(bench.said()).toMatchObject([{ way: 'ask', first: 1, count: 1 }])
  })

  it('takes no answer for one that proved damaged meanwhile: that one is sent again', () => {
    const bench = resumed(2, [[0, 2]])
    bench.hear(want([{ need: 'again', from: 0, revision: 0, chunks: [[0, 1]] }]))
    answer(bench, 0, [])
    answer(bench, 1, [1])
    expect(rehash(bench, hashOf, version(2 * chunkBytes))).toEqual([1])
    expect(bench.take('sendChunk').place.chunk).toBe(0)
  })

  it('R15: sends again what proves damaged while it waits for those hashes', () => {
    const bench = resumed(3, [[0, 3]])
    bench.said()
    for (const chunk of [0, 2]) answer(bench, chunk, [chunk])
    rehash(bench, hashOf, version(3 * chunkBytes))
    expect(bench.said()).toMatchObject([{ first: 1, count: 1 }])
    bench.hear(want([{ need: 'again', from: 0, revision: 0, chunks: [[1, 1]] }]))
    expect(bench.take('sendChunk').place).toEqual({ entry: 0, revision: 0, chunk: 1 })
  })

  it('a sample that differs is a change: what agrees is kept, the rest is a new revision, on the disk before it is said', () => {
    const bench = resumed(4, [[0, 4]])
    for (const chunk of [0, 3]) answer(bench, chunk, [chunk])
    bench.said()
    bench.effects.length = 0
    rehashAfterTold(bench)
    expect(bench.said()).toMatchObject([{ way: 'ask', first: 1, count: 2 }]) // Now all of them are compared.
    answer(bench, 1, [1, 2])
    expect(bench.effects).toContainEqual(expect.objectContaining({ kind: 'warn', code: 'source-changed', entry: 0 }))
    const all = rehash(bench, (chunk) => (chunk === 3 ? 99n : hashOf(chunk)), version(4 * chunkBytes, 2n))
    expect(all).toEqual([0, 1, 2, 3])
    expect(bench.said()).toEqual([])
    bench.commit()
    expect(bench.said()).toEqual([
      { kind: 'resync', entry: 0, revision: 1, size: 4 * chunkBytes, mtimeUs: 0, mode: 0o644, keep: [[0, 3]] },
    ])
    expect(kindsOf(bench.effects)).not.toContain('sendChunk')
  })

  /** The sample, of which the last chunk differs. */
  function rehashAfterTold(bench: Bench): void {
    const entry = 0
    const chunks = [0, 3]
    const hashes = BigUint64Array.of(hashOf(0), 99n)
    bench.tell({ kind: 'rehashed', entry, revision: 0, chunks, hashes, version: version(4 * chunkBytes, 2n) })
  }

  it('takes the answers to a long question in parts', () => {
    const count = hashesPerMessageMax + 4
    const bench = resumed(count, [[0, count]])
    for (const chunk of [0, count - 1]) answer(bench, chunk, [chunk])
    bench.said()
    rehash(bench, hashOf, version(count * chunkBytes))
    expect(answerAll(bench)).toEqual([[1, hashesPerMessageMax]])
    expect(kindsOf(bench.effects)).not.toContain('checkSource')
    expect(answerAll(bench)).toEqual([[hashesPerMessageMax + 1, 2]])
    expect(kindsOf(bench.effects)).toContain('checkSource')
  })

  it.each<[string, (bench: Bench) => void]>([
    ['for more chunks than there are', (bench) => answer(bench, 3, [3, 4])],
    ['with nothing, for chunks it says it holds', (bench) => answer(bench, 0, [])],
  ])('ends with a peer who answers %s', (_how, act) => {
    const bench = resumed(4, [[0, 2]])
    act(bench)
    expect(bench.effects).toContainEqual(
      expect.objectContaining({ kind: 'finish', end: expect.objectContaining({ code: 'protocol' }) }),
    )
  })

  it('asks for no more at once than one message holds, in however many runs', () => {
    const chunks = hashesPerMessageMax + 3
    const bench = resumed(chunks, [
      [0, hashesPerMessageMax],
      [hashesPerMessageMax + 1, 2], // Its last chunk is in the sample.
    ])
    const sampled = bench.said()
    change(bench, version(chunks * chunkBytes, 2n))
    for (const question of sampled) if (question.kind === 'hashes') answer(bench, question.first, [question.first])
    expect(answerAll(bench)).toEqual([[0, hashesPerMessageMax]])
    expect(answerAll(bench)).toEqual([[hashesPerMessageMax + 1, 1]])
  })

  it('passes over answers and hashes of an older revision, and of files that are over', () => {
    const bench = resumed(4, [[0, 2]])
    bench.said()
    bench.effects.length = 0
    answer(bench, 0, [0, 1], 1)
    bench.tell({
      kind: 'rehashed',
      entry: 0,
      revision: 1,
      chunks: [],
      hashes: new BigUint64Array(0),
      version: version(1),
    })
    expect(bench.effects).toEqual([])
    answer(bench, 0, [0, 1])
    bench.tell({
      kind: 'rehashed',
      entry: 0,
      revision: 0,
      chunks: [0],
      hashes: BigUint64Array.of(hashOf(0)),
      version: version(1),
    })
    bench.effects.length = 0
    answer(bench, 0, [0, 1]) // Said twice: it is being sent by now.
    expect(kindsOf(bench.effects)).not.toContain('rehash')
    bench.tell({
      kind: 'rehashed',
      entry: 0,
      revision: 0,
      chunks: [0],
      hashes: BigUint64Array.of(0n),
      version: version(1),
    })
    expect(kindsOf(bench.effects)).not.toContain('warn')
  })
})

describe('R51: a source that changes while it is sent', () => {
  /** A sender that has sent `sent` of a file's four chunks. */
  function sending(sent: number): Bench {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.page([4 * chunkBytes])
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }]))
    for (let i = 0; i < sent; i++) {
      const { place, connection } = bench.take('sendChunk')
      bench.tell({ kind: 'chunkSent', connection, place, hash: hashOf(place.chunk), zeros: false })
    }
    bench.said()
    bench.effects.length = 0
    return bench
  }

  it('keeps what agrees; chunks behind the new end are not even compared', () => {
    const bench = sending(4)
    change(bench, version(2 * chunkBytes + 10))
    expect(bench.take('expectSource').fingerprint.size).toBe(2 * chunkBytes + 10)
    const compared = rehash(bench, (chunk) => (chunk === 2 ? 99n : hashOf(chunk)), version(2 * chunkBytes + 10))
    expect(compared).toEqual([0, 1, 2])
    bench.commit()
    expect(bench.said()).toMatchObject([{ kind: 'resync', revision: 1, size: 2 * chunkBytes + 10, keep: [[0, 2]] }])
  })

  it('of which nothing was sent is announced without reading it', () => {
    const bench = sending(0)
    change(bench, version(chunkBytes))
    expect(kindsOf(bench.effects)).not.toContain('rehash')
    bench.commit()
    expect(bench.said()).toMatchObject([{ kind: 'resync', revision: 1, keep: [] }])
  })

  it('sends the new revision only once the receiver has answered for it, and only what it lacks', () => {
    const bench = sending(4)
    change(bench, version(4 * chunkBytes, 2n))
    rehash(bench, (chunk) => (chunk === 1 ? 99n : hashOf(chunk)), version(4 * chunkBytes, 2n))
    bench.commit()
    expect(kindsOf(bench.effects)).not.toContain('sendChunk')
    const received = [
      [0, 1],
      [2, 2],
    ] as const
    bench.hear(want([{ need: 'part', from: 0, revision: 1, durable: [], received }]))
    expect(bench.take('sendChunk').place).toEqual({ entry: 0, revision: 1, chunk: 1 })
    expect(kindsOf(bench.effects)).not.toContain('sendChunk')
  })

  it('again before its change was compared counts twice, and the newest version is the one announced', () => {
    const bench = sending(2)
    change(bench, version(chunkBytes, 2n))
    change(bench, version(chunkBytes + 1, 3n))
    expect(bench.effects.filter(({ kind }) => kind === 'warn')).toHaveLength(2)
    bench.take('rehash')
    rehash(bench, hashOf, version(chunkBytes + 1, 3n))
    bench.commit()
    expect(bench.said()).toMatchObject([{ kind: 'resync', size: chunkBytes + 1 }])
  })

  it('more than three times in a run is given up by name, and the others go on', () => {
    const bench = sending(0)
    for (let times = 0; times <= sourceChangesMax; times++) {
      change(bench, version(4 * chunkBytes, BigInt(times + 2)))
      if (times === sourceChangesMax) break
      bench.commit()
      bench.said()
      bench.hear(want([{ need: 'all', from: 0, count: 1, revision: times + 1 }]))
    }
    expect(bench.said()).toMatchObject([{ kind: 'exception', entry: 0, outcome: 'failed' }])
  })

  it('in its last possible revision is given up, too', () => {
    const checkpoint = emptyCheckpoint()
    const { fingerprint, mtimeUs, mode } = version(4 * chunkBytes)
    const last = {
      kind: 'revised',
      entry: 0,
      revision: revisionMax,
      size: 4 * chunkBytes,
      mtimeUs,
      mode,
      keep: [],
      fingerprint,
    } as const
    checkpoint.revised.set(0, last)
    const bench = Bench.fresh('sender', checkpoint, [pageOf([4 * chunkBytes])])
    bench.open({ ...noManifest, pages: 1, digest: pageOf([]).digest })
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: revisionMax }], 1, true))
    bench.said()
    change(bench, version(chunkBytes))
    expect(bench.said()).toMatchObject([{ kind: 'exception', entry: 0, outcome: 'failed' }])
  })

  it('whose receiver is still at an older revision hears the announcement again', () => {
    const bench = sending(4)
    change(bench, version(4 * chunkBytes, 2n))
    rehash(bench, hashOf, version(4 * chunkBytes, 2n))
    bench.commit()
    bench.said()
    for (const need of [
      { need: 'part', from: 0, revision: 0, durable: [[0, 4]], received: [] },
      { need: 'all', from: 0, count: 1, revision: 0 },
    ] as const) {
      bench.open()
      bench.said()
      bench.hear(want([need], 1, true))
      expect(bench.said()).toMatchObject([{ kind: 'resync', revision: 1, keep: [[0, 4]] }])
      expect(kindsOf(bench.effects)).not.toContain('sendChunk')
    }
  })
})
