// carryon resume [SESSION]: go on without retyping. With --all, every unfinished session that no person paused, beside each
// other; the first code in the order of `ls` that is not 0 is the command's.

import { hasCode, type SessionListing } from '../../index.ts'
import { refuseTogetherWithOperand, type Call, type Result } from '../call.ts'
import { success } from '../exit.ts'
import { follow } from '../follow.ts'
import { idDigits, subjectOf, titleOfSession } from '../listing.ts'
import { reportSession, reportSuccess, writeExit } from '../report/answers.ts'
import { Reporter } from '../report/reporter.ts'
import { runOptions } from '../run-options.ts'
import * as sentences from '../sentences.ts'

export async function resume(call: Call): Promise<Result> {
  refuseTogetherWithOperand(call, 'all')
  const { shell, operands, values } = call
  const library = await shell.library()
  const { stateDir } = values
  if (values.all !== true) return resumeNamed(call, operands[0] ?? '')
  const waiting = (await library.listSessions({ stateDir })).filter(mayGoOn)
  if (waiting.length === 0 && !values.quiet) shell.stderr.write('There is no session to resume.\n')
  if (waiting.length === 1) return resumeOne(call, waiting[0]!, false)
  // Several bars would fight for the bottom line.
  const plain: Call = { ...call, values: { ...values, progress: values.progress === 'none' ? 'none' : 'plain' } }
  const results = await Promise.all(waiting.map((session) => resumeOne(plain, session, true)))
  const result = results.find(({ exit }) => exit.code !== 0) ?? { exit: success, signal: null }
  await writeExit(shell, values, null, { exit: result.exit, error: null })
  return result
}

async function resumeNamed(call: Call, id: string): Promise<Result> {
  const { shell, values } = call
  const library = await shell.library()
  try {
    const session = await library.sessionStatus(id, { stateDir: values.stateDir })
    return session.held && values.bwlimit !== undefined
      ? await limitRunning(call, session, values.bwlimit)
      : await resumeOne(call, session, false)
  } catch (error) {
    if (values.rebuild !== true || !hasCode(error, 'journal-damaged')) throw error
    // A journal that cannot be read tells neither role nor subject; only a receiver has data to rebuild from.
    return resumeOne(call, { id, role: 'receiver', sources: [], directory: error.details.path }, false)
  }
}

/** It runs already: all that is asked for is another speed. */
async function limitRunning({ shell, values }: Call, session: SessionListing, rate: number): Promise<Result> {
  const library = await shell.library()
  const limit = rate === Infinity ? null : rate
  const limited = await library.limitSession(session.id, limit, { stateDir: values.stateDir })
  reportSession(
    shell,
    values,
    limited,
    sentences.limited(`${limited.id.slice(0, idDigits)}, ${subjectOf(limited)}`, limit),
  )
  await reportSuccess(shell, values, limited)
  return { exit: success, signal: null }
}

type Subject = Pick<SessionListing, 'id' | 'role' | 'sources' | 'directory'>

async function resumeOne(call: Call, session: Subject, isOneOfMany: boolean): Promise<Result> {
  const { shell, values } = call
  const library = await shell.library()
  const title = titleOfSession(session)
  const reporter = await Reporter.open(shell, values, { title, role: session.role, isOneOfMany })
  return follow(call, reporter, (following) =>
    library.resumeSession(session.id, { ...runOptions(shell, values), ...following, rebuild: values.rebuild }),
  )
}

/** What a person paused waits for that person, what is a server's for the server. */
function mayGoOn({ held, state, reason, resumeCommand }: SessionListing): boolean {
  const isServed = resumeCommand?.startsWith('carryon serve ') === true
  return !held && !isServed && state !== 'unresumable' && !(state === 'paused' && reason === 'user')
}
