// carryon serve DIR: runs until a signal ends it, and tells what its sessions do.

import type { Call, Result } from '../call.ts'
import { exitBySignal, exitOfError, success } from '../exit.ts'
import { ServerReporter } from '../report/server-reporter.ts'
import type { StopSignal } from '../shell.ts'

export async function serve({ shell, operands, values }: Call): Promise<Result> {
  const library = await shell.library()
  const reporter = new ServerReporter(shell, values)
  const server = library.serve(operands[0]!, {
    stateDir: values.stateDir,
    listen: values.listen,
    listenDescriptor: undefined,
    advertise: values.advertise,
    maxSessions: values.sessionsMax,
    minFree: values.minFree,
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
