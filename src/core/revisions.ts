// When a source is not what it was. On resume a sample of what the receiver holds is compared with the source; once a change
// is seen, by fingerprint or by sample, every held chunk is compared, the agreeing ones are kept, and the rest is sent as a
// new revision: on both disks before a frame of it, so never a mix under the final name (R51, R52).

import { assert } from '../errors.ts'
import { hashesPerMessageMax, hashesPerQuestion, revisionMax, sampleChunks, sourceChangesMax } from '../model/limits.ts'
import type { Hashes } from '../model/messages.ts'
import { ChunkSet, type Run } from '../model/places.ts'
import type { RevisedRecord } from '../model/records.ts'
import { standing } from './entry-table.ts'
import type { Hub } from './hub.ts'
import type { Input, SourceVersion } from './inputs.ts'
import { SendingFile } from './sending-file.ts'
import { peerMust } from './violation.ts'

const hexDigits = 16

export interface RevisionsOwner {
  giveUp(entry: number, outcome: 'failed', sentence: string): void
  /** Verified: send what is missing. */
  goOn(file: SendingFile): void
}

export class Revisions {
  readonly #hub: Hub
  readonly #files: Map<number, SendingFile>
  readonly #owner: RevisionsOwner
  /** The newest revision of each entry that has one. */
  readonly #records: Map<number, RevisedRecord>
  /** Entries whose next revision is on its way to our disk. */
  readonly #committing = new Set<number>()

  constructor(
    hub: Hub,
    files: Map<number, SendingFile>,
    records: ReadonlyMap<number, RevisedRecord>,
    owner: RevisionsOwner,
  ) {
    this.#hub = hub
    this.#files = files
    this.#records = new Map(records)
    this.#owner = owner
  }

  recordOf(entry: number): RevisedRecord | undefined {
    return this.#records.get(entry)
  }

  /** The receiver holds some chunks of the current revision: make sure that they are the source's, then send the rest. */
  wanted(file: SendingFile): void {
    if (this.#committing.has(file.entry)) file.stage = 'announcing'
    else if (file.changedTo !== undefined) this.#compare(file)
    else if (file.hasUnknown) {
      file.stage = 'verifying'
      file.sample = this.#sampleOf(file)
      const unknown = file.sample.filter((chunk) => !file.known.has(chunk)).map((chunk) => [chunk, 1] as const)
      this.#ask(file, ChunkSet.of(file.chunks, unknown))
      if (unknown.length === 0) this.#rehashSample(file)
    } else this.#verified(file)
  }

  /** Nobody here knows what this revision was: announce another one, of the source as it is, that keeps nothing. */
  replace(file: SendingFile): void {
    file.heldBy(undefined, undefined)
    if (this.#committing.has(file.entry)) {
      file.stage = 'announcing'
      return
    }
    file.stage = 'comparing'
    this.#hub.emit({ kind: 'rehash', entry: file.entry, revision: file.revision, chunks: [] })
  }

  /** All of a file is there: what is missing is the hashes that go into its digest. However long the file, data went first (R15). */
  collect(file: SendingFile): void {
    file.stage = 'collecting'
    this.#ask(file, file.unknown())
  }

  #verified(file: SendingFile): void {
    file.stage = 'sending'
    this.#owner.goOn(file)
  }

