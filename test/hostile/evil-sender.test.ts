// An evil sender, welcomed by a shipping receiver: whatever it says, nothing outside of the root changes, what arrives under
// a final name is what was announced and verified, and the end is one of the documented ones.

import { describe, expect, it } from 'vitest'
import type { Entry } from '../../src/model/manifest.ts'
import { golden } from '../support/golden-messages.ts'
import { encodeMessage } from '../../src/wire/messages.ts'
import { fileDigest } from '../../src/hash/xxh64.ts'
import { knock, goHome, upgradeRequest, type Stranger } from '../support/strangers.ts'
import { helloOf, type RawPeer } from '../support/raw-peer.ts'
import { chunkOf, digestOf, fileEntry, frameOf, hash, packOf, pageOf, Stage, wsFrame } from './evil.ts'

const MiB = 1024 * 1024
const one = Buffer.from('one')
const files: readonly Entry[] = [fileEntry('a', 3), fileEntry('b', MiB + 3), fileEntry('c', 3)]
const folder: Entry = { kind: 'directory', path: ['d'], mtimeUs: 0, mode: 0o755 }

/** A receiver that has heard of `entries` and wants them. */
async function wanting(entries: readonly Entry[] = files): Promise<{ stage: Stage; peer: RawPeer }> {
  const stage = new Stage('receiver')
  const peer = await stage.peer()
  peer.say(pageOf(entries))
  await peer.untilThat(({ kind, pages }) => kind === 'want' && pages === 1)
  return { stage, peer }
}

const digest = (bytes: Uint8Array): string => fileDigest([hash(bytes)], bytes.length, hash)
const row = (entry: number, bytes: Uint8Array) => ({ entry, revision: 0, length: bytes.length, hash: hash(bytes) })

