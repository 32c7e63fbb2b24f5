// A simulated process: what belongs to it dies with it, and waits while it is stopped.

import type { Runner } from '../../src/engine/runner.ts'
import type { Clock } from '../../src/model/clock.ts'
import type { Role } from '../../src/model/session.ts'
import type { End } from './link.ts'
import { type Call, ProcessDirectory, ProcessFile } from './process-disk.ts'
import type { Timeline } from './timeline.ts'

const bornAt = 1_700_000_000_000

export class Process {
  readonly role: Role
  readonly clock: Clock
  readonly ends: Set<End> = new Set()
  runner: Runner | undefined
  isAlive = true
  /** Files and directories that are open. */
  readonly handles: Set<object> = new Set()
  /** Calls to the disk so far, by kind. */
  readonly calls: Call['kind'][] = []
  /** What calls to its disk failed with on purpose. */
  readonly hits: Set<string> = new Set()
  /** Those of its handles that are not its runner's to close. */
  readonly #lent = new Set<object>()
  readonly #timeline: Timeline
  #stoppedUntil = 0

  /** @param wallMs what this machine's wall clock is ahead */
  constructor(role: Role, timeline: Timeline, wallMs: () => number) {
    this.role = role
    this.#timeline = timeline
    this.clock = {
      now: () => timeline.now,
      wall: () => bornAt + Math.floor(timeline.now) + wallMs(),
      after: (delayMs, callback) => this.after(delayMs, callback),
    }
  }

  lend<T extends object>(handle: T): T {
    this.#lent.add(handle)
    return handle
  }

  /** What its runner has not closed; the folders of the target stay pinned as long as that does. */
  get leftOpen(): string[] {
    return [...this.handles].flatMap((handle) => {
      if (handle instanceof ProcessFile) return [handle.path]
      if (!(handle instanceof ProcessDirectory) || this.#lent.has(handle)) return []
      return /^\/dst\/(?!\.carryon(\/|$))/.test(`${handle.label}/`) ? [] : [handle.label]
    })
  }

  /** As SIGSTOP, and SIGCONT after a while: what is due meanwhile comes late, in its order. */
  stop(ms: number): void {
    this.#stoppedUntil = this.#timeline.now + ms
  }

  /** Calls back in this process, late if it is stopped, never if it is dead by then. */
  after(delayMs: number, callback: () => void): () => void {
    let cancel = this.#timeline.after(delayMs, () => {
      const late = this.#stoppedUntil - this.#timeline.now
      if (late > 0) cancel = this.after(late, callback)
      else if (this.isAlive) callback()
    })
    return () => cancel()
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve))
  }
}
