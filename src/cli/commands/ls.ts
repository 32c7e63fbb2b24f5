// carryon ls: the sessions of this machine. On stdout, because that is what was asked for; one JSON document with --json.

import { display } from '../../index.ts'
import type { Call, Result } from '../call.ts'
import { success } from '../exit.ts'
import { rowOf } from '../listing.ts'
import { printJson, printLines } from '../print.ts'

export async function ls({ shell, values }: Call): Promise<Result> {
  const library = await shell.library()
  const { stateDir, all, root, stale } = values
  const sessions = await library.listSessions({ stateDir, all, root, stale })
  if (values.json) await printJson(shell.stdout, { v: 1, sessions })
  else if (sessions.length > 0)
    await printLines(
      shell.stdout,
      sessions.flatMap((one) => rowOf(one, shell.clock.wall())),
    )
  else if (!values.quiet)
    shell.stderr.write(`There is no ${all ? '' : 'unfinished '}session${root ? ` in ${display(root)}` : ''}.\n`)
  return { exit: success, signal: null }
}
