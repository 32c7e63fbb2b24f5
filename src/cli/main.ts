// The process: what bin/carryon.js runs. It names itself, answers --version before anything is loaded, hands its streams,
// signals and clock to run.ts, and is the only place that sets the exit code. `process.exit` cuts pipes short: it is called
// only once a bug has been told, because whatever the bug left open would keep the process alive.

import { createRequire } from 'node:module'
import { Socket } from 'node:net'
import { collectOften } from './collector.ts'
import type { Shell } from './shell.ts'
import { dieBy, listenToSignals } from './signals.ts'

process.title = 'carryon' // Blanks the command line in /proc, and with it a ticket.

collectOften()

const args = process.argv.slice(2)
let isDone = false

if (args[0] === '--version') process.stdout.write(`${version()}\n`)
else main().catch(lastResort)

async function main(): Promise<void> {
  const signals = listenToSignals()
  process.exitCode = 1 // Until better is known: a process that just runs dry must not look like success.
  process.once('beforeExit', () => {
    if (!isDone) lastResort(new Error('there is nothing left to wait for.'))
  })
  process.on('uncaughtException', lastResort)
  process.on('unhandledRejection', lastResort)
  // A reader that has gone must not end the transfer; without a listener, EPIPE ends the process.
  process.stdout.on('error', ignore)
  process.stderr.on('error', ignore)
  const { run } = await import('./run.ts')
  const { exit, signal } = await run(shellOf(signals))
  isDone = true
  process.exitCode = exit.code
  if (signal !== null) dieBy(signal)
}

function shellOf(signals: Shell['signals']): Shell {
  return {
    args,
    program: [process.execPath, ...process.argv.slice(1, 2)],
    listenDescriptor: handedOver(process.env),
    env: process.env,
    get stdin() {
      return process.stdin // Opened only when something is read from it.
    },
    stdout: process.stdout,
    stderr: process.stderr,
    pipes: () => ({
      // Those of `process` never close the descriptor, and the other end would wait for its end.
      input: new Socket({ fd: 0, readable: true, writable: false }),
      output: new Socket({ fd: 1, readable: false, writable: true }),
    }),
    clock: {
      wall: () => Date.now(),
      every: (intervalMs, callback) => {
        const timer = setInterval(callback, intervalMs).unref()
        return () => clearInterval(timer)
      },
    },
    signals,
    library: () => import('../index.ts'),
  }
}

/** sd_listen_fds(3): the first socket is descriptor 3, and meant for us only if we are the process that is named. */
function handedOver({ LISTEN_PID, LISTEN_FDS }: NodeJS.ProcessEnv): number | null {
  return LISTEN_PID === String(process.pid) && Number(LISTEN_FDS) >= 1 ? 3 : null
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
