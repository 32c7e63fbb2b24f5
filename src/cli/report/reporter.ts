// Tells a run to whoever listens: events to stdout, sentences and the bar to stderr. It decides what is said where, never
// how (sentences.ts) nor in which shape (screen.ts, bar.ts, ndjson.ts).

import {
  hasCode,
  type Event,
  type Role,
  type SessionEvent,
  type SummaryEvent,
  type TransferError,
} from '../../index.ts'
import type { Values } from '../parse.ts'
import * as sentences from '../sentences.ts'
import type { Shell, StopSignal } from '../shell.ts'
import { exitEvent, type Conclusion } from './answers.ts'
import { progressLine } from './bar.ts'
import { EventWriter } from './ndjson.ts'
import { openBar, openLines, type Screen } from './screen.ts'
import { styleOf, type Style, type Tone } from './style.ts'
import { newView, viewAfter, type View } from './view.ts'

type Mode = 'bar' | 'plain' | 'none'

const plainIntervalMs = 30_000

/** What a run is about. */
export interface About {
  /** What is sent, or the folder received into; made safe to show. */
  readonly title: string
  readonly role: Role
  /** Other sessions of the same command are told beside it: the command writes the one `exit` event. Default false. */
  readonly isOneOfMany?: boolean
}

/** How a run ended, for the last words. */
export interface LastWords extends Conclusion {
  readonly signal: StopSignal | null
  /** Another process holds the session and goes on with it. */
  readonly goesOnElsewhere: boolean
}

export class Reporter {
  readonly #shell: Shell
  readonly #values: Values
  readonly #style: Style
  readonly #mode: Mode
  readonly #writer: EventWriter | null
  readonly #intervalMs: number
  readonly #isOneOfMany: boolean
  #screen: Screen
  #view: View
  #summary: SummaryEvent | null = null
  #saidResuming = false
  #lastProgressMs = -Infinity
  #stopTicking: () => void = () => {}

  private constructor(shell: Shell, values: Values, about: About) {
    this.#shell = shell
    this.#isOneOfMany = about.isOneOfMany ?? false
    this.#values = values
    this.#style = styleOf(shell.stderr, values.color ?? 'auto', shell.env)
    this.#mode = modeOf(shell, values)
    this.#writer = values.json ? new EventWriter(shell.stdout) : null
    this.#intervalMs = values.progressInterval ?? 1000
    this.#screen = openLines(shell.stderr)
    this.#view = newView(about.title, about.role)
  }

  static async open(shell: Shell, values: Values, about: About): Promise<Reporter> {
    const reporter = new Reporter(shell, values, about)
    await reporter.#begin()
    return reporter
  }

  /** How often the session should yield `progress`, ms. */
  get progressIntervalMs(): number {
    return this.#mode === 'bar' ? Math.min(100, this.#intervalMs) : Math.min(this.#intervalMs, plainIntervalMs)
  }

  get view(): View {
    return this.#view
  }

  /** Tells one event; settles when the reader of stdout is ready for many more. */
  async tell(event: Event): Promise<void> {
    const before = this.#view
    this.#view = viewAfter(before, event)
    if (event.type === 'summary') this.#summary = event
    this.#write(event)
    this.#speak(event, before)
    if (event.type === 'file') await this.#writer?.ready()
  }

  /** A sentence of the command's own. */
  say(text: string, tone: Tone = 'plain'): void {
    this.#screen.say(this.#style.paint(tone, text))
  }

