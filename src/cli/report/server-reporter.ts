// Tells of a server and its sessions: events to stdout, a line for each thing that matters to stderr. There is no bar: with
// many sessions at once nobody could read it.

import { display, type Event, type SummaryEvent } from '../../index.ts'
import type { Values } from '../parse.ts'
import * as sentences from '../sentences.ts'
import type { Shell } from '../shell.ts'
import { exitEvent, type Conclusion } from './answers.ts'
import { EventWriter } from './ndjson.ts'
import { openLines, type Screen } from './screen.ts'
import { styleOf, type Style, type Tone } from './style.ts'
import { newView, viewAfter, type View } from './view.ts'

const idDigits = 8

export class ServerReporter {
  readonly #shell: Shell
  readonly #values: Values
  readonly #style: Style
  readonly #screen: Screen
  readonly #writer: EventWriter | null
  readonly #views = new Map<string, View>()

  constructor(shell: Shell, values: Values) {
    this.#shell = shell
    this.#values = values
    this.#style = styleOf(shell.stderr, values.color ?? 'auto', shell.env)
    this.#screen = openLines(shell.stderr)
    this.#writer = values.json ? new EventWriter(shell.stdout) : null
  }

  /** Tells one event; settles when the reader of stdout is ready for many more. */
  async tell(event: Event): Promise<void> {
    const isWanted = !this.#values.quiet || event.type === 'warning' || event.type === 'summary'
    if (this.#writer !== null && isWanted) this.#writer.write(event)
    const { session, role } = event
    if (session === null || role === null) this.#tellOwn(event)
    else {
      const before = this.#views.get(session) ?? newView(session.slice(0, idDigits), role)
      this.#views.set(session, viewAfter(before, event))
      this.#tellSession(event, before)
      if (event.type === 'summary') this.#views.delete(session) // Its last event.
    }
    if (event.type === 'file') await this.#writer?.ready()
  }

  sayStopping(): void {
    this.#say('Stopping: every session makes a last sync point. They go on when the folder is served again.', 'faint')
  }

  /** A line for each session at work, for USR1. */
  sayStatus(): void {
    if (this.#views.size === 0) this.#say('No session is at work.')
    for (const view of this.#views.values()) this.#say(sentences.standing(view, this.#shell.clock.wall()))
  }

  /** Last words and the `exit` event, then waits until stdout has taken all. Once. */
  async end(conclusion: Conclusion): Promise<void> {
    if (conclusion.error !== null)
      for (const line of sentences.failure(conclusion.error, this.#values.verbose ?? false)) this.#say(line, 'bad')
    if (this.#writer === null) return
    this.#writer.write(exitEvent(this.#shell, null, conclusion))
    await this.#writer.close()
  }

  #tellOwn(event: Event): void {
    if (event.type === 'listening' && !this.#values.quiet) {
      this.#say(`Serving on ${event.addresses.map(display).join(', ')}.`)
      this.#say(`A ticket for whoever may come:  ${display(event.command)}`)
    } else if (event.type === 'warning') this.#say(sentences.warning(event), 'warning')
    else if (event.type === 'hint' && !this.#values.quiet) this.#say(sentences.hint(event), 'faint')
  }

  #tellSession(event: Event, before: View): void {
    const name = before.title
    if (event.type === 'warning') return this.#say(`${name}: ${sentences.warning(event)}`, 'warning')
    if (this.#values.quiet) return
    switch (event.type) {
      case 'session': {
        const isNews = event.state !== before.state && ['transferring', 'paused', 'discarded'].includes(event.state)
        if (isNews) this.#say(`${name}, ${event.role}: ${sentences.state(event)}`)
        return
      }
      case 'waiting':
        return this.#say(`${name}: ${sentences.waiting(event)}`, 'warning')
      case 'file':
        return this.#say(`${name}: ${sentences.file(event)}`, 'warning')
      case 'summary':
        return this.#sayEnd(event, before)
      case 'adopted':
      case 'checkpoint':
        if (this.#values.verbose) this.#say(`${name}: ${sentences.syncPoint(event)}`, 'faint')
        return
      case 'listening':
      case 'progress':
      case 'reconnecting':
      case 'hint':
      case 'exit':
        return
    }
  }

  #sayEnd(event: SummaryEvent, view: View): void {
    const { signs } = this.#style
    const isComplete = event.receipt !== null
    const line = `${isComplete ? signs.done : signs.attention} ${sentences.summary(event, view, isComplete)}`
    this.#say(line, isComplete ? 'good' : 'warning')
  }

  #say(text: string, tone: Tone = 'plain'): void {
    this.#screen.say(this.#style.paint(tone, text))
  }
}
