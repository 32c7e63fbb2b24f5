// From arguments to a result: parses, loads the one command that is wanted, and turns whatever is thrown into a sentence
// and a code. It touches the process only through `shell`.

import { exitOfError, success } from './exit.ts'
import { parseArguments, wantsJson, type Values } from './parse.ts'
import type { Call, Result } from './call.ts'
import type { CommandName } from './commands.ts'
import { print } from './print.ts'
import type { Shell } from './shell.ts'

/** Runs one command line. Never throws for anything a user can cause. */
export async function run(shell: Shell): Promise<Result> {
  let values: Values = { json: wantsJson(shell.args, shell.env) }
  try {
    const parsed = await parseArguments(shell.args, shell.env)
    if (parsed.kind === 'help') {
      const { helpOf } = await import('./help.ts')
      await print(shell.stdout, await helpOf(parsed.command, shell.stdout.columns))
      return { exit: success, signal: null }
    }
    values = parsed.values
    const command = await loaders[parsed.command]()
    return await command({ shell, operands: parsed.operands, values })
  } catch (error) {
    const exit = exitOfError(error)
    const { reportFailure } = await import('./report/answers.ts')
    await reportFailure(shell, values, error, exit)
    return { exit, signal: null }
  }
}

type Command = (call: Call) => Promise<Result>

/** Loaded one by one: what `help` needs is a tenth of what `send` needs. */
const loaders: { readonly [Name in CommandName]: () => Promise<Command> } = {
  send: async () => (await import('./commands/send.ts')).send,
  receive: async () => (await import('./commands/receive.ts')).receive,
  serve: async () => (await import('./commands/serve.ts')).serve,
  ticket: async () => (await import('./commands/ticket.ts')).ticket,
  ls: async () => (await import('./commands/ls.ts')).ls,
  status: async () => (await import('./commands/status.ts')).status,
  resume: async () => (await import('./commands/resume.ts')).resume,
  pause: async () => (await import('./commands/pause.ts')).pause,
  discard: async () => (await import('./commands/discard.ts')).discard,
  verify: async () => (await import('./commands/verify.ts')).verify,
  doctor: async () => (await import('./commands/doctor.ts')).doctor,
  help: async () => (await import('./commands/help.ts')).help,
}
