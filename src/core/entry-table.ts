// What the core keeps per entry: bits and small integers in columns, some twenty bytes each, so that a million entries
// cost two dozen megabytes. Names, times and modes stay in the manifest file.

import { assert } from '../errors.ts'
import type { ManifestState } from '../model/manifest.ts'
import { noManifest } from '../model/manifest.ts'
import type { Outcome } from '../model/session.ts'
import { grown, roomFor } from './columns.ts'
import { entryKinds, type PageShape } from './inputs.ts'

/** Where an entry stands. A sender uses all but `part`; a receiver all but `wanted` and `sent`. */
export const standing = {
  /** Listed; the receiver has not said (sender) or looked (receiver) yet. */
  unknown: 0,
  /** Receiver: nothing is here. Sender: all of it is wanted. */
  missing: 1,
  /** Some chunks are here, or under way. */
  part: 2,
  /** Receiver: an intent is being carried out. Sender: all is sent, the outcome is awaited. */
  finishing: 3,
  /** No bytes needed; done when the session ends. */
  later: 4,
  done: 5,
} as const

/** All of them, each known by its index. */
export const outcomeNames: readonly Outcome[] = [
  'delivered',
  'unchanged',
  'kept',
  'replaced',
  'renamed',
  'skipped',
  'omitted',
  'vanished',
  'conflict',
  'failed',
]

/** Outcomes after which the content offered is in place. */
export function isInPlace(outcome: Outcome): boolean {
  return outcome === 'delivered' || outcome === 'unchanged' || outcome === 'replaced' || outcome === 'renamed'
}

/** The columns, and the sums over them that progress is made of. */
export class EntryTable {
  #manifest: ManifestState = noManifest
  #pageFirsts: number[] = []
  #pageDigests: string[] = []
  #kinds = new Uint8Array(0)
  #standings = new Uint8Array(0)
  #outcomes = new Uint8Array(0)
  #sizes = new Float64Array(0)
  /** 1 where all bytes are acknowledged, as the size was when that was said. */
  #isCredited = new Uint8Array(0)
  /** What is acknowledged of the others, where there is something: of parts. */
  readonly #credits = new Map<number, number>()
  #revisions = new Uint16Array(0)
  #digests = new BigUint64Array(0)
  /** Sizes of before, of entries that became smaller. */
  readonly #larger = new Map<number, number>()
  #files = 0
  #filesDone = 0
  #filesOmitted = 0
  #bytesAcknowledged = 0
  #bytesUnchanged = 0
  #bytesPublished = 0
  #bytesOmitted = 0
  #counts = new Float64Array(outcomeNames.length)
  #unfinished = 0

  /** How much of the manifest is here. */
  get manifest(): ManifestState {
    return this.#manifest
  }

  /** Entries that still need an outcome before the session can end: all but `later` and `done`. */
  get unfinished(): number {
    return this.#unfinished
  }

  get files(): number {
    return this.#files
  }
  /** Files whose content is in place. */
  get filesDone(): number {
    return this.#filesDone
  }
  get filesOmitted(): number {
    return this.#filesOmitted
  }
  /** Bytes of files that were found in place. */
  get bytesUnchanged(): number {
    return this.#bytesUnchanged
  }
  /** Bytes the receiver has acknowledged, at the level agreed: files in place and chunks of parts. */
  get bytesAcknowledged(): number {
    return this.#bytesAcknowledged
  }
  /** Bytes of files in place. */
  get bytesPublished(): number {
    return this.#bytesPublished
  }
  /** Bytes listed that will not come: the files have another outcome. */
  get bytesOmitted(): number {
    return this.#bytesOmitted
  }

  /** Running digest after the first `pages` pages, or undefined if there are fewer. */
  digestAt(pages: number): string | undefined {
    return pages === 0 ? noManifest.digest : this.#pageDigests[pages - 1]
  }

  /** First entry of a page, and behind the last page the number of entries. */
  firstOf(page: number): number {
    return this.#pageFirsts[page] ?? this.#manifest.entries
  }

