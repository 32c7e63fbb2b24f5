// Carries out the effects of the receiving core: stores and surveys pages, compares and writes chunks, syncs, publishes.
// A full disk makes the work wait; any other fault of the disk ends the run, and the next one starts from the journal.

import { assert, isTransferError } from '../errors.ts'
import type { WarningCode } from '../model/events.ts'
import { hex64 } from '../model/hash.ts'
import { noFingerprints } from '../model/fingerprints.ts'
import type { Entry, FileEntry } from '../model/manifest.ts'
import { entriesMax, fileChunksMax, manifestMaxBytes, pagesMax } from '../model/limits.ts'
import { pathText, type Path } from '../model/names.ts'
import type { Place } from '../model/places.ts'
import type { IntentFile, RevisedRecord } from '../model/records.ts'
import type { FinishFile, ReceiverEffect } from '../core/effects.ts'
import { type Input, type PageSurvey, plans, type WrittenFile } from '../core/inputs.ts'
import type { Session } from '../core/session.ts'
import { zerosHash } from '../hash/xxh64.ts'
import type { Hints, Hint } from '../store/hints.ts'
import type { Journal } from '../store/journal.ts'
import { type FinishedPart, type PartFiles, type WholePart, wholePartsMax } from '../store/part-files.ts'
import type { Target } from '../store/target.ts'
import { encodeEntries } from '../wire/manifest.ts'
import type { World } from './context.ts'
import type { Counters } from './counters.ts'
import { inParallel } from './in-parallel.ts'
import { inTurns } from './in-turns.ts'
import type { HeldFrame, Links } from './links.ts'
import { type ManifestPages, pageDigest, shapeOf } from './manifest-pages.ts'
import { NameRules } from './name-rules.ts'
import { OrderCheck } from './order-check.ts'
import type { Meter } from '../transport/meter.ts'
import { Intake } from './intake.ts'
import { hasItsName, intentOf, placeFiles } from './placing.ts'
import type { Room } from './room.ts'
import type { Reserve } from './runner.ts'
import { surveyPage } from './survey.ts'
import { digestOfSession, finishTree } from './tree.ts'

const syncsUnderWay = 4 // As many as Node has threads for them; more would only wait.
const hintEveryMs = 200

export interface ReceiverParts {
  readonly world: World
  readonly session: Session
  readonly journal: Journal
  readonly pages: ManifestPages
  readonly files: PartFiles
  readonly hints: Hints
  readonly target: Target
  readonly links: Links
  readonly room: Room
  readonly counters: Counters
  readonly maxBytes: number
  readonly maxFiles: number
  readonly reserve: Reserve | undefined
  readonly meter: Meter | undefined
  /** Newest revision of each entry that has one. */
  readonly revised: Map<number, RevisedRecord>
  readonly tell: (input: Input) => void
  /** Tells users of something that is no error. */
  readonly warn: (code: WarningCode, sentence: string) => void
}

type Of<Kind extends ReceiverEffect['kind']> = ReceiverEffect & { readonly kind: Kind }

export class Receiver {
  readonly #parts: ReceiverParts
  readonly #order = new OrderCheck()
  readonly #names: NameRules
  readonly #intake: Intake
  readonly #pagesInTurn = inTurns()
  readonly #packsInTurn = inTurns()
  /** Hinted since the last sync of data began, and before it. */
  #hinted: Hint[] = []
  #cancelHints: (() => void) | undefined
  /** By how much files have grown since they were offered; unknown until the first one does. */
  #grownBytes: number | undefined