describe('an evil sender ends with code 7, and nothing is published', () => {
  type Evil = readonly [what: string, says: (peer: RawPeer) => void]
  const chunk = (changes: object) => (peer: RawPeer) =>
    peer.sayBytes(
      frameOf({ kind: 'chunk', entry: 0, chunk: 0, revision: 0, epoch: 1, hash: hash(one), ...changes }, one),
    )

  it.each<Evil>([
    ['a chunk of an entry that is not there', chunk({ entry: 3 })],
    ['a chunk of the largest entry that can be', chunk({ entry: 4_999_999 })],
    ['a chunk behind the end of its file', chunk({ chunk: 1 })],
    ['the largest chunk index', chunk({ chunk: 2 ** 32 - 1 })],
    ['a chunk of a revision never announced', chunk({ revision: 1 })],
    ['a chunk of the wrong length', (peer) => peer.sayBytes(chunkOf({ entry: 0 }, Buffer.from('four')))],
    ['an empty chunk', (peer) => peer.sayBytes(chunkOf({ entry: 0 }, Buffer.alloc(0)))],
    ['a pack of an entry that is not there', (peer) => peer.sayBytes(packOf([row(9, one)], one))],
    ['a pack of a file too large for it', (peer) => peer.sayBytes(packOf([row(1, one)], one))],
    [
      'a pack that lies about a length',
      (peer) => peer.sayBytes(packOf([row(0, Buffer.from('xx'))], Buffer.from('xx'))),
    ],
    [
      'a pack whose lengths add up to something else',
      (peer) => peer.sayBytes(packOf([row(0, one)], Buffer.from('four'))),
    ],
    [
      'a pack whose lengths overflow',
      (peer) =>
        peer.sayBytes(
          packOf(
            [
              { ...row(0, one), length: 2 ** 32 - 1 },
              { ...row(2, one), length: 4 },
            ],
            one,
          ),
        ),
    ],
    [
      'a frame of zeros that carries bytes',
      (peer) =>
        peer.sayBytes(frameOf({ kind: 'zeros', entry: 0, chunk: 0, revision: 0, epoch: 1, hash: hash(one) }, one)),
    ],
    ['a frame without a header', (peer) => peer.sayBytes(Buffer.alloc(31))],
    ['an empty frame', (peer) => peer.sayBytes(Buffer.alloc(0))],
    ['a frame of noise', (peer) => peer.sayBytes(Buffer.alloc(4096, 0xa5))],
    ['a page that was there, in another order', (peer) => peer.say(pageOf(files, { page: 2 }))],
    ['a page behind the last one', (peer) => peer.say(pageOf([fileEntry('z', 1)], { page: 1, first: 3 }))],
    [
      'an end that counts otherwise',
      (peer) => peer.say({ kind: 'end', manifest: digestOf(files, undefined), entries: 3, bytes: 9 }),
    ],
    [
      'a digest for an entry that is not there',
      (peer) => peer.say({ kind: 'sync', grade: 'major', files: [[7, 0, '0'.repeat(16)]] }),
    ],
    [
      'a digest for a revision to come',
      (peer) => peer.say({ kind: 'sync', grade: 'major', files: [[0, 5, '0'.repeat(16)]] }),
    ],
    [
      'an outcome that is not its to give',
      (peer) => peer.say({ kind: 'exception', code: 'x', sentence: 'x', entry: 0, outcome: 'delivered' }),
    ],
    [
      'an outcome for what is no file',
      (peer) => peer.say({ kind: 'exception', code: 'x', sentence: 'x', entry: 4_000_000, outcome: 'failed' }),
    ],
    [
      'a revision of an entry that is not there',
      (peer) => peer.say({ kind: 'resync', entry: 77, revision: 1, size: 1, mtimeUs: 0, mode: 0, keep: [] }),
    ],
    [
      'two revisions at once',
      (peer) => {
        peer.say({ kind: 'resync', entry: 1, revision: 1, size: 1, mtimeUs: 0, mode: 0, keep: [] })
        peer.say({ kind: 'resync', entry: 1, revision: 2, size: 2, mtimeUs: 0, mode: 0, keep: [] })
      },
    ],
    ['a second hello', (peer) => peer.say(helloOf('0'.repeat(32), 'sender'))],
    ['JSON as deep as a message can hold', (peer) => peer.say('['.repeat(MiB - 1))],
    [
      'a message whose unknown key is as deep',
      (peer) => peer.say(`{"kind":"sync","grade":"what","x":${'['.repeat(300_000)}${']'.repeat(300_000)}}`),
    ],
    ['a key that names a prototype', (peer) => peer.say('{"__proto__":{"kind":"release"},"kind":"constructor"}')],
  ])('for %s', async (_, says) => {
    const { stage, peer } = await wanting()
    says(peer)
    expect(await stage.end()).toMatchObject({ code: 'protocol', exit: 7 })
    expect(stage.received()).toEqual({})
  })

  it.each(
    Object.keys(golden).filter((name) => !/^(ping|pong|skippable|pause|discard|abort|exception|hello)/.test(name)),
  )('or goes on, for `%s` in every state: typed errors only', async (name) => {
    const message = encodeMessage(golden[name]!)
    const early = new Stage('receiver')
    ;(await early.peer()).say(message)
    const { stage, peer } = await wanting()
    peer.say(message)
    peer.say(message)
    const finishing = await wanting([])
    finishing.peer.say({ kind: 'end', manifest: digestOf([], { entries: 0, bytes: 0 }), entries: 0, bytes: 0 })
    await finishing.peer.until('receipt')
    finishing.peer.say(message)
    for (const { session } of [early, stage, finishing.stage]) void session.pause()
    for (const it of [early, stage, finishing.stage])
      expect(['protocol', 'bad-name', 'limit', 'manifest-mismatch', 'paused', 'none']).toContain((await it.end()).code)
  })
})

