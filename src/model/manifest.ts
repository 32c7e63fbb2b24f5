// What is offered: entries in walk order, cut into pages. An entry is known by its index. Pages never change once stored;
// the running digest of page n covers all pages up to n, so two sides compare any prefix by one number.

import type { Name, Path } from './names.ts'

/** Why the sender lists an entry that it does not offer. */
export type OmissionReason = 'special' | 'link-outside' | 'link-skipped' | 'unreadable' | 'vanished' | 'bad-name'

export interface FileEntry {
  readonly kind: 'file'
  readonly path: Path
  /** Bytes. */
  readonly size: number
  /** Microseconds since 1970; may be negative. */
  readonly mtimeUs: number
  /** The nine permission bits, 0 to 0o777. */
  readonly mode: number
  /** File digest, 16 hex digits; only with `checksum`, where the sender hashes before it offers. */
  readonly digest?: string
}
export interface DirectoryEntry {
  readonly kind: 'directory'
  readonly path: Path
  readonly mtimeUs: number
  readonly mode: number
}
export interface LinkEntry {
  readonly kind: 'link'
  readonly path: Path
  /** The link's text, byte for byte. */
  readonly target: Name
  readonly mtimeUs: number
}
/** Listed so that both sides' books agree; no bytes will come. */
export interface OmittedEntry {
  readonly kind: 'omitted'
  readonly path: Path
  readonly reason: OmissionReason
}
export type Entry = FileEntry | DirectoryEntry | LinkEntry | OmittedEntry

/** Identity of a version of a source file. Compared, never shown. */
export interface Fingerprint {
  readonly size: number
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  readonly inode: bigint
}

/** A run of entries in walk order. */
export interface Page {
  /** Counts from 0. */
  readonly page: number
  /** Index of its first entry. */
  readonly first: number
  readonly entries: readonly Entry[]
  /** Running digest: 16 hex digits, over the digest before it and this page's text (docs/protocol.md). */
  readonly digest: string
  /** Set on the last page, which may be empty: what the manifest holds in all. */
  readonly last?: ManifestTotals
}

export interface ManifestTotals {
  readonly entries: number
  /** Sum of the files' sizes. */
  readonly bytes: number
}

/** How much of a manifest a side holds. */
export interface ManifestState {
  readonly pages: number
  readonly entries: number
  readonly bytes: number
  readonly digest: string
  readonly complete: boolean
}

export const noManifest: ManifestState = { pages: 0, entries: 0, bytes: 0, digest: '0000000000000000', complete: false }
