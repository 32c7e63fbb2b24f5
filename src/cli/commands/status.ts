// carryon status [SESSION]: one session in full. On stdout, because that is what was asked for.

import type { Call, Result } from '../call.ts'
import { success } from '../exit.ts'
import { pageOf } from '../listing.ts'
import { printJson, printLines } from '../print.ts'

export async function status({ shell, operands, values }: Call): Promise<Result> {
  const library = await shell.library()
  const session = await library.sessionStatus(operands[0] ?? '', { stateDir: values.stateDir })
  if (values.json) await printJson(shell.stdout, { v: 1, session })
  else await printLines(shell.stdout, pageOf(session, shell.clock.wall()))
  return { exit: success, signal: null }
}