describe('an evil manifest is refused', () => {
  const evil: readonly (readonly [string, readonly Entry[], Record<string, unknown>])[] = [
    ['an entry twice', [fileEntry('a', 1), fileEntry('a', 1)], {}],
    ['entries out of order', [fileEntry('b', 1), fileEntry('a', 1)], {}],
    ['a file in a file', [fileEntry('a', 1), fileEntry(['a', 'b'], 1)], {}],
    ['a file below a link', [{ kind: 'link', path: ['a'], target: '/etc', mtimeUs: 0 }, fileEntry(['a', 'b'], 1)], {}],
    ['sizes whose sum no number holds', Array.from({ length: 3 }, (_, i) => fileEntry(`a${i}`, 2 ** 52)), {}],
    ['a digest of something else', [fileEntry('a', 1)], { digest: '0123456789abcdef' }],
    ['a gap', [fileEntry('a', 1)], { first: 1 }],
  ]
  it.each<readonly [string, readonly Entry[], Record<string, unknown>]>(evil)('for %s', async (_, entries, changes) => {
    const stage = new Stage('receiver')
    const peer = await stage.peer()
    peer.say(pageOf(entries, changes))
    expect(await stage.end()).toMatchObject({ code: 'protocol', exit: 7 })
    expect(stage.received()).toEqual({})
  })

  it('for a file that no disk holds, before anything is set aside for it', async () => {
    const stage = new Stage('receiver')
    const peer = await stage.peer()
    peer.say(pageOf([fileEntry('a', 2 ** 52)]))
    expect(await stage.end()).toMatchObject({ code: 'limit', exit: 7 })
  })

  it('for a file that grows beyond that later', async () => {
    const { stage, peer } = await wanting()
    peer.say({ kind: 'resync', entry: 1, revision: 1, size: 2 ** 52, mtimeUs: 0, mode: 0, keep: [] })
    expect(await stage.end()).toMatchObject({ exit: 7 })
  })

  it('for a bomb of pages with one entry each', async () => {
    const stage = new Stage('receiver')
    const peer = await stage.peer()
    let previous = '0'.repeat(16)
    for (let page = 0; !peer.isClosed && page < 20_000; page++) {
      const entries = [fileEntry(`f${String(page).padStart(9, '0')}`, 0)]
      previous = digestOf(entries, undefined, previous)
      peer.say(pageOf(entries, { page, first: page, digest: previous, last: undefined }))
      if (page % 16 === 15) await peer.untilThat(({ kind, pages }) => kind === 'want' && pages === page + 1)
    }
    expect(await stage.end()).toMatchObject({ code: 'protocol', exit: 7 })
  })
})

