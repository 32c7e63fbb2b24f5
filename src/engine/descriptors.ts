// What happens when there is no descriptor to be had, in this process or on this machine: others give theirs back, so that
// to wait a little is better than to fail (R24).

import { hasCode } from '../errors.ts'
import type { Clock } from '../model/clock.ts'

const againMs = 100
const triesMax = 100 // Ten seconds in all.

/** Does something that opens files, again and again while there are too many open. `act` must be repeatable. */
export async function withDescriptors<T>(clock: Clock, act: () => Promise<T>, isStopped: () => boolean): Promise<T> {
  for (let tries = 1; ; tries++)
    try {
      return await act()
    } catch (error) {
      if (!hasCode(error, 'too-many-open-files') || tries === triesMax || isStopped()) throw error
      await new Promise<void>((resolve) => clock.after(againMs, resolve))
    }
}
