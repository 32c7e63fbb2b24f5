// The built command in a real terminal, drawn by a real emulator: what a person sees, line by line, and all that was drawn on
// the way there. Where node-pty has no build for this machine, `canOpen` is false.

import { onTestFinished } from 'vitest'
import type { Terminal as Emulator } from '@xterm/headless'
import { commandPath } from './command.ts'

const pty = await import('@lydell/node-pty').catch(() => undefined)

/** Whether terminals can be opened on this machine. */
export const canOpen: boolean = pty !== undefined

const patienceMs = 20_000
const rows = 24

export interface TerminalOptions {
  readonly columns: number
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

export class Terminal {
  /** Everything that was written to it. */
  written = ''
  readonly ended: Promise<{ readonly exitCode: number; readonly signal?: number }>
  readonly #process: ReturnType<NonNullable<typeof pty>['spawn']>
  readonly #emulator: Emulator
  readonly #watchers = new Set<() => void>()
  #isOver = false

  private constructor(emulator: Emulator, args: readonly string[], { columns, cwd, env }: TerminalOptions) {
    this.#emulator = emulator
    const all = { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', TERM: 'xterm-256color', ...env }
    this.#process = pty!.spawn(process.execPath, [commandPath, ...args], { cols: columns, rows, cwd, env: all })
    this.#process.onData((text) => {
      this.written += text
      emulator.write(text, () => this.#look())
    })
    this.ended = new Promise((resolve) =>
      this.#process.onExit((end) => {
        this.#isOver = true
        emulator.write('', () => (this.#look(), resolve(end)))
      }),
    )
    onTestFinished(async () => {
      if (!this.#isOver) this.#process.kill('SIGKILL')
      await this.ended
      emulator.dispose()
    })
  }

  static async open(args: readonly string[], options: TerminalOptions): Promise<Terminal> {
    const { default: xterm } = await import('@xterm/headless')
    const emulator = new xterm.Terminal({ cols: options.columns, rows, allowProposedApi: true, scrollback: 1000 })
    return new Terminal(emulator, args, options)
  }

  /** What the screen shows now, lines that have scrolled away included; a long line counts once for each row it takes. */
  get lines(): readonly string[] {
    const { active } = this.#emulator.buffer
    return Array.from({ length: active.length }, (_, i) => active.getLine(i)!.translateToString(true))
  }

  /** Every state the line of progress was in, in order, without colours. */
  get bars(): readonly string[] {
    return this.written
      .split(drawnAnew)
      .map((text) => text.replace(escapeSequence, ''))
      .filter((text) => progressLine.test(text))
  }

  type(text: string): void {
    this.#process.write(text)
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** Resolves when it fits; rejects with the screen if it never does. */
  until(what: string, fits: (terminal: this) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (settle: () => void): void => {
        clearTimeout(timer)
        this.#watchers.delete(look)
        settle()
      }
      const giveUp = (): void => done(() => reject(new Error(`${what} did not come:\n${this.lines.join('\n')}`)))
      const timer = setTimeout(giveUp, patienceMs)
      const look = (): void => {
        if (fits(this)) done(resolve)
        else if (this.#isOver) giveUp()
      }
      this.#watchers.add(look)
      look()
    })
  }

  #look(): void {
    for (const look of this.#watchers) look()
  }
}

/* eslint-disable no-control-regex */
const escapeSequence = /\u001b(?:\[[0-9;?]*[A-Za-z]|[78])/g
/** Where a line begins: a carriage return, a new line, or the cursor set to the first column. */
const drawnAnew = /[\r\n]|\u001b\[[01]?G/
const progressLine = /^[↑↓^v] .*\d+%/

/** Columns that a text takes: letters of East Asia take two. */
export function widthOf(text: string): number {
  return Array.from(text).reduce((width, letter) => width + (wideLetter.test(letter) ? 2 : 1), 0)
}

const wideLetter = /[\u1100-\u115f\u2e80-\uffdc]|\p{Extended_Pictographic}/u
