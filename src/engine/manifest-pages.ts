// The manifest of one session as the engine reads it: entries by index, from the pages on disk, with a few pages decoded.
// Memory does not grow with the number of entries (R76).

import { assert } from '../errors.ts'
import type { Hash64 } from '../model/hash.ts'
import { hex64 } from '../model/hash.ts'
import type { Entry, Fingerprint, ManifestTotals, Page } from '../model/manifest.ts'
import { noManifest } from '../model/manifest.ts'
import type { PageRecord } from '../model/records.ts'
import { entryKinds, type PageShape } from '../core/inputs.ts'
import type { ManifestFile } from '../store/manifest-file.ts'
import { decodeEntries, digestInput } from '../wire/manifest.ts'

const pagesKept = 12 // 24,000 small entries, some 6 MiB: nearly all that are under way at once.

/** The running digest of a page (docs/protocol.md). @param text of its entries, canonical */
export function pageDigest(previous: string, text: string, last: ManifestTotals | undefined, hash: Hash64): string {
  return hex64(hash(Buffer.from(digestInput(previous, text, last))))
}

/** What the core keeps of a page. */
export function shapeOf({ page, first, digest, last }: Omit<Page, 'entries'>, entries: readonly Entry[]): PageShape {
  const kinds = new Uint8Array(entries.length)
  const sizes = new Float64Array(entries.length)
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!
    kinds[i] = entryKinds[entry.kind]
    if (entry.kind === 'file') sizes[i] = entry.size
  }
  return { page, first, kinds, sizes, digest, ...(last === undefined ? {} : { last }) }
}

export class ManifestPages {
  readonly #file: ManifestFile
  readonly #hash: Hash64
  readonly #records: PageRecord[]
  readonly #decoded = new Map<number, readonly Entry[]>()

  constructor(file: ManifestFile, records: readonly PageRecord[], hash: Hash64) {
    this.#file = file
    this.#records = [...records]
    this.#hash = hash
  }

  get pages(): number {
    return this.#records.length
  }

  get lastDigest(): string {
    return this.#records.at(-1)?.digest ?? noManifest.digest
  }

  get nextEntry(): number {
    const last = this.#records.at(-1)
    return last === undefined ? 0 : last.first + last.count
  }

  get bytesSoFar(): number {
    return this.#records.at(-1)?.bytesSoFar ?? 0
  }

  /** Of all pages, as they are stored. */
  get textBytes(): number {
    const last = this.#records.at(-1)
    return last === undefined ? 0 : last.offset + last.length
  }

  get isComplete(): boolean {
    return this.#records.at(-1)?.last !== undefined
  }

  record(page: number): PageRecord {
    const record = this.#records[page]
    assert(record !== undefined, `page ${page} is stored`)
    return record
  }

  /**
   * Appends a page's text and puts it on the disk; it counts once `record` is in the journal and `add` was called.
   * @param text of the entries, canonical
   */
  async write(
    entries: readonly Entry[],
    text: string,
    last: ManifestTotals | undefined,
    more: Pick<PageRecord, 'fingerprints' | 'existed'>,
  ): Promise<PageRecord> {
    const { offset, length } = await this.#file.append(text)
    await this.#file.sync()
    const bytes = entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.size : 0), 0)
    return {
      kind: 'page',
      page: this.pages,
      first: this.nextEntry,
      count: entries.length,
      offset,
      length,
      digest: pageDigest(this.lastDigest, text, last, this.#hash),
      bytesSoFar: this.bytesSoFar + bytes,
      ...(last === undefined ? {} : { last }),
      ...more,
    }
  }

  add(record: PageRecord, entries: readonly Entry[]): void {
    this.#records.push(record)
    this.#keep(record.page, entries)
  }

  /** All pages' shapes, read from the disk and checked against the journal. */
  async shapes(): Promise<PageShape[]> {
    const shapes: PageShape[] = []
    let digest = noManifest.digest
    for (const record of this.#records) {
      digest = pageDigest(digest, await this.text(record.page), record.last, this.#hash)
      assert(digest === record.digest, `page ${record.page} of the manifest is as the journal says`)
      shapes.push(shapeOf(record, await this.entries(record.page)))
    }
    return shapes
  }

  /** The canonical text of a page's entries, from the disk. */
  text(page: number): Promise<string> {
    const { offset, length } = this.record(page)
    return this.#file.read(offset, length)
  }

  async entries(page: number): Promise<readonly Entry[]> {
    const entries = this.#decoded.get(page) ?? decodeEntries(await this.text(page))
    this.#keep(page, entries)
    return entries
  }

  async entry(index: number): Promise<Entry> {
    const page = this.pageOf(index)
    return (await this.entries(page))[index - this.record(page).first]!
  }

  /** Entries by index; those of one page should stand together. */
  async many(indexes: readonly number[]): Promise<Entry[]> {
    const found: Entry[] = []
    let first = 0
    let entries: readonly Entry[] = []
    for (let i = 0; i < indexes.length; i++) {
      const index = indexes[i]!
      if (index < first || index >= first + entries.length) {
        const page = this.pageOf(index)
        entries = await this.entries(page)
        first = this.record(page).first
      }
      found.push(entries[index - first]!)
    }
    return found
  }

  /** A sender's. */
  fingerprint(index: number): Fingerprint | undefined {
    const { first, fingerprints } = this.record(this.pageOf(index))
    return fingerprints.at(index - first) ?? undefined
  }

  pageOf(index: number): number {
    let low = 0
    let high = this.#records.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.#records[middle]!.first <= index) low = middle
      else high = middle - 1
    }
    return low
  }

  #keep(page: number, entries: readonly Entry[]): void {
    this.#decoded.delete(page)
    this.#decoded.set(page, entries)
    if (this.#decoded.size <= pagesKept) return
    for (const oldest of this.#decoded.keys()) {
      this.#decoded.delete(oldest)
      return
    }
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}
