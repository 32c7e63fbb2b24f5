// One side's core on a bench: told inputs by hand, its effects looked at. Plays no engine: what is not told did not happen.

import { type Checkpoint, emptyCheckpoint } from '../../src/core/checkpoint.ts'
import type { Effect } from '../../src/core/effects.ts'
import type { Phase, Settings } from '../../src/core/hub.ts'
import { type AdoptedPlace, entryKinds, type Input, type PageShape, plans } from '../../src/core/inputs.ts'
import { Session } from '../../src/core/session.ts'
import { defaultLimits } from '../../src/model/limits.ts'
import type { Hello, Message, Want, Welcome } from '../../src/model/messages.ts'
import { noManifest } from '../../src/model/manifest.ts'
import type { IntentFile } from '../../src/model/records.ts'
import type { Receipt, Role } from '../../src/model/session.ts'

export const chunkBytes = 256
const session = '0'.repeat(32)
const root = '1'.repeat(32)

type Kind = Effect['kind']
type Of<K extends Kind> = Extract<Effect, { kind: K }>

/** Of a side with small limits and no wishes. */
export function settingsOf(role: Role): Settings {
  return {
    role,
    session,
    instance: 'a'.repeat(16),
    nonce: '2'.repeat(32),
    sessionKey: '3'.repeat(64),
    root: role === 'receiver' ? root : '',
    limits: { ...defaultLimits, chunkBytes, windowBytes: 4096, syncEveryBytes: 512, syncEveryMs: 100 },
    wishes: { onConflict: null, checksum: false },
    fileDigest: (hashes, size) =>
      (hashes.reduce((sum, hash) => sum + hash, BigInt(size)) % 2n ** 64n).toString(16).padStart(16, '0'),
    fraction: () => 0,
  }
}

export class Bench {
  readonly core: Session
  connection = 1
  now = 0
  /** What was asked for and not yet answered by the methods below. */
  readonly effects: Effect[] = []

  readonly #role: Role

  private constructor(role: Role, core: Session) {
    this.#role = role
    this.core = core
    this.effects.push(...core.begin(0))
  }

  static fresh(
    role: Role,
    checkpoint: Checkpoint = emptyCheckpoint(),
    pages: readonly PageShape[] = [],
    adopted: readonly AdoptedPlace[] = [],
    others: Partial<Settings> = {},
  ): Bench {
    return new Bench(role, Session.restore({ ...settingsOf(role), ...others }, checkpoint, pages, adopted))
  }

  /** A side whose dialogue stands there; in `greeting` it dialed, else it listens. */
  static inPhase(role: Role, phase: Phase): Bench {
    const isStuck = role === 'receiver' && phase === 'agreeing' // Until its page is surveyed.
    const bench = Bench.fresh(role, emptyCheckpoint(), isStuck ? [pageOf([])] : [])
    if (phase === 'greeting') {
      bench.tell({ kind: 'connected', connection: 1, attempt: 1 })
      return bench
    }
    bench.open(isStuck ? { ...noManifest, pages: 1, digest: pageOf([]).digest } : noManifest)
    if (phase !== 'agreeing' && role === 'sender') bench.hear(want([], 0, true))
    if (phase !== 'finishing') return bench
    bench.page([])
    if (role === 'sender') bench.hear(want([], 1))
    else bench.hear(end)
    return bench
  }

  tell(input: Input): readonly Effect[] {
    const effects = this.core.handle(input, this.now)
    this.effects.push(...effects)
    return effects
  }

  hear(message: Message): readonly Effect[] {
    return this.tell({ kind: 'messageArrived', connection: this.connection, message })
  }

