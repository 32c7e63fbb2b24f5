// Reading again what was received, and comparing it with what was agreed to be there: files in place by their digests, part
// files by the hashes in the journal. Nobody pays for it who does not ask (R15).

import { Compaction } from '../../../core/compact.ts'
import { withoutChunks, type Checkpoint } from '../../../core/checkpoint.ts'
import { isTransferError, TransferError } from '../../../errors.ts'
import type { DiskFile } from '../../../model/disk.ts'
import type { EntryOutcome } from '../../../model/messages.ts'
import { pathText, type Path } from '../../../model/names.ts'
import { chunkLength, placeRuns } from '../../../model/places.ts'
import type { Outcome, SessionId, Tally } from '../../../model/session.ts'
import { listDelivered, writeDelivered, type DeliveredFile } from '../../../store/delivered.ts'
import { openJournal, type Journal } from '../../../store/journal.ts'
import { openManifest } from '../../../store/manifest-file.ts'
import { Pins } from '../../../store/pins.ts'
import { holdSession, openParts, type HeldSession } from '../../../store/session-directory.ts'
import type { Verification, VerifyOptions } from '../../api.ts'
import type { World } from '../../context.ts'
import { digestOfFile } from '../../digest-of-file.ts'
import { ManifestPages } from '../../manifest-pages.ts'
import { isUnfinished, silently } from '../known/catalog.ts'
import { absolutePath, type Home } from '../known/home.ts'
import { shortId } from '../known/same-command.ts'
import { Shelves, type Shelved } from '../known/shelves.ts'
import { type KnownFile, knownFiles, listWith } from './delivered-lists.ts'

/**
 * @param asked a session's id or the beginning of it, or a path that was received
 * @throws TransferError `nothing-to-verify`, `session-ambiguous`; `busy` if a live process works on it
 */
export async function verify(world: World, asked: string, options: VerifyOptions): Promise<Verification> {
  await using shelves = await Shelves.open(world, options.stateDir, undefined)
  const unfinished = shelves.sessions.filter(
    ({ found, folder }) => folder !== undefined && isUnfinished(found) && isNamed(found.id, asked),
  )
  const heads = shelves.state === undefined ? [] : await listDelivered(shelves.state.directory)
  const path = absolutePath(asked)
  const byTime = heads.toSorted((a, b) => (a.finishedAt < b.finishedAt ? 1 : -1))
  const named = byTime.find(({ session }) => isNamed(session, asked))
  const [only, ...others] = unfinished
  if (only !== undefined && others.length > 0 && asked !== '')
    throw new TransferError('session-ambiguous', { asked, matches: unfinished.map(({ found }) => shortId(found.id)) })
  if (only !== undefined) return verifyUnfinished(world, only, options)
  if (shelves.state === undefined) throw new TransferError('nothing-to-verify', { asked })
  const { directory } = shelves.state
  const head = named ?? (await listWith(directory, byTime, path))
  if (head === undefined) throw new TransferError('nothing-to-verify', { asked })
  const reading = new Reading(world, head.folder, head.chunkBytes, options)
  await reading.files(knownFiles(directory, byTime, head, named === undefined ? path : head.folder))
  return reading.result(head.session, head.finishedAt)
}

function isNamed(id: SessionId, asked: string): boolean {
  return asked === '' || (asked.length >= 4 && id.startsWith(asked.toLowerCase()))
}

/** Keeps the list of what a receiver's session put in place, while its directory is still there. */
export async function keepDelivered(
  world: World,
  home: Home,
  held: HeldSession,
  checkpoint: Omit<Checkpoint, 'parts' | 'intents'> & Looked,
  tally: Tally,
): Promise<void> {
  const { receipt, bound } = checkpoint
  if (home.state === undefined || receipt === undefined || bound === undefined) return
  const { session, finishedAt } = receipt
  const { chunkBytes } = bound
  const pages = new ManifestPages(await openManifest(held.directory), checkpoint.pages, world.hash)
  try {
    const head = { version: 1, session, folder: home.folder, chunkBytes, finishedAt, tally } as const
    await writeDelivered(home.state.directory, head, inPlace(checkpoint, pages))
  } finally {
    await pages.close()
  }
}