  addPage(shape: PageShape): void {
    const { manifest } = this
    assert(shape.page === manifest.pages && shape.first === manifest.entries, 'pages come in order')
    assert(!manifest.complete, 'nothing follows the last page')
    const entries = shape.first + shape.kinds.length
    this.#grow(entries)
    this.#kinds.set(shape.kinds, shape.first)
    this.#sizes.set(shape.sizes, shape.first)
    let bytes = manifest.bytes
    for (let i = 0; i < shape.kinds.length; i++) {
      if (shape.kinds[i] !== entryKinds.file) continue
      this.#files++
      bytes += shape.sizes[i]!
    }
    this.#unfinished += shape.kinds.length
    this.#pageFirsts.push(shape.first)
    this.#pageDigests.push(shape.digest)
    this.#manifest = {
      pages: manifest.pages + 1,
      entries,
      bytes,
      digest: shape.digest,
      complete: shape.last !== undefined,
    }
  }

  isFile(entry: number): boolean {
    return entry < this.#manifest.entries && this.#kinds[entry] === entryKinds.file
  }
  size(entry: number): number {
    return this.#sizes[entry]!
  }
  /** The most bytes that any version of an entry that was announced had. */
  sizeAtMost(entry: number): number {
    return Math.max(this.#sizes[entry]!, this.#larger.get(entry) ?? 0)
  }
  revision(entry: number): number {
    return this.#revisions[entry] ?? 0
  }
  standing(entry: number): number {
    return this.#standings[entry]!
  }
  outcome(entry: number): Outcome | undefined {
    return this.#standings[entry] === standing.done ? outcomeNames[this.#outcomes[entry]!] : undefined
  }
  /** File digest of a done entry; 0n where this session verified none. */
  digest(entry: number): bigint {
    return this.#digests[entry] ?? 0n
  }

  stand(entry: number, where: number): void {
    const before = this.#standings[entry]!
    if (isOpen(before) !== isOpen(where)) this.#unfinished += isOpen(where) ? 1 : -1
    this.#standings[entry] = where
  }

  revise(entry: number, revision: number, size: number): void {
    const bytes = this.credited(entry)
    // As with digests: hardly ever is there one.
    if (entry >= this.#revisions.length) this.#revisions = grown(this.#revisions, this.#kinds.length)
    this.#revisions[entry] = revision
    const most = this.sizeAtMost(entry)
    if (size < most) this.#larger.set(entry, most)
    this.#sizes[entry] = size
    this.#keepCredit(entry, bytes)
  }

  /** Says how many bytes of an entry are acknowledged; replaces what was said before. */
  credit(entry: number, bytes: number): void {
    this.#bytesAcknowledged += bytes - this.credited(entry)
    this.#keepCredit(entry, bytes)
  }
  /** Acknowledged bytes of one entry. */
  credited(entry: number): number {
    return this.#isCredited[entry] === 1 ? this.#sizes[entry]! : (this.#credits.get(entry) ?? 0)
  }

  /** Gives an entry its outcome; the second time changes nothing. */
  finish(entry: number, outcome: Outcome, bytes: number, digest: bigint): void {
    if (this.#standings[entry] === standing.done) return
    this.stand(entry, standing.done)
    const index = outcomeNames.indexOf(outcome)
    this.#outcomes[entry] = index
    this.#setDigest(entry, digest)
    this.#counts[index]!++
    this.credit(entry, bytes)
    if (this.#kinds[entry] !== entryKinds.file) return
    this.#bytesPublished += bytes
    if (outcome === 'unchanged') this.#bytesUnchanged += bytes
    if (isInPlace(outcome) || bytes > 0) this.#filesDone++
    else {
      this.#filesOmitted++
      this.#bytesOmitted += this.#sizes[entry]!
    }
  }

  /** Takes an outcome back: whoever had said it does not have it any more (R46). */
  reopen(entry: number): void {
    if (this.#standings[entry] !== standing.done) return
    const index = this.#outcomes[entry]!
    const outcome = outcomeNames[index]!
    const bytes = this.credited(entry)
    this.stand(entry, standing.unknown)
    this.#counts[index]!--
    this.#setDigest(entry, 0n)
    this.credit(entry, 0)
    if (this.#kinds[entry] !== entryKinds.file) return
    this.#bytesPublished -= bytes
    if (outcome === 'unchanged') this.#bytesUnchanged -= bytes
    if (isInPlace(outcome) || bytes > 0) this.#filesDone--
    else {
      this.#filesOmitted--
      this.#bytesOmitted -= this.#sizes[entry]!
    }
  }

  /** Outcomes so far, those that occurred. */
  outcomeCounts(): { outcome: Outcome; count: number }[] {
    return outcomeNames
      .map((outcome, index) => ({ outcome, count: this.#counts[index]! }))
      .filter(({ count }) => count > 0)
  }

  #grow(entries: number): void {
    if (entries <= this.#kinds.length) return
    const room = roomFor(entries, this.#kinds)
    this.#kinds = grown(this.#kinds, room)
    this.#standings = grown(this.#standings, room)
    this.#outcomes = grown(this.#outcomes, room)
    this.#sizes = grown(this.#sizes, room)
    this.#isCredited = grown(this.#isCredited, room)
  }

  #keepCredit(entry: number, bytes: number): void {
    const isAll = bytes === this.#sizes[entry]
    this.#isCredited[entry] = isAll ? 1 : 0
    if (isAll || bytes === 0) this.#credits.delete(entry)
    else this.#credits.set(entry, bytes)
  }

  /** A sender has none: its column is as long as that of the others once there is something in it. */
  #setDigest(entry: number, digest: bigint): void {
    if (digest !== 0n && entry >= this.#digests.length) this.#digests = grown(this.#digests, this.#kinds.length)
    this.#digests[entry] = digest
  }
}

const isOpen = (where: number): boolean => where !== standing.later && where !== standing.done
