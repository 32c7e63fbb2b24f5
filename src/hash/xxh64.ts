// xxh64 (seed 0) from WebAssembly, and what carryon builds from it: digests of files and the digest of a session. It finds
// damage, not forgery. Runs in a browser too. Definitions: docs/protocol.md, section Hashes and digests.

import xxhash from 'xxhash-wasm'
import { assert } from '../errors.ts'
import { hex64, type Hash64, type RunningHash } from '../model/hash.ts'
import { encodeName, isEscaped, pathText, type Path } from '../model/names.ts'
import type { Entry } from '../model/manifest.ts'

let loading: Promise<Hash64> | undefined
const beginnings = new WeakMap<Hash64, () => RunningHash>()

/** The hash, compiled once per process. */
export function loadHash(): Promise<Hash64> {
  loading ??= xxhash().then((xxh) => {
    const hash: Hash64 = (bytes) => xxh.h64Raw(bytes)
    beginnings.set(hash, () => xxh.create64())
    return hash
  })
  return loading
}

/**
 * A file's digest, 16 hex digits: xxh64 over the hashes of its chunks in order, then its size in bytes; each as u64, little
 * endian.
 * @param hash what `loadHash` returned
 */
export function fileDigest(hashes: BigUint64Array | readonly bigint[], size: number, hash: Hash64): string {
  if (hashes.length >= roomValues) return longDigest(hashes, size, hash)
  fillRoom(hashes, 0, hashes.length)
  room.setBigUint64(hashes.length * 8, BigInt(size), true)
  return hex64(hash(roomBytes.subarray(0, hashes.length * 8 + 8)))
}

/** Piece by piece: a million hashes in one would take 8 MiB here, and 8 more that WebAssembly never gives back. */
function longDigest(hashes: BigUint64Array | readonly bigint[], size: number, hash: Hash64): string {
  const begin = beginnings.get(hash)
  assert(begin !== undefined, 'files are hashed with what was loaded')
  const running = begin()
  for (let from = 0; from < hashes.length; from += roomValues) {
    const count = Math.min(roomValues, hashes.length - from)
    fillRoom(hashes, from, count)
    running.update(roomBytes.subarray(0, count * 8))
  }
  room.setBigUint64(0, BigInt(size), true)
  running.update(roomBytes.subarray(0, 8))
  return hex64(running.digest())
}

function fillRoom(hashes: BigUint64Array | readonly bigint[], from: number, count: number): void {
  for (let i = 0; i < count; i++) room.setBigUint64(i * 8, hashes[from + i]!, true)
}

const roomValues = 1024
const roomBytes = new Uint8Array(roomValues * 8)
const room = new DataView(roomBytes.buffer)

const zerosKept = 64 // A session needs the hash of a whole chunk and of a few tails; more are made again.
const zeros = new WeakMap<Hash64, Map<number, bigint>>()

/** The hash of `length` zero bytes. Remembers the last few lengths, so that a run of holes costs nothing. */
export function zerosHash(length: number, hash: Hash64): bigint {
  const known = zeros.get(hash) ?? new Map<number, bigint>()
  zeros.set(hash, known)
  const before = known.get(length)
  if (before !== undefined) return before
  if (known.size >= zerosKept) known.clear()
  const value = hash(new Uint8Array(length))
  known.set(length, value)
  return value
}

/** One entry of the session digest. */
export interface DeliveredItem {
  readonly path: Path
  readonly kind: Entry['kind']
  /** Bytes of a file, or of a link's target; 0 for a directory. */
  readonly size: number
  /** 16 hex digits: a file's digest, or xxh64 of a link's target; '' for a directory. */
  readonly digest: string
}

const itemsPerStep = 1024

/** The digest of a session over what was delivered, added in index order. Holds 1,024 items at a time. */
export class SessionDigest {
  readonly #hash: Hash64
  #digest = '0'.repeat(16)
  #text = ''
  #held = 0

  constructor(hash: Hash64) {
    this.#hash = hash
  }

  add(item: DeliveredItem): void {
    this.#text += itemText(item)
    if (++this.#held === itemsPerStep) this.#step()
  }

  /** `xxh64c:` and 16 hex digits. */
  end(): string {
    if (this.#held > 0) this.#step()
    return `xxh64c:${this.#digest}`
  }

  #step(): void {
    this.#digest = chained(this.#digest, this.#text, this.#hash)
    this.#text = ''
    this.#held = 0
  }
}

/** Ends with NUL, the one byte that no name holds, so that two different lists never read the same. */
function itemText({ path, kind, size, digest }: DeliveredItem): string {
  return `${kind[0]!} ${size} ${digest === '' ? '-' : digest} ${pathText(path)}\0`
}

function chained(digest: string, text: string, hash: Hash64): string {
  return hex64(hash(nameTextBytes(digest + text)))
}

const encoder = new TextEncoder()

/** Names are bytes: what is escaped in them goes back to the byte it stands for. */
function nameTextBytes(text: string): Uint8Array {
  return isEscaped(text) ? encodeName(text) : encoder.encode(text)
}
