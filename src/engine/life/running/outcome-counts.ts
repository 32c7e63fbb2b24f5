// Counts entries by what became of them and why, for whoever chooses an exit code. Earlier runs of the session count too.

import type { EntryOutcome } from '../../../model/messages.ts'
import type { Receipt, SpecialPolicy, Tally } from '../../../model/session.ts'

export class OutcomeCounts {
  readonly #special: SpecialPolicy
  readonly #byOutcome = new Map<string, number>()
  #integrity = 0
  #specials = 0

  /** @param special whether sockets, devices and the like count as omissions */
  constructor(special: SpecialPolicy = 'list') {
    this.#special = special
  }

  note({ outcome, reason }: EntryOutcome): void {
    this.#byOutcome.set(outcome, (this.#byOutcome.get(outcome) ?? 0) + 1)
    if (outcome === 'failed' && reason?.startsWith('integrity:') === true) this.#integrity++
    if (outcome === 'skipped' && reason === 'special') this.#specials++
  }

  /** What the receipt says counts; reasons are not in it. */
  tally(receipt: Receipt | null): Tally {
    const said = receipt === null ? this.#byOutcome : new Map(receipt.outcomes.map((row) => [row.outcome, row.count]))
    const count = (outcome: string): number => said.get(outcome as never) ?? 0
    const left = count('omitted') + count('failed') - this.#integrity
    return {
      integrity: this.#integrity,
      conflicts: count('conflict'),
      omissions: left + (this.#special === 'fail' ? this.#specials : 0),
      vanished: count('vanished'),
    }
  }
}
