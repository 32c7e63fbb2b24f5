// Notes that a chunk was written: never synced, emptied after each durable record. After a crash they only say where to
// look; what they name counts as received once it was adopted (R115). Layout: docs/journal.md, section Hints.

import { hasCode } from '../errors.ts'
import type { Directory, DiskFile } from '../model/disk.ts'
import type { Hash64 } from '../model/hash.ts'
import type { Place } from '../model/places.ts'

export const hintsName = 'hints'
const hintBytes = 32
const holeFlag = 1
const blockBytes = 65_536 * hintBytes // Read at once: without durable records the file only grows.

export interface Hint extends Place {
  /** xxh64 of the chunk as it came. */
  readonly hash: bigint
  /** All zeros, and left unwritten. */
  readonly isHole: boolean
}

export class Hints {
  readonly #file: DiskFile
  readonly #hash: Hash64
  #pending: Uint8Array[] = []
  #position: number
  /** What is under way on the file: one call at a time, so who waits for a flush waits for those before it, too. */
  #last: Promise<void> = Promise.resolve()

  constructor(file: DiskFile, hash: Hash64, position: number) {
    this.#file = file
    this.#hash = hash
    this.#position = position
  }

  /** Remembers a chunk until the next `flush`. */
  note(hint: Hint): void {
    this.#pending.push(encodeHint(hint, this.#hash))
  }

  /** Hands what was noted to the operating system, so that it outlives this process; not synced. What fails is kept. */
  flush(): Promise<void> {
    return this.#next(async () => {
      const noted = this.#pending.splice(0)
      if (noted.length === 0) return
      const bytes = Buffer.concat(noted)
      try {
        await this.#file.write(bytes, this.#position)
      } catch (error) {
        this.#pending.unshift(...noted)
        throw error
      }
      this.#position += bytes.length
    })
  }

  /** Forgets everything, after a durable record; `keep` names what was written and that record does not vouch for. */
  reset(keep: readonly Hint[] = []): Promise<void> {
    return this.#next(async () => {
      this.#pending = []
      await this.#file.truncate(0)
      this.#position = 0
      for (const hint of keep) this.note(hint)
    })
  }

  /** What was noted and not flushed is lost. */
  close(): Promise<void> {
    return this.#next(() => this.#file.close())
  }

  #next(work: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(work, work)
    return this.#last
  }
}

/** Opens the hints of a session, behind those that are there; makes the file if there is none. */
export async function openHints(directory: Directory, tools: { readonly hash: Hash64 }): Promise<Hints> {
  const file = await openOrMake(directory)
  try {
    const { size } = await file.stat()
    return new Hints(file, tools.hash, Math.floor(size / hintBytes) * hintBytes)
  } catch (error) {
    await file.close()
    throw error
  }
}

/** All hints that are whole, in the order in which they were noted. Torn or foreign bytes are passed over. */
export async function* readHints(directory: Directory, tools: { readonly hash: Hash64 }): AsyncGenerator<Hint> {
  if ((await directory.stat(hintsName)) === undefined) return
  const file = await directory.openFile(hintsName, 'read')
  try {
    const block = new Uint8Array(Math.min((await file.stat()).size, blockBytes))
    for (let position = 0; ; position += blockBytes) {
      const count = await file.read(block, position)
      for (let at = 0; at + hintBytes <= count; at += hintBytes) {
        const hint = decodeHint(block.subarray(at, at + hintBytes), tools.hash)
        if (hint !== undefined) yield hint
      }
      if (count < blockBytes) return
    }
  } finally {
    await file.close()
  }
}

async function openOrMake(directory: Directory): Promise<DiskFile> {
  try {
    return await directory.openFile(hintsName, 'update')
  } catch (error) {
    if (hasCode(error, 'not-found')) return directory.openFile(hintsName, 'create')
    throw error
  }
}

function encodeHint({ entry, revision, chunk, hash, isHole }: Hint, checksum: Hash64): Uint8Array {
  const bytes = new Uint8Array(hintBytes)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, entry, true)
  view.setUint16(4, revision, true)
  view.setUint16(6, isHole ? holeFlag : 0, true)
  view.setUint32(8, chunk, true)
  view.setBigUint64(16, hash, true)
  view.setBigUint64(24, checksum(bytes.subarray(0, 24)), true)
  return bytes
}

function decodeHint(bytes: Uint8Array, checksum: Hash64): Hint | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getBigUint64(24, true) !== checksum(bytes.subarray(0, 24))) return undefined
  return {
    entry: view.getUint32(0, true),
    revision: view.getUint16(4, true),
    chunk: view.getUint32(8, true),
    hash: view.getBigUint64(16, true),
    isHole: (view.getUint16(6, true) & holeFlag) !== 0,
  }
}
