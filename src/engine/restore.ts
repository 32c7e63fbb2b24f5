// From what is on the disk to where a session stands. The journal is read and rewritten; intents are settled; what it calls
// durable is held against the part files; chunks known only from hints are adopted. Every step may be the last of this
// process: the next one begins again from the first.

import { hasCode } from '../errors.ts'
import type { Directory } from '../model/disk.ts'
import { defaultLimits } from '../model/limits.ts'
import type { EntryOutcome } from '../model/messages.ts'
import { chunkCount, chunkLength, ChunkSet, placeRuns } from '../model/places.ts'
import type { IntentFile, JournalRecord } from '../model/records.ts'
import { type Checkpoint, withoutChunks } from '../core/checkpoint.ts'
import { Compaction } from '../core/compact.ts'
import type { AdoptedPlace, PageShape } from '../core/inputs.ts'
import { fileDigest, zerosHash } from '../hash/xxh64.ts'
import { mtimeUsOf } from '../source/fingerprint.ts'
import { readHints } from '../store/hints.ts'
import { type Journal, type JournalTools, openJournal, rebuildJournal } from '../store/journal.ts'
import { openManifest } from '../store/manifest-file.ts'
import type { PartFiles } from '../store/part-files.ts'
import type { Target } from '../store/target.ts'
import type { World } from './context.ts'
import { digestOfFile } from './digest-of-file.ts'
import { ManifestPages } from './manifest-pages.ts'
import { PartCheck } from './part-check.ts'

export interface Restored {
  readonly journal: Journal
  readonly checkpoint: Checkpoint
  readonly pages: ManifestPages
  readonly shapes: readonly PageShape[]
}

/** What both sides do: journal, checkpoint, manifest. `rebuild` keeps what a damaged journal still says (R10). */
export async function restoreJournal(
  directory: Directory,
  world: World,
  rebuild: boolean,
  isHeld?: JournalTools['isHeld'],
): Promise<Restored> {
  const compaction = new Compaction()
  const tools = { hash: world.hash, compact: () => compaction, isHeld }
  const { journal } = await (rebuild ? rebuildJournal(directory, tools) : openJournal(directory, tools))
  const { checkpoint } = compaction
  try {
    return { journal, checkpoint, ...(await restorePages(directory, checkpoint, world)) }
  } catch (error) {
    await journal.close()
    throw error
  }
}

async function restorePages(directory: Directory, checkpoint: Checkpoint, world: World) {
  const file = await openManifest(directory)
  try {
    const last = checkpoint.pages.at(-1)
    await file.truncate(last === undefined ? 0 : last.offset + last.length)
    const pages = new ManifestPages(file, checkpoint.pages, world.hash)
    return { pages, shapes: await pages.shapes() }
  } catch (error) {
    await file.close()
    throw error
  }
}

export interface ReceivedState {
  readonly adopted: readonly AdoptedPlace[]
  readonly bytesHinted: number
  readonly bytesAdopted: number
  /** Chunks the journal called durable that are not what they should be. */
  readonly bytesBad: number
}

/** What a receiver does besides, in this order. */
export async function restoreReceived(
  { journal, checkpoint, pages }: Restored,
  directory: Directory,
  files: PartFiles,
  target: Target,
  world: World,
): Promise<ReceivedState> {
  const restoring = new Restoring(journal, checkpoint, pages, files, target, world)
  await restoring.settleIntents()
  await restoring.removeShared()
  const bytesBad = (await restoring.checkPlaced()) + (await restoring.checkParts())
  const { adopted, bytesHinted, bytesAdopted } = await restoring.adopt(directory)
  await restoring.removeStrays(adopted)
  return { adopted, bytesHinted, bytesAdopted, bytesBad }
}

