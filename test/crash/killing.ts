// Transfers between two real processes that are killed again and again, at moments drawn from a seed, until enough kills
// are counted. What was acknowledged, and what each break cost on the wire, is kept here in the test's own process.

import { setTimeout } from 'node:timers/promises'
import { expect } from 'vitest'
import { decodeTicket } from '../../src/model/ticket.ts'
import { ChaosProxy } from '../support/chaos-proxy.ts'
import { seeded } from '../support/chance.ts'
import type { Command, EventOf } from '../support/command.ts'
import { quietPort } from '../support/quiet-port.ts'
import { bothSucceed, expectBalanced, portOf, Scene, type Side, through } from '../support/scene.ts'
import { listing, MiB, noise, plant, type Tree } from '../support/trees.ts'
import { delivered, discardOffers, left, removeDelivered, removeTombstone } from './remains.ts'

const killsPerTransfer = 12 // Ten at least; what ends earlier has fewer.
const bothEvery = 5 // Every fifth kill ends both sides.
const patienceMs = 120_000 // For the end of a transfer, on a machine with more to do.

/** What was counted over all transfers. */
export interface Tally {
  kills: number
  /** Kills of transfers under way that are still to come. */
  planned: number
  /** Of these, those behind the transfer's first acknowledge and before its last one. */
  between: number
  transfers: number
  /** Payload that crossed once more, or came to nothing, for each break that was mended: bytes. */
  readonly resent: number[]
}

interface Shape {
  readonly name: string
  readonly rate: string
  readonly tree: (seed: number) => Tree
}

/** W here: below what most of the shapes send. A kill costs at most that, and the frame that was being written. */
export const windowBytes = 32 * MiB

/** Each lasts some seconds at its rate, so that a dozen kills find it under way. */
const shapes: readonly Shape[] = [
  { name: 'one big file', rate: '16MiB', tree: (seed) => ({ 'disk.img': noise(112 * MiB + 4321, seed) }) },
  { name: 'files of all sizes', rate: '16MiB', tree: mixed },
  { name: 'many small files', rate: '3MiB', tree: (seed) => many(3000, 12_000, seed) },
]

function mixed(seed: number): Tree {
  const large = Array.from({ length: 9 }, (_, i) => [`large/${i}.bin`, noise((i + 1) * 2 * MiB - i, seed + i)] as const)
  return {
    ...Object.fromEntries(large),
    ...many(800, 30_000, seed),
    'holed.img': { kind: 'sparse', size: 40 * MiB, at: [[17 * MiB + 3, noise(2 * MiB, seed)]] },
  }
}

function many(count: number, sizeMax: number, seed: number): Tree {
  const chance = seeded(seed)
  const bytes = noise(count + sizeMax, seed)
  const files = Array.from({ length: count }, (_, i) => {
    const name = `small/${i % 40}/${i}.txt`
    return [name, bytes.subarray(i, i + Math.floor(chance() * sizeMax))] as const
  })
  return Object.fromEntries(files)
}

/** Kills `kills` times, in as many transfers as that takes, `abreast` of them at a time. */
export async function killAndCarryOn(seed: number, kills: number, abreast: number): Promise<Tally> {
  const tally: Tally = { kills: 0, planned: 0, between: 0, transfers: 0, resent: [] }
  const transfersMax = Math.ceil((kills / killsPerTransfer) * 4) + abreast
  let failure: Error | undefined
  const worker = async (): Promise<void> => {
    while (failure === undefined && tally.kills + tally.planned < kills && tally.transfers < transfersMax) {
      const number = tally.transfers++
      tally.planned += killsPerTransfer
      try {
        await new Crossing(seed + number, shapes[number % shapes.length]!, tally).run()
      } catch (error) {
        failure ??= new Error(`transfer ${number} of seed ${seed} failed: ${String(error)}`, { cause: error })
      }
    }
  }
  await Promise.all(Array.from({ length: abreast }, worker)) // All of them, or a failure would leave processes behind.
  if (failure !== undefined) throw failure
  return tally
}

class Crossing {
  readonly #chance: () => number
  readonly #shape: Shape
  readonly #tally: Tally
  readonly #scene = new Scene()
  readonly #seed: number
  #port!: number
  #proxy!: ChaosProxy
  #ticket!: string
  #sender!: Command
  #receiver!: Command
  /** For each kill of this transfer, how much the sender had heard acknowledged by then. */
  readonly #killed: number[] = []
  /** The most the sender ever heard acknowledged, when the last kill was over. */
  #promised = { bytes: 0, at: '' }
  /** Where the last epoch began: bytes through the proxy, bytes durable. */
  #began: { readonly passed: number; readonly durable: number } | undefined
  readonly #faults: string[] = []

  constructor(seed: number, shape: Shape, tally: Tally) {
    this.#seed = seed
    this.#chance = seeded(seed)
    this.#shape = shape
    this.#tally = tally
  }