describe('what an evil sender sends for a file', () => {
  it('R112: is not published under another digest than its own', async () => {
    const { stage, peer } = await wanting([fileEntry('a', 3)])
    peer.sayBytes(chunkOf({ entry: 0 }, one))
    peer.say({ kind: 'sync', grade: 'major', files: [[0, 0, digest(Buffer.from('two'))]] })
    const { outcomes } = (await peer.untilThat(
      (told) => told.kind === 'acknowledge' && told['outcomes'] !== undefined && (told['outcomes'] as []).length > 0,
    ))!
    expect(outcomes).toMatchObject([[0, 'failed', 0, null, null, expect.stringContaining('integrity')]])
    expect(stage.received()).toEqual({})
  })

  it('R50: is asked for again three times, then given up, if its hash is wrong', async () => {
    const { stage, peer } = await wanting([fileEntry('a', 3)])
    for (let i = 0; i < 4; i++) {
      peer.sayBytes(frameOf({ kind: 'chunk', entry: 0, chunk: 0, revision: 0, epoch: 1, hash: 1n }, one))
      await peer.untilThat((told) => told.kind === 'want' && JSON.stringify(told['wants']).includes('again'), i + 1)
      if (i === 2) break
    }
    peer.sayBytes(frameOf({ kind: 'chunk', entry: 0, chunk: 0, revision: 0, epoch: 1, hash: 1n }, one))
    await peer.until('acknowledge')
    expect(stage.received()).toEqual({})
  })

  it('R38: is dropped, and its connection cut, if it is of another epoch', async () => {
    const { stage, peer } = await wanting([fileEntry('a', 3)])
    peer.sayBytes(chunkOf({ entry: 0, epoch: 0 }, one))
    await peer.closed
    const again = await stage.peer({ attempt: 2, manifest: manifestOf([fileEntry('a', 3)]) })
    again.sayBytes(chunkOf({ entry: 0, epoch: 1 }, one))
    await again.closed
    expect(stage.received()).toEqual({})
  })

  it('R111: is written once, however often it comes', async () => {
    const { stage, peer } = await wanting([fileEntry('a', 3), folder])
    for (let i = 0; i < 100; i++) peer.sayBytes(packOf([row(0, one), row(0, one)], Buffer.concat([one, one])))
    for (let i = 0; i < 100; i++) peer.sayBytes(chunkOf({ entry: 0 }, one))
    await peer.untilThat((told) => told.kind === 'acknowledge' && (told['outcomes'] as unknown[]).length > 0)
    peer.say({ kind: 'end', ...totalsOf([fileEntry('a', 3), folder]) })
    await peer.until('receipt')
    peer.say({ kind: 'release' })
    expect((await stage.end()).code).toBe('none')
    expect(Object.keys(stage.received())).toEqual(['a', 'd'])
  })
})

function manifestOf(entries: readonly Entry[]): object {
  const { manifest, ...totals } = totalsOf(entries)
  return { pages: 1, ...totals, digest: manifest, complete: true }
}

function totalsOf(entries: readonly Entry[]) {
  const bytes = entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.size : 0), 0)
  const totals = { entries: entries.length, bytes }
  return { manifest: digestOf(entries, totals), ...totals }
}

describe('a peer that is evil below the messages', () => {
  /** A stranger who is through the upgrade and has said a good hello. */
  async function through(stage: Stage): Promise<Stranger> {
    const { decodeTicket } = await import('../../src/model/ticket.ts')
    const { addresses, id } = decodeTicket(await stage.ticket())
    const stranger = await knock(addresses[0]!)
    stranger.say(upgradeRequest())
    await stranger.until('101')
    stranger.say(wsFrame(1, Buffer.from(JSON.stringify(helloOf(id, 'sender')))))
    await stranger.until('welcome')
    return stranger
  }

  it.each<readonly [string, () => Uint8Array]>([
    ['a frame of 100 MiB', () => wsFrame(2, Buffer.alloc(64), { lengthSaid: 100 * MiB })],
    ['a frame of 2^62 bytes', () => wsFrame(2, Buffer.alloc(64), { lengthSaid: 2 ** 62 })],
    ['a message of more than 1 MiB', () => wsFrame(1, Buffer.alloc(MiB + 1, ' '))],
    ['frames that are not masked', () => wsFrame(2, Buffer.alloc(64), { mask: false })],
    ['text that is no UTF-8', () => wsFrame(1, Buffer.from([0xc3, 0x28]))],
    ['an opcode that is none', () => wsFrame(11, Buffer.alloc(1))],
    ['a ping that is too long', () => wsFrame(9, Buffer.alloc(200))],
    ['a fragment of nothing', () => wsFrame(0, Buffer.alloc(1))],
    [
      'more fragments than a message may have',
      () =>
        Buffer.concat([
          wsFrame(2, Buffer.alloc(1), { fin: false }),
          ...Array.from({ length: 100 }, () => wsFrame(0, Buffer.alloc(1), { fin: false })),
        ]),
    ],
    ['a close with a code that is none', () => wsFrame(8, Buffer.from([0, 1]))],
    ['noise', () => Buffer.alloc(10_000, 0x5a)],
  ])('R73: loses its connection, not the session, for %s', async (_, bytes) => {
    const stage = new Stage('receiver')
    const stranger = await through(stage)
    stranger.say(bytes())
    await stranger.untilGone()
    goHome()
    const peer = await stage.peer({ attempt: 2 }) // The session is where it was.
    peer.say(pageOf([]))
    await peer.untilThat(({ kind, pages }) => kind === 'want' && pages === 1)
    stage.expectUntouched()
  })

  it.each<readonly [string, (peer: RawPeer) => Promise<unknown>]>([
    ['before its first page', async () => {}],
    [
      'between two pages',
      async (peer) => peer.say(pageOf(files, { last: undefined, digest: digestOf(files, undefined) })),
    ],
    [
      'in the middle of a file',
      async (peer) => {
        peer.say(pageOf(files))
        await peer.untilThat(({ kind, pages }) => kind === 'want' && pages === 1)
        peer.sayBytes(chunkOf({ entry: 1 }, Buffer.alloc(MiB)))
      },
    ],
    ['before the end', async (peer) => peer.say(pageOf([]))],
    [
      'with the receipt in its hands',
      async (peer) => {
        peer.say(pageOf([]))
        await peer.untilThat(({ kind, pages }) => kind === 'want' && pages === 1)
        peer.say({ kind: 'end', ...totalsOf([]) })
        await peer.until('receipt')
      },
    ],
  ])('R31: who falls silent %s is cut, and may come back', async (_, says) => {
    const stage = new Stage('receiver', { deadAfterMs: 3_000 })
    const peer = await stage.peer()
    await says(peer)
    await peer.closed
    expect(peer.told.at(-1)?.kind).not.toBe('abort') // It was not for what it said.
    stage.expectUntouched()
  })
})

