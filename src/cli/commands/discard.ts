// carryon discard SESSION: give it up on both sides. The only command that deletes what has arrived, so it asks.

import { TransferError } from '../../errors.ts'
import type { SessionListing } from '../../index.ts'
import { refuseTogetherWithOperand, type Call, type Result } from '../call.ts'
import { success } from '../exit.ts'
import { idDigits, subjectOf } from '../listing.ts'
import { askYes } from '../prompt.ts'
import { counted, formatBytes } from '../quantities.ts'
import { reportSession, reportSuccess } from '../report/answers.ts'

export async function discard(call: Call): Promise<Result> {
  const { operands, values } = call
  refuseTogetherWithOperand(call, 'expired')
  if (values.expired === true) return discardExpired(call)
  const what = values.olderThan === undefined ? 'Which session?' : '--older-than needs --expired.'
  if (operands.length === 0 || values.olderThan !== undefined)
    throw new TransferError('usage', { problem: what, remedy: 'Name one, or say --expired. `carryon ls` lists them.' })
  return discardOne(call)
}

/** Only what got nowhere for longer than sessions live, and what nobody here works on. */
async function discardExpired({ shell, values }: Call): Promise<Result> {
  const library = await shell.library()
  const { stateDir, olderThan } = values
  const isOld = ({ held, updatedAt, expiresAt }: SessionListing): boolean =>
    !held &&
    shell.clock.wall() > (olderThan === undefined ? Date.parse(expiresAt ?? '') : Date.parse(updatedAt) + olderThan)
  const old = (await library.listSessions({ stateDir })).filter(isOld)
  const bytes = old.reduce((sum, { role, bytesDurable }) => sum + (role === 'receiver' ? bytesDurable : 0), 0)
  if (values.yes !== true && old.length > 0) {
    const question = `Discard ${counted(old.length, 'expired session', 'expired sessions')}? ${lossOf(bytes)}`
    if (!(await askYes(question, 'your consent to discard (--yes)', shell, values.noInput !== true))) {
      await reportSuccess(shell, values, null, 'Nothing was discarded.')
      return { exit: success, signal: null }
    }
  }
  const gone = await library.discardExpired({ stateDir, olderThanMs: olderThan })
  for (const session of gone) {
    const name = `${session.id.slice(0, idDigits)}, ${subjectOf(session)}`
    reportSession(shell, values, { ...session, state: 'expired', reason: 'ttl' }, `Discarded expired session ${name}.`)
  }
  await reportSuccess(
    shell,
    values,
    null,
    gone.length === 0 && !values.quiet ? 'There is no expired session.' : undefined,
  )
  return { exit: success, signal: null }
}

function lossOf(bytes: number): string {
  return `${formatBytes(bytes)} that arrived and is not in place yet will be deleted.`
}

async function discardOne({ shell, operands, values }: Call): Promise<Result> {
  const library = await shell.library()
  const { stateDir, localOnly } = values
  const found = await library.sessionStatus(operands[0] ?? '', { stateDir })
  const name = `${found.id.slice(0, idDigits)}, ${subjectOf(found)}`
  if (values.yes !== true) {
    const question = `Discard session ${name}? ${lossOf(found.bytesDurable)}`
    if (!(await askYes(question, 'your consent to discard (--yes)', shell, values.noInput !== true))) {
      await reportSuccess(shell, values, found, 'Nothing was discarded.')
      return { exit: success, signal: null }
    }
  }
  const gone = await library.discardSession(found.id, { stateDir, localOnly })
  // With nothing to go on with (over, or its folder gone) there may be nothing left here to tell the other side.
  const isSilent = gone.peerTold || localOnly === true || gone.resumeCommand === null
  const told = isSilent ? '' : ' The other side will hear of it when it calls.'
  reportSession(shell, values, { ...gone, state: 'discarded', reason: 'user' }, `Discarded session ${name}.${told}`)
  await reportSuccess(shell, values, gone)
  return { exit: success, signal: null }
}