  /** One line on where it stands, for USR1. */
  sayStatus(): void {
    this.say(sentences.standing(this.#view, this.#shell.clock.wall()))
  }

  /** The bar goes, the terminal is as it was. Safe to call twice. */
  stop(): void {
    this.#stopTicking()
    this.#screen.stop()
  }

  /** Last words and the `exit` event, then waits until stdout has taken all. Once. */
  async end(words: LastWords): Promise<void> {
    this.stop()
    this.#sayEnding(words)
    if (this.#writer === null) return
    if (!this.#isOneOfMany) this.#writer.write(exitEvent(this.#shell, this.#view, words))
    await this.#writer.close()
  }

  async #begin(): Promise<void> {
    if (this.#mode === 'bar') {
      this.#screen = await openBar(this.#shell.stderr, (columns) =>
        progressLine(this.#view, this.#style, columns, this.#shell.clock.wall()),
      )
    } else if (!this.#values.quiet) {
      this.say(sentences.starting(this.#view))
      if (this.#mode === 'plain') this.#stopTicking = this.#shell.clock.every(plainIntervalMs, () => this.#tick())
    }
  }

  #tick(): void {
    if (this.#view.progress !== null || this.#view.stalled !== null) this.sayStatus()
  }

  #write(event: Event): void {
    if (this.#writer === null) return
    if (this.#values.quiet && event.type !== 'warning' && event.type !== 'summary') return
    if (event.type === 'progress') {
      const atMs = Date.parse(event.time)
      const sinceMs = Math.abs(atMs - this.#lastProgressMs) // A clock that is set back silences nothing.
      // A tenth of slack: timers fire late, and one line must not wait for two.
      if (this.#intervalMs === Infinity || sinceMs < this.#intervalMs * 0.9) return
      this.#lastProgressMs = atMs
    }
    this.#writer.write(event)
  }

  #speak(event: Event, before: View): void {
    switch (event.type) {
      case 'listening': {
        const showsTicket = this.#writer === null && this.#shell.stdout.isTTY === true
        if (this.#writer === null && !showsTicket && event.ticket !== null)
          this.#shell.stdout.write(`${event.ticket}\n`)
        const isNeeded = !this.#values.quiet || showsTicket
        if (isNeeded) for (const line of sentences.listening(event, this.#view.role, showsTicket)) this.say(line)
        return
      }
      case 'session':
        if (!this.#values.quiet) this.#sayState(event, before)
        return
      case 'reconnecting':
        // The bar counts down by itself; a log hears of the first attempt, then every 30 s.
        if (this.#mode === 'plain' && event.attempt === 1)
          this.say(sentences.reconnecting(event, this.#view), 'warning')
        return
      case 'waiting': {
        const isKnown = before.stalled?.type === 'waiting' && before.stalled.reason === event.reason
        const isPause = before.state === 'paused' && event.reason.startsWith('peer') // Its own sentence has said it.
        if (this.#mode !== 'none' && !isKnown && !isPause) this.say(sentences.waiting(event), 'warning')
        return
      }
      case 'file':
        if (!this.#values.quiet) this.say(sentences.file(event), toneOf(event.outcome))
        return
      case 'warning':
        this.say(sentences.warning(event), 'warning')
        return
      case 'hint':
        if (!this.#values.quiet) this.say(sentences.hint(event), 'faint')
        return
      case 'checkpoint':
      case 'adopted':
        if (this.#values.verbose) this.say(sentences.syncPoint(event), 'faint')
        return
      case 'progress':
      case 'summary':
      case 'exit':
        return
    }
  }

  /** What other sentences tell better is left to them: `listening`, `reconnecting`, `waiting`, the summary. */
  #sayState(event: SessionEvent, before: View): void {
    if (event.state === 'transferring' && event.resumed && !this.#saidResuming) {
      this.#saidResuming = true
      this.say(sentences.resuming(this.#view))
      return
    }
    if (event.state === before.state || ['listening', 'interrupted', 'parked', 'released'].includes(event.state)) return
    if (['greeting', 'agreeing'].includes(event.state) && !this.#values.verbose) return
    if (event.state === 'paused' && event.who === 'self') return // The last words tell why, where it stands and what goes on.
    if (this.#mode === 'plain' || this.#values.verbose || event.state === 'paused') this.say(sentences.state(event))
  }

  #sayEnding({ exit, error, signal, goesOnElsewhere, resumeCommand }: LastWords): void {
    const { signs } = this.#style
    if (goesOnElsewhere) {
      this.say(sentences.goesOnElsewhere)
      return
    }
    if (isStop(error)) {
      // What was wanted is no failure: where it stands is told, as after a signal.
      if (!isOwnPause(error)) this.say(error.message)
      this.say(sentences.paused(this.#view))
    } else if (error !== null) {
      if (this.#summary !== null && !this.#values.quiet && this.#view.hasMet)
        this.say(`${signs.failed} ${sentences.summary(this.#summary, this.#view, false)}`, 'bad')
      for (const line of sentences.failure(error, this.#values.verbose ?? false)) this.say(line, 'bad')
    } else if (signal !== null && exit.code > 128) this.say(sentences.paused(this.#view))
    else if (this.#summary !== null) {
      const isFine = exit.code === 0
      const line = `${isFine ? signs.done : signs.attention} ${sentences.summary(this.#summary, this.#view, true)}`
      this.say(line, isFine ? 'good' : 'warning')
    }
    const isBusy = hasCode(error, 'busy') // The same command would be busy again, and what helps is said.
    if (exit.resumable && resumeCommand !== null && !isBusy) this.say(sentences.toGoOn(resumeCommand))
  }
}

type Stop = TransferError<'paused' | 'transfer-limit' | 'time-limit'>

function isStop(error: unknown): error is Stop {
  return hasCode(error, 'paused') || hasCode(error, 'transfer-limit') || hasCode(error, 'time-limit')
}

/** By a person or a signal, on this side: nobody has to be told who it was. */
function isOwnPause(error: Stop): boolean {
  return hasCode(error, 'paused') && ['user', 'signal'].includes(error.details.by)
}

function modeOf(shell: Shell, values: Values): Mode {
  if (values.quiet) return 'none'
  const wish = values.progress ?? 'auto'
  if (wish === 'none' || wish === 'plain') return wish
  // A bar that is asked for where there is no terminal would only litter the file it lands in, and events on the same
  // terminal would break it.
  const sharesTerminal = values.json === true && shell.stdout.isTTY === true
  return shell.stderr.isTTY === true && shell.env['TERM'] !== 'dumb' && !sharesTerminal ? 'bar' : 'plain'
}

function toneOf(outcome: string): Tone {
  if (outcome === 'failed') return 'bad'
  return ['delivered', 'unchanged', 'kept', 'replaced'].includes(outcome) ? 'plain' : 'warning'
}
