// The process's signals. The first INT, TERM or HUP asks whoever runs a session to stop in order; the second, or the first
// where nobody runs one, ends the process by that same signal. USR1 and USR2 are for whoever runs a session. It loads
// nothing, so that it can listen from the first moment.

import type { SignalHandlers, SignalSource, StopSignal } from './shell.ts'

export const signalNumbers: Readonly<Record<StopSignal, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }

const stopSignals = Object.keys(signalNumbers) as StopSignal[]

/** Listens from now on; without a listener on USR1, Node opens its debugger. */
export function listenToSignals(): SignalSource {
  const current = new Set<SignalHandlers>()
  let isStopping = false
  for (const signal of stopSignals) {
    process.on(signal, () => {
      const mayAsk = !isStopping && current.size > 0
      // A terminal that is closed sends HUP and then HUP again; only a person's second wish means "now".
      if (isStopping && signal === 'SIGHUP') return
      isStopping = true
      if (mayAsk) for (const handlers of current) handlers.stop(signal)
      else {
        for (const handlers of current) handlers.leave()
        dieBy(signal)
      }
    })
  }
  process.on('SIGUSR1', () => current.forEach((handlers) => handlers.status()))
  process.on('SIGUSR2', () => current.forEach((handlers) => handlers.toggleLimit()))
  return {
    handle: (handlers) => {
      current.add(handlers)
      return () => current.delete(handlers)
    },
  }
}

/** Ends the process as if it had never caught `signal`, so that a shell sees it. Process 1 of a container survives that: it ends by its code. */
export function dieBy(signal: StopSignal): void {
  process.exitCode = 128 + signalNumbers[signal]
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}
