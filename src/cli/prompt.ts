// The two questions carryon asks: a ticket, without showing it, and whether to discard. Both only where a person can
// answer (stdin and stderr are terminals) and wants to (no --no-input).

import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { TransferError } from '../errors.ts'
import type { Shell } from './shell.ts'

/**
 * Asks for a secret; what is typed is not shown.
 * @throws cancelled-prompt
 */
export async function askHidden(question: string, what: string, shell: Shell, mayAsk: boolean): Promise<string> {
  refuseUnlessPossible(what, shell, mayAsk)
  shell.stderr.write(question)
  // readline switches the terminal's own echo off and echoes into its output: one that goes nowhere.
  const answer = await ask('', new Writable({ write: (_chunk, _encoding, done) => done() }), shell)
  shell.stderr.write('\n')
  return answer
}

/**
 * Asks yes or no; anything but yes is no.
 * @throws cancelled-prompt
 */
export async function askYes(question: string, what: string, shell: Shell, mayAsk: boolean): Promise<boolean> {
  refuseUnlessPossible(what, shell, mayAsk)
  return /^y(es)?$/i.test((await ask(`${question} [y/N] `, shell.stderr, shell)).trim())
}

function refuseUnlessPossible(what: string, shell: Shell, mayAsk: boolean): void {
  if (!mayAsk || !shell.stdin.isTTY || shell.stderr.isTTY !== true)
    throw new TransferError('cancelled-prompt', { what })
}

/** ^C and ^D at the question are an empty answer; ^C also reaches the process as a signal. */
async function ask(question: string, output: NodeJS.WritableStream, shell: Shell): Promise<string> {
  const lines = createInterface({ input: shell.stdin, output, terminal: true })
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('close', () => resolve(''))
      lines.once('SIGINT', () => {
        lines.close()
        process.kill(process.pid, 'SIGINT') // In raw mode the terminal sends none.
      })
      lines.question(question).then(resolve, reject)
    })
  } finally {
    lines.close()
  }
}
