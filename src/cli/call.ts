// What a command is given and what it leaves: shared by run.ts and the files in commands/.

import { TransferError } from '../errors.ts'
import type { Exit } from './exit.ts'
import { flagName, type OptionName } from './options.ts'
import type { Values } from './parse.ts'
import type { Shell, StopSignal } from './shell.ts'

export interface Call {
  readonly shell: Shell
  readonly operands: readonly string[]
  readonly values: Values
}

/** How the process is to end: by its code or, once the state is saved, by the signal that asked. */
export interface Result {
  readonly exit: Exit
  readonly signal: StopSignal | null
}

/** Options that say two things of which only one can be. */
export function refuseTogether(values: Values, pairs: readonly (readonly [OptionName, OptionName])[]): void {
  for (const [one, other] of pairs) {
    if (values[one] === undefined || values[other] === undefined) continue
    if (values[one] === false || values[other] === false) continue
    throw new TransferError('usage', {
      problem: `--${flagName(one)} and --${flagName(other)} exclude each other.`,
      remedy: 'Give one of them.',
    })
  }
}

/** `--all` beside a SESSION is a mistake that could stop the wrong things. */
export function refuseTogetherWithOperand({ values, operands }: Call, option: OptionName): void {
  if (values[option] !== true || operands.length === 0) return
  throw new TransferError('usage', {
    problem: `--${flagName(option)} and "${operands[0]}" exclude each other.`,
    remedy: 'Give one of them.',
  })
}
