// A Shell for tests of the command: its own arguments, variables, streams and clock, nothing of the real process. What was
// written can be read back; timers tick and signals come when the test says so.

import { PassThrough, Writable } from 'node:stream'
import type { CarryonApi } from '../../src/index.ts'
import type { Shell, SignalHandlers, StopSignal } from '../../src/cli/shell.ts'

/** A stream that keeps what is written, and can pretend to be a terminal or a reader that sleeps. */
export class Sink extends Writable {
  readonly isTTY: boolean
  columns = 80
  rows = 24
  text = ''
  #asleep: (() => void) | null = null
  #sleeps = false

  constructor({ isTTY = false, columns = 80 } = {}) {
    super({ highWaterMark: 64, decodeStrings: false })
    this.isTTY = isTTY
    this.columns = columns
  }

  override _write(chunk: string | Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.text += String(chunk)
    if (this.#sleeps) this.#asleep = done
    else done()
  }

  /** From now on writes are taken and not finished. */
  sleep(): void {
    this.#sleeps = true
  }

  /** Finishes what was held back. */
  wake(): void {
    this.#sleeps = false
    const done = this.#asleep
    this.#asleep = null
    done?.()
  }

  /** What a log would hold. */
  get lines(): readonly string[] {
    return this.text.split('\n').slice(0, -1)
  }

  get events(): readonly { readonly type: string; readonly [field: string]: unknown }[] {
    return this.lines.map((line) => JSON.parse(line) as { readonly type: string })
  }
}

export class TestShell implements Shell {
  readonly args: readonly string[]
  readonly program = ['/usr/bin/node', '/usr/bin/carryon']
  readonly listenDescriptor = null
  readonly env: Record<string, string | undefined>
  readonly stdin: NodeJS.ReadStream
  readonly stdout: Sink
  readonly stderr: Sink
  readonly #api: Partial<CarryonApi>
  readonly #handlers = new Set<SignalHandlers>()
  readonly #ticking = new Map<() => void, number>()
  nowMs = Date.parse('2026-11-23T12:00:00.000Z')

  constructor(args: readonly string[], { api = {}, env = {}, input = '', tty = false }: TestShellOptions = {}) {
    this.args = args
    this.env = { LANG: 'C.UTF-8', TERM: 'xterm', ...env }
    const stdin = new PassThrough()
    stdin.end(input)
    this.stdin = Object.assign(stdin, { isTTY: false }) as unknown as NodeJS.ReadStream
    this.stdout = new Sink({ isTTY: tty === true })
    this.stderr = new Sink({ isTTY: tty !== false })
    this.#api = api
  }

  readonly clock = {
    wall: (): number => this.nowMs,
    every: (intervalMs: number, callback: () => void) => {
      this.#ticking.set(callback, intervalMs)
      return () => this.#ticking.delete(callback)
    },
  }

  readonly signals = {
    handle: (handlers: SignalHandlers) => {
      this.#handlers.add(handlers)
      return () => this.#handlers.delete(handlers)
    },
  }

  pipes(): never {
    throw new TypeError('these are no pipes')
  }

  library(): Promise<CarryonApi> {
    return Promise.resolve(this.#api as CarryonApi)
  }

  /** Lets time pass: each timer rings once for every interval in it. */
  pass(ms: number): void {
    this.nowMs += ms
    for (const [callback, intervalMs] of this.#ticking)
      for (let rung = intervalMs; rung <= ms; rung += intervalMs) callback()
  }

  get isTicking(): boolean {
    return this.#ticking.size > 0
  }

  get isListening(): boolean {
    return this.#handlers.size > 0
  }

  stop(signal: StopSignal): void {
    for (const handlers of this.#handlers) handlers.stop(signal)
  }

  status(): void {
    for (const handlers of this.#handlers) handlers.status()
  }

  toggleLimit(): void {
    for (const handlers of this.#handlers) handlers.toggleLimit()
  }
}

export interface TestShellOptions {
  readonly api?: Partial<CarryonApi>
  readonly env?: Record<string, string | undefined>
  readonly input?: string
  /** Whether stdout and stderr are terminals; 'stderr': only it. */
  readonly tty?: boolean | 'stderr'
}