class Restoring {
  readonly #journal: Journal
  readonly #checkpoint: Checkpoint
  readonly #pages: ManifestPages
  readonly #files: PartFiles
  readonly #target: Target
  readonly #world: World
  readonly #chunkBytes: number
  /** Nothing was synced before it got its name: only its content tells what it is. */
  readonly #isUnsynced: boolean
  readonly #check: PartCheck

  constructor(
    journal: Journal,
    checkpoint: Checkpoint,
    pages: ManifestPages,
    files: PartFiles,
    target: Target,
    world: World,
  ) {
    this.#journal = journal
    this.#checkpoint = checkpoint
    this.#pages = pages
    this.#files = files
    this.#target = target
    this.#world = world
    this.#chunkBytes = checkpoint.bound?.chunkBytes ?? defaultLimits.chunkBytes
    this.#isUnsynced = checkpoint.bound?.shape.durability === 'none'
    this.#check = new PartCheck(checkpoint, pages, files, this.#chunkBytes, world)
  }

  // ---- intents ----------------------------------------------------------------------------------------------------

  /** A file that was about to be published is, or is again, or never was; the journal hears which (R45). */
  async settleIntents(): Promise<void> {
    const { intents, outcomes, serial } = this.#checkpoint
    const settled: EntryOutcome[] = []
    const dropped: JournalRecord[] = []
    for (const intent of intents.values()) {
      const outcome = await this.#settled(intent)
      if (outcome !== undefined) settled.push(outcome)
      else dropped.push(await this.#drop(intent))
    }
    if (intents.size > 0) await this.#target.syncDirectories()
    if (dropped.length > 0) await this.#journal.commit(dropped)
    if (settled.length > 0) await this.#journal.commit([{ kind: 'outcome', serial, outcomes: settled }])
    for (const outcome of settled) {
      outcomes.set(outcome)
      this.#checkpoint.parts.delete(outcome.entry)
    }
    intents.clear()
  }

  /** What the disk takes no name for was not about to be, either: it is refused again, with an outcome. */
  async #settled(intent: IntentFile): Promise<EntryOutcome | undefined> {
    try {
      return await this.#settle(intent)
    } catch (error) {
      if (hasCode(error, 'name-refused')) return undefined
      throw error
    }
  }

