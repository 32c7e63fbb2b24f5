// Cuts what the walk finds into pages that fit a message, whatever the names look like.

import { pageEntriesMax, pageTextMaxBytes } from '../model/limits.ts'
import type { Entry, Fingerprint } from '../model/manifest.ts'
import type { Name } from '../model/names.ts'

/** What the walk found: an entry, and the version of the file it saw; null for what is no file. */
export interface Walked {
  readonly entry: Entry
  readonly fingerprint: Fingerprint | null
}

/** A run of entries in walk order, at most `pageEntriesMax` of them and about `pageTextMaxBytes` of text. */
export interface WalkedPage {
  readonly entries: readonly Entry[]
  /** One per entry. */
  readonly fingerprints: readonly (Fingerprint | null)[]
}

const entryTextBytes = 160 // Keys, numbers and a digest: all of an entry's text but its names.

/** Gathers entries until a page is full. */
export class PageCutter {
  #entries: Entry[] = []
  #fingerprints: (Fingerprint | null)[] = []
  #textBytes = 0
  readonly #entriesMax: number

  /** @param entriesMax a smaller bound than `pageEntriesMax` */
  constructor(entriesMax: number = pageEntriesMax) {
    this.#entriesMax = entriesMax
  }

  /** Adds an entry; returns the page before it if that is full now. */
  add({ entry, fingerprint }: Walked): WalkedPage | undefined {
    const textBytes = textBytesOf(entry)
    const isFull = this.#entries.length === this.#entriesMax || this.#textBytes + textBytes > pageTextMaxBytes
    const page = isFull ? this.take() : undefined
    this.#entries.push(entry)
    this.#fingerprints.push(fingerprint)
    this.#textBytes += textBytes
    return page
  }

  /** The entries gathered since the last page; undefined if there are none. */
  take(): WalkedPage | undefined {
    if (this.#entries.length === 0) return undefined
    const page = { entries: this.#entries, fingerprints: this.#fingerprints }
    this.#entries = []
    this.#fingerprints = []
    this.#textBytes = 0
    return page
  }
}

function textBytesOf(entry: Entry): number {
  let bytes = entryTextBytes
  for (const name of entry.path) bytes += jsonBytesMax(name)
  return entry.kind === 'link' ? bytes + jsonBytesMax(entry.target) : bytes
}

/** The most bytes a name takes as JSON in UTF-8, base64 included. */
function jsonBytesMax(name: Name): number {
  let bytes = 20 // Quotes and a comma, or the object around base64.
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i)
    if (unit < 0x20 || (unit >= 0xd800 && unit <= 0xdfff)) bytes += 6
    else if (unit === 0x22 || unit === 0x5c) bytes += 2
    else bytes += unit < 0x80 ? 1 : 3
  }
  return bytes
}
