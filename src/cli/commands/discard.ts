// carryon discard SESSION: give it up on both sides. The only command that deletes what has arrived, so it asks.

import type { Call, Result } from '../call.ts'
import { success } from '../exit.ts'
import { idDigits, subjectOf } from '../listing.ts'
import { askYes } from '../prompt.ts'
import { formatBytes } from '../quantities.ts'
import { reportSession, reportSuccess } from '../report/answers.ts'

export async function discard({ shell, operands, values }: Call): Promise<Result> {
  const library = await shell.library()
  const { stateDir, localOnly } = values
  const found = await library.sessionStatus(operands[0] ?? '', { stateDir })
  const name = `${found.id.slice(0, idDigits)}, ${subjectOf(found)}`
  if (values.yes !== true) {
    const loss = `${formatBytes(found.bytesDurable)} that arrived and is not in place yet will be deleted.`
    const question = `Discard session ${name}? ${loss}`
    if (!(await askYes(question, 'your consent to discard (--yes)', shell, values.noInput !== true))) {
      await reportSuccess(shell, values, found, 'Nothing was discarded.')
      return { exit: success, signal: null }
    }
  }
  const gone = await library.discardSession(found.id, { stateDir, localOnly })
  const told = gone.peerTold || localOnly ? '' : ' The other side will hear of it when it calls.'
  reportSession(shell, values, { ...gone, state: 'discarded', reason: 'user' }, `Discarded session ${name}.${told}`)
  await reportSuccess(shell, values, gone)
  return { exit: success, signal: null }
}
