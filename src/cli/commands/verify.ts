// carryon verify [WHAT]: read again what was received. What differs is named on stdout, because that is what was
// asked for; one JSON document with --json.

import { display, type Verification } from '../../index.ts'
import type { Call, Result } from '../call.ts'
import { exitNames } from '../../errors.ts'
import { success } from '../exit.ts'
import { printJson, printLines } from '../print.ts'
import * as sentences from '../sentences.ts'

const differs = 12
const sayEveryMs = 10_000

export async function verify({ shell, operands, values }: Call): Promise<Result> {
  const library = await shell.library()
  let saidAt = shell.clock.wall()
  const onProgress = (bytes: number): void => {
    const sinceMs = Math.abs(shell.clock.wall() - saidAt) // A clock that is set back silences nothing.
    if (values.quiet || values.progress === 'none' || sinceMs < sayEveryMs) return
    saidAt = shell.clock.wall()
    shell.stderr.write(`${sentences.reading(bytes)}\n`)
  }
  const verification = await library.verify(operands[0] ?? '', { stateDir: values.stateDir, onProgress })
  if (values.json) await printJson(shell.stdout, { v: 1, verification })
  else await tell({ shell, operands, values }, verification)
  if (verification.differences.length === 0) return { exit: success, signal: null }
  return {
    exit: { code: differs, name: exitNames[differs]!, resumable: verification.finishedAt === null },
    signal: null,
  }
}

async function tell({ shell, values }: Call, verification: Verification): Promise<void> {
  const { differences } = verification
  await printLines(
    shell.stdout,
    differences.map(({ path, what }) => `${display(path)}: ${display(what)}`),
  )
  if (!values.quiet || differences.length > 0) shell.stderr.write(`${display(sentences.verified(verification))}\n`)
}
