// The process: what bin/carryon.js runs. It names itself, answers --version before anything is loaded, hands its streams,
// signals and clock to run.ts, and is the only place that sets the exit code. `process.exit` cuts pipes short: it is called
// only once a bug has been told, because whatever the bug left open would keep the process alive.

import { createRequire } from 'node:module'
import type { Shell } from './shell.ts'

process.title = 'carryon' // Blanks the command line in /proc, and with it a ticket.

const args = process.argv.slice(2)

if (args.length === 1 && args[0] === '--version') process.stdout.write(`${version()}\n`)
else await main()

async function main(): Promise<void> {
  process.on('uncaughtException', lastResort)
  process.on('unhandledRejection', lastResort)
  // A reader that has gone must not end the transfer; without a listener, EPIPE ends the process.
  process.stdout.on('error', ignore)
  process.stderr.on('error', ignore)
  const { dieBy, listenToSignals } = await import('./signals.ts')
  const signals = listenToSignals()
  const { run } = await import('./run.ts')
  const { exit, signal } = await run(shellOf(signals))
  process.exitCode = exit.code
  if (signal !== null) dieBy(signal)
}

function shellOf(signals: Shell['signals']): Shell {
  return {
    args,
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    clock: {
      wall: () => Date.now(),
      every: (intervalMs, callback) => {
        const timer = setInterval(callback, intervalMs).unref()
        return () => clearInterval(timer)
      },
    },
    signals,
    library: () => import('../index.ts') as Promise<unknown> as ReturnType<Shell['library']>,
  }
}

function version(): string {
  const { version } = createRequire(import.meta.url)('../../package.json') as { readonly version: string }
  return version
}

/** A bug that nobody caught: one line, code 1 within a second. The journal is safe by design. */
function lastResort(error: unknown): void {
  process.exitCode = 1
  const message = error instanceof Error ? error.message : String(error)
  // eslint-disable-next-line no-control-regex
  const line = message.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
  if (process.stderr.isTTY) process.stderr.write('\u001b[?25h\u001b[?7h')
  process.stderr.write(`Something unforeseen went wrong: ${line} What was acknowledged is safe.\n`, leave)
  setTimeout(leave, 500)
}

function leave(): void {
  // oxlint-disable-next-line no-restricted-properties -- see the top of this file
  process.exit(1)
}

function ignore(): void {}
