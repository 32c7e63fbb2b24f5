// The stage of a scene: a folder to send from, a folder to receive into, a state directory for each side, and the two
// commands that are started, broken and started again.

import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { decodeTicket, encodeTicket } from '../../src/model/ticket.ts'
import type { SessionListing } from '../../src/index.ts'
import type { ChaosProxy } from './chaos-proxy.ts'
import { Command, type CommandOptions } from './command.ts'

export type Side = 'sender' | 'receiver'

/** A window that tests can fill: W of the promises, what may be sent again after a kill. */
export const windowBytes = 16 * 1024 * 1024
export const narrow: readonly string[] = ['--window', '16MiB']

export interface SceneOptions {
  /** Both sides keep their state in one directory, as two commands of one person on one machine do. */
  readonly sharedState?: boolean
  /** Run both sides as this user; only root may choose. */
  readonly uid?: number | undefined
}

export class Scene {
  readonly path: string
  readonly source: string
  readonly target: string
  readonly #options: SceneOptions

  constructor(options: SceneOptions = {}) {
    this.#options = options
    this.path = mkdtempSync(join(tmpdir(), 'carryon-e2e-'))
    onTestFinished(() => rmSync(this.path, { recursive: true, force: true }))
    this.source = join(this.path, 'source')
    this.target = join(this.path, 'target')
    for (const path of [this.source, this.target, this.stateOf('sender'), this.stateOf('receiver')]) {
      mkdirSync(path, { recursive: true })
    }
    if (options.uid !== undefined) this.give(options.uid)
  }

  /** Where a side's sessions and receipts lie. */
  stateOf(side: Side): string {
    return join(this.path, this.#options.sharedState ? 'state' : `state-${side}`, 'carryon')
  }

  /** Any command, as one of the sides would run it. */
  as(side: Side, args: readonly string[], options: CommandOptions = {}): Command {
    const env = { XDG_STATE_HOME: join(this.stateOf(side), '..'), HOME: this.path, ...options.env }
    return Command.start(args, { uid: this.#options.uid, cwd: this.path, ...options, env })
  }

  /** `receive` into the target, listening on loopback. */
  receive(...flags: readonly string[]): Command {
    return this.as('receiver', ['receive', this.target, ...(flags.includes('--from') ? [] : loopback(flags)), ...flags])
  }

  /** `send` of paths in the source (or absolute ones), dialing. */
  send(paths: string | readonly string[], ...flags: readonly string[]): Command {
    const absolute = [paths].flat().map((path) => (path.startsWith('/') ? path : `${this.source}/${path}`))
    return this.as('sender', ['send', ...absolute, ...(flags.includes('--to') ? [] : loopback(flags)), ...flags])
  }

  /** What a command that lists prints as one JSON document. */
  async document<Document>(side: Side, ...args: readonly string[]): Promise<Document> {
    const command = this.as(side, [...args, '--json'], { people: true })
    expect(await command.code(), command.transcript).toBe(0)
    return JSON.parse(command.stdout) as Document
  }

  /** What `ls` lists on a side. */
  async listed(side: Side, ...flags: readonly string[]): Promise<readonly SessionListing[]> {
    return (await this.document<{ readonly sessions: readonly SessionListing[] }>(side, 'ls', ...flags)).sessions
  }

  /** What is left of sessions on a side: names in its state directory but for receipts, and in the target's `.carryon`. */
  leftovers(side: Side): readonly string[] {
    const state = this.stateOf(side)
    const own = [...namesIn(state).filter((name) => !shelves.includes(name)), ...namesIn(join(state, 'targets'))]
    return side === 'sender' ? own : [...own, ...namesIn(join(this.target, '.carryon'))]
  }

  receipts(side: Side): readonly string[] {
    return namesIn(join(this.stateOf(side), 'receipts'))
  }

  /** Both sides ended well: one receipt each, the same, and nothing else left. */
  expectClean(sessions: number = 1): void {
    expect(this.leftovers('sender')).toEqual([])
    expect(this.leftovers('receiver')).toEqual([])
    expect(existsSync(join(this.target, '.carryon'))).toBe(false)
    expect(this.receipts('sender')).toHaveLength(sessions)
    expect(this.receipts('receiver')).toEqual(this.receipts('sender'))
  }

  /** Makes everything here belong to a user. */
  give(uid: number, path: string = this.path): void {
    chownSync(path, uid, uid)
    for (const name of readdirSync(path, { withFileTypes: true })) {
      if (name.isDirectory()) this.give(uid, join(path, name.name))
      else if (name.isFile()) chownSync(join(path, name.name), uid, uid)
    }
  }
}

/** What stays in a state directory for ever; only `receipts`, `delivered` and `sent` are filled once all sessions are over. */
const shelves: readonly string[] = ['receipts', 'targets', 'delivered', 'sent']

function loopback(flags: readonly string[]): readonly string[] {
  return flags.includes('--listen') ? [] : ['--listen', '127.0.0.1:0']
}

function namesIn(path: string): readonly string[] {
  return existsSync(path) ? readdirSync(path).toSorted() : []
}

/** The same ticket, leading through a proxy. */
export function through(proxy: Pick<ChaosProxy, 'port'>, ticket: string): string {
  return encodeTicket({ ...decodeTicket(ticket), addresses: [`127.0.0.1:${proxy.port}`] })
}

/** The port a ticket leads to. */
export function portOf(ticket: string): number {
  return Number(decodeTicket(ticket).addresses[0]!.split(':').at(-1))
}

/** Both commands end with code 0; what both said is told as soon as one of them does not. */
export async function bothSucceed(...commands: readonly Command[]): Promise<void> {
  await Promise.all(
    commands.map(async (command) => {
      const code = await command.code()
      expect(code, commands.map(({ transcript }) => transcript).join('\n')).toBe(0)
    }),
  )
}

/** With code 0 every byte is accounted for (INTERFACE 2.6). */
export function expectBalanced(command: Command): void {
  const { bytes, bytesReused, bytesSentThisRun, bytesResent } = command.last('summary')
  expect(bytesReused + bytesSentThisRun - bytesResent).toBe(bytes)
}

/** A --bwlimit for senders until `hurry`: one that leaves time to kill or to cut in the middle, on a busy machine too. */
export const slowly: readonly string[] = ['--bwlimit', '6MiB']

/** The same where other commands are run meanwhile, each of which may take seconds, or some checkpoints are waited for. */
export const leisurely: readonly string[] = ['--bwlimit', '1MiB']

/** The user `nobody`, where we are root and permissions would not hold; else whoever runs the test. */
export const unprivileged: number | undefined = process.getuid?.() === 0 ? 65_534 : undefined
