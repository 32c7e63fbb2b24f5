// Holds every acknowledge against the receiver's disk in the moment it is said: the bytes, the names and the record of what
// it acknowledges would all outlive a power cut right then (R1, R4).

import { fileDigest } from '../../src/hash/xxh64.ts'
import type { Hash64 } from '../../src/model/hash.ts'
import type { Acknowledge, EntryOutcome } from '../../src/model/messages.ts'
import { chunkCount, type Place, type PlaceRun } from '../../src/model/places.ts'
import type { Durability } from '../../src/model/session.ts'
import type { MemoryDisk } from '../../src/store/memory-disk.ts'
import { placeKey } from '../support/ledger.ts'
import { DurableJournal } from './durable-journal.ts'
import type { Heard } from './heard.ts'

export interface DiskCheckTools {
  readonly hash: Hash64
  readonly heard: Heard
  readonly chunkBytes: number
  /** The receiver's session directory. */
  readonly directory: string
  readonly receiverDisk: () => MemoryDisk
  /** What was asked for, and so what must be on the disk. */
  readonly durability: Durability
  readonly fail: (why: string) => void
}

export class DiskCheck {
  readonly #tools: DiskCheckTools
  readonly #journal: DurableJournal

  constructor(tools: DiskCheckTools) {
    this.#tools = tools
    this.#journal = new DurableJournal(tools.hash)
  }

  /** The receiver hands an acknowledge to its connection. */
  acknowledgeSaid({ places, outcomes }: Acknowledge): void {
    const { durability } = this.#tools
    const durable = durability === 'checkpoint' ? places : [] // What others are worth shows when the process is killed.
    for (const run of durable) this.#checkRun(run)
    if (durability !== 'none') for (const outcome of outcomes) this.#checkOutcome(outcome)
    this.#checkJournal(durable, outcomes)
  }

  #checkRun({ entry, revision, first, count }: PlaceRun): void {
    const { receiverDisk, directory } = this.#tools
    const part = receiverDisk().durableBytes(`${directory}/parts/${entry}`)
    for (let chunk = first; chunk < first + count; chunk++) this.#checkPlace({ entry, revision, chunk }, part)
  }

  #checkPlace(place: Place, part: Uint8Array | undefined): void {
    const { hash, heard, chunkBytes, fail } = this.#tools
    const sent = heard.payloadOf(place)
    if (sent === undefined) return
    const start = place.chunk * chunkBytes
    const bytes = part?.subarray(start, start + (sent.length ?? chunkBytes)) ?? new Uint8Array(0)
    const isThere = sent.length === undefined ? bytes.every((byte) => byte === 0) : hash(bytes) === sent.hash
    if (!isThere) fail(`R1: ${placeKey(place)} is acknowledged while its bytes are not on the disk`)
  }

  #checkOutcome({ entry, outcome, digest, target }: EntryOutcome): void {
    const { hash, heard, chunkBytes, fail, receiverDisk } = this.#tools
    if (digest === undefined) return
    const path = heard.pathOf(entry)
    if (path === undefined) return
    const name = [...path.slice(0, -1), target ?? path.at(-1)!].join('/')
    const bytes = receiverDisk().durableBytes(`/dst/${name}`)
    if (bytes === undefined) fail(`R4: ${name} is acknowledged as ${outcome} while its name is not on the disk`)
    else if (digestOf(bytes, chunkBytes, hash) !== digest)
      fail(`R4: ${name} is acknowledged as ${outcome} while its bytes are not on the disk`)
  }

  /** The record that says so is on the disk, too. */
  #checkJournal(places: readonly PlaceRun[], outcomes: readonly EntryOutcome[]): void {
    const { receiverDisk, directory, fail } = this.#tools
    const path = `${directory}/journal`
    const checkpoint = this.#journal.read(
      (from, to) => receiverDisk().durableBytes(path, from, to) ?? new Uint8Array(0),
    )
    for (const { entry } of outcomes)
      if (!checkpoint.outcomes.has(entry)) fail(`R1: the outcome of ${entry} is acknowledged and not in the journal`)
    for (const { entry, revision, first, count } of places) {
      const { runs } = checkpoint.parts.get(entry) ?? { runs: [] }
      const isIn = (chunk: number): boolean =>
        runs.some((run) => chunk >= run.first && chunk < run.first + run.hashes.length)
      const isIntended = checkpoint.intents.get(entry)?.revision === revision
      for (let chunk = first; chunk < first + count; chunk++)
        if (!isIntended && !checkpoint.outcomes.has(entry) && !isIn(chunk))
          fail(`R1: ${entry}:${revision}:${chunk} is acknowledged and not in the journal`)
    }
  }
}

/** The digest of a file with these bytes. */
export function digestOf(bytes: Uint8Array, chunkBytes: number, hash: Hash64): string {
  const hashes = Array.from({ length: chunkCount(bytes.length, chunkBytes) }, (_, i) =>
    hash(bytes.subarray(i * chunkBytes, (i + 1) * chunkBytes)),
  )
  return fileDigest(hashes, bytes.length, hash)
}
