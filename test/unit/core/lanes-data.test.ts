// What further lanes carry, and what is left of it when one is lost.

import { describe, expect, it } from 'vitest'
import type { Effect } from '../../../src/core/effects.ts'
import type { ArrivedFrame } from '../../../src/core/inputs.ts'
import { chunkBytes } from '../../support/core-bench.ts'
import { listener, sendsOf, sent, twoLanes } from '../../support/lanes-bench.ts'

const frame = (chunk: number, epoch = 1): ArrivedFrame => ({
  kind: 'chunk',
  frame: 10 + chunk,
  epoch,
  place: { entry: 0, revision: 0, chunk },
  length: chunkBytes,
})

describe('data', () => {
  it('is pulled by the lanes that are free, two frames each, and lane 0 carries none of it', () => {
    const bench = twoLanes([40 * chunkBytes])
    expect(sendsOf(bench)).toEqual(['2: 0', '3: 1', '2: 2', '3: 3'])
    bench.effects.length = 0
    sent(bench, 3, 1)
    sent(bench, 3, 3)
    sent(bench, 3, 4)
    expect(sendsOf(bench)).toEqual(['3: 4', '3: 5', '3: 6'])
  })

  it('of a lane that is lost goes out again over the others, and only what was not acknowledged', () => {
    const bench = twoLanes([6 * chunkBytes])
    for (const [connection, chunk] of [
      [2, 0],
      [3, 1],
      [2, 2],
    ] as const)
      sent(bench, connection, chunk)
    const places = [{ entry: 0, revision: 0, first: 0, count: 1 }]
    bench.hear({ kind: 'acknowledge', serial: 1, places, outcomes: [], level: 'checkpoint', syncMs: 0 })
    bench.effects.length = 0
    bench.tell({ kind: 'connectionEnded', connection: 2, reason: 'cut' })
    for (const chunk of [3, 5]) sent(bench, 3, chunk)
    sent(bench, 3, 2)
    expect(sendsOf(bench)).toEqual(['3: 2 again', '3: 4 again'])
    sent(bench, 3, 4)
    expect(bench.take('checkSource')).toMatchObject({ entry: 0 })
  })

  it('that was acknowledged before the socket had let go of it holds nothing up when its lane is lost', () => {
    const bench = twoLanes([2 * chunkBytes])
    sent(bench, 3, 1)
    const places = [{ entry: 0, revision: 0, first: 0, count: 2 }]
    bench.hear({ kind: 'acknowledge', serial: 1, places, outcomes: [], level: 'checkpoint', syncMs: 0 })
    bench.effects.length = 0
    bench.tell({ kind: 'connectionEnded', connection: 2, reason: 'cut' })
    expect(sendsOf(bench)).toEqual(['3: 0']) // Its hash never came, and the digest needs it.
    sent(bench, 3, 0)
    expect(bench.take('checkSource')).toMatchObject({ entry: 0 })
  })

  it('that was acknowledged while it went out again does not go out once more when that lane is lost, too', () => {
    const bench = twoLanes([2 * chunkBytes])
    sent(bench, 2, 0)
    sent(bench, 3, 1)
    bench.tell({ kind: 'connectionEnded', connection: 2, reason: 'cut' })
    expect(sendsOf(bench).at(-1)).toBe('3: 0 again')
    const places = [{ entry: 0, revision: 0, first: 0, count: 2 }]
    bench.hear({ kind: 'acknowledge', serial: 1, places, outcomes: [], level: 'checkpoint', syncMs: 0 })
    bench.effects.length = 0
    bench.tell({ kind: 'connectionEnded', connection: 3, reason: 'cut' })
    expect(sendsOf(bench)).toEqual([])
    expect(bench.take('checkSource')).toMatchObject({ entry: 0 })
  })

  it('in a pack that is lost with its lane goes out again', () => {
    const bench = twoLanes([8, 8])
    const { connection, files } = bench.take('sendPack')
    bench.tell({ kind: 'packSent', connection, files: files.map((file) => ({ ...file, hash: 7n })) })
    bench.tell({ kind: 'connectionEnded', connection, reason: 'cut' })
    const again = bench.take('sendPack')
    expect(again.connection).not.toBe(connection)
    expect(again.files).toEqual(files.map((file) => ({ ...file, again: true })))
  })

  it('goes over lane 0 where the last further lane is lost', () => {
    const bench = twoLanes([2 * chunkBytes])
    for (const connection of [2, 3]) bench.tell({ kind: 'connectionEnded', connection, reason: 'cut' })
    expect(sendsOf(bench).slice(-2)).toEqual(['1: 0 again', '1: 1 again'])
  })

  it('R38: ends with lane 0, which takes the others along', () => {
    const bench = twoLanes([40 * chunkBytes])
    bench.effects.length = 0
    bench.close()
    expect(bench.effects).toMatchObject([{ kind: 'destroy', connection: 2 }, { kind: 'destroy', connection: 3 }, {}])
    expect(bench.core.lanes).toBe(0)
    bench.effects.length = 0
    sent(bench, 2, 0)
    expect(sendsOf(bench)).toEqual([])
  })
})

