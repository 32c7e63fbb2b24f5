// Carries a session from its first event to the exit: what send, receive and resume have in common. Signals reach the
// session here, and here its ending becomes a number.

import type { RunOptions, Session, SessionId } from '../index.ts'
import type { Call, Result } from './call.ts'
import { exitOf, exitBySignal, exitOfError } from './exit.ts'
import type { Values } from './parse.ts'
import { shellQuoted } from './quote.ts'
import { mended } from './report/screen.ts'
import type { Reporter } from './report/reporter.ts'
import { holdsTicket } from './secrets.ts'
import * as sentences from './sentences.ts'
import type { SignalHandlers, StopSignal } from './shell.ts'

/** Options of the library that come from following, not from the command line. */
export type Following = Required<Pick<RunOptions, 'signal' | 'progressIntervalMs'>>

/**
 * Runs the session that `start` makes until it ends, telling it to `reporter`.
 * @param goesOnBy the command that goes on with it, where that is not this very command
 */
export async function follow(
  call: Call,
  reporter: Reporter,
  start: (following: Following) => Session,
  goesOnBy?: string | null,
): Promise<Result> {
  const { shell, values } = call
  const watching = new AbortController()
  const session = start({ signal: watching.signal, progressIntervalMs: reporter.progressIntervalMs })
  const asked: { signal: StopSignal | null } = { signal: null }
  const unhandle = shell.signals.handle(handlersFor(call, session, reporter, watching, asked))
  try {
    for await (const event of session) await reporter.tell(event)
    const ending = await session.ending
    const goesOnElsewhere = session.attached && asked.signal !== null
    const exit = goesOnElsewhere ? exitBySignal(asked.signal!, false) : exitOf(ending, values, asked.signal)
    const resumeCommand = goesOnBy === undefined ? resumeCommandOf(shell.args, values, reporter.view.session) : goesOnBy
    await reporter.end({ exit, error: ending.error, signal: asked.signal, goesOnElsewhere, resumeCommand })
    return { exit, signal: exit.code > 128 ? asked.signal : null }
  } catch (error) {
    const exit = exitOfError(error)
    await reporter.end({ exit, error, signal: null, goesOnElsewhere: false, resumeCommand: null })
    return { exit, signal: null }
  } finally {
    unhandle()
    reporter.stop()
  }
}

/**
 * The same command again, without what would begin anew. A ticket is never shown twice: where one is in the arguments,
 * the session's id stands for all of it.
 */
export function resumeCommandOf(args: readonly string[], values: Values, session: SessionId | null): string | null {
  if (!args.some(holdsTicket)) return shellQuoted(['carryon', ...args.filter((word) => !beginsAnew.test(word))])
  if (session === null) return null
  const state = values.stateDir === undefined ? [] : ['--state-dir', values.stateDir]
  return shellQuoted(['carryon', 'resume', session.slice(0, 8), ...state])
}

const beginsAnew = /^--(new|restart)(=.*)?$/

function handlersFor(
  { shell, values }: Call,
  session: Session,
  reporter: Reporter,
  watching: AbortController,
  asked: { signal: StopSignal | null },
): SignalHandlers {
  const limit = values.bwlimit === undefined || values.bwlimit === Infinity ? null : values.bwlimit
  let isLimited = true
  return {
    stop: (signal) => {
      asked.signal = signal
      if (session.attached) watching.abort()
      else {
        reporter.say(sentences.stopping, 'faint')
        session.pause(signal === 'SIGINT' ? 'user' : 'signal').catch(() => {}) // `ending` tells what came of it.
      }
    },
    status: () => reporter.sayStatus(),
    toggleLimit: () => {
      if (limit === null) return reporter.say(sentences.noLimit)
      isLimited = !isLimited
      session.limitBandwidth(isLimited ? limit : null)
      reporter.say(sentences.limitToggled(isLimited ? limit : null))
    },
    leave: () => {
      reporter.stop()
      if (shell.stderr.isTTY) shell.stderr.write(mended)
    },
  }
}
