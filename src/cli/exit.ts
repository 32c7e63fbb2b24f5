// Which number the command ends with, and why: docs of `carryon help exit-codes`. What stops a session decides; if it ran
// to its end, the gravest thing that became of a file does.

import { exitNames, isTransferError } from '../errors.ts'
import type { Ending, VanishedPolicy } from '../index.ts'
import type { StopSignal } from './shell.ts'
import { signalNumbers } from './signals.ts'

/** What the command ends with. */
export interface Exit {
  readonly code: number
  readonly name: string
  readonly resumable: boolean
}

/** One row of `carryon help exit-codes`. `usuallyResumable`: what to expect; the event tells of the session at hand. */
export interface ExitRow {
  readonly when: string
  readonly usuallyResumable: string
}

export const exitTable: Readonly<Record<number, ExitRow>> = {
  0: { when: 'all durable, verified, in place, receipt stored; skipped entries are listed', usuallyResumable: '-' },
  1: { when: 'something unforeseen: a failing disk, a bug', usuallyResumable: 'see event' },
  2: {
    when: 'flags; a named source missing, own folder unwritable, port taken; nothing was sent',
    usuallyResumable: 'no',
  },
  3: { when: 'done, but some entries unreadable, changing without end, or refused by name', usuallyResumable: 'rerun' },
  4: { when: 'ticket wrong, expired, revoked or spent; peer not who it was', usuallyResumable: 'with a new ticket' },
  5: { when: 'network or peer gone and --retry-for over; or paused', usuallyResumable: 'yes' },
  6: { when: 'only entries deleted while sending are missing (--vanished ok: 0, fail: 3)', usuallyResumable: 'rerun' },
  7: { when: 'the peer refuses: scope, quota, version, folder, or it ended the session', usuallyResumable: 'no' },
  8: { when: '--max-transfer reached', usuallyResumable: 'yes' },
  9: { when: 'all was there already, under --fail-if-nothing', usuallyResumable: '-' },
  10: { when: '--max-duration reached', usuallyResumable: 'yes' },
  11: { when: 'another process works on the session, and no --wait', usuallyResumable: 'yes' },
  12: { when: 'data differs and sending it again did not cure it; damaged journal', usuallyResumable: 'after a look' },
  13: {
    when: 'done, but targets existed and differed under --on-conflict fail',
    usuallyResumable: 'rerun with a policy',
  },
  14: { when: 'disk full and --retry-for over', usuallyResumable: 'yes' },
}

export const success: Exit = { code: 0, name: 'ok', resumable: false }

/** How a run that ended so exits. */
export function exitOf(ending: Ending, wishes: EndingWishes, signal: StopSignal | null): Exit {
  const { resumable } = ending
  if (signal !== null && ending.receipt === null) return exitBySignal(signal, resumable)
  if (ending.error !== null) return exitOfError(ending.error, resumable)
  const code = gravest(ending, wishes.vanished ?? 'report')
  return { ...named(code === 0 && wishes.failIfNothing === true && isNothing(ending) ? 9 : code), resumable }
}

/** What the command line says of endings that are no failures. */
export interface EndingWishes {
  readonly vanished?: VanishedPolicy
  readonly failIfNothing?: boolean
}

/** Nothing was put in place: all was there before the session began. */
function isNothing({ receipt }: Ending): boolean {
  const moved = receipt?.outcomes.some(({ outcome }) => ['delivered', 'replaced', 'renamed'].includes(outcome))
  return moved === false
}

/** How a command that failed before or beside a session exits. */
export function exitOfError(error: unknown, resumable: boolean = false): Exit {
  return { ...named(isTransferError(error) ? error.exit : 1), resumable }
}

export function exitBySignal(signal: StopSignal, resumable: boolean): Exit {
  return { code: 128 + signalNumbers[signal], name: 'signal', resumable }
}

function gravest(ending: Ending, vanished: VanishedPolicy): number {
  if (ending.integrity > 0) return 12
  if (ending.conflicts > 0) return 13
  if (ending.omissions > 0) return 3
  if (ending.vanished > 0 && vanished !== 'ok') return vanished === 'fail' ? 3 : 6
  return 0
}

function named(code: number): Pick<Exit, 'code' | 'name'> {
  return { code, name: exitNames[code] ?? 'failed' }
}
