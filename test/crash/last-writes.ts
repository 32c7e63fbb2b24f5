// One session of two real processes, one of which kills itself at one of its last calls that change a file system
// (last-writes.c); then the same command once more, as a person would run it, and what must be so behind that.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { decodeTicket } from '../../src/model/ticket.ts'
import type { Command } from '../support/command.ts'
import { bothSucceed, Scene, type Side } from '../support/scene.ts'
import { listing, noise, plant } from '../support/trees.ts'
import { delivered, discardOffers, expectTombstone, left, removeDelivered } from './remains.ts'

/** Where a process dies. */
export interface Spot {
  readonly side: Side
  /** Who dials: the other one has the ticket. */
  readonly dialer: Side
  readonly when: 'before' | 'after'
  /** Which of the calls that count; 0: none. */
  readonly k: number
}

/** What came of it. */
export interface Lived {
  readonly spot: Spot
  /** The calls that counted, in order, as far as it came. */
  readonly calls: readonly string[]
  readonly isKilled: boolean
  /** Why it should not have ended as it did. */
  readonly problem: string | undefined
}

interface Middle {
  readonly victim: Command
  readonly other: Command
  readonly again: Command | undefined
  readonly inode: number | undefined
}

/** Runs what works on two cores a few at a time; who only waits for a deadline of a peer leaves room for others. */
export class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async within<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}

const size = 300_000 // Too long for a pack: it comes by way of a part file.
const lingerMs = 30_000 // A receiver waits so long for a release that does not come (docs/protocol.md).
const patienceMs = 60_000

/** The kinds, by number, of the records with which the end begins: the file is about to get its name; the receipt is there. */
const firstRecord: Readonly<Record<Side, number>> = { receiver: 9, sender: 14 }

export class Session {
  readonly #spot: Spot
  readonly #shim: string
  readonly #slots: Slots
  readonly #scene = new Scene()
  readonly #log: string
  #ticket = ''

  constructor(spot: Spot, shim: string, slots: Slots) {
    this.#spot = spot
    this.#shim = shim
    this.#slots = slots
    this.#log = join(this.#scene.path, 'calls')
  }

  async live(): Promise<Lived> {
    let isKilled = false
    let problem: string | undefined
    try {
      plant(this.#scene.source, { 'disk.img': noise(size, this.#spot.k + 1) })
      isKilled = await this.#end()
    } catch (error) {
      problem = String(error)
    }
    const calls = existsSync(this.#log) ? readFileSync(this.#log, 'utf8').trimEnd().split('\n') : []
    return { spot: this.#spot, calls, isKilled, problem }
  }

  /** @returns whether it met its end before the session did */
  async #end(): Promise<boolean> {
    const { victim, other, again, inode } = await this.#slots.within(() => this.#killAndGoOn())
    if (again === undefined) {
      await bothSucceed(victim, other)
      this.#scene.expectClean()
      this.#expectDelivered()
      return false
    }
    await this.#bothEnd(again, other)
    if (inode !== undefined) expect(this.#inode(), 'it was delivered once more').toBe(inode)
    this.#expectDelivered()
    await this.#expectNothingElse()
    return true
  }

  /** Until one of them has ended. `again` is undefined where nobody was killed, `inode` where the file was not there by then. */
  async #killAndGoOn(): Promise<Middle> {
    const { victim, other } = await this.#untilOver()
    const { signal } = await victim.ended
    if (signal === null) return { victim, other, again: undefined, inode: undefined }
    expect(signal, victim.transcript).toBe('SIGKILL')
    const inode = this.#inode()
    const again = this.#start(this.#spot.side)
    await Promise.race([again.ended, other.ended])
    return { victim, other, again, inode }
  }

  /** The session, until the one who is to be killed has ended. */
  async #untilOver(): Promise<Pick<Middle, 'victim' | 'other'>> {
    const { side, dialer, when, k } = this.#spot
    const env = {
      LD_PRELOAD: this.#shim,
      CARRYON_LAST_BELOW: this.#scene.path,
      CARRYON_LAST_FROM: String(firstRecord[side]),
      CARRYON_LAST_KILL: `${when} ${k}`,
      CARRYON_LAST_LOG: this.#log,
    }
    const commands = {} as Record<Side, Command>
    const listener = dialer === 'sender' ? 'receiver' : 'sender'
    commands[listener] = this.#start(listener, listener === side ? env : {})
    this.#ticket = await commands[listener].ticket()
    commands[dialer] = this.#start(dialer, dialer === side ? env : {})
    const victim = commands[side]
    await victim.ended
    return { victim, other: commands[side === 'sender' ? 'receiver' : 'sender'] }
  }

  #start(side: Side, env: Readonly<Record<string, string>> = {}, ticket: string = this.#ticket): Command {
    const scene = this.#scene
    const dials = [side === 'sender' ? '--to' : '--from', ticket]
    const way = side === this.#spot.dialer ? dials : ['--listen', '127.0.0.1:0']
    const what = side === 'sender' ? ['send', join(scene.source, 'disk.img')] : ['receive', scene.target]
    return scene.as(side, [...what, ...way], { env })
  }

