// Directories below a root, opened one component at a time without following links, and a few of them kept open. A pin
// that had names made or removed in it is dirty until its directory is synced; it is never let go before.

import { hasCode } from '../errors.ts'
import { closeAll } from '../model/closing.ts'
import type { Directory } from '../model/disk.ts'
import { pathText, type Name, type Path } from '../model/names.ts'
import { asError } from './faults.ts'

const pinsMax = 8 // Depth-first order needs the last few only; of the 32 descriptors a session may have (R24).
const knownMax = 10_000 // Forgetting one costs a sync, remembering all costs memory.

interface Pin {
  readonly key: string
  readonly directory: Directory
  users: number
  isDirty: boolean
  /** Closed by its last user: it is not what its path leads to. */
  isForgotten: boolean
  /** The sync under way; it never rejects. */
  syncing: Promise<void> | undefined
}

/** What an act can say about the directory it works in. */
export interface PinnedDirectory {
  readonly directory: Directory
  /** Names in it were made, replaced or removed: `syncAll` owes it a sync. */
  touch(): void
}

export class Pins {
  readonly #root: Pin
  /** In order of last use, oldest first; without the root. */
  readonly #pins = new Map<string, Pin>()
  /** Directories made or passed by this process whose name in their parent is synced or will be. */
  readonly #known = new Set<string>()
  #fault: Error | undefined
  #isDegraded = false
  #hasMade = false

  /** The root stays the caller's to close. */
  constructor(root: Directory) {
    this.#root = newPin('', root)
  }

  /**
   * Opens the directory at `path` and acts in it; `make` makes what is missing on the way, 0700.
   * @returns undefined if a directory is missing and `make` is not set
   * @throws TransferError `not-a-directory` if a component is a link or a file
   */
  async within<T>(path: Path, make: boolean, act: (at: PinnedDirectory) => Promise<T>): Promise<T | undefined> {
    const pin = await this.#hold(path, make)
    if (pin === undefined) return undefined
    const touch = (): void => {
      pin.isDirty = true
    }
    try {
      return await act({ directory: pin.directory, touch })
    } finally {
      await this.#release(pin)
    }
  }

  /**
   * Puts all names made, replaced or removed before the call on the disk, those of new directories included.
   * @returns false if a file system on the way can't sync directories (R7): said once, then true again
   * @throws TransferError `disk-failed`: none of them may be taken as durable
   */
  async syncAll(): Promise<boolean> {
    this.#hasMade = false
    const pins = [this.#root, ...this.#pins.values()]
    for (const pin of pins) pin.users++
    await Promise.all(pins.map((pin) => this.#settle(pin)))
    for (const pin of pins) await this.#release(pin)
    if (this.#fault !== undefined) {
      const error = this.#fault
      this.#fault = undefined
      throw error
    }
    const isDurable = !this.#isDegraded
    this.#isDegraded = false
    return isDurable
  }

  /** Puts directories that were made since the last sync on the disk: what moves into one must not be lost with it. */
  async syncMade(): Promise<void> {
    if (this.#hasMade) await this.syncAll()
  }

  /** Opens what lies on the way to `path` anew from now on: somebody has removed a directory there. */
  async forget(path: Path): Promise<void> {
    for (let depth = 1; depth <= path.length; depth++) {
      const key = pathText(path.slice(0, depth))
      this.#known.delete(key)
      const pin = this.#pins.get(key)
      if (pin === undefined) continue
      pin.users++
      await this.#settle(pin) // Not all of them were removed.
      pin.isForgotten = true
      this.#remove(pin)
      await this.#release(pin)
    }
  }

  /** Closes all but the root. Syncs nothing. */
  async close(): Promise<void> {
    const pins = [...this.#pins.values()]
    this.#pins.clear()
    await closeAll(pins.map(({ directory }) => directory))
  }

  /** Walks down from the deepest directory that is open, and to make, from the deepest whose name will be on the disk. */
  async #hold(path: Path, make: boolean): Promise<Pin | undefined> {
    let depth = path.length
    let pin = this.#cached(path, make)
    while (pin === undefined) pin = this.#cached(path.slice(0, --depth), make)
    pin.users++
    while (depth < path.length) {
      const parent = pin
      try {
        pin = await this.#openBelow(parent, path.slice(0, ++depth), make)
      } finally {
        await this.#release(parent)
      }
      if (pin === undefined) return undefined
    }
    return pin
  }

  #cached(path: Path, make: boolean): Pin | undefined {
    if (path.length === 0) return this.#root
    const key = pathText(path)
    const pin = make && !this.#known.has(key) ? undefined : this.#pins.get(key)
    if (pin !== undefined) {
      this.#pins.delete(key)
      this.#pins.set(key, pin)
    }
    return pin
  }

  /** The pin is returned in use. */
  async #openBelow(parent: Pin, path: Path, make: boolean): Promise<Pin | undefined> {
    const key = pathText(path)
    const name = path.at(-1)!
    if (make && !this.#known.has(key)) await this.#makeBelow(parent, name, key)
    let directory = await openIfThere(parent.directory, name)
    if (directory === undefined && make) {
      await this.#makeBelow(parent, name, key) // It was there, and somebody removed it.
      directory = await parent.directory.openDirectory(name)
    }
    if (directory === undefined) return undefined
    const rival = this.#pins.get(key) // Opened by another call meanwhile.
    if (rival !== undefined) await directory.close()
    const pin = rival ?? newPin(key, directory)
    pin.users++
    this.#pins.set(key, pin)
    return pin
  }

  /** One that is there may have been made by a process that died before it synced: either way its name is synced with ours. */
  async #makeBelow(parent: Pin, name: Name, key: string): Promise<void> {
    await parent.directory.makeDirectory(name, 0o700)
    parent.isDirty = true
    this.#hasMade = true
    if (this.#known.size >= knownMax) this.#known.clear()
    this.#known.add(key)
  }

  async #release(pin: Pin): Promise<void> {
    pin.users--
    if (pin.users === 0 && pin.isForgotten) await pin.directory.close()
    while (this.#pins.size > pinsMax) {
      const idle = [...this.#pins.values()].find(({ users }) => users === 0)
      if (idle === undefined) return
      idle.users++
      await this.#settle(idle)
      idle.users--
      if (idle.users > 0 || idle.isDirty) continue
      this.#remove(idle)
      await idle.directory.close()
    }
  }

  /** Takes a pin out of use, unless another one has its place by now. */
  #remove(pin: Pin): void {
    if (this.#pins.get(pin.key) === pin) this.#pins.delete(pin.key)
  }

  /**
   * Returns once all names made in it before the call are on the disk. A fault is kept for the next `syncAll`, whoever met
   * it: only that call promises anything.
   */
  async #settle(pin: Pin): Promise<void> {
    while (pin.syncing !== undefined) await pin.syncing
    if (!pin.isDirty) return
    pin.isDirty = false
    pin.syncing = this.#sync(pin.directory).finally(() => (pin.syncing = undefined))
    await pin.syncing
  }

  async #sync(directory: Directory): Promise<void> {
    try {
      if (!(await directory.sync())) this.#isDegraded = true
    } catch (error) {
      this.#fault ??= asError(error)
    }
  }
}

function newPin(key: string, directory: Directory): Pin {
  return { key, directory, users: 0, isDirty: false, isForgotten: false, syncing: undefined }
}

async function openIfThere(parent: Directory, name: Name): Promise<Directory | undefined> {
  try {
    return await parent.openDirectory(name)
  } catch (error) {
    if (hasCode(error, 'not-found')) return undefined
    throw error
  }
}
