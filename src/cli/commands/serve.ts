// carryon serve DIR: runs until a signal ends it, and tells what its sessions do. With --stdio: one session, for who speaks
// through standard input, and not a word of our own on standard output.

import { TransferError } from '../../errors.ts'
import { refuseTogether, type Call, type Result } from '../call.ts'
import { certificateFrom } from '../certificate.ts'
import type { Stdio } from '../../index.ts'
import { exitBySignal, exitOfError, success } from '../exit.ts'
import { flagName } from '../options.ts'
import { print } from '../print.ts'
import { ServerReporter } from '../report/server-reporter.ts'
import type { Values } from '../parse.ts'
import type { Shell, StopSignal } from '../shell.ts'
import { serviceUnit } from '../systemd-unit.ts'

const usualPort = 22_779

/** What a unit would silently lack. */
const notInTheUnit = [
  ...(['advertise', 'tlsCert', 'tlsKey', 'publicUrl', 'trustedProxy'] as const),
  ...(['sessionsMax', 'quota', 'bwlimit', 'lanes', 'minFree', 'deadAfter', 'expires', 'durability'] as const),
]

/** What is for many, or for a port. */
const notOverAPipe = [
  ...(['listen', 'advertise', 'tlsCert', 'tlsKey', 'publicUrl', 'trustedProxy'] as const),
  ...(['sessionsMax', 'quota', 'bwlimit', 'lanes', 'minFree', 'allowRoot', 'printUnit', 'json', 'durability'] as const),
]

export async function serve(call: Call): Promise<Result> {
  const { shell, operands, values } = call
  if (values.stdio === true) return serveStdio(call)
  if (operands.length === 0) throw noFolder()
  if (values.printUnit === true) return printUnit(shell, operands[0]!, values)
  const certificate = await certificateFrom(values, shell)
  const library = await shell.library()
  const reporter = new ServerReporter(shell, values)
  const server = library.serve(operands[0]!, {
    stateDir: values.stateDir,
    listen: values.listen,
    listenDescriptor: shell.listenDescriptor ?? undefined,
    advertise: values.advertise,
    ...certificate,
    publicUrl: values.publicUrl,
    trustedProxies: values.trustedProxy,
    maxSessions: values.sessionsMax,
    quota: values.quota,
    bwlimit: values.bwlimit === Infinity ? undefined : values.bwlimit,
    lanes: values.lanes === 'auto' ? undefined : values.lanes,
    minFree: values.minFree,
    durability: values.durability,
    allowRoot: values.allowRoot,
    deadAfterMs: values.deadAfter,
    expiresMs: values.expires,
    progressIntervalMs: values.json ? values.progressInterval : Infinity,
  })
  let asked: StopSignal | null = null
  const unhandle = shell.signals.handle({
    stop: (signal) => {
      asked = signal
      reporter.sayStopping()
      void server.close()
    },
    status: () => reporter.sayStatus(),
    toggleLimit: () => {},
    leave: () => {},
  })
  try {
    for await (const event of server) await reporter.tell(event)
    const error = await server.ending
    const exit = error !== null ? exitOfError(error) : asked === null ? success : exitBySignal(asked, true)
    await reporter.end({ exit, error, resumeCommand: null })
    return { exit, signal: exit.code > 128 ? asked : null }
  } finally {
    unhandle()
  }
}

async function serveStdio({ shell, operands, values }: Call): Promise<Result> {
  refuseTogether(
    values,
    notOverAPipe.map((other) => ['stdio', other] as const),
  )
  const pipes = pipesOf(shell)
  const library = await shell.library()
  const stop = new AbortController()
  const unhandle = shell.signals.handle({
    stop: () => stop.abort('signal'),
    status: () => {},
    toggleLimit: () => {},
    leave: () => {},
  })
  try {
    await library.serveStdio(pipes, {
      directory: operands[0],
      stateDir: values.stateDir,
      deadAfterMs: values.deadAfter,
      expiresMs: values.expires,
      signal: stop.signal,
    })
    return { exit: success, signal: null }
  } finally {
    unhandle()
  }
}

function pipesOf(shell: Shell): Stdio {
  try {
    return shell.pipes()
  } catch (error) {
    const problem = 'serve --stdio speaks to a program, and its standard input or output is none.'
    const remedy = 'ssh starts it for carryon send --to HOST:PATH and carryon receive --from HOST:PATH.'
    throw new TransferError('usage', { problem, remedy }, { cause: error })
  }
}

function noFolder(): TransferError {
  return new TransferError('usage', { problem: 'carryon serve needs one DIR.', remedy: 'Usage: carryon serve DIR' })
}

async function printUnit(shell: Shell, operand: string, values: Values): Promise<Result> {
  const { program } = shell
  const { listen } = values
  const odd = notInTheUnit.find((name) => values[name] !== undefined)
  if (odd !== undefined)
    throw new TransferError('usage', {
      problem: `The unit that is printed does without --${flagName(odd)}.`,
      remedy: 'Print it without the flag, and add that to its line ExecStart.',
    })
  if (!operand.startsWith('/'))
    throw new TransferError('usage', {
      problem: 'A unit needs the whole path of the folder.',
      remedy: 'Say /srv/in, for example.',
    })
  await print(shell.stdout, serviceUnit({ program, directory: operand, port: listen?.port || usualPort }))
  const isHidden = program.some((path) => /^\/(home|root|run\/user)\//.test(path))
  if (isHidden)
    shell.stderr.write('Hint: carryon or Node lies in a home folder, which this unit hides: install it elsewhere.\n')
  return { exit: success, signal: null }
}
