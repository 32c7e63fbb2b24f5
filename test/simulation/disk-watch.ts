// Watches what the two processes do to their disks: nothing outside the manifest is touched, nothing finished is written
// again, no frame of an older epoch is written, and no descriptor is synced again that failed to sync.

import type { Role } from '../../src/model/session.ts'
import type { Call, ProcessFile } from './process-disk.ts'
import type { Heard } from './heard.ts'

const changes: ReadonlySet<Call['kind']> = new Set([
  'create',
  'write',
  'truncate',
  'metadata',
  'make',
  'link',
  'rename',
  'remove',
])
const ownTarget = /^\/dst\/\.carryon(\/|$)/

export class DiskWatch {
  readonly #heard: Heard
  readonly #fail: (why: string) => void
  /** Buffers of frames that came too late. */
  readonly #stale = new WeakSet<ArrayBufferLike>()
  readonly #published = new Set<bigint>()
  readonly #failedToSync = new WeakSet<ProcessFile>()

  constructor(heard: Heard, fail: (why: string) => void) {
    this.#heard = heard
    this.#fail = fail
  }

  /** A frame of an older epoch is delivered: none of its bytes may be written. */
  staleFrame(frame: Uint8Array): void {
    this.#stale.add(frame.buffer)
  }

  /** A call is about to be made. */
  before(role: Role, { kind, path, file, bytes }: Call): void {
    if (!changes.has(kind) && kind !== 'sync-file') return
    if (role === 'sender') return this.#ofSender(kind, path)
    if (kind !== 'sync-file' && !ownTarget.test(path) && !path.startsWith('/state')) this.#outside(kind, path)
    if (file === undefined) return
    if (kind === 'sync-file' && this.#failedToSync.has(file)) this.#fail(`R16: ${path} is synced again after a failure`)
    if (kind === 'write') this.#failedToSync.delete(file) // What is written anew can be synced.
    if (kind === 'write' && this.#stale.has(bytes!.buffer)) this.#fail(`R38: bytes of an older epoch go into ${path}`)
    if ((kind === 'write' || kind === 'truncate') && this.#published.has(file.inode))
      this.#fail(`R111: ${path} is written after it got its final name`)
  }

  #ofSender(kind: Call['kind'], path: string): void {
    if (kind !== 'sync-file' && path.startsWith('/src')) this.#fail(`the sender's ${kind} touches ${path}`)
  }

  #outside(kind: Call['kind'], path: string): void {
    const parts = path.split('/').slice(2)
    if (parts.length === 0) return
    const offered = [...parts.slice(0, -1), parts.at(-1)!.replace(/ \([0-9]+\)$/, '')]
    if (this.#heard.entryAt(parts) === undefined && this.#heard.entryAt(offered) === undefined)
      this.#fail(`R59: ${kind} of ${path}, which is outside the manifest`)
  }

  /** A file has its final name. */
  published(inode: bigint): void {
    this.#published.add(inode)
  }

  syncFailed(file: ProcessFile): void {
    this.#failedToSync.add(file)
  }

  /** The disk has lost what was not synced, or is an older one. */
  forget(): void {
    this.#published.clear()
  }
}
