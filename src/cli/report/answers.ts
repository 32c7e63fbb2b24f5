// What commands say that follow no session: a failure before there was one, how a session stands after `pause` or
// `discard`, and the `exit` event that ends every command's NDJSON.

import { display, type ExitEvent, type SessionEvent, type SessionListing } from '../../index.ts'
import { success, type Exit } from '../exit.ts'
import type { Values } from '../parse.ts'
import * as sentences from '../sentences.ts'
import type { Shell } from '../shell.ts'
import { EventWriter } from './ndjson.ts'
import { openLines } from './screen.ts'
import { styleOf } from './style.ts'
import type { View } from './view.ts'

/** What the last event says. */
export interface Conclusion {
  readonly exit: Exit
  readonly error: unknown
  /** Shell-quoted; null where there is nothing to go on with. */
  readonly resumeCommand: string | null
}

/** Tells of a command that failed before there was a session, on both streams. */
export async function reportFailure(shell: Shell, values: Values, error: unknown, exit: Exit): Promise<void> {
  const style = styleOf(shell.stderr, values.color ?? 'auto', shell.env)
  const screen = openLines(shell.stderr)
  for (const line of sentences.failure(error, values.verbose ?? false)) screen.say(style.paint('bad', line))
  await writeExit(shell, values, null, { exit, error })
}

/** Tells how a session stands after `pause` or `discard`. */
export function reportSession(shell: Shell, values: Values, session: SessionListing, sentence: string): void {
  if (!values.quiet) openLines(shell.stderr).say(display(sentence))
  if (!values.json || values.quiet) return
  new EventWriter(shell.stdout).write(sessionEvent(shell, session))
}

/** The end of `pause` and `discard`. */
export async function reportSuccess(
  shell: Shell,
  values: Values,
  session: SessionListing | null,
  sentence?: string,
): Promise<void> {
  if (sentence !== undefined) openLines(shell.stderr).say(display(sentence))
  const resumable = session !== null && session.resumeCommand !== null
  await writeExit(shell, values, session, { exit: { ...success, resumable }, error: null })
}

/** The `exit` event of a command that follows no session, or several. */
export async function writeExit(
  shell: Shell,
  values: Values,
  session: SessionListing | null,
  { exit, error }: Pick<Conclusion, 'exit' | 'error'>,
): Promise<void> {
  if (!values.json) return
  const writer = new EventWriter(shell.stdout)
  const subject = session === null ? null : { session: session.id, role: session.role }
  const resumeCommand = session?.resumeCommand ?? null
  writer.write(exitEvent(shell, subject, { exit, error, resumeCommand }))
  await writer.close()
}

/** The last line of `--json`. */
export function exitEvent(
  shell: Shell,
  subject: Pick<View, 'session' | 'role'> | null,
  { exit, error, resumeCommand }: Conclusion,
): ExitEvent {
  return {
    v: 1,
    type: 'exit',
    time: new Date(shell.clock.wall()).toISOString(),
    session: subject?.session ?? null,
    role: subject?.role ?? null,
    code: exit.code,
    name: exit.name,
    resumable: exit.resumable,
    resumeCommand: exit.resumable ? resumeCommand : null,
    ...(error === null ? {} : { error: sentences.errorField(error) }),
  }
}

function sessionEvent(shell: Shell, session: SessionListing): SessionEvent {
  return {
    v: 1,
    type: 'session',
    time: new Date(shell.clock.wall()).toISOString(),
    session: session.id,
    role: session.role,
    state: session.state,
    previous: null,
    reason: session.reason,
    who: session.who,
    held: session.held,
    epoch: session.epoch,
    resumed: false,
    peer: session.peer,
    ...(session.filesTotal === null ? {} : { filesTotal: session.filesTotal }),
    ...(session.bytesTotal === null ? {} : { bytesTotal: session.bytesTotal }),
    bytesDurable: session.bytesDurable,
  }
}
