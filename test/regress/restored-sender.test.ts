// A sender that was restored, by its user or with its machine, may have forgotten revisions that it announced. Found by the
// simulation: it called the receiver's memory of them a breach of the protocol, and the session was lost.

import { describe, expect, it } from 'vitest'
import type { SourceVersion } from '../../src/core/inputs.ts'
import { noManifest } from '../../src/model/manifest.ts'
import type { Message, Want } from '../../src/model/messages.ts'
import { Bench, chunkBytes, pageOf, survey, want } from '../support/core-bench.ts'

const version: SourceVersion = {
  fingerprint: { size: 2 * chunkBytes, mtimeNs: 1n, ctimeNs: 1n, inode: 1n },
  mtimeUs: 0,
  mode: 0o644,
}
const part: Want = { need: 'part', from: 0, revision: 3, durable: [[0, 1]], received: [] }

/** A sender that remembers revision 0 and hears of revision 3. */
function restored(): Bench {
  const bench = Bench.inPhase('sender', 'agreeing')
  bench.page([2 * chunkBytes])
  bench.effects.length = 0
  bench.hear(want([part], 1, true))
  return bench
}

const rehashed = (bench: Bench): void => {
  const { revision, chunks } = bench.take('rehash')
  bench.tell({ kind: 'rehashed', entry: 0, revision, chunks, hashes: new BigUint64Array(0), version })
}

describe('R46: a sender that was restored', () => {
  it('announces a newer revision, and keeps nothing of the one that it does not know', () => {
    const bench = restored()
    expect(bench.effects.filter(({ kind }) => kind === 'finish')).toEqual([])
    rehashed(bench)
    bench.commit()
    expect(bench.said()).toContainEqual({
      kind: 'resync',
      entry: 0,
      revision: 4,
      size: 2 * chunkBytes,
      mtimeUs: 0,
      mode: 0o644,
      keep: [],
    })
  })

  it('does so over the next connection, too, if this one is lost before', () => {
    const bench = restored()
    bench.close()
    bench.take('rehash')
    bench.open()
    bench.hear(want([part], 1, true))
    rehashed(bench)
    bench.commit()
    expect(bench.said()).toContainEqual(expect.objectContaining({ kind: 'resync', revision: 4, keep: [] }))
  })

  it('does so once, if this one is lost while the newer revision is on its way to the disk', () => {
    const bench = restored()
    rehashed(bench)
    bench.close()
    const { purpose } = bench.take('commit')
    bench.open()
    bench.hear(want([part], 1, true))
    expect(bench.effects.filter(({ kind }) => kind === 'rehash')).toEqual([])
    bench.tell({ kind: 'committed', purpose })
    expect(bench.said().filter(({ kind }) => kind === 'resync')).toMatchObject([{ revision: 4, keep: [] }])
  })

  it('is not told of unknown revisions once data flows', () => {
    const bench = Bench.inPhase('sender', 'transferring')
    bench.page([2 * chunkBytes])
    bench.hear(want([part]))
    expect(bench.take('finish').end).toMatchObject({ how: 'failed', code: 'protocol' })
  })
})

describe('R46: a sender that was restored and walked anew', () => {
  const page = (digest: string): Message => ({ kind: 'manifest', page: 0, first: 0, entries: [], digest })

  it.each(['is not stored yet', 'is stored by now'])(
    'is told that its pages are other ones, also of a page that the greeting did not know and that %s',
    (when) => {
      const bench = Bench.inPhase('receiver', 'transferring')
      const shape = pageOf([chunkBytes])
      bench.hear(page(shape.digest))
      bench.take('storePage')
      bench.open(noManifest)
      if (when === 'is stored by now') bench.tell({ kind: 'pageStored', shape, survey: survey(1) })
      bench.said()
      bench.hear(page('0'.repeat(16)))
      expect(bench.said()).toMatchObject([{ kind: 'abort', code: 'manifest-mismatch' }])
      expect(bench.take('finish').end).toMatchObject({ how: 'failed', code: 'manifest-mismatch' })
    },
  )
})
