// A receiver whose disk was restored knows less than the sender that worked on with it. Found by restoring a session's
// directory under a running sender: it took no notice, and for a file it had seen delivered both waited for ever.

import { describe, expect, it } from 'vitest'
import type { Want } from '../../src/model/messages.ts'
import { noManifest } from '../../src/model/manifest.ts'
import { standing } from '../../src/core/entry-table.ts'
import { Bench, chunkBytes, want } from '../support/core-bench.ts'

/** A sender whose only file, of two chunks, the receiver has made durable as far as `outcome` says. */
function sender(outcome: 'part' | 'delivered'): Bench {
  const bench = Bench.inPhase('sender', 'transferring')
  bench.page([2 * chunkBytes, chunkBytes])
  bench.hear(want([{ need: 'all', from: 0, count: 2, revision: 0 }]))
  bench.hear({
    kind: 'acknowledge',
    serial: 1,
    places: [{ entry: 0, revision: 0, first: 0, count: 2 }],
    outcomes: outcome === 'delivered' ? [{ entry: 0, outcome, bytes: 2 * chunkBytes, digest: '0123456789abcdef' }] : [],
    level: 'checkpoint',
    syncMs: 0,
  })
  return bench
}

/** Over a new connection the receiver says where it stands. */
function hearAgain(bench: Bench, first: Want): void {
  bench.open()
  bench.effects.length = 0
  bench.hear(want([first, { need: 'all', from: 1, count: 1, revision: 0 }], 1, true))
}

const warnings = (bench: Bench): unknown[] => bench.effects.filter(({ kind }) => kind === 'warn')
const nothing: Want = { need: 'all', from: 0, count: 1, revision: 0 }

describe('R46: a receiver that was rolled back', () => {
  it('is gone on with from its state, and the bytes it had promised are said once', () => {
    const bench = sender('part')
    hearAgain(bench, { need: 'part', from: 0, revision: 0, durable: [[0, 1]], received: [] })
    expect(warnings(bench)).toMatchObject([
      { code: 'rolled-back', sentence: expect.stringContaining(`${chunkBytes} bytes`) },
    ])
    expect(bench.core.entries.bytesAcknowledged).toBe(chunkBytes)
    hearAgain(bench, { need: 'part', from: 0, revision: 0, durable: [[0, 1]], received: [] })
    expect(warnings(bench)).toEqual([])
  })

  it('gets a file again that it had delivered', () => {
    const bench = sender('delivered')
    expect(bench.core.entries.filesDone).toBe(1)
    hearAgain(bench, nothing)
    expect(warnings(bench)).toHaveLength(1)
    expect(bench.core.entries.standing(0)).not.toBe(standing.done)
    const { filesDone, bytesPublished, bytesAcknowledged, unfinished } = bench.core.entries
    expect([filesDone, bytesPublished, bytesAcknowledged, unfinished]).toEqual([0, 0, 0, 2])
    expect(bench.effects.some(({ kind }) => kind === 'sendChunk' || kind === 'sendPack')).toBe(true)
  })

  it('gets a file again of whose page it has not heard any more', () => {
    const bench = sender('delivered')
    bench.open(noManifest)
    bench.hear(want([], 0, true))
    bench.hear(want([nothing, { need: 'all', from: 1, count: 1, revision: 0 }], 1))
    expect(bench.core.entries.standing(0)).not.toBe(standing.done)
    expect(bench.core.entries.unfinished).toBe(2)
  })

  it('does not take the receipt for a breach that it has forgotten', () => {
    const bench = Bench.inPhase('receiver', 'transferring')
    bench.said()
    bench.hear({ kind: 'release' })
    expect(bench.said()).toMatchObject([{ kind: 'exception', code: 'rolled-back' }])
    expect(bench.effects.filter(({ kind }) => kind === 'finish')).toEqual([])
  })

  it('is no other thing than a want that crossed the outcome, once data flows', () => {
    const bench = sender('delivered')
    bench.hear(want([nothing]))
    expect(bench.core.entries.standing(0)).toBe(standing.done)
  })

  it('is not what one is that knows as much as before', () => {
    const bench = sender('delivered')
    hearAgain(bench, { need: 'done', from: 0, count: 1, outcome: 'delivered' })
    expect(warnings(bench)).toEqual([])
    expect(bench.core.entries.filesDone).toBe(1)
  })

  it('is sent what is out first, when what it lost does not fit into the window beside that', () => {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.page([20 * chunkBytes])
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }]))
    sendAll(bench)
    const places = [{ entry: 0, revision: 0, first: 0, count: 2 }]
    bench.hear({ kind: 'acknowledge', serial: 1, places, outcomes: [], level: 'checkpoint', syncMs: 0 })
    const out = sendAll(bench) // The window is full again, of chunks 2 and up.
    bench.open()
    bench.effects.length = 0
    bench.hear(want([{ need: 'all', from: 0, count: 1, revision: 0 }], 1, true))
    expect(sendAll(bench)).toEqual(expect.arrayContaining(out))
  })
})

/** Sends what the window admits. @returns the chunks */
function sendAll(bench: Bench): number[] {
  const sent: number[] = []
  while (bench.effects.some(({ kind }) => kind === 'sendChunk')) {
    const { place, connection } = bench.take('sendChunk')
    bench.tell({ kind: 'chunkSent', connection, place, hash: BigInt(place.chunk), zeros: false })
    sent.push(place.chunk)
  }
  return sent
}