  /** As many at once as one message may hold, however many runs they are in: the answers take room on both sides. */
  #ask(file: SendingFile, chunks: ChunkSet): void {
    const { entry, revision } = file
    let left = hashesPerMessageMax
    for (const [start, held] of chunks.runs()) {
      const end = start + Math.min(left, held)
      for (let first = start; first < end; first += hashesPerQuestion) {
        const count = Math.min(hashesPerQuestion, end - first)
        this.#hub.send({ kind: 'hashes', way: 'ask', entry, revision, first, count })
        file.questions++
        left -= count
      }
      if (left === 0) return
    }
  }

  hashesArrived({ entry, revision, first, hashes }: Hashes & { way: 'answer' }): void {
    const file = this.#files.get(entry)
    if (file?.revision !== revision) return // The answer to a question about an older revision.
    const count = Math.floor(hashes.length / hexDigits)
    peerMust(first + count <= file.chunks, 'hashes were answered for chunks behind the end of a file')
    file.learn(first, count, hashes)
    peerMust(count > 0 || !file.held.has(first), 'hashes were not answered for chunks that are held')
    file.questions = Math.max(0, file.questions - 1)
    if (file.questions > 0) return
    if (file.stage === 'verifying') this.#rehashSample(file)
    else if (file.stage === 'comparing') this.#compare(file)
    else if (file.stage === 'collecting' && file.hasUnknown) this.#ask(file, file.unknown())
    else if (file.stage === 'collecting') this.#verified(file)
  }

  /** First, last and some random held chunks (R52). */
  #sampleOf(file: SendingFile): readonly number[] {
    const { fraction } = this.#hub.settings
    const runs = file.held.runs()
    const picked = new Set<number>([runs[0]![0], lastOf(runs)])
    for (let i = 0; i < sampleChunks; i++) picked.add(nth(runs, Math.floor(fraction() * file.held.count)))
    return [...picked].toSorted((a, b) => a - b)
  }

  #rehashSample(file: SendingFile): void {
    const { entry, revision } = file
    const chunks = file.sample.filter((chunk) => file.held.has(chunk)) // Some may have proved damaged meanwhile.
    if (chunks.length === 0) this.#verified(file)
    else this.#hub.emit({ kind: 'rehash', entry, revision, chunks })
  }

  /** The source is not what was announced. */
  changed(file: SendingFile, version: SourceVersion): void {
    if (this.#committing.has(file.entry) || isSame(file.changedTo, version)) return // Several reads saw one change.
    file.changes++
    file.changedTo = version
    const sentence = 'It changed at the source: what still agrees is kept, the rest is sent again.'
    this.#hub.emit({ kind: 'warn', code: 'source-changed', sentence, entry: file.entry })
    if (file.changes > sourceChangesMax || file.revision === revisionMax)
      this.#owner.giveUp(file.entry, 'failed', `it kept changing while it was sent (${file.changes} times)`)
    else this.#compare(file)
  }

  /** Finds the held chunks that agree with the source as it is now. */
  #compare(file: SendingFile): void {
    const { entry, revision, changedTo } = file
    assert(changedTo !== undefined, 'what is compared has changed')
    file.stage = 'comparing'
    if (file.hasUnknown) return this.#ask(file, file.unknown())
    this.#hub.emit({ kind: 'expectSource', entry, fingerprint: changedTo.fingerprint })
    const chunks = all(file.held.runs()).filter((chunk) => chunk * this.#hub.chunkBytes < changedTo.fingerprint.size)
    if (chunks.length === 0) this.#commit(file, changedTo, [])
    else this.#hub.emit({ kind: 'rehash', entry, revision, chunks })
  }

  rehashed({ entry, revision, chunks, hashes, version }: Input & { kind: 'rehashed' }): void {
    const file = this.#files.get(entry)
    if (file?.revision !== revision) return
    const agree = new ChunkSet(file.chunks)
    chunks.forEach((chunk, i) => {
      if (file.known.has(chunk) && file.hashes[chunk] === hashes[i]) agree.add(chunk)
    })
    if (file.stage === 'verifying') {
      if (agree.count === chunks.length) this.#verified(file)
      else this.changed(file, version)
    } else if (file.stage === 'comparing' && (isSame(file.changedTo, version) || file.isForgotten))
      this.#commit(file, version, agree.runs())
  }

  #commit(file: SendingFile, { fingerprint, mtimeUs, mode }: SourceVersion, keep: readonly Run[]): void {
    const { entry } = file
    const revision = file.revision + 1
    const record: RevisedRecord = {
      kind: 'revised',
      entry,
      revision,
      size: fingerprint.size,
      mtimeUs,
      mode,
      keep,
      fingerprint,
    }
    file.stage = 'announcing'
    this.#committing.add(entry)
    this.#records.set(entry, record)
    this.#hub.commit([record], { for: 'revision', entry, revision })
  }

  /**
   * The revision is on our disk: tell the receiver, which answers with a `want` once it is on its own. One that has not yet
   * said in this epoch what it wants of the entry may not know it; it will, and is told then.
   */
  committed(entry: number): void {
    const record = this.#records.get(entry)!
    const before = this.#files.get(entry)
    this.#committing.delete(entry)
    if (before === undefined) return // The receiver had finished it meanwhile.
    const { chunkBytes, entries } = this.#hub
    entries.revise(entry, record.revision, record.size)
    const file = new SendingFile(entry, record.revision, record.size, chunkBytes)
    file.changes = before.changes
    for (const [first, count] of record.keep)
      for (let chunk = first; chunk < first + count; chunk++) file.know(chunk, before.hashes[chunk]!)
    this.#files.set(entry, file)
    if (entries.standing(entry) !== standing.unknown) this.announce(file)
  }

  announce(file: SendingFile): void {
    const record = this.#records.get(file.entry)
    assert(record !== undefined, 'a revision has its record')
    const { entry, revision, size, mtimeUs, mode, keep } = record
    file.stage = 'announcing'
    this.#hub.send({ kind: 'resync', entry, revision, size, mtimeUs, mode, keep })
  }
}

function isSame(a: SourceVersion | undefined, { fingerprint: b }: SourceVersion): boolean {
  if (a === undefined) return false
  const { size, mtimeNs, ctimeNs, inode } = a.fingerprint
  return size === b.size && mtimeNs === b.mtimeNs && ctimeNs === b.ctimeNs && inode === b.inode
}

const lastOf = (runs: readonly Run[]): number => {
  const [first, count] = runs[runs.length - 1]!
  return first + count - 1
}

function nth(runs: readonly Run[], index: number): number {
  for (const [first, count] of runs) {
    if (index < count) return first + index
    index -= count
  }
  return lastOf(runs)
}

const all = (runs: readonly Run[]): number[] =>
  runs.flatMap(([first, count]) => Array.from({ length: count }, (_, i) => first + i))
