// carryon status [SESSION]: one session in full. On stdout, because that is what was asked for. With --watch its run is
// followed, as its own screen shows it, to the same end and the same code.

import type { SessionStatus } from '../../index.ts'
import type { Call, Result } from '../call.ts'
import { success } from '../exit.ts'
import { follow } from '../follow.ts'
import { pageOf, titleOfSession } from '../listing.ts'
import { printJson, printLines } from '../print.ts'
import { Reporter } from '../report/reporter.ts'
import * as sentences from '../sentences.ts'

export async function status(call: Call): Promise<Result> {
  const { shell, operands, values } = call
  const library = await shell.library()
  const session = await library.sessionStatus(operands[0] ?? '', { stateDir: values.stateDir })
  if (values.watch === true && session.held) return watch(call, session)
  if (values.json) await printJson(shell.stdout, { v: 1, session })
  else await printLines(shell.stdout, pageOf(session, shell.clock.wall()))
  if (values.watch === true && !values.quiet) shell.stderr.write(`${sentences.nothingToWatch}\n`)
  return { exit: success, signal: null }
}

async function watch(call: Call, session: SessionStatus): Promise<Result> {
  const { shell, values } = call
  const library = await shell.library()
  const reporter = await Reporter.open(shell, values, { title: titleOfSession(session), role: session.role })
  const { stateDir } = values
  return follow(
    call,
    reporter,
    ({ signal }) => library.watchSession(session.id, { stateDir, signal }),
    session.resumeCommand,
  )
}