describe('an evil sender cannot make this side keep more than it may', () => {
  it('R74: of answers it does not read', async () => {
    const chunkBytes = 65_536
    const chunks = 8192
    const stage = new Stage('receiver', { deadAfterMs: 3_000 })
    const peer = await stage.peer({ wishes: { chunkBytes, windowBytes: 64 * MiB, lanes: 1 } })
    peer.say(pageOf([fileEntry('a', chunks * chunkBytes)]))
    await peer.untilThat(({ kind, pages }) => kind === 'want' && pages === 1)
    const zeros = { kind: 'zeros', entry: 0, revision: 0, epoch: 1, hash: hash(Buffer.alloc(chunkBytes)) } as const
    for (let chunk = 0; chunk < chunks; chunk++) peer.sayBytes(frameOf({ ...zeros, chunk }))
    await peer.until('acknowledge')
    peer.stopReading()
    const before = process.memoryUsage.rss()
    let most = before
    const asks = 20_000 // 2.6 GB of answers.
    for (let i = 0; i < asks; i++)
      peer.say({ kind: 'hashes', way: 'ask', entry: 0, revision: 0, first: 0, count: chunks })
    while (!stage.events.some(({ type }) => type === 'waiting')) {
      most = Math.max(most, process.memoryUsage.rss())
      await new Promise(setImmediate)
    }
    const grownMiB = Math.round((most - before) / MiB)
    console.log(`grown by ${grownMiB} MiB for ${asks} questions`)
    expect(grownMiB).toBeLessThan(200)
  })

  it('R74: of files that are begun and never go on', async () => {
    const size = 16 * 2 ** 40 // The largest that is taken: 128 MiB of hashes each.
    const { stage, peer } = await wanting(
      Array.from({ length: 500 }, (_, i) => fileEntry(`f${String(i).padStart(4, '0')}`, size)),
    )
    for (let entry = 0; entry < 500; entry++)
      peer.sayBytes(frameOf({ kind: 'zeros', entry, chunk: 0, revision: 0, epoch: 1, hash: hash(Buffer.alloc(MiB)) }))
    expect(await stage.end()).toMatchObject({ code: 'protocol', exit: 7 })
  })
})