  async run(): Promise<void> {
    plant(this.#scene.source, this.#inBox(this.#shape.tree(this.#seed)))
    this.#port = await quietPort(this.#chance)
    this.#start('receiver')
    this.#ticket = await this.#receiver.ticket()
    this.#proxy = await ChaosProxy.to(portOf(this.#ticket))
    await using _ = this.#proxy
    this.#start('sender')
    for (let kill = 1; kill <= killsPerTransfer && (await this.#isTimeToKill()); kill++) {
      await this.#kill(kill)
    }
    await this.#finish()
    this.#count()
    expect(this.#faults).toEqual([])
    expect(delivered(this.#scene)).toEqual(listing(this.#scene.source))
  }

  #inBox(tree: Tree): Tree {
    return Object.fromEntries(Object.entries(tree).map(([name, node]) => [`box/${name}`, node]))
  }

  #start(side: Side): void {
    if (side === 'sender') {
      const to = through(this.#proxy, this.#ticket)
      this.#sender = this.#scene.send('box', '--to', to, '--bwlimit', this.#shape.rate, '--window', `${windowBytes}`)
    } else {
      this.#receiver = this.#scene.receive('--listen', `127.0.0.1:${this.#port}`)
      void this.#follow(this.#receiver)
    }
  }

  /** Waits for the next moment to kill; false if the transfer was over before. */
  async #isTimeToKill(): Promise<boolean> {
    const over = Promise.race([this.#sender.ended, this.#receiver.ended]).then(() => false)
    const isTime = await Promise.race([over, this.#moment().then(() => true)])
    return isTime && this.#sender.isRunning && this.#receiver.isRunning
  }

  /** While it starts, soon after data flows, or at one of the next acknowledges. */
  async #moment(): Promise<void> {
    const kind = this.#chance()
    const extraMs = this.#chance()
    const nth = 1 + Math.floor(this.#chance() * 3)
    const watched = this.#chance() < 0.5 ? this.#sender : this.#receiver
    if (kind < 0.2) return setTimeout(extraMs * 400)
    const from = watched.all('checkpoint').length
    const isFresh = watched.all('session').every(({ state }) => state !== 'transferring')
    try {
      if (isFresh) await watched.until('session', ({ state }) => state === 'transferring')
      if (kind < 0.7) return await setTimeout(extraMs * 700)
      await watched.until('checkpoint', () => watched.all('checkpoint').length >= from + nth)
    } catch {
      // It is over, and there is nothing to kill; or the machine is so busy that nothing came yet: a good moment, too.
    }
  }

  async #kill(kill: number): Promise<void> {
    const isBoth = kill % bothEvery === 0
    const victims: readonly Side[] = isBoth ? ['receiver', 'sender'] : [this.#chance() < 0.5 ? 'receiver' : 'sender']
    const running = { receiver: this.#receiver, sender: this.#sender }
    await Promise.all(victims.map((side) => running[side].killed()))
    const bytes = Math.max(this.#promised.bytes, ...acknowledged(this.#sender))
    this.#promised = { bytes, at: new Date().toISOString() }
    this.#killed.push(bytes)
    for (const side of victims) this.#start(side)
  }

  /** Lets both commands come to their end, with nothing left but receipts. */
  async #finish(): Promise<void> {
    const code = await this.#sender.code(patienceMs)
    expect(code, `${this.#sender.transcript}\n${this.#receiver.transcript}`).toBe(0)
    expectBalanced(this.#sender)
    if (await this.#isKilledTooLate()) return this.#sendAgain()
    expect(await this.#receiver.code(patienceMs), this.#receiver.transcript).toBe(0)
    await removeDelivered(this.#scene, this.#session)
    await discardOffers(this.#scene, this.#session)
    await removeTombstone(this.#scene, this.#session)
    this.#scene.expectClean()
  }

  get #session(): string {
    return decodeTicket(this.#ticket).id
  }

  /** Whether the receiver died when the sender had all it needed: started again, it is right to wait for another one. */
  async #isKilledTooLate(): Promise<boolean> {
    const receiver = this.#receiver
    await Promise.race([receiver.ended, receiver.until('listening').then(() => setTimeout(500))])
    return receiver.isRunning && receiver.all('session').every(({ state }) => state === 'listening')
  }

  /** The same files once more, with the new ticket: not a byte of them crosses. A release that got lost leaves the first session. */
  async #sendAgain(): Promise<void> {
    const again = this.#scene.send('box', '--to', await this.#receiver.ticket())
    await bothSucceed(again, this.#receiver)
    expect(again.last('summary').bytesSentThisRun).toBe(0)
    await discardOffers(this.#scene, this.#session)
    await removeTombstone(this.#scene, this.#session)
    expect(left(this.#scene, 'sender')).toEqual([])
    await removeDelivered(this.#scene, this.#session)
    expect(left(this.#scene, 'receiver')).toEqual([])
  }

  /** Keeps the ledger: at the beginning of each epoch, what is durable, and what came to nothing in the one before. */
  async #follow(receiver: Command): Promise<void> {
    const seen = new Set<EventOf<'session'>>()
    while (receiver.isRunning) {
      const begins = (event: EventOf<'session'>): boolean => event.state === 'transferring' && !seen.has(event)
      const event = await receiver.until('session', begins).catch(() => undefined)
      if (event === undefined) continue
      seen.add(event)
      this.#note(event)
    }
  }

  #note({ session, bytesDurable: durable, time }: EventOf<'session'>): void {
    if (session !== this.#session) return // The one after it.
    const passed = this.#proxy.passed('up')
    if (this.#began !== undefined) {
      const resent = passed - this.#began.passed - (durable - this.#began.durable)
      this.#tally.resent.push(Math.max(0, resent))
      if (resent > windowBytes + MiB) this.#faults.push(`R2: ${resent} bytes came to nothing in one break`)
    }
    this.#began = { passed, durable }
    const { bytes, at } = this.#promised
    if (time > at && durable < bytes) this.#faults.push(`R1: ${bytes} were acknowledged, ${durable} are there`)
  }

  #count(): void {
    const total = this.#sender.last('summary').bytes
    this.#tally.kills += this.#killed.length
    this.#tally.planned -= killsPerTransfer
    this.#tally.between += this.#killed.filter((bytes) => bytes > 0 && bytes < total).length
  }
}

function acknowledged(sender: Command): readonly number[] {
  return sender.all('checkpoint').map(({ bytesDurable }) => bytesDurable)
}