describe('a receiver', () => {
  /** With one further lane, connection 2, and a file of so many chunks under way. */
  function receiver(chunks: number) {
    const { bench, join } = listener('receiver', 2)
    join(2, 1)
    bench.page([chunks * chunkBytes])
    bench.effects.length = 0
    const arrives = (connection: number, chunk: number, epoch = 1): readonly Effect[] =>
      bench.tell({ kind: 'frameArrived', connection, frame: frame(chunk, epoch) })
    const written = (chunk: number): void => {
      bench.tell({ kind: 'chunkWritten', place: { entry: 0, revision: 0, chunk }, hash: 7n, hole: false })
    }
    return { bench, arrives, written }
  }

  it('R38: drops what comes over a lane that is closed or never was one, and ends it', () => {
    const { bench, arrives } = receiver(2)
    expect(arrives(2, 0)).toMatchObject([{ kind: 'writeChunk' }])
    bench.tell({ kind: 'connectionEnded', connection: 2, reason: 'cut' })
    for (const connection of [2, 8])
      expect(arrives(connection, 1)).toMatchObject([
        { kind: 'dropFrame', reason: 'stale' },
        { kind: 'destroy', connection },
      ])
    expect(bench.core.openConnection).toBe(1)
  })

  it('R111: writes a place once, whatever lane it comes over', () => {
    const { arrives, written } = receiver(2)
    arrives(2, 0)
    expect(arrives(1, 0)).toMatchObject([{ kind: 'dropFrame', reason: 'duplicate' }])
    written(0)
    expect(arrives(1, 0)).toMatchObject([{ kind: 'dropFrame', reason: 'duplicate' }])
  })

  it('finishes a file whose permission overtook all its chunks', () => {
    const { bench, arrives, written } = receiver(1)
    const digest = (7n + BigInt(chunkBytes)).toString(16).padStart(16, '0')
    bench.hear({ kind: 'sync', grade: 'major', files: [{ entry: 0, revision: 0, digest }] })
    arrives(2, 0)
    written(0)
    expect(bench.take('syncData').finish).toMatchObject([{ entry: 0, digest }])
  })

  it('takes what the end overtook for a duplicate on a further lane, and for a breach on lane 0', () => {
    const { bench, arrives } = receiver(0)
    const { manifest } = bench.core.entries
    bench.hear({ kind: 'end', manifest: manifest.digest, entries: manifest.entries, bytes: manifest.bytes })
    expect(arrives(2, 0)).toMatchObject([{ kind: 'dropFrame', reason: 'duplicate' }])
    arrives(1, 0)
    expect(bench.said()).toMatchObject([{ kind: 'abort', code: 'protocol' }])
  })
})
