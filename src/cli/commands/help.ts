// carryon help [TOPIC]: explanations, on stdout.

import { TransferError } from '../../errors.ts'
import type { Call, Result } from '../call.ts'
import { commandNames, type CommandName } from '../commands.ts'
import { success } from '../exit.ts'
import { helpOf } from '../help.ts'
import { topics, type Topic } from '../help-topics.ts'
import { print } from '../print.ts'
import { nearest } from '../suggest.ts'

export async function help({ shell, operands }: Call): Promise<Result> {
  await print(shell.stdout, await textOf(operands[0], shell.stdout.columns))
  return { exit: success, signal: null }
}

async function textOf(name: string | undefined, columns: number | undefined): Promise<string> {
  if (name === undefined || isCommand(name)) return helpOf(name, columns)
  if (isTopic(name)) return topics[name]()
  const names = [...Object.keys(topics), ...commandNames]
  const near = nearest(name, names)
  throw new TransferError('usage', {
    problem: `There is no help on "${name}".`,
    remedy: near === undefined ? `There is help on ${names.join(', ')}.` : `Did you mean ${near}?`,
  })
}

function isTopic(name: string): name is Topic {
  return Object.hasOwn(topics, name)
}

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(topics, name) ? false : (commandNames as readonly string[]).includes(name)
}
