// Keeps what was used last open, up to a number, and closes the rest: descriptors are few. What is in use is never closed
// under its user; more uses at once than that number are served, and tidied up afterwards. All of it was only read: that it
// can't be closed well is no news to anybody, least of all to whoever uses another one.

interface Slot<Resource> {
  readonly opening: Promise<Resource>
  users: number
  isDropped: boolean
}

export class OpenLru<Key, Resource extends { close(): Promise<void> }> {
  readonly #max: number
  /** Least recently used first. */
  readonly #slots = new Map<Key, Slot<Resource>>()

  /** @param max how many idle resources stay open */
  constructor(max: number) {
    this.#max = max
  }

  /** Acts on the resource of `key`, opened if it is not; users of one key share it. Rejects as `open` or `act` does. */
  async use<Result>(
    key: Key,
    open: () => Promise<Resource>,
    act: (resource: Resource) => Promise<Result>,
  ): Promise<Result> {
    const slot = this.#slots.get(key) ?? { opening: open(), users: 0, isDropped: false }
    this.#slots.delete(key)
    this.#slots.set(key, slot)
    slot.users++
    try {
      return await act(await this.#opened(key, slot))
    } finally {
      slot.users--
      await this.#tidy(slot)
    }
  }

  /** Forgets a resource: the next use opens it anew. It is closed now, or when its last user is done. */
  async drop(key: Key): Promise<void> {
    const slot = this.#slots.get(key)
    if (slot === undefined) return
    this.#forget(key, slot)
    await this.#tidy(slot)
  }

  /** Drops everything. */
  async clear(): Promise<void> {
    await Promise.all([...this.#slots.keys()].map((key) => this.drop(key)))
  }

  async #opened(key: Key, slot: Slot<Resource>): Promise<Resource> {
    try {
      return await slot.opening
    } catch (error) {
      this.#forget(key, slot)
      throw error
    }
  }

  #forget(key: Key, slot: Slot<Resource>): void {
    slot.isDropped = true
    if (this.#slots.get(key) === slot) this.#slots.delete(key)
  }

  /** Closes `slot` if nobody needs it any more, and whatever is idle beyond the limit. */
  async #tidy(slot: Slot<Resource>): Promise<void> {
    if (slot.isDropped && slot.users === 0) await closeOpened(slot)
    for (const [key, idle] of this.#slots) {
      if (this.#slots.size <= this.#max) return
      if (idle.users > 0) continue
      this.#forget(key, idle)
      await closeOpened(idle)
    }
  }
}

async function closeOpened<Resource extends { close(): Promise<void> }>(slot: Slot<Resource>): Promise<void> {
  const resource = await slot.opening.catch(() => undefined) // What failed to open was reported to who asked for it.
  await resource?.close().catch(() => undefined)
}
