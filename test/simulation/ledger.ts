// What was promised in one simulated run, kept apart from both sides, and held against the receiver's disk when it is
// promised and against what the receiver says afterwards (R1).

import { foldRecords } from '../../src/core/checkpoint.ts'
import { fileDigest } from '../../src/hash/xxh64.ts'
import type { Directory, DiskFile } from '../../src/model/disk.ts'
import type { Hash64 } from '../../src/model/hash.ts'
import type { Acknowledge, EntryOutcome, Want, WantMessage } from '../../src/model/messages.ts'
import { chunkCount, type Place, type PlaceRun } from '../../src/model/places.ts'
import { readJournal } from '../../src/store/journal-file.ts'
import type { MemoryDisk } from '../../src/store/memory-disk.ts'
import type { Durability } from '../../src/model/session.ts'
import type { Heard } from './heard.ts'
import type { Link } from './link.ts'

export interface LedgerTools {
  readonly hash: Hash64
  readonly heard: Heard
  readonly chunkBytes: number
  /** The receiver's session directory. */
  readonly directory: string
  readonly receiverDisk: () => MemoryDisk
  /** What was asked for, and so what an acknowledge promises. */
  readonly durability: Durability
  readonly fail: (why: string) => void
}

/** All that was promised up to a moment. */
export interface Promises {
  readonly places: ReadonlyMap<string, Place>
  readonly outcomes: ReadonlyMap<number, string>
}

export class Ledger {
  readonly #tools: LedgerTools
  #places = new Map<string, Place>()
  #outcomes = new Map<number, string>()
  /** What the receiver says of where it stands, by connection, until it has said all. */
  readonly #standings = new WeakMap<Link, Want[] | 'whole'>()

  constructor(tools: LedgerTools) {
    this.#tools = tools
  }