interface Looked {
  /** What this process knows became of an entry: what was there before is in no journal. */
  readonly outcomeOf: (entry: number) => Outcome | undefined
}

const placed: readonly string[] = ['delivered', 'unchanged', 'replaced', 'renamed']

const groupFiles = 1024

/** Files that have their outcome and are there, in the order of the manifest, in groups: a wait for each costs more than the file. */
async function* inPlace(
  { outcomes, revised, outcomeOf }: Pick<Checkpoint, 'outcomes' | 'revised'> & Partial<Looked>,
  pages: ManifestPages,
): AsyncGenerator<readonly DeliveredFile[]> {
  for (const group of placedIn(outcomes, pages.nextEntry, outcomeOf)) {
    const listed = await pages.many(group.map(({ entry }) => entry))
    yield group.flatMap(({ entry, target, digest }, i) => {
      const file = listed[i]!
      if (file.kind !== 'file') return []
      const path = target === undefined ? file.path : [...file.path.slice(0, -1), target]
      return [{ path, size: revised.get(entry)?.size ?? file.size, digest: digest ?? null }]
    })
  }
}

function* placedIn(
  outcomes: Checkpoint['outcomes'],
  entries: number,
  outcomeOf: Looked['outcomeOf'] = () => undefined,
): Generator<readonly Pick<EntryOutcome, 'entry' | 'target' | 'digest'>[]> {
  let group: Pick<EntryOutcome, 'entry' | 'target' | 'digest'>[] = []
  for (let entry = 0; entry < entries; entry++) {
    const said = outcomes.get(entry)
    if (placed.includes(said?.outcome ?? outcomeOf(entry) ?? '')) group.push(said ?? { entry })
    if (group.length < groupFiles) continue
    yield group
    group = []
  }
  if (group.length > 0) yield group
}

async function* singly<Item>(groups: AsyncIterable<readonly Item[]>): AsyncGenerator<Item> {
  for await (const group of groups) yield* group
}

async function verifyUnfinished(
  world: World,
  { found, folder }: Shelved,
  options: VerifyOptions,
): Promise<Verification> {
  const held = await holdSession(found.base, found.id, silently)
  if (held === undefined) throw new TransferError('busy', { session: shortId(found.id), directory: found.base.label })
  try {
    const isHeld = (): Promise<boolean> => held.lock.isHeld()
    const compaction = new Compaction()
    const { journal } = await openJournal(held.directory, { hash: world.hash, compact: () => compaction, isHeld })
    try {
      const { checkpoint } = compaction
      const pages = new ManifestPages(await openManifest(held.directory), checkpoint.pages, world.hash)
      try {
        const reading = new Reading(world, folder!, checkpoint.bound?.chunkBytes ?? world.limits.chunkBytes, options)
        await reading.files(singly(inPlace(checkpoint, pages)))
        await reading.parts(held, checkpoint, pages, journal)
        return reading.result(found.id, null)
      } finally {
        await pages.close()
      }
    } finally {
      await journal.close()
    }
  } finally {
    await held.close()
  }
}

/** One pass over what is there. */
class Reading {
  readonly #world: World
  readonly #folder: string
  readonly #chunkBytes: number
  readonly #options: VerifyOptions
  readonly #differences: Verification['differences'][number][] = []
  #files = 0
  #bytes = 0
  #unread = 0

  constructor(world: World, folder: string, chunkBytes: number, options: VerifyOptions) {
    this.#world = world
    this.#folder = folder
    this.#chunkBytes = chunkBytes
    this.#options = options
  }

