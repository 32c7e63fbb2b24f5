// The unfinished files of a session, in its pinned `parts/` directory: one per entry, named by its index, O_EXCL and 0600.
// Holds few descriptors, whatever the number of entries, and never lets one go that has unsynced bytes. A small file that
// comes whole is written, given its metadata, synced and closed at once: one descriptor, one sync.

import { assert, hasCode } from '../errors.ts'
import { closeAll } from '../model/closing.ts'
import type { Directory, DiskFile, Stat } from '../model/disk.ts'
import type { Name } from '../model/names.ts'
import { asError } from './faults.ts'

const openMax = 12 // Of the 32 descriptors a session may have (R24).
const syncsInFlight = 4 // More only queue up in front of the same disk.
/** Parts that are written whole at once; as many descriptors. */
export const wholePartsMax: number = openMax + syncsInFlight

/** Metadata of a file that is complete. */
export interface FinishedPart {
  /** Nine permission bits. */
  readonly mode: number
  readonly mtimeUs: number
  readonly size: number
}

/** A part that came whole. */
export interface WholePart extends Omit<FinishedPart, 'size'> {
  readonly entry: number
  readonly bytes: Uint8Array
}

interface OpenPart {
  readonly file: DiskFile
  /** Calls under way. */
  users: number
  /** Written since the last sync began. */
  isDirty: boolean
  /** Taken out of use: closed by its last user. */
  isDropped: boolean
  /** The sync under way; it never rejects, what went wrong is `fault`. */
  syncing: Promise<void> | undefined
  fault: Error | undefined
  /** Set while it is being put away for others. */
  closing: Promise<void> | undefined
}

export class PartFiles {
  readonly directory: Directory
  /** In order of last use, oldest first. */
  readonly #open = new Map<number, OpenPart>()
  readonly #opening = new Map<number, Promise<OpenPart>>()
  /** Entries whose part was closed early and could not be synced then: told at the next chance. */
  readonly #lost = new Map<number, Error>()
  /** Parts that `writeWhole` left complete and on the disk. */
  readonly #whole = new Map<number, FinishedPart & { readonly inode: string }>()
  /** Entries whose part is known to be there: to make one that is there fails, and is dearer than to open it. */
  readonly #known = new Set<number>()
  #namesMade = 0
  #namesSynced = 0

  /** Takes over `directory`, which stays private to this session. */
  constructor(directory: Directory) {
    this.directory = directory
  }

