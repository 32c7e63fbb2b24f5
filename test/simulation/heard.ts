// What the two sides told each other in one run: the paths behind entries, what was sent for which place, and which contents
// the sender has authorised. The checks look it up here; nothing is judged.

import type { Hash64 } from '../../src/model/hash.ts'
import { headerBytes } from '../../src/model/limits.ts'
import type { ManifestMessage, Resync, Sync } from '../../src/model/messages.ts'
import type { Place } from '../../src/model/places.ts'
import { fileDigest } from '../../src/hash/xxh64.ts'
import { readHeader, readPackRows } from '../../src/wire/frames.ts'

/** Of a place, as it was sent. */
export interface Payload {
  readonly hash: bigint
  /** Undefined: zeros, as many as the place has. */
  readonly length: number | undefined
}

type Path = readonly string[]

export class Heard {
  readonly #hash: Hash64
  readonly #paths: Path[] = []
  readonly #entries = new Map<string, number>()
  readonly #payloads = new Map<string, Payload>()
  readonly #authorised = new Set<string>()

  constructor(hash: Hash64) {
    this.#hash = hash
  }

  manifestSaid({ first, entries }: ManifestMessage): void {
    entries.forEach(({ path }, i) => {
      const texts = path.map(String)
      this.#paths[first + i] = texts
      this.#entries.set(texts.join('/'), first + i)
    })
  }

  pathOf(entry: number): Path | undefined {
    return this.#paths[entry]
  }

  entryAt(path: Path): number | undefined {
    return this.#entries.get(path.join('/'))
  }

  /** The places in a data frame, each with what it costs. */
  frameSent(frame: Uint8Array): { place: Place; bytes: number }[] {
    const header = readHeader(frame, this.#hash)
    if (header.kind === 'pack')
      return readPackRows(frame, header).map(({ entry, revision, length, hash }) => {
        const place = { entry, revision, chunk: 0 }
        this.#payloads.set(keyOf(place), { hash, length })
        return { place, bytes: length }
      })
    const bytes = header.kind === 'zeros' ? 0 : frame.length - 32
    this.#payloads.set(keyOf(header), { hash: header.hash, length: header.kind === 'zeros' ? undefined : bytes })
    return [{ place: header, bytes }]
  }

  /** What a new revision keeps of the one before counts as sent for it. */
  resyncSaid({ entry, revision, keep }: Resync): void {
    for (const [first, count] of keep)
      for (let chunk = first; chunk < first + count; chunk++) {
        const before = this.#payloads.get(keyOf({ entry, revision: revision - 1, chunk }))
        if (before !== undefined) this.#payloads.set(keyOf({ entry, revision, chunk }), before)
      }
  }

  payloadOf(place: Place): Payload | undefined {
    return this.#payloads.get(keyOf(place))
  }

  /** `sync major` has reached the receiver. */
  syncHeard(sync: Sync): void {
    if (sync.grade === 'major')
      for (const { entry, revision, digest } of sync.files) this.#authorised.add(`${entry}:${revision}:${digest}`)
  }

  /** A data frame has reached the receiver: a pack authorises itself. */
  frameHeard(frame: Uint8Array): void {
    const header = readHeader(frame, this.#hash)
    if (header.kind !== 'pack' || this.#hash(frame.subarray(headerBytes)) !== header.hash) return
    for (const { entry, revision, length, hash } of readPackRows(frame, header))
      this.#authorised.add(`${entry}:${revision}:${fileDigest([hash], length, this.#hash)}`)
  }

  isAuthorised(entry: number, digest: string): boolean {
    for (const known of this.#authorised) if (known.startsWith(`${entry}:`) && known.endsWith(digest)) return true
    return false
  }
}

const keyOf = ({ entry, revision, chunk }: Place): string => `${entry}:${revision}:${chunk}`
