import { describe, expect, it } from 'vitest'
import { Hub, type Settings } from '../../../src/core/hub.ts'
import { Parts } from '../../../src/core/parts.ts'
import { defaultLimits, partsMaxBytes } from '../../../src/model/limits.ts'
import type { Message } from '../../../src/model/messages.ts'
import { Bench, chunkBytes, intentOf, pageOf } from '../../support/core-bench.ts'

/** A receiver of files of a chunk each, of which these came, each in a pack of its own, and some are written. */
function receiver(came: readonly number[], written: readonly number[] = []): Bench {
  const bench = Bench.inPhase('receiver', 'transferring')
  bench.page([chunkBytes, chunkBytes])
  for (const entry of came) packArrives(bench, entry)
  for (const entry of written) packWritten(bench, entry)
  bench.said()
  return bench
}

function packArrives(bench: Bench, entry: number): void {
  const { connection } = bench
  const { epoch } = bench.core
  const files = [{ entry, revision: 0, length: chunkBytes }]
  bench.tell({ kind: 'frameArrived', connection, frame: { kind: 'pack', frame: entry, epoch, files } })
}

function packWritten(bench: Bench, entry: number): void {
  bench.tell({ kind: 'packWritten', files: [{ entry, revision: 0, hash: 7n }], bad: [] })
}

const partOf = (entry: number, received: readonly (readonly [number, number])[]) => ({
  need: 'part',
  from: entry,
  revision: 0,
  durable: [],
  received,
})

describe('a file that came whole', () => {
  it('is said to be received once it is written, and not before, when a connection comes back', () => {
    const bench = receiver([0, 1], [1])
    bench.open()
    const wants = bench.said().flatMap((message) => (message.kind === 'want' ? message.wants : []))
    expect(wants).toEqual([partOf(0, []), partOf(1, [[0, 1]])])
  })

  it('is written once, however often it comes', () => {
    const bench = receiver([0])
    expect(bench.take('writePack').accept).toEqual([0])
    bench.open()
    bench.said()
    packArrives(bench, 0)
    expect(bench.take('writePack').accept).toEqual([])
    packWritten(bench, 0)
    packArrives(bench, 0)
    expect(bench.take('writePack').accept).toEqual([])
    expect(bench.take('syncData').finish).toMatchObject([{ entry: 0, revision: 0 }])
  })

  it('is written, too, when its digest came before it over another lane', () => {
    const bench = receiver([])
    bench.hear({ kind: 'sync', grade: 'major', files: [{ entry: 0, revision: 0, digest: '0'.repeat(16) }] })
    packArrives(bench, 0)
    expect(bench.take('writePack').accept).toEqual([0])
    packArrives(bench, 0)
    expect(bench.take('writePack').accept).toEqual([])
    packWritten(bench, 0)
    expect(bench.take('syncData').finish).toMatchObject([{ entry: 0, revision: 0 }])
  })

  it('has its hash when the sender asks for it', () => {
    const bench = receiver([0, 1], [1])
    const ask = (entry: number): Message => ({ kind: 'hashes', way: 'ask', entry, revision: 0, first: 0, count: 1 })
    bench.hear(ask(0))
    bench.hear(ask(1))
    expect(bench.said()).toMatchObject([{ hashes: '' }, { hashes: '0000000000000007' }])
  })

  it('and has changed since becomes the next revision behind its write', () => {
    const bench = receiver([0])
    bench.hear({ kind: 'resync', entry: 0, revision: 1, size: 2 * chunkBytes, mtimeUs: 0, mode: 0o644, keep: [] })
    expect(bench.effects.filter(({ kind }) => kind === 'commit')).toEqual([])
    packWritten(bench, 0)
    expect(bench.take('commit').records).toMatchObject([{ kind: 'revised', entry: 0, revision: 1 }])
    expect(bench.effects.filter(({ kind }) => kind === 'syncData')).toEqual([])
  })

  it('has its room on the disk from its write on', () => {
    expect(receiver([0, 1], [1]).core.bytesStaged).toBe(chunkBytes)
  })

  it('and is nowhere to be found where it should get its name begins anew', () => {
    const bench = receiver([0], [0])
    const { serial } = bench.take('syncData')
    bench.tell({ kind: 'dataSynced', serial, finished: [intentOf(0)], syncMs: 0 })
    bench.commit()
    bench.tell({ kind: 'filesPlaced', serial, results: [{ entry: 0, result: 'lost' }] })
    expect(bench.take('note').records).toEqual([{ kind: 'bad', entry: 0, revision: 0, chunks: [[0, 1]] }])
    expect(bench.said()).toMatchObject([{ kind: 'want', wants: [{ need: 'all', from: 0, count: 1 }] }])
    expect(bench.core.bytesStaged).toBe(0)
  })
})

const settings: Settings = {
  role: 'receiver',
  session: '0'.repeat(32),
  instance: 'a'.repeat(16),
  nonce: '',
  sessionKey: '',
  root: '1'.repeat(32),
  limits: defaultLimits,
  wishes: { onConflict: null, checksum: false },
  fileDigest: () => '0'.repeat(16),
  fraction: () => 0,
}

it('memory of files under way is bounded, too, where a sender asks for hashes of all that came whole', () => {
  const count = (2 * partsMaxBytes) / 2048 // Twice as many parts as may be.
  const hub = new Hub(settings)
  hub.entries.addPage(pageOf(Array.from({ length: count }, () => 0)))
  const parts = new Parts(hub)
  for (let entry = 0; entry < count; entry++) {
    parts.writeWhole(entry)
    parts.wroteWhole(entry, 7n)
  }
  expect(() => {
    for (let entry = 0; entry < count; entry++) parts.get(entry)
  }).toThrow('too many files are under way at once')
})