  /** A peer dials, and the epoch is stored. */
  open(manifest = this.core.entries.manifest): readonly Effect[] {
    this.connection++
    this.tell(listenerHello(this.#role === 'sender' ? 'receiver' : 'sender', this.connection, manifest))
    return this.commit()
  }

  close(): readonly Effect[] {
    return this.tell({ kind: 'connectionEnded', connection: this.connection, reason: 'cut' })
  }

  /** Takes the oldest effect of a kind that nobody took. */
  take<K extends Kind>(kind: K): Of<K> {
    const at = this.effects.findIndex((effect) => effect.kind === kind)
    if (at < 0) throw new Error(`no ${kind} was asked for`)
    return this.effects.splice(at, 1)[0] as Of<K>
  }

  /** The oldest commit is on the disk. */
  commit(): readonly Effect[] {
    return this.tell({ kind: 'committed', purpose: this.take('commit').purpose })
  }

  /** All messages that were said since the last call. */
  said(): Message[] {
    const messages: Message[] = []
    for (let i = 0; i < this.effects.length;) {
      const effect = this.effects[i]!
      if (effect.kind === 'send') messages.push((this.effects.splice(i, 1)[0] as Of<'send'>).message)
      else i++
    }
    return messages
  }

  /** All pages that the sender was asked for are in the socket. */
  pagesSent(): void {
    while (this.effects.some(({ kind }) => kind === 'sendPage'))
      this.tell({ kind: 'pageSent', connection: this.take('sendPage').connection })
  }

  /** The manifest, one page of files: walked, or come and stored with nothing in their places. */
  page(sizes: readonly number[], plan: number = plans.link): void {
    const shape = pageOf(sizes)
    if (this.#role === 'sender') {
      this.take('walkPage')
      this.tell({ kind: 'pageWalked', shape })
      this.pagesSent()
      return
    }
    this.hear({
      kind: 'manifest',
      page: 0,
      first: 0,
      entries: [],
      digest: shape.digest,
      ...(shape.last && { last: shape.last }),
    })
    this.take('storePage')
    this.tell({ kind: 'pageStored', shape, survey: survey(sizes.length, plan) })
  }
}

export function survey(count: number, plan: number = plans.link) {
  return { page: 0, plans: new Uint8Array(count).fill(plan), outcomes: [] }
}

export function pageOf(sizes: readonly number[]): PageShape {
  return {
    page: 0,
    first: 0,
    kinds: new Uint8Array(sizes.length).fill(entryKinds.file),
    sizes: Float64Array.from(sizes),
    digest: 'dddddddddddddddd',
    last: { entries: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) },
  }
}

/** The sender has said all there is: one page, without an entry. */
export const end: Extract<Message, { kind: 'end' }> = { kind: 'end', manifest: pageOf([]).digest, entries: 0, bytes: 0 }

/** What both sides keep of that. */
export const receipt: Receipt = {
  version: 1,
  session,
  manifest: pageOf([]).digest,
  digest: `xxh64c:${'0'.repeat(16)}`,
  entries: 0,
  files: 0,
  bytes: 0,
  outcomes: [],
  durability: 'checkpoint',
  finishedAt: '2023-11-14T22:13:20.000Z',
}

/** What a listener answers to a dialer's hello. */
export const welcome: Welcome = {
  kind: 'welcome',
  version: 1,
  epoch: 1,
  instance: 'b'.repeat(16),
  state: 'agreeing',
  capabilities: [],
  agreed: { chunkBytes, windowBytes: 4096, lanes: 1 },
  shape: { onConflict: 'fail', checksum: false },
  root,
  manifest: noManifest,
}

/** A file of one chunk that is about to get its name. */
export function intentOf(entry: number): IntentFile {
  return {
    entry,
    revision: 0,
    digest: '0'.repeat(16),
    size: chunkBytes,
    mtimeUs: 0,
    inode: '1',
    target: 'a',
    method: 'link',
    outcome: 'delivered',
  }
}

export function want(wants: readonly Want[], pages = 1, last = false): Message {
  return { kind: 'want', wants, pages, last }
}

let attempts = 0

export function listenerHello(role: Role, connection = 1, manifest: Hello['manifest'] = noManifest): Input {
  const hello: Hello = {
    kind: 'hello',
    versions: [1],
    role,
    session,
    lane: 0,
    epoch: 0,
    instance: 'b'.repeat(16),
    attempt: ++attempts,
    state: 'greeting',
    capabilities: [],
    wishes: { chunkBytes, windowBytes: 4096, lanes: 1 },
    shape: { onConflict: null, checksum: false },
    nonce: '2'.repeat(32),
    root,
    manifest,
  }
  return { kind: 'helloArrived', connection, hello, records: [] }
}
