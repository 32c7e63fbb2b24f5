// The built command as a child process: what it says on both streams, how it ends, and a way to wait for either without
// sleeping. Every process started here is gone when its test is.

import { execFileSync, spawn, type ChildProcessByStdio } from 'node:child_process'
import { statSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { Event, EventType } from '../../src/index.ts'

export const commandPath = fileURLToPath(new URL('../../bin/carryon.js', import.meta.url))

const builtMs = (file: string): number => statSync(new URL(`../../dist/${file}`, import.meta.url)).mtimeMs
if (builtMs('command/main.js') < Math.max(builtMs('src.tsbuildinfo'), builtMs('pure.tsbuildinfo')))
  throw new Error('The command in dist/command is older than what tsc has built: npm run build')

/** Longer than anything here should take on a busy machine; a wait that is over says what it waited for. */
const patienceMs = 20_000

export type EventOf<Type extends EventType> = Extract<Event, { type: Type }>

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** User and group to run as; only root may choose. */
  readonly uid?: number | undefined
  /** Words before the command, of a program that becomes it. */
  readonly within?: readonly string[]
  /** Leave `--json` away, for what people see. */
  readonly people?: boolean
}

/** How a command ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** One running command. With `--json`, which is added unless `people` is set, its events are read as they come. */
export class Command {
  readonly events: Event[] = []
  readonly ended: Promise<Ended>
  /** Milliseconds from the first signal sent by `kill` to the end. */
  diedAfterMs: number | undefined
  readonly #title: string
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #watchers = new Set<() => void>()
  #stdout = ''
  #stderr = ''
  #unparsed = ''
  #end: Ended | undefined

  private constructor(args: readonly string[], options: CommandOptions) {
    const { env = {}, cwd, uid, people = false, within = [] } = options
    this.#title = `carryon ${args.join(' ')}`.slice(0, 200)
    const events = people || args.includes('--json') ? [] : quickEvents
    const [program = '', ...words] = [...within, process.execPath, commandPath, ...args, ...events]
    this.#child = spawn(program, words, {
      env: { PATH: process.env['PATH'], LANG: 'C.UTF-8', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(cwd === undefined ? {} : { cwd }),
      ...(uid === undefined ? {} : { uid, gid: uid }),
    })
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => this.#hear(text, people))
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => this.#note(() => (this.#stderr += text)))
    this.#child.stdin.on('error', () => {}) // It may be gone before it read all.
    this.ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject)
      this.#child.once('close', (code, signal) => {
        this.#note(() => (this.#end = { code, signal }))
        resolve({ code, signal })
      })
    })
  }

  static start(args: readonly string[], options: CommandOptions = {}): Command {
    const command = new Command(args, options)
    onTestFinished(async () => {
      command.#child.kill('SIGKILL')
      await command.ended
    })
    return command
  }

  /** Its arguments, as a shell reads a command line that carryon has told people to run. */
  static argumentsOf(line: string): readonly string[] {
    const [name, ...args] = execFileSync('sh', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8' }).split('\0')
    if (name !== 'carryon') throw new Error(`This is no command of ours: ${line}`)
    return args.slice(0, -1)
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** What it has said to people so far. */
  get stderr(): string {
    return this.#stderr
  }

  get stdout(): string {
    return this.#stdout
  }

  get isRunning(): boolean {
    return this.#end === undefined
  }

  /** Everything written to its standard input, which then ends. */
  answer(text: string): void {
    this.#child.stdin.end(text)
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    const sentAt = performance.now()
    void this.ended.then(() => (this.diedAfterMs ??= performance.now() - sentAt))
    this.#child.kill(signal)
  }

  /** Lifts its --bwlimit. */
  hurry(): void {
    this.#child.kill('SIGUSR2')
  }

  /** Kills it at once and waits until it is gone. */
  async killed(): Promise<void> {
    this.kill('SIGKILL')
    await this.ended
  }

  /** Events of one type that have come so far. */
  all<Type extends EventType>(type: Type): EventOf<Type>[] {
    return this.events.filter((event): event is EventOf<Type> => event.type === type)
  }

  last<Type extends EventType>(type: Type): EventOf<Type> {
    const event = this.all(type).at(-1)
    if (event === undefined) throw new Error(`There was no ${type} event.\n${this.transcript}`)
    return event
  }

  /** The first event of a type that fits, of those that have come and those to come. Rejects if the command ends before. */
  until<Type extends EventType>(
    type: Type,
    fits: (event: EventOf<Type>) => boolean = () => true,
  ): Promise<EventOf<Type>> {
    return this.#wait(`${type} that fits ${String(fits)}`, () => this.all(type).find(fits))
  }

  /** As `until`, of the events still to come. */
  untilNext<Type extends EventType>(
    type: Type,
    fits: (event: EventOf<Type>) => boolean = () => true,
  ): Promise<EventOf<Type>> {
    const from = this.all(type).length
    return this.#wait(`a new ${type} that fits ${String(fits)}`, () => this.all(type).slice(from).find(fits))
  }

  /** Resolves when standard error holds the words. */
  untilSaid(words: RegExp): Promise<RegExpExecArray> {
    return this.#wait(String(words), () => words.exec(this.#stderr) ?? undefined)
  }

  /** The ticket it offers. */
  async ticket(): Promise<string> {
    return (await this.until('listening', ({ ticket }) => ticket !== null)).ticket!
  }

  /** Resolves with its exit code; a signal is a failure. `withinMs`: how long that may take. */
  async code(withinMs: number = patienceMs): Promise<number> {
    await this.#wait('its end', () => this.#end, withinMs)
    const { code, signal } = await this.ended
    if (code === null) throw new Error(`It died of ${signal}.\n${this.transcript}`)
    return code
  }

  /** All that it said, for messages of failed tests. */
  get transcript(): string {
    const events = this.events.map((event) => JSON.stringify(event)).slice(-40)
    return [
      `--- ${this.#title} (pid ${this.pid})`,
      ...events,
      this.#stderr,
      `ended: ${JSON.stringify(this.#end)}`,
    ].join('\n')
  }

  #hear(text: string, people: boolean): void {
    this.#note(() => {
      this.#stdout += text
      if (people) return
      const lines = (this.#unparsed + text).split('\n')
      this.#unparsed = lines.pop()!
      for (const line of lines) this.events.push(JSON.parse(line) as Event)
    })
  }

  #note(change: () => void): void {
    change()
    for (const look of this.#watchers) look()
  }

  #wait<Value>(what: string, look: () => Value | undefined, withinMs: number = patienceMs): Promise<Value> {
    return new Promise((resolve, reject) => {
      const done = (settle: () => void): void => {
        clearTimeout(timer)
        this.#watchers.delete(watch)
        settle()
      }
      const giveUp = (why: string) => done(() => reject(new Error(`Waiting for ${what}: ${why}\n${this.transcript}`)))
      const timer = setTimeout(() => giveUp('it did not come.'), withinMs)
      const watch = (): void => {
        const value = look()
        if (value !== undefined) done(() => resolve(value))
        else if (this.#end !== undefined) giveUp('the command ended.')
      }
      this.#watchers.add(watch)
      watch()
    })
  }
}

/** Progress often enough to act on it. */
const quickEvents = ['--json', '--progress-interval', '50ms']
