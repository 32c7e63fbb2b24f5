// carryon ls: the sessions of this machine. On stdout, because that is what was asked for; one JSON document with --json.

import { display } from '../../index.ts'
import type { Call, Result } from '../call.ts'
import { success } from '../exit.ts'
import { rowOf } from '../listing.ts'
import * as sentences from '../sentences.ts'
import { printJson, printLines } from '../print.ts'

export async function ls({ shell, values }: Call): Promise<Result> {
  const library = await shell.library()
  const { stateDir, all, root, stale } = values
  const passedOver: string[] = []
  const onPassedOver = (id: string, why: Error): void => void passedOver.push(sentences.passedOver(id, why.message))
  const sessions = await library.listSessions({ stateDir, all, root, stale, onPassedOver })
  if (values.json) await printJson(shell.stdout, { v: 1, sessions })
  else if (sessions.length > 0)
    await printLines(
      shell.stdout,
      sessions.flatMap((one) => rowOf(one, shell.clock.wall())),
    )
  else if (!values.quiet && passedOver.length === 0)
    shell.stderr.write(`There is no ${all ? '' : 'unfinished '}session${root ? ` in ${display(root)}` : ''}.\n`)
  for (const line of passedOver) shell.stderr.write(`${line}\n`)
  return { exit: success, signal: null }
}
