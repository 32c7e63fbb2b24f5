// What one run may use up, in bytes and in time. When it is used up the run pauses as a person would pause it, and the same
// command goes on another day.

import { TransferError } from '../../../errors.ts'
import type { Clock } from '../../../model/clock.ts'
import { headerBytes } from '../../../model/limits.ts'
import type { PauseReason } from '../../../model/session.ts'
import type { RunOptions } from '../../api.ts'
import type { RunnerView } from '../../runner.ts'

type Limits = Pick<RunOptions, 'maxTransfer' | 'maxDurationMs'>

const lookEveryMs = 100 // How much later than a sender a receiver stops: frames come to it unasked.

export class Allowance {
  readonly #limits: Limits
  readonly #onUsedUp: (reason: PauseReason) => void
  readonly #cancels = new Map<string, () => void>()
  #spentBytes = 0

  /** @param onUsedUp may be called more than once */
  constructor(limits: Limits, onUsedUp: (reason: PauseReason) => void) {
    this.#limits = limits
    this.#onUsedUp = onUsedUp
  }

  /** The time begins. `view`: where the session stands, once there is one. */
  begin(clock: Clock, view: () => RunnerView | undefined): void {
    const { maxDurationMs = Infinity, maxTransfer = Infinity } = this.#limits
    if (maxDurationMs < Infinity)
      this.#cancels.set(
        'time',
        clock.after(maxDurationMs, () => this.#onUsedUp('time-limit')),
      )
    if (maxTransfer < Infinity) this.#watch(clock, view, maxTransfer)
  }

  end(): void {
    for (const cancel of this.#cancels.values()) cancel()
    this.#cancels.clear()
  }

  /** A frame was sent: what it carries counts. */
  spend(frameBytes: number): void {
    this.#spentBytes += frameBytes - headerBytes
  }

  /** Asked before a frame is sent: one that is not needed any more never finds out. */
  isUsedUp(): boolean {
    if (this.#spentBytes < (this.#limits.maxTransfer ?? Infinity)) return false
    this.#onUsedUp('transfer-limit')
    return true
  }

  #watch(clock: Clock, view: () => RunnerView | undefined, maxTransfer: number): void {
    const seen = view()
    const hasMoreToCome =
      seen?.role === 'receiver' && seen.state === 'transferring' && seen.bytesAcknowledged !== seen.bytesTotal
    if (hasMoreToCome && seen.bytesSentThisRun >= maxTransfer) this.#onUsedUp('transfer-limit')
    else
      this.#cancels.set(
        'bytes',
        clock.after(lookEveryMs, () => this.#watch(clock, view, maxTransfer)),
      )
  }
}

/** What a run ends with that stopped on purpose. */
export function pausedError(by: PauseReason, { maxTransfer, maxDurationMs }: Limits): TransferError {
  if (by === 'transfer-limit') return new TransferError(by, { limitBytes: maxTransfer ?? 0 })
  if (by === 'time-limit') return new TransferError(by, { limitMs: maxDurationMs ?? 0 })
  if (by === 'ticket-expired' || by === 'ticket-revoked')
    return TransferError.told(by, 'The ticket of this session is not good any more.')
  return new TransferError('paused', { by })
}
