// carryon doctor: what of this machine could stand in the way, a line each. On stdout, because that is what was asked for;
// code 1 if something does.

import { exitNames } from '../../errors.ts'
import type { Call, Result } from '../call.ts'
import { diagnosisLines } from '../diagnosis.ts'
import { success } from '../exit.ts'
import { printJson, printLines } from '../print.ts'

export async function doctor({ shell, values }: Call): Promise<Result> {
  const library = await shell.library()
  const diagnosis = await library.doctor({ stateDir: values.stateDir, root: values.root })
  const lines = diagnosisLines(diagnosis, shell.clock.wall())
  if (values.json) await printJson(shell.stdout, { v: 1, diagnosis })
  else
    await printLines(
      shell.stdout,
      lines.map(({ verdict, text }) => `${verdict.padEnd(4)}  ${text}`),
    )
  const isIll = lines.some(({ verdict }) => verdict === 'bad')
  return { exit: isIll ? { code: 1, name: exitNames[1]!, resumable: false } : success, signal: null }
}