  /** What became of it; undefined: it is not in place, and can't be put there. */
  async #settle(intent: IntentFile): Promise<EntryOutcome | undefined> {
    const { path } = await this.#pages.entry(intent.entry)
    const outcome = outcomeOf(intent)
    const there = await this.#target.survey([...path.slice(0, -1), intent.target])
    const isOurs = there?.kind === 'file' && there.inode.toString() === intent.inode
    if (isOurs && this.#isUnsynced) return (await this.#placed(outcome)) === 'whole' ? outcome : torn(outcome)
    if (isOurs && there.size === intent.size) {
      await this.#target.touch(path) // The name is there, but perhaps only in memory.
      return outcome
    }
    // Without hard links an empty file held the name, and was to be replaced; whose else it could be holds no byte.
    const isReserved = there?.kind === 'file' && there.size === 0 && !(await this.#target.hasLinks())
    if (!(await this.#isAsIntended(intent))) {
      if (isReserved) await this.#target.giveBack(path, intent.target) // Or it would be in our own way.
      return undefined
    }
    const placed = await this.#target.publish(
      this.#files.directory,
      String(intent.entry),
      path,
      intent.target,
      isReserved ? 'replace' : intent.method,
    )
    return placed === 'placed' ? outcome : undefined
  }

  /**
   * Whether a part that was finished is still what was verified, for nobody reads it again before it has its name. Whoever
   * wrote to it or cut it has changed its time, too. Its chunks are held against the disk as those of every part (R14); a
   * file without durable chunks, one of a pack, is small.
   */
  async #isAsIntended(intent: IntentFile): Promise<boolean> {
    const { entry, size } = intent
    const part = await this.#files.stat(entry)
    if (part?.inode.toString() !== intent.inode || part.size !== size) return false
    if (mtimeUsOf(part) !== intent.mtimeUs) return false
    const runs = this.#checkpoint.parts.get(entry)?.runs ?? []
    const chunks = chunkCount(size, this.#chunkBytes)
    const known = new ChunkSet(chunks)
    for (const { first, hashes } of runs) known.addRun(first, hashes.length)
    if (known.isFull && !this.#isUnsynced) return (await this.#check.badChunks(entry, runs)).length === 0
    return (await this.#check.digest(entry, size)) === intent.digest
  }

  /**
   * What is not in place is not about to be, from here on: its inode may come back with another content. A file of one
   * chunk has no other record: if its part is whole, it gets one.
   */
  async #drop({ entry, revision, digest, size }: IntentFile): Promise<JournalRecord> {
    const bad: JournalRecord = { kind: 'bad', entry, revision, chunks: [] }
    if (this.#isUnsynced || chunkCount(size, this.#chunkBytes) > 1) return bad
    const bytes = await this.#check.read(entry, 0)
    if (bytes === undefined) return bad
    const hashes = BigUint64Array.of(this.#world.hash(bytes))
    if (fileDigest(hashes, size, this.#world.hash) !== digest) return bad
    const run = { first: 0, hashes, holes: 0 }
    this.#checkpoint.parts.set(entry, { revision, runs: [run] })
    return { kind: 'durable', serial: this.#checkpoint.serial, runs: [{ entry, revision, ...run }] }
  }

  // ---- files in place, and nothing synced ---------------------------------------------------------------------------

  /**
   * With `--durability none` the journal's word for a file is as good as the file: each is read again. One that is gone is
   * wanted again. One that is torn has failed, for it may be somebody else's by now, and is left as it is.
   */
  async checkPlaced(): Promise<number> {
    const { outcomes, serial, revised, receipt } = this.#checkpoint
    if (!this.#isUnsynced || receipt !== undefined) return 0
    const records: JournalRecord[] = []
    let bytesBad = 0
    for (const outcome of outcomes) {
      const { entry, bytes } = outcome
      const found = outcome.digest === undefined ? 'whole' : await this.#placed(outcome)
      if (found === 'whole') continue
      bytesBad += bytes
      if (found === 'gone') outcomes.delete(entry)
      else outcomes.set(torn(outcome))
      records.push(
        found === 'gone'
          ? { kind: 'bad', entry, revision: revised.get(entry)?.revision ?? 0, chunks: [] }
          : { kind: 'outcome', serial, outcomes: [torn(outcome)] },
      )
    }
    if (records.length > 0) await this.#journal.commit(records)
    return bytesBad
  }

  async #placed({ entry, bytes, digest, target }: EntryOutcome): Promise<'whole' | 'torn' | 'gone'> {
    const { path } = await this.#pages.entry(entry)
    const place = [...path.slice(0, -1), target ?? path.at(-1)!]
    const there = await this.#target.survey(place)
    if (there?.kind !== 'file' || there.size !== bytes) return there === undefined ? 'gone' : 'torn'
    const file = await this.#target.openExisting(place)
    try {
      return (await digestOfFile(this.#chunkBytes, this.#world.hash)(file, bytes)) === digest ? 'whole' : 'torn'
    } finally {
      await file.close()
    }
  }

  // ---- parts ------------------------------------------------------------------------------------------------------

  /**
   * A part with a second name is begun anew: what is written to it is written there, too (R111). It has its final name
   * already, and a journal that was damaged since does not know; or somebody linked it.
   */
  async removeShared(): Promise<void> {
    for (const entry of await this.#files.list()) {
      const part = await this.#files.stat(entry)
      if (part !== undefined && part.links > 1) await this.#files.remove(entry)
    }
  }

  /** Holds durable chunks against the disk (R14): length and blocks of each part, and the bytes of the last record. */
  async checkParts(): Promise<number> {
    let bytesBad = 0
    for (const [entry, part] of this.#checkpoint.parts) {
      const bad = await this.#check.badChunks(entry, part.runs)
      if (bad.length === 0) continue
      const places = bad.map((chunk) => ({ entry, revision: part.revision, chunk }))
      const chunks = placeRuns(places).map(({ first, count }) => [first, count] as const)
      await this.#journal.commit([{ kind: 'bad', entry, revision: part.revision, chunks }])
      this.#checkpoint.parts.set(entry, withoutChunks(part, chunks))
      bytesBad += bad.length * this.#chunkBytes
    }
    return bytesBad
  }

  // ---- hints ------------------------------------------------------------------------------------------------------

  /**
   * Reads each hinted chunk, compares it, and writes the same bytes back, so that the next sync really writes them: after
   * a failed sync a page may read well and be clean (R115). What does not compare is wanted again.
   */
  async adopt(directory: Directory): Promise<Omit<ReceivedState, 'bytesBad'>> {
    const adopted = new Map<string, AdoptedPlace>()
    let bytesHinted = 0
    let bytesAdopted = 0
    for await (const { entry, revision, chunk, hash, isHole } of readHints(directory, { hash: this.#world.hash })) {
      if (!(await this.#isOpenPlace(entry, revision, chunk))) continue
      const length = chunkLength(await this.#check.sizeOf(entry), this.#chunkBytes, chunk)
      bytesHinted += length
      const bytes = isHole ? undefined : await this.#check.read(entry, chunk)
      const isThere = isHole
        ? zerosHash(length, this.#world.hash) === hash && (await this.#isUnwritten(entry, chunk))
        : bytes !== undefined && this.#world.hash(bytes) === hash
      if (!isThere) continue
      if (bytes !== undefined) await this.#files.write(entry, chunk * this.#chunkBytes, bytes)
      adopted.set(`${entry} ${chunk}`, { entry, revision, chunk, hash, hole: isHole })
      bytesAdopted += length
    }
    return { adopted: [...adopted.values()], bytesHinted, bytesAdopted }
  }

  /** A hole reads as zeros, or lies behind the part's end. */
  async #isUnwritten(entry: number, chunk: number): Promise<boolean> {
    const bytes = await this.#check.read(entry, chunk)
    return bytes === undefined || this.#world.hash(bytes) === zerosHash(bytes.length, this.#world.hash)
  }

  async #isOpenPlace(entry: number, revision: number, chunk: number): Promise<boolean> {
    const { outcomes, parts, revised } = this.#checkpoint
    if (outcomes.has(entry) || entry >= this.#pages.nextEntry) return false
    if (revision !== (revised.get(entry)?.revision ?? 0)) return false
    if ((await this.#pages.entry(entry)).kind !== 'file') return false
    if (chunk >= chunkCount(await this.#check.sizeOf(entry), this.#chunkBytes)) return false
    const runs = parts.get(entry)?.runs ?? []
    return !runs.some(({ first, hashes }) => chunk >= first && chunk < first + hashes.length)
  }

  /** Part files nobody vouches for: a pack that was not published, or bytes written and neither synced nor hinted. */
  async removeStrays(adopted: readonly AdoptedPlace[]): Promise<void> {
    const known = new Set([...this.#checkpoint.parts.keys(), ...adopted.map(({ entry }) => entry)])
    for (const entry of await this.#files.list()) if (!known.has(entry)) await this.#files.remove(entry)
  }
}

function torn({ entry }: EntryOutcome): EntryOutcome {
  const reason = 'a crash took what was received with --durability none: remove it, and send it again'
  return { entry, outcome: 'failed', bytes: 0, reason }
}

function outcomeOf({ entry, outcome, size, digest, target }: IntentFile): EntryOutcome {
  const base = { entry, outcome, bytes: size, digest }
  return outcome === 'renamed' || outcome === 'conflict' ? { ...base, target } : base
}
