// What a command sees of the process that runs it. main.ts fills it from the real one, tests from their own.

import type { CarryonApi, Stdio } from '../index.ts'

/** A stream to write to, with what Node says of its terminal. */
export interface Output extends NodeJS.WritableStream {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

export interface Shell {
  /** Without node and script. */
  readonly args: readonly string[]
  /** What started this program, before its arguments: words of a command line, absolute paths. */
  readonly program: readonly string[]
  /** A socket that listens already, handed over by a service manager (LISTEN_FDS); null: there is none. */
  readonly listenDescriptor: number | null
  readonly env: Record<string, string | undefined>
  readonly stdin: NodeJS.ReadStream
  readonly stdout: Output
  readonly stderr: Output
  /** Standard input and output as bytes, of which nobody has read or written any. Throws where they are no pipes. */
  pipes(): Stdio
  readonly clock: ShellClock
  readonly signals: SignalSource
  /** Loads src/index.ts: dear, so only when a command needs it. */
  library(): Promise<CarryonApi>
}

export interface ShellClock {
  /** Wall time, ms since 1970. */
  wall(): number
  /** Calls back every so often, without keeping the process alive; the function returned stops it. */
  every(intervalMs: number, callback: () => void): () => void
}

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

/** What whoever runs a session does about signals. */
export interface SignalHandlers {
  /** The first INT, TERM or HUP. The second ends the process without asking. */
  stop(signal: StopSignal): void
  /** USR1. */
  status(): void
  /** USR2. */
  toggleLimit(): void
  /** The process ends right after: mend the terminal. */
  leave(): void
}

export interface SignalSource {
  /** Until the function returned is called, signals go to `handlers`; nobody there means the process dies of them. */
  handle(handlers: SignalHandlers): () => void
}
