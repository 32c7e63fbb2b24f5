// The two questions carryon asks: a ticket, without showing it, and whether to discard. Both only where a person can
// answer (stdin and stderr are terminals) and wants to (no --no-input).

import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { TransferError } from '../errors.ts'
import type { Shell } from './shell.ts'

/**
 * Asks for a secret; what is typed is not shown.
 * @throws cancelled-prompt
 */
export async function askHidden(question: string, what: string, shell: Shell, mayAsk: boolean): Promise<string> {
  refuseUnlessPossible(what, shell, mayAsk)
  // readline switches the terminal's own echo off and echoes into its output: one that goes nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const answer = await ask(question, nowhere, shell)
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

/**
 * ^D at the question is an empty answer, ^C the signal. The question is shown once readline holds the terminal: what is
 * typed or pasted before would be echoed.
 */
async function ask(question: string, echo: NodeJS.WritableStream, shell: Shell): Promise<string> {
  const lines = createInterface({ input: shell.stdin, output: echo, terminal: true, prompt: '' })
  shell.stderr.write(question)
  try {
    return await new Promise<string>((resolve) => {
      const onClose = (): void => resolve('')
      lines.once('line', resolve)
      lines.once('close', onClose)
      lines.once('SIGINT', () => {
        lines.off('close', onClose)
        lines.close() // Gives the terminal back as it was; in raw mode it sends no signal of its own.
        shell.stderr.write('\n')
        process.emit('SIGINT') // At once: with the terminal closed nothing would keep the process to hear a real one.
      })
    })
  } finally {
    lines.close()
  }
}
