// What happens when a disk is full: the work that met it waits and is tried again when there is room; the core is told once,
// so that the peer stops sending and both screens show why (R22). Any other fault goes to the caller.

import { hasCode } from '../errors.ts'
import type { Clock } from '../model/clock.ts'
import type { Directory } from '../model/disk.ts'
import { withDescriptors } from './descriptors.ts'

const lookEveryMs = 1_000
const slackBytes = 1024 * 1024 // Room for the journal and directories beside the bytes themselves.

export interface RoomObserver {
  full(neededBytes: number, freeBytes: number): void
  cleared(): void
}

export class Room {
  readonly #clock: Clock
  readonly #directory: Directory
  readonly #remainingBytes: () => number
  readonly #observer: RoomObserver
  #waiting = 0
  #isStopped = false
  #cancels = new Set<() => void>()

  /** @param remainingBytes what is still to come, for the message */
  constructor(clock: Clock, directory: Directory, remainingBytes: () => number, observer: RoomObserver) {
    this.#clock = clock
    this.#directory = directory
    this.#remainingBytes = remainingBytes
    this.#observer = observer
  }

  /** Does something that needs room, as often as it takes. `act` must be repeatable. */
  async use<T>(act: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        const result = await withDescriptors(this.#clock, act, () => this.#isStopped)
        if (tries > 0 && --this.#waiting === 0) this.#observer.cleared()
        return result
      } catch (error) {
        if (!hasCode(error, 'disk-full') || this.#isStopped) {
          if (tries > 0) this.#waiting--
          throw error
        }
        if (tries === 0 && this.#waiting++ === 0) await this.#tellFull()
        await this.#wait(error.details.neededBytes)
      }
    }
  }

  async #tellFull(): Promise<void> {
    this.#observer.full(Math.max(this.#remainingBytes(), 1), await this.#directory.freeBytes())
  }

  async #wait(neededBytes: number): Promise<void> {
    for (let looks = 0; !this.#isStopped; looks++) {
      await this.#pause()
      const enough = (await this.#directory.freeBytes()) >= neededBytes + slackBytes
      if (enough || looks >= 4) return // A quota shows no free bytes: try now and then all the same.
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#cancels.delete(cancel)
        resolve()
      }
      const stop = this.#clock.after(lookEveryMs, wake)
      const cancel = (): void => {
        stop()
        wake()
      }
      this.#cancels.add(cancel)
    })
  }

  /** What waits fails now with the fault it met. */
  stop(): void {
    this.#isStopped = true
    for (const cancel of this.#cancels) cancel()
  }
}
