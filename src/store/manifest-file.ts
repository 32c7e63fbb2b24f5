// The texts of manifest pages, one behind the other. Where each begins, how long it is and what digest it has is in the
// journal, so this file needs no form of its own: what lies behind the last page the journal knows is nobody's.

import { TransferError } from '../errors.ts'
import type { Directory, DiskFile } from '../model/disk.ts'
import { pageTextMaxBytes } from '../model/limits.ts'

export const manifestName = 'manifest'

export class ManifestFile {
  readonly #file: DiskFile
  readonly #label: string
  #length: number

  constructor(file: DiskFile, label: string, length: number) {
    this.#file = file
    this.#label = label
    this.#length = length
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length
  }

  /** Puts a text behind the others; not synced. If it fails, the next one takes its place. */
  async append(text: string): Promise<{ offset: number; length: number }> {
    const bytes = Buffer.from(text)
    const offset = this.#length
    this.#length += bytes.length // Before the wait: two appends under way never overlap (R18).
    try {
      await this.#file.write(bytes, offset)
    } catch (error) {
      if (this.#length === offset + bytes.length) this.#length = offset
      throw error
    }
    return { offset, length: bytes.length }
  }

  /** On return all texts are on the disk. After a failure the file must be opened anew (R16). */
  async sync(): Promise<void> {
    await this.#file.datasync()
  }

  /** The text of a page. @throws TransferError `disk-failed` if the file is shorter than the journal says */
  async read(offset: number, length: number): Promise<string> {
    if (length > pageTextMaxBytes * 2) throw this.#cut(`a page of ${length} bytes`)
    const bytes = Buffer.alloc(length)
    if ((await this.#file.read(bytes, offset)) < length) throw this.#cut(`it ends before byte ${offset + length}`)
    return bytes.toString()
  }

  /** Cuts what the journal does not know. */
  async truncate(length: number): Promise<void> {
    await this.#file.truncate(length)
    this.#length = length
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  #cut(cause: string): TransferError {
    return new TransferError('disk-failed', { path: this.#label, operation: 'read', cause })
  }
}

/** Makes the manifest of a new session, empty, on the disk but for its name. */
export async function createManifest(directory: Directory): Promise<void> {
  const file = await directory.openFile(manifestName, 'create')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Opens the manifest of a session. @throws TransferError `not-found` */
export async function openManifest(directory: Directory): Promise<ManifestFile> {
  const file = await directory.openFile(manifestName, 'update')
  try {
    const { size } = await file.stat()
    return new ManifestFile(file, `${directory.label}/${manifestName}`, size)
  } catch (error) {
    await file.close()
    throw error
  }
}