  /** Writes all of `bytes`; makes the part if there is none. Ranges of calls that overlap in time must not overlap. */
  async write(entry: number, position: number, bytes: Uint8Array): Promise<void> {
    this.#whole.delete(entry)
    await this.#use(entry, true, async (part) => {
      part.isDirty = true
      try {
        await part.file.write(bytes, position)
      } finally {
        part.isDirty = true // A sync that began meanwhile vouches only for what had ended before it.
      }
    })
  }

  /**
   * Writes parts whole, `wholePartsMax` of them at most, and makes them ready for their final names, on the disk: what
   * `write` and `finish` do together, with one sync each. `finished` for the same metadata then tells the inode. No other
   * call for these entries may be under way.
   * @param isSynced false: not on the disk
   * @throws TransferError `disk-failed` as `datasync`; all of them have to be written again
   */
  async writeWhole(parts: readonly WholePart[], isSynced = true): Promise<void> {
    const areNew = parts.every(({ entry }) => !this.#known.has(entry))
    if (areNew && (await this.#writeNew(parts, isSynced))) return
    for (const part of parts) await this.#writeOne(part, isSynced)
  }

  /** False if one of them was there: an earlier process, or an earlier attempt, had begun it. */
  async #writeNew(parts: readonly WholePart[], isSynced: boolean): Promise<boolean> {
    while (this.#open.size + parts.length > wholePartsMax && (await this.#closeOldest())) continue
    try {
      const files = parts.map((part) => ({ name: nameOf(part.entry), ...part }))
      const inodes = await this.directory.writeEach(files, isSynced)
      parts.forEach(({ entry, bytes, mode, mtimeUs }, i) => {
        this.#nameSeen(entry)
        this.#whole.set(entry, { mode, mtimeUs, size: bytes.length, inode: String(inodes[i]) })
      })
      return true
    } catch (error) {
      this.#namesMade++ // Some of them may have got theirs.
      if (hasCode(error, 'already-exists')) return false
      throw error
    }
  }

  async #writeOne({ entry, bytes, mode, mtimeUs }: WholePart, isSynced: boolean): Promise<void> {
    if (this.#open.has(entry)) return this.write(entry, 0, bytes) // Begun in chunks: `finish` does the rest.
    this.#throwLost(entry)
    this.#whole.delete(entry)
    const part = { mode, mtimeUs, size: bytes.length }
    const file = await this.#openFile(entry, true)
    let inode
    try {
      await file.write(bytes, 0)
      inode = await complete(file, part, isSynced)
    } finally {
      await file.close()
    }
    this.#whole.set(entry, { ...part, inode })
  }

  /** Reads into `target`; fewer bytes than asked only at the part's end. @throws TransferError `not-found` */
  async read(entry: number, position: number, target: Uint8Array): Promise<number> {
    return this.#use(entry, false, (part) => part.file.read(target, position))
  }

  /** Sets a part's length: cuts it, or lets it grow by a hole. Makes the part if there is none. */
  async truncate(entry: number, size: number): Promise<void> {
    this.#whole.delete(entry)
    await this.#use(entry, true, async (part) => {
      part.isDirty = true
      await part.file.truncate(size)
    })
  }

  /** Of a part; undefined if there is none. */
  async stat(entry: number): Promise<Stat | undefined> {
    return this.directory.stat(nameOf(entry))
  }

  /**
   * Puts on the disk what was written to these parts before the call.
   * @throws TransferError `disk-failed` if one of them could not be synced: what was written to that one since its last
   *   sync may be gone, and its descriptor is closed, for a second sync would succeed and mean nothing (R16)
   */
  async datasync(entries: Iterable<number>): Promise<void> {
    const queue = [...new Set(entries)]
    const faults: Error[] = []
    const worker = async (): Promise<void> => {
      for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
        try {
          await this.#datasyncOne(entry)
        } catch (error) {
          faults.push(asError(error))
        }
      }
    }
    await Promise.all(Array.from({ length: syncsInFlight }, worker))
    if (faults[0] !== undefined) throw faults[0]
  }

  /** Puts the names of parts made before the call on the disk; false where the file system can't (R7). */
  async syncNames(): Promise<boolean> {
    const made = this.#namesMade
    if (this.#namesSynced >= made) return true
    const isDurable = await this.directory.sync()
    this.#namesSynced = Math.max(this.#namesSynced, made)
    return isDurable
  }

  /**
   * Makes a complete part ready for its final name: size, mode and times, all on the descriptor (R56), then on the disk,
   * then closed. No other call for this entry may be under way.
   * @param isSynced false: not on the disk
   * @returns the inode, decimal: how recovery knows the file again
   */
  async finish(entry: number, wanted: FinishedPart, isSynced = true): Promise<{ inode: string }> {
    this.#throwLost(entry)
    const whole = this.finished(entry, wanted)
    if (whole !== undefined) return whole
    const part = await this.#hold(entry, true)
    try {
      await part.closing
      assert(part.users === 1, `part ${entry} is finished while it is used`)
      const inode = await complete(part.file, wanted, isSynced)
      part.isDirty = false
      return { inode }
    } finally {
      this.#drop(entry, part)
      await this.#release(part)
    }
  }

  /** The same for a part that `writeWhole` has left so; undefined for any other. */
  finished(entry: number, wanted: FinishedPart): { inode: string } | undefined {
    const whole = this.#whole.get(entry)
    this.#whole.delete(entry)
    return whole !== undefined && isSame(whole, wanted) ? { inode: whole.inode } : undefined
  }

  /** Removes parts, as `remove` does. */
  async removeEach(entries: readonly number[]): Promise<void> {
    const closed = entries.filter((entry) => !this.#open.has(entry))
    for (const entry of closed) this.#forget(entry)
    const { length } = await this.directory.unlinkEach(closed.map(nameOf))
    for (const entry of [...closed.slice(length), ...entries.filter((entry) => this.#open.has(entry))])
      await this.remove(entry)
  }

  /** Removes a part; false if there was none. Calls for it that are under way end undisturbed, and their bytes are lost. */
  async remove(entry: number): Promise<boolean> {
    this.#forget(entry)
    const part = this.#open.get(entry)
    if (part !== undefined) {
      this.#drop(entry, part)
      if (part.users === 0) await part.file.close()
    }
    return this.directory.unlink(nameOf(entry))
  }

  #forget(entry: number): void {
    this.#lost.delete(entry)
    this.#known.delete(entry)
    this.#whole.delete(entry)
  }

  /** The entries that have a part, in numeric order. What is no part of ours is left out. */
  async list(): Promise<number[]> {
    const names = await this.directory.list()
    return names
      .filter((name) => /^(0|[1-9][0-9]*)$/.test(name))
      .map(Number)
      .sort((a, b) => a - b)
  }

  /** Closes all descriptors and the directory, also where one of them cannot be closed well. Syncs nothing. */
  async close(): Promise<void> {
    const idle = [...this.#open.values()].filter((part) => part.users === 0)
    for (const [entry, part] of this.#open) this.#drop(entry, part)
    await closeAll([...idle.map((part) => part.file), this.directory])
  }

  async #datasyncOne(entry: number): Promise<void> {
    this.#throwLost(entry)
    const part = this.#open.get(entry)
    if (part === undefined) return // Nothing written since it was closed, and it was synced then.
    part.users++
    try {
      await this.#settle(entry, part)
    } finally {
      await this.#release(part)
    }
  }

  /** Returns once all that was written before the call is on the disk. A failed sync fails everyone who waits for it. */
  async #settle(entry: number, part: OpenPart): Promise<void> {
    while (part.syncing !== undefined) await part.syncing
    if (part.fault === undefined && part.isDirty) {
      part.isDirty = false
      const fail = (error: unknown): void => {
        part.fault = asError(error)
        this.#drop(entry, part)
      }
      part.syncing = part.file
        .datasync()
        .catch(fail)
        .finally(() => (part.syncing = undefined))
      await part.syncing
    }
    if (part.fault !== undefined) throw part.fault
  }

  #throwLost(entry: number): void {
    const error = this.#lost.get(entry)
    if (error === undefined) return
    this.#lost.delete(entry)
    throw error
  }

  async #use<T>(entry: number, make: boolean, act: (part: OpenPart) => Promise<T>): Promise<T> {
    const part = await this.#hold(entry, make)
    try {
      return await act(part)
    } finally {
      await this.#release(part)
    }
  }

  /** The open part, counted as used, so that it stays open. */
  async #hold(entry: number, make: boolean): Promise<OpenPart> {
    let part = this.#open.get(entry)
    while (part === undefined) {
      const opening = this.#opening.get(entry) ?? this.#startOpening(entry, make)
      await opening
      part = this.#open.get(entry)
    }
    part.users++
    this.#open.delete(entry)
    this.#open.set(entry, part)
    return part
  }

  #startOpening(entry: number, make: boolean): Promise<OpenPart> {
    const opening = this.#openPart(entry, make).finally(() => this.#opening.delete(entry))
    this.#opening.set(entry, opening)
    return opening
  }

  async #openPart(entry: number, make: boolean): Promise<OpenPart> {
    while (this.#open.size + this.#opening.size > openMax && (await this.#closeOldest())) continue
    const file = await this.#openFile(entry, make)
    const part = {
      file,
      users: 0,
      isDirty: false,
      isDropped: false,
      syncing: undefined,
      fault: undefined,
      closing: undefined,
    }
    this.#open.set(entry, part)
    return part
  }

  async #openFile(entry: number, make: boolean): Promise<DiskFile> {
    const mode = make && !this.#known.has(entry) ? 'create' : 'update'
    try {
      const file = await this.directory.openFile(nameOf(entry), mode)
      this.#nameSeen(entry)
      return file
    } catch (error) {
      if (hasCode(error, 'too-many-open-files') && (await this.#closeOldest())) return this.#openFile(entry, make)
      if (mode === 'update' || !hasCode(error, 'already-exists')) throw error
    }
    this.#nameSeen(entry)
    return this.#openFile(entry, make)
  }

  /** Made here, or by an earlier process: then the name may be as young as that process was at its end. */
  #nameSeen(entry: number): void {
    if (!this.#known.has(entry)) this.#namesMade++
    this.#known.add(entry)
  }

  /** Closes the part that was idle longest, synced, for its descriptor would have told of lost writes; false if none is idle. */
  async #closeOldest(): Promise<boolean> {
    const idle = [...this.#open].find(([, part]) => part.users === 0)
    if (idle === undefined) return false
    const [entry, part] = idle
    part.users++
    part.closing = this.#putAway(entry, part).finally(() => (part.closing = undefined))
    await part.closing
    return true
  }

  async #putAway(entry: number, part: OpenPart): Promise<void> {
    try {
      await this.#settle(entry, part)
    } catch (error) {
      this.#lost.set(entry, asError(error))
    }
    if (part.users === 1 && !part.isDirty) this.#drop(entry, part)
    await this.#release(part)
  }

  /** From now on calls for this entry open it anew. */
  #drop(entry: number, part: OpenPart): void {
    part.isDropped = true
    if (this.#open.get(entry) === part) this.#open.delete(entry)
  }

  async #release(part: OpenPart): Promise<void> {
    part.users--
    if (part.users === 0 && part.isDropped) await part.file.close()
  }
}

/** Size, mode and times, then all of it on the disk. @returns the inode, decimal */
async function complete(file: DiskFile, { mode, mtimeUs, size }: FinishedPart, isSynced: boolean): Promise<string> {
  const stat = await file.stat()
  if (stat.size !== size) await file.truncate(size)
  await file.setMode(mode)
  await file.setTimes(mtimeUs)
  if (isSynced) await file.sync()
  return stat.inode.toString()
}

function isSame(a: FinishedPart, b: FinishedPart): boolean {
  return a.mode === b.mode && a.mtimeUs === b.mtimeUs && a.size === b.size
}

function nameOf(entry: number): Name {
  return String(entry)
}
