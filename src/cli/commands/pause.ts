// carryon pause SESSION: stop it, keep it, tell the other side. With --all, every session that a process here holds.

import { TransferError } from '../../errors.ts'
import type { SessionListing } from '../../index.ts'
import { refuseTogetherWithOperand, type Call, type Result } from '../call.ts'
import { success } from '../exit.ts'
import { idDigits, subjectOf } from '../listing.ts'
import { reportSession, reportSuccess } from '../report/answers.ts'

export async function pause(call: Call): Promise<Result> {
  const { shell, operands, values } = call
  refuseTogetherWithOperand(call, 'all')
  if (values.all !== true && operands.length === 0)
    throw new TransferError('usage', {
      problem: 'Which session?',
      remedy: 'Name one, or say --all. `carryon ls` lists them.',
    })
  const library = await shell.library()
  const { stateDir } = values
  const ids = values.all
    ? (await library.listSessions({ stateDir })).filter(({ held }) => held).map(({ id }) => id)
    : operands
  if (ids.length === 0 && !values.quiet) shell.stderr.write('There is no session to pause.\n')
  let last: SessionListing | null = null
  for (const id of ids) {
    last = await library.pauseSession(id, { stateDir })
    const text = `Paused ${last.id.slice(0, idDigits)}, ${subjectOf(last)}.`
    reportSession(shell, values, last, last.resumeCommand === null ? text : `${text} To go on:  ${last.resumeCommand}`)
  }
  await reportSuccess(shell, values, ids.length === 1 ? last : null)
  return { exit: success, signal: null }
}