  result(session: SessionId, finishedAt: string | null): Verification {
    return {
      session,
      folder: this.#folder,
      finishedAt,
      files: this.#files,
      bytes: this.#bytes,
      unread: this.#unread,
      differences: this.#differences,
    }
  }

  /** Files in place, through directories that are no links. */
  async files(files: AsyncIterable<KnownFile>): Promise<void> {
    const root = await this.#world.disk.openRoot(this.#folder)
    const pins = new Pins(root)
    const digestOf = digestOfFile(this.#chunkBytes, this.#world.hash)
    try {
      for await (const file of files) {
        const what = await this.#differenceOf(pins, file, digestOf)
        this.#files++
        if (what === 'same') this.#read(file.size)
        else if (what === 'unread') this.#unread++
        else this.#differ(file.path, what)
      }
    } finally {
      await pins.close()
      await root.close()
    }
  }

  /** What is another about it, `same`, or `unread` where nobody knows what it should be, or it is younger than that. */
  async #differenceOf(
    pins: Pins,
    { path, size, digest, receivedAt = Infinity }: KnownFile,
    digestOf: (file: DiskFile, size: number) => Promise<string>,
  ): Promise<string> {
    try {
      const what = await pins.within(path.slice(0, -1), false, async ({ directory }) => {
        const file = await directory.openFile(path.at(-1)!, 'read')
        try {
          const stat = await file.stat()
          if (stat.size !== size) return `it has ${stat.size} bytes, and had ${size}`
          if (digest === null || Number(stat.mtimeNs / 1_000_000n) > receivedAt) return 'unread'
          return (await digestOf(file, size)) === digest ? 'same' : 'its content is another'
        } finally {
          await file.close()
        }
      })
      return what ?? 'its folder is gone'
    } catch (error) {
      if (!isTransferError(error)) throw error
      return error.code === 'not-found' ? 'it is gone' : error.message
    }
  }

  /** Part files by their chunks; what differs is noted as bad, so that the next run asks for it again. */
  async parts(held: HeldSession, checkpoint: Checkpoint, pages: ManifestPages, journal: Journal): Promise<void> {
    const parts = await openParts(held.directory)
    const buffer = new Uint8Array(this.#chunkBytes)
    try {
      for (const [entry, part] of checkpoint.parts) {
        const listed = await pages.entry(entry)
        if (listed.kind !== 'file') continue
        const size = checkpoint.revised.get(entry)?.size ?? listed.size
        const bad: number[] = []
        for (const { first, hashes, holes } of part.runs)
          for (const [i, hash] of hashes.entries()) {
            const view = buffer.subarray(0, chunkLength(size, this.#chunkBytes, first + i))
            const count = await readOrNothing(() => parts.read(entry, (first + i) * this.#chunkBytes, view))
            view.fill(0, count) // A hole at the end of the part reads as nothing, and is zeros.
            const isThere = count === view.length || holes > 0
            if (isThere && this.#world.hash(view) === hash) this.#read(view.length)
            else bad.push(first + i)
          }
        this.#files++
        if (bad.length === 0) continue
        const chunks = placeRuns(bad.map((chunk) => ({ entry, revision: part.revision, chunk })))
        const runs = chunks.map(({ first, count }) => [first, count] as const)
        await journal.commit([{ kind: 'bad', entry, revision: part.revision, chunks: runs }])
        checkpoint.parts.set(entry, withoutChunks(part, runs))
        this.#differ(listed.path, `${bad.length} of its unfinished chunks differ: they are asked for again`)
      }
    } finally {
      await parts.close()
    }
  }

  #differ(path: Path, what: string): void {
    this.#differences.push({ path: pathText(path), what })
  }

  #read(bytes: number): void {
    this.#bytes += bytes
    this.#options.onProgress?.(this.#bytes)
  }
}

async function readOrNothing(read: () => Promise<number>): Promise<number> {
  try {
    return await read()
  } catch (error) {
    if (isTransferError(error) && error.code === 'not-found') return 0
    throw error
  }
}
