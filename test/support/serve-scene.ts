// The stage of a served folder: one server that can be killed and started again at the same port, and any number of people
// with tickets, each with a state directory of his own.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { describeTicket, type NewTicket, type TicketListing } from '../../src/index.ts'
import { Command, type CommandOptions } from './command.ts'

/** What a ticket is made with: flags of `ticket new`. */
export type Terms = readonly string[]

export class ServeScene {
  readonly path: string
  /** Served. */
  readonly folder: string
  /** Of the server, once it listened. */
  port = 0

  constructor() {
    this.path = mkdtempSync(join(tmpdir(), 'carryon-serve-'))
    onTestFinished(() => rmSync(this.path, { recursive: true, force: true }))
    this.folder = join(this.path, 'served')
    mkdirSync(this.folder)
  }

  /** Starts the server, at the port of the one before. Resolves once it listens. */
  async serve(...flags: readonly string[]): Promise<Command> {
    const server = this.serving(...flags)
    const { addresses } = await server.until('listening')
    this.port = Number(addresses[0]!.split(':').at(-1))
    return server
  }

  /** The same, as soon as it is started. */
  serving(...flags: readonly string[]): Command {
    return this.as('server', ['serve', this.folder, '--allow-root', '--listen', `127.0.0.1:${this.port}`, ...flags])
  }

  /** A new ticket, in a file; `--for send` unless the terms say another. */
  async ticket(...terms: Terms): Promise<{ readonly file: string; readonly id: string; readonly text: string }> {
    const scope = terms.includes('--for') ? [] : ['--for', 'send']
    const { ticket } = (await this.office('new', ...scope, ...terms)) as unknown as NewTicket
    const { id } = describeTicket(ticket)
    return { ...this.keep(ticket), id, text: ticket }
  }

  /** Puts a ticket's text into a file as its holder would. */
  keep(ticket: string): { readonly file: string } {
    const { id } = describeTicket(ticket)
    const file = join(this.path, `${id}.ticket`)
    write(file, ticket)
    return { file }
  }

  /** `ticket WORD ...` on the server's side, with its JSON. */
  async office(...words: readonly string[]): Promise<Record<string, unknown>> {
    const [word, ...rest] = words
    const command = this.as('server', ['ticket', word!, ...rest, '--root', this.folder, '--json'], { people: true })
    const code = await command.code()
    if (code !== 0) throw new Error(`ticket ${words.join(' ')} ended with ${code}\n${command.transcript}`)
    return JSON.parse(command.stdout) as Record<string, unknown>
  }

  async tickets(): Promise<readonly TicketListing[]> {
    return (await this.office('ls'))['tickets'] as readonly TicketListing[]
  }

  /** Somebody sends a path of his own. */
  send(who: string, path: string, ...flags: readonly string[]): Command {
    return this.as(who, ['send', join(this.homeOf(who), path), ...flags])
  }

  /** Somebody receives into a folder of his own. */
  receive(who: string, ...flags: readonly string[]): Command {
    return this.as(who, ['receive', join(this.homeOf(who), 'in'), ...flags])
  }

  /** A folder of somebody's own. */
  homeOf(who: string): string {
    const home = join(this.path, who)
    mkdirSync(home, { recursive: true })
    return home
  }

  stateOf(who: string): string {
    return join(this.path, `state-${who}`)
  }

  as(who: string, args: readonly string[], options: CommandOptions = {}): Command {
    const env = { XDG_STATE_HOME: this.stateOf(who), HOME: this.path, ...options.env }
    return Command.start(args, { cwd: this.path, ...options, env })
  }
}

function write(file: string, text: string): void {
  writeFileSync(file, `${text}\n`)
  chmodSync(file, 0o600)
}