  constructor(parts: ReceiverParts) {
    this.#parts = parts
    this.#intake = new Intake({ clock: parts.world.clock, links: parts.links, meter: parts.meter })
    this.#names = new NameRules(parts.target.traits, (path, first) =>
      parts.warn('names-alike', `${pathText(path)} and "${first}" beside it would be one on disks that ignore case.`),
    )
  }

  carryOut(effect: ReceiverEffect): Promise<void> {
    switch (effect.kind) {
      case 'storePage':
        return this.#pagesInTurn(() => this.#storePage(effect))
      case 'surveyPage':
        return this.#pagesInTurn(() => this.#surveyStored(effect.page))
      case 'writeChunk':
        return this.#writeChunk(effect)
      case 'writePack':
        return this.#writePack(effect)
      case 'dropFrame':
        this.#parts.links.takeFrame(effect.frame).release()
        return Promise.resolve()
      case 'syncData':
        return this.#syncData(effect)
      case 'placeFiles':
        return this.#placeFiles(effect)
      case 'removeParts':
        return this.#removeParts(effect.entries)
      case 'revisePart':
        return this.#revisePart(effect)
      case 'finishTree':
        return this.#finishTree()
      case 'digestSession':
        return this.#digestSession()
    }
  }

  // ---- manifest ---------------------------------------------------------------------------------------------------

  async #storePage({ message }: Of<'storePage'>): Promise<void> {
    const { pages, journal, room, tell } = this.#parts
    const text = encodeEntries(message.entries)
    const refusal = this.#refusePage(message, text)
    if (refusal !== undefined) return tell({ kind: 'pageRefused', ...refusal })
    const { entries, last } = message
    const { survey, existed } = await this.#survey(message.page, message.first, entries, undefined)
    const noRoom = await this.#parts.reserve?.({ page: message.page, ...bringsIn(entries, survey) })
    if (noRoom !== undefined) return tell({ kind: 'pageRefused', code: 'limit', sentence: noRoom })
    const record = await room.use(() => pages.write(entries, text, last, { fingerprints: noFingerprints, existed }))
    assert(record.digest === message.digest, 'a page is stored as it came')
    await room.use(() => journal.commit([record]))
    pages.add(record, entries)
    tell({ kind: 'pageStored', shape: shapeOf(record, entries), survey })
  }

  /** Why a page can't be the next one, if it can't: its digest, its order, what it adds up to. */
  #refusePage(
    { first, entries, digest, last }: Of<'storePage'>['message'],
    text: string,
  ): Omit<Input & { kind: 'pageRefused' }, 'kind'> | undefined {
    const { world, pages, maxBytes, maxFiles } = this.#parts
    const refuse = (sentence: string): { code: 'protocol'; sentence: string } => ({ code: 'protocol', sentence })
    if (pages.isComplete) return refuse('a page came behind the last one')
    if (first !== pages.nextEntry) return refuse('a page of the manifest leaves entries out')
    if (pageDigest(pages.lastDigest, text, last, world.hash) !== digest)
      return refuse('the digest of a manifest page is wrong')
    const count = first + entries.length
    if (count > entriesMax) return refuse(`the manifest has more than ${entriesMax} entries`)
    if (pages.pages >= pagesMax || pages.textBytes >= manifestMaxBytes)
      return refuse(`the manifest has more than ${pagesMax} pages or ${manifestMaxBytes} bytes of text`)
    const fault = this.#order.fault(entries)
    if (fault !== undefined) return refuse(fault)
    const bytes = entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.size : 0), pages.bytesSoFar)
    if (!Number.isSafeInteger(bytes)) return refuse('the manifest adds up to more bytes than can be counted')
    const fileBytesMax = fileChunksMax * this.#parts.session.chunkBytes
    if (entries.some((entry) => entry.kind === 'file' && entry.size > fileBytesMax))
      return { code: 'limit', sentence: `A file has more than the ${fileBytesMax} bytes that a receiver takes.` }
    if (bytes > maxBytes) return { code: 'limit', sentence: `What is offered has more than --max-bytes ${maxBytes}.` }
    if (count > maxFiles) return { code: 'limit', sentence: `What is offered has more than --max-files ${maxFiles}.` }
    if (last !== undefined && (last.entries !== count || last.bytes !== bytes))
      return refuse('the last page counts other entries or bytes than came')
    return undefined
  }

  async #surveyStored(page: number): Promise<void> {
    const { pages, tell } = this.#parts
    const { first, existed } = pages.record(page)
    const entries = await pages.entries(page)
    this.#order.fault(entries)
    tell({ kind: 'pageSurveyed', survey: (await this.#survey(page, first, entries, existed)).survey })
  }

  #survey(...[page, first, entries, existed]: Tail<Parameters<typeof surveyPage>>): ReturnType<typeof surveyPage> {
    const { target, session, world } = this.#parts
    const { shape, chunkBytes } = session
    assert(shape !== undefined, 'a session is bound before pages come')
    return surveyPage(page, first, entries, existed, {
      target,
      shape,
      chunkBytes,
      names: this.#names,
      hash: world.hash,
    })
  }

  // ---- data -------------------------------------------------------------------------------------------------------

  async #writeChunk({ frame, place, length, fresh }: Of<'writeChunk'>): Promise<void> {
    const { world, links, files, room, counters, tell } = this.#parts
    const { header, payload, release } = links.takeFrame(frame)
    const isZeros = header.kind === 'zeros'
    const found = isZeros ? zerosHash(length, world.hash) : world.hash(payload)
    if (found !== header.hash) {
      release()
      return tell({ kind: 'chunkBad', place, expected: hex64(header.hash), found: hex64(found) })
    }
    counters.sent(length, payload.length, false)
    const hole = isZeros && fresh
    if (!hole) {
      const bytes = isZeros ? new Uint8Array(length) : payload
      const position = place.chunk * this.#parts.session.chunkBytes
      await this.#intake.take(length, () => room.use(() => files.write(place.entry, position, bytes)))
    }
    release()
    this.#hint({ ...place, hash: found, isHole: hole })
    tell({ kind: 'chunkWritten', place, hash: found, hole })
  }

  /** One pack at a time: more only queue up in front of the same disk, and the bytes of all of them are held meanwhile. */
  #writePack({ frame, accept }: Of<'writePack'>): Promise<void> {
    const held = this.#parts.links.takeFrame(frame)
    return this.#intake.take(held.payload.length, () => this.#packsInTurn(() => this.#writeFiles(held, accept)))
  }

  async #writeFiles({ header, rows, payload, release }: HeldFrame, accept: readonly number[]): Promise<void> {
    const { world, files, revised, room, counters, tell } = this.#parts
    assert(header.kind === 'pack', 'a pack is written from a pack')
    const written: WrittenFile[] = []
    const bad: Place[] = []
    const parts: WholePart[] = []
    const listed = await this.#fileEntries(rows)
    let start = header.tableBytes
    for (let i = 0, accepted = 0; i < rows.length; i++) {
      const { entry, revision, length, hash } = rows[i]!
      const bytes = payload.subarray(start, (start += length))
      if (accept[accepted] !== i) continue // They are in the order of the rows.
      accepted++
      const { mode, mtimeUs } = revised.get(entry) ?? listed[i]!
      if (world.hash(bytes) !== hash) bad.push({ entry, revision, chunk: 0 })
      else {
        parts.push({ entry, bytes, mode, mtimeUs })
        written.push({ entry, revision, hash })
      }
    }
    for (let from = 0; from < parts.length; from += wholePartsMax)
      await room.use(() => files.writeWhole(parts.slice(from, from + wholePartsMax), this.#syncsFiles))
    for (const { bytes } of parts) counters.sent(bytes.length, bytes.length, false)
    release()
    tell({ kind: 'packWritten', files: written, bad })
  }

  #hint(hint: Hint): void {
    if (this.#parts.session.durability === 'checkpoint') this.#hinted.push(hint)
    this.#parts.hints.note(hint)
    this.#cancelHints ??= this.#parts.world.clock.after(hintEveryMs, () => void this.flushHints())
  }

  /** Hands the hints to the operating system, so that a kill costs nothing but reading them back. Best effort. */
  async flushHints(): Promise<void> {
    this.#cancelHints?.()
    this.#cancelHints = undefined
    try {
      await this.#parts.hints.flush()
    } catch (error) {
      if (!isTransferError(error)) throw error // A hint that is lost costs a chunk sent again, no more.
    }
  }

  stop(): Promise<void> {
    this.#intake.stop()
    return this.flushHints()
  }

  // ---- sync points ------------------------------------------------------------------------------------------------

  async #syncData({ serial, entries, finish }: Of<'syncData'>): Promise<void> {
    const { world, session, files, hints, room, tell } = this.#parts
    const started = world.clock.now()
    this.#covered = this.#hinted.splice(0)
    // Below `checkpoint` no record will list the chunks: their hints stand for them, until the session ends.
    await room.use(() => (session.durability === 'checkpoint' ? files.datasync(entries) : hints.flush()))
    const intents = await this.#finishFiles(finish)
    // Last: a file that is one hole is only made when it is finished.
    if (this.#syncsFiles) this.#namesSynced(await room.use(() => files.syncNames()))
    tell({ kind: 'dataSynced', serial, finished: intents, syncMs: world.clock.now() - started })
  }
  #covered: Hint[] = []

  /** Whether a file in its place has to outlive a power cut. */
  get #syncsFiles(): boolean {
    return this.#parts.session.durability !== 'none'
  }

  /** The durable record is on the disk: hints are needed only for what was written since its sync began. */
  async checkpointCommitted(): Promise<void> {
    if (this.#covered.length === 0) return
    this.#covered = []
    await this.#parts.hints.reset(this.#hinted)
    await this.flushHints()
  }

  async #finishFiles(finish: readonly FinishFile[]): Promise<IntentFile[]> {
    const { files, target, revised, room } = this.#parts
    const listed = await this.#fileEntries(finish)
    const intents: IntentFile[] = []
    const others: { readonly file: FinishFile; readonly path: Path; readonly version: FinishedPart }[] = []
    for (let i = 0; i < finish.length; i++) {
      const file = finish[i]!
      const { path } = listed[i]!
      const version = revised.get(file.entry) ?? listed[i]!
      const whole = hasItsName(file) ? files.finished(file.entry, version) : undefined
      if (whole === undefined) others.push({ file, path, version })
      else intents.push(intentOf(file, version, whole.inode, path.at(-1)!))
    }
    await inParallel(syncsUnderWay, others, async ({ file, path, version }) => {
      const { inode } = await room.use(() => files.finish(file.entry, version, this.#syncsFiles))
      const name = hasItsName(file) ? path.at(-1)! : await room.use(() => target.freeName(path))
      intents.push(intentOf(file, version, inode, name))
    })
    return intents
  }

  async #placeFiles({ serial, files: intents }: Of<'placeFiles'>): Promise<void> {
    const { target, room, tell } = this.#parts
    const listed = await this.#fileEntries(intents)
    const files = intents.map((intent, i) => ({ intent, path: listed[i]!.path }))
    const results = await placeFiles(files, this.#parts)
    if (this.#syncsFiles) this.#namesSynced(await room.use(() => target.syncDirectories()))
    tell({ kind: 'filesPlaced', serial, results })
  }

  async #removeParts(entries: readonly number[]): Promise<void> {
    await this.#parts.files.removeEach(entries)
  }

  /** A file that grew is bound by the same limits as one that is offered. */
  async #revisePart({ entry, revision, size }: Of<'revisePart'>): Promise<void> {
    const { files, room, session, pages, maxBytes, reserve, tell } = this.#parts
    const grownBytes = Math.max(0, size - session.entries.size(entry))
    this.#grownBytes = (this.#grownBytes ?? (await this.#grownBefore(entry))) + grownBytes
    const isTooMuch = pages.bytesSoFar + this.#grownBytes > maxBytes
    const refusal = isTooMuch
      ? `With a file that grew there are more bytes than --max-bytes ${maxBytes}.`
      : grownBytes > 0
        ? await reserve?.({ page: null, bytes: grownBytes, files: 0 })
        : undefined
    if (refusal !== undefined) return tell({ kind: 'pageRefused', code: 'limit', sentence: refusal })
    await room.use(() => files.truncate(entry, size))
    tell({ kind: 'partRevised', entry, revision })
  }

  /** By how much files had grown before this process began; `entry` is the one that grows now. */
  async #grownBefore(entry: number): Promise<number> {
    let bytes = 0
    for (const revised of this.#parts.revised.values())
      if (revised.entry !== entry) bytes += Math.max(0, revised.size - (await this.#fileEntry(revised.entry)).size)
    return bytes
  }

  // ---- the end ----------------------------------------------------------------------------------------------------

  async #finishTree(): Promise<void> {
    const { session, room, tell } = this.#parts
    const { shape } = session
    assert(shape !== undefined, 'a session is bound before it ends')
    const namesSynced = (isDurable: boolean): void => this.#namesSynced(isDurable)
    const outcomes = await room.use(() => finishTree({ ...this.#parts, shape, namesSynced }))
    tell({ kind: 'treeFinished', outcomes })
  }

  async #digestSession(): Promise<void> {
    const { world, target, room, tell } = this.#parts
    const digest = await digestOfSession(this.#parts, world.hash)
    this.#namesSynced(await room.use(() => target.own.sync())) // Asked once more: an earlier run may have found it out.
    const finishedAt = new Date(world.clock.wall()).toISOString()
    tell({ kind: 'sessionDigested', digest, finishedAt, isDegraded: this.#isDegraded })
  }

  /** That a file system cannot put names on the disk is said once (R7). */
  #namesSynced(isDurable: boolean): void {
    if (isDurable || this.#isDegraded) return
    this.#isDegraded = true
    const folder = this.#parts.target.root.label
    this.#parts.warn(
      'durability-degraded',
      `The file system of ${folder} cannot sync directories: a power cut may take the newest files with it.`,
    )
  }
  #isDegraded = false

  /** In the order in which they are asked for. */
  async #fileEntries(wanted: readonly { readonly entry: number }[]): Promise<readonly FileEntry[]> {
    const entries = await this.#parts.pages.many(wanted.map(({ entry }) => entry))
    return entries.map((entry, i) => fileOf(entry, wanted[i]!.entry))
  }

  async #fileEntry(index: number): Promise<FileEntry> {
    return fileOf(await this.#parts.pages.entry(index), index)
  }
}

function fileOf(entry: Entry, index: number): FileEntry {
  assert(entry.kind === 'file', `entry ${index} is a file`)
  return entry
}

type Tail<T extends readonly unknown[]> = T extends readonly [...infer Head, unknown] ? Head : never

/** What of a page will be written: files that are not there yet, or are to be replaced. */
function bringsIn(entries: readonly Entry[], survey: PageSurvey): { readonly bytes: number; readonly files: number } {
  const files = entries.filter((entry, i) => entry.kind === 'file' && survey.plans[i] !== plans.done)
  return { bytes: files.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.size : 0), 0), files: files.length }
}