  get promises(): Promises {
    return { places: new Map(this.#places), outcomes: new Map(this.#outcomes) }
  }

  /** The receiver's disk is what it was when these were all its promises. */
  rollBack({ places, outcomes }: Promises): void {
    this.#places = new Map(places)
    this.#outcomes = new Map(outcomes)
  }

  /** The power of the receiver's machine was cut: what is left of its promises is what the level says (R20). */
  powerCut(): void {
    const { durability } = this.#tools
    if (durability !== 'checkpoint') this.#places.clear()
    if (durability === 'none') this.#outcomes.clear()
  }

  /** What was made durable of an entry is gone, by no fault of carryon. */
  lost(entry: number): void {
    for (const [key, place] of this.#places) if (place.entry === entry) this.#places.delete(key)
  }

  /** The receiver hands an acknowledge to its connection: from here on it stands for it, whether anybody hears it or not. */
  acknowledgeSaid({ places, outcomes, level }: Acknowledge): void {
    const { durability, fail } = this.#tools
    if (level !== durability) fail(`R20: ${level} is said where ${durability} was asked for`)
    const parts = new Map<number, Uint8Array | undefined>()
    for (const run of places)
      for (let chunk = run.first; chunk < run.first + run.count; chunk++) {
        const place = { entry: run.entry, revision: run.revision, chunk }
        this.#places.set(keyOf(place), place)
        if (durability !== 'checkpoint') continue // What it is worth shows when the process is killed.
        if (!parts.has(run.entry)) parts.set(run.entry, this.#durablePart(run.entry))
        this.#checkPlace(place, parts.get(run.entry))
      }
    for (const outcome of outcomes) {
      this.#outcomes.set(outcome.entry, outcome.outcome)
      if (durability !== 'none') this.#checkOutcome(outcome)
    }
    void this.#checkJournal(durability === 'checkpoint' ? places : [], outcomes)
  }

  #durablePart(entry: number): Uint8Array | undefined {
    const disk = this.#tools.receiverDisk()
    return disk.durableBytes(`${this.#tools.directory}/parts/${entry}`)
  }

  #checkPlace(place: Place, part: Uint8Array | undefined): void {
    const { hash, heard, chunkBytes, fail } = this.#tools
    const sent = heard.payloadOf(place)
    if (sent === undefined) return
    const start = place.chunk * chunkBytes
    const bytes = part?.subarray(start, start + (sent.length ?? chunkBytes)) ?? new Uint8Array(0)
    const isThere = sent.length === undefined ? bytes.every((byte) => byte === 0) : hash(bytes) === sent.hash
    if (!isThere) fail(`R1: ${keyOf(place)} is acknowledged while its bytes are not on the disk`)
  }

  #checkOutcome({ entry, outcome, digest, target }: EntryOutcome): void {
    const { hash, heard, chunkBytes, fail } = this.#tools
    if (digest === undefined) return
    const path = heard.pathOf(entry)
    if (path === undefined) return
    const name = [...path.slice(0, -1), target ?? path.at(-1)!].join('/')
    const bytes = this.#tools.receiverDisk().durableBytes(`/dst/${name}`)
    if (bytes === undefined) fail(`R4: ${name} is acknowledged as ${outcome} while its name is not on the disk`)
    else if (digestOf(bytes, chunkBytes, hash) !== digest)
      fail(`R4: ${name} is acknowledged as ${outcome} while its bytes are not on the disk`)
  }

  /** The record that says so is on the disk, too. */
  async #checkJournal(places: readonly PlaceRun[], outcomes: readonly EntryOutcome[]): Promise<void> {
    const { hash, receiverDisk, directory, fail } = this.#tools
    const bytes = receiverDisk().durableBytes(`${directory}/journal`) ?? new Uint8Array(0)
    const { records } = await readJournal(directoryWith(bytes), { hash })
    const checkpoint = foldRecords(records)
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

  /** Whether the receiver has said all of where it stands on this connection. */
  isWhole(link: Link): boolean {
    return this.#standings.get(link) === 'whole'
  }

  /** The receiver says where it stands: at least at all that it had promised. */
  wantSaid(link: Link, { wants, last }: WantMessage): void {
    const before = this.#standings.get(link) ?? []
    if (before === 'whole') return
    const all = [...before, ...wants]
    this.#standings.set(link, last ? 'whole' : all)
    if (last) this.#checkStanding(all)
  }

  #checkStanding(wants: readonly Want[]): void {
    const { fail } = this.#tools
    for (const [key, place] of this.#places)
      if (!wants.some((want) => this.#covers(want, place))) fail(`R1: ${key} was acknowledged and is not durable`)
    for (const [entry, outcome] of this.#outcomes) {
      const isSaid = wants.some((want) => want.need === 'done' && isIn(want, entry) && want.outcome === outcome)
      if (!isSaid) fail(`R1: entry ${entry} was acknowledged as ${outcome} and is not`)
    }
  }

  /** Below `checkpoint` it is enough that it was received: the next sync point acknowledges it again. */
  #covers(want: Want, place: Place): boolean {
    if (want.need !== 'part' || this.#tools.durability === 'checkpoint') return covers(want, place)
    return covers(want, place) || covers({ ...want, durable: want.received }, place)
  }
}

const keyOf = ({ entry, revision, chunk }: Place): string => `${entry}:${revision}:${chunk}`

const isIn = (want: Want, entry: number): boolean =>
  entry >= want.from && entry < want.from + ('count' in want ? want.count : 1)

function covers(want: Want, { entry, revision, chunk }: Place): boolean {
  if (!isIn(want, entry)) return false
  if (want.need === 'done') return true
  if (want.need === 'all') return want.revision > revision
  if (want.need !== 'part') return false
  if (want.revision !== revision) return want.revision > revision
  return want.durable.some(([first, count]) => chunk >= first && chunk < first + count)
}

/** The digest of a file with these bytes. */
export function digestOf(bytes: Uint8Array, chunkBytes: number, hash: Hash64): string {
  const hashes = Array.from({ length: chunkCount(bytes.length, chunkBytes) }, (_, i) =>
    hash(bytes.subarray(i * chunkBytes, (i + 1) * chunkBytes)),
  )
  return fileDigest(hashes, bytes.length, hash)
}

/** A directory in which every file has these bytes. */
function directoryWith(bytes: Uint8Array): Directory {
  const file = {
    read: async (target: Uint8Array, position: number) => {
      const part = bytes.subarray(position, position + target.length)
      target.set(part)
      return part.length
    },
    close: async () => undefined,
  } as Partial<DiskFile>
  return { label: 'journal', openFile: async () => file as DiskFile } as Partial<Directory> as Directory
}