  /** Both with code 0; who listens anew for a peer that is done already gives a fresh ticket, by which nothing crosses. */
  async #bothEnd(again: Command, other: Command): Promise<void> {
    const { side, dialer } = this.#spot
    const said = (): string => `${again.transcript}\n${other.transcript}`
    expect(await other.code(lingerMs + patienceMs), said()).toBe(0)
    // A sender that dials tells a receiver that still waits; one that listens may wait for nobody.
    const isTold = side === 'receiver' || dialer === 'receiver' || other.all('warning').length === 0
    expect(isTold, said()).toBe(true)
    const isAlone = side !== dialer && other.last('summary').reconnects === 0
    const ticket = isAlone ? await again.ticket().catch(() => undefined) : undefined // It may have ended instead.
    if (ticket !== undefined) await this.#slots.within(() => this.#crossAgain(again, ticket))
    expect(await again.code(patienceMs), said()).toBe(0)
  }

  /** The same files once more: not a byte of them crosses. */
  async #crossAgain(listener: Command, ticket: string): Promise<void> {
    const dialer = this.#start(this.#spot.dialer, {}, ticket)
    await Promise.all([dialer, listener].map((command) => command.code(patienceMs)))
    await bothSucceed(dialer, listener)
    expect(dialer.last('summary').bytesSentThisRun).toBe(0)
  }

  #inode(): number | undefined {
    return statSync(join(this.#scene.target, 'disk.img'), { throwIfNoEntry: false })?.ino
  }

  #expectDelivered(): void {
    expect(delivered(this.#scene)).toEqual(listing(this.#scene.source))
  }

  /** Nothing but receipts, and what docs/journal.md lets a killed process leave. */
  async #expectNothingElse(): Promise<void> {
    const scene = this.#scene
    const { id } = decodeTicket(this.#ticket)
    const isLeft = {
      sender: left(scene, 'sender').includes(id),
      receiver: existsSync(join(scene.target, '.carryon', id)),
    }
    expect([[], [id]]).toContainEqual(left(scene, 'sender'))
    if (isLeft.sender) await expectTombstone(join(scene.stateOf('sender'), id))
    await discardOffers(scene, id)
    await removeDelivered(scene, id)
    expect(left(scene, 'receiver')).toEqual([])
    expect(existsSync(join(scene.target, '.carryon'))).toBe(false)
    expect(scene.receipts('sender')).toContain(`${id}.json`)
    expect(scene.receipts('receiver')).toEqual(scene.receipts('sender'))
    for (const side of ['sender', 'receiver'] as const) expect(this.#halfWritten(side)).toEqual([])
    if (!isLeft.sender) expect(this.#names('sender', 'sent'), 'what was sent').toContain(`${id}.json`)
    if (!isLeft.receiver) expect(this.#names('receiver', 'delivered'), 'what was received').toContain(id)
  }

  #names(side: Side, shelf: string): readonly string[] {
    const path = join(this.#scene.stateOf(side), shelf)
    return existsSync(path) ? readdirSync(path) : []
  }

  /** Notes that did not get their name. */
  #halfWritten(side: Side): readonly string[] {
    const names = readdirSync(this.#scene.stateOf(side), { recursive: true }).map(String)
    return names.filter((name) => name.includes('.new-'))
  }
}
