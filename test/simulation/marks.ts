// What happened in the runs so far, counted by name: a run that never came to a rare state says nothing about it.

/** Everything that a few thousand seeds must have come to, each at least once. */
export const marks = [
  // What goes wrong with processes,
  'kill',
  'power cut',
  'kill while restoring',
  'power cut while restoring',
  'process stopped',
  'wall clock jumped',
  'options changed',
  'told to pause',
  'told to discard',
  // with disks,
  'disk full',
  'call failed once',
  'call failed again and again',
  'sync failed',
  'write failed half way',
  'call took long',
  'receiver rolled back',
  'sender rolled back',
  'journal damaged',
  'part damaged',
  'disk without hard links',
  'durability file',
  'durability none',
  // with the network,
  'connection cut',
  'connection cut inside a frame',
  'cut that one side hears of',
  'cut that nobody hears of',
  'one way cut',
  'connection clogged',
  'frame damaged',
  'message doubled',
  'frame came again',
  'old frame in a newer connection',
  'second connection beside the first',
  // and with files.
  'source edited',
  'name taken by somebody else',
  // What carryon makes of it.
  'several pages',
  'pack',
  'hole',
  'chunk asked again',
  'revision announced',
  'hashes asked',
  'turn held',
  'parked for room',
  'adopted',
  'hint not adopted',
  'published while restoring',
  'found in place while restoring',
  'bad part found',
  'told of a rollback',
  'rebuilt',
  'peer called silent',
  'peer called stuck',
  'lane joined',
  'lane lost, and its places sent again',
  'stale frame dropped',
  'receipt given again',
  'outcome renamed',
  'outcome conflict',
  'outcome unchanged',
  'outcome replaced',
  'outcome failed',
  'outcome vanished',
  'ended discarded',
  'ended by a mismatch',
] as const

export type Mark = (typeof marks)[number]

export type MarkCounts = ReadonlyMap<Mark, number>

export class Marks {
  readonly #counts = new Map<Mark, number>()

  /** @param parts what was counted elsewhere */
  constructor(parts: readonly MarkCounts[] = []) {
    for (const part of parts)
      for (const [mark, count] of part) this.#counts.set(mark, (this.#counts.get(mark) ?? 0) + count)
  }

  get counts(): MarkCounts {
    return this.#counts
  }

  note(mark: Mark): void {
    this.#counts.set(mark, (this.#counts.get(mark) ?? 0) + 1)
  }

  get missing(): readonly Mark[] {
    return marks.filter((mark) => !this.#counts.has(mark))
  }

  toString(): string {
    return marks.map((mark) => `${String(this.#counts.get(mark) ?? 0).padStart(8)}  ${mark}`).join('\n')
  }
}
