// How long a session may wait for a condition, a full disk say, before its command gives up and leaves it for later.

import { TransferError } from '../../../errors.ts'
import type { Clock, Millis } from '../../../model/clock.ts'
import type { Parked, Reporter } from './reporter.ts'
import { sleep } from './waiting.ts'

export interface PatienceOptions {
  readonly clock: Clock
  /** From the moment it parked. */
  readonly retryForMs: Millis
  /** What is written to here, for the message. */
  readonly place: string
}

const lookEveryMs = 1_000 // How late giving up may be.

/**
 * Watches over a run until `over` aborts.
 * @throws TransferError when it has been parked for too long: `disk-full`, or `retry-over` for any other reason
 */
export async function whilePatient(
  reporter: Pick<Reporter, 'parkedBy'>,
  { clock, retryForMs, place }: PatienceOptions,
  over: AbortSignal,
): Promise<void> {
  let parkedAt: Millis | undefined
  while (!over.aborted) {
    const { parkedBy } = reporter
    const now = clock.now()
    parkedAt = parkedBy === null ? undefined : (parkedAt ?? now)
    if (parkedBy !== null && parkedAt !== undefined && now - parkedAt > retryForMs)
      throw outOfPatience(parkedBy, now - parkedAt, place)
    await sleep(clock, Math.min(lookEveryMs, retryForMs), over)
  }
}

function outOfPatience(
  { reason, who, neededBytes, freeBytes }: Parked,
  waitedMs: Millis,
  place: string,
): TransferError {
  if (reason !== 'disk-full')
    return new TransferError('retry-over', { triedForMs: waitedMs, last: `Parked: ${reason}.` })
  return new TransferError('disk-full', {
    path: who === 'self' ? place : 'on the other side',
    neededBytes,
    freeBytes,
  })
}
