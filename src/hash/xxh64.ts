// xxh64 (seed 0) from WebAssembly, and what carryon builds from it: digests of files and the digest of a session. It finds
// damage, not forgery. Runs in a browser too. Definitions: docs/protocol.md, section Hashes and digests.

import xxhash from 'xxhash-wasm'
import { hex64, type Hash64 } from '../model/hash.ts'
import { encodeName, isEscaped, pathText, type Path } from '../model/names.ts'
import type { Entry } from '../model/manifest.ts'

let loading: Promise<Hash64> | undefined

/** The hash, compiled once per process. */
export function loadHash(): Promise<Hash64> {
  loading ??= xxhash().then((xxh) => (bytes) => xxh.h64Raw(bytes))
  return loading
}

/** A file's digest, 16 hex digits: xxh64 over the hashes of its chunks in order, then its size in bytes; each as u64, little endian. */
export function fileDigest(hashes: BigUint64Array | readonly bigint[], size: number, hash: Hash64): string {
  const length = hashes.length * 8 + 8
  const { bytes, view } = length <= scratchBytes ? scratch : roomFor(length)
  for (let chunk = 0; chunk < hashes.length; chunk++) view.setBigUint64(chunk * 8, hashes[chunk]!, true)
  view.setBigUint64(hashes.length * 8, BigInt(size), true)
  return hex64(hash(bytes.subarray(0, length)))
}

function roomFor(length: number): { readonly bytes: Uint8Array; readonly view: DataView } {
  const bytes = new Uint8Array(length)
  return { bytes, view: new DataView(bytes.buffer) }
}

const scratchBytes = 64 // For files of a few chunks, whose digests cost less than room for each.
const scratch = roomFor(scratchBytes)

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
