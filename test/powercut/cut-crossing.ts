// One transfer on two file systems that lose their power again and again. The processes of a side die with its power; the
// other side lives on. What was promised is kept here, outside both file systems, and held against what is found behind
// each cut: what was acknowledged, the receipt once either side was through, and whole files under all final names.

import { createHash, randomBytes } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { loadHash } from '../../src/hash/xxh64.ts'
import { defaultLimits } from '../../src/model/limits.ts'
import type { Role } from '../../src/model/session.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'
import { keepJoined, type Scene, Side } from '../crash/two-ends.ts'
import { CrossingCheck } from '../crash/crossing-check.ts'
import { file, folder, link, listing, noise, plant, type Tree } from '../support/trees.ts'
import type { CutFlag, Cutter, Volume } from './volume.ts'

const hash = await loadHash()
const KiB = 1024
const patienceMs = 30_000

const limits = {
  ...defaultLimits,
  chunkBytes: 8 * KiB,
  windowBytes: 512 * KiB,
  syncEveryBytes: 64 * KiB,
  syncEveryMs: 50,
  deadAfterMs: 60_000, // Nobody is silent here but a busy machine.
  lingerMs: 500,
}

/** What was counted over all crossings. */
export interface Tally {
  cuts: number
  crossings: number
  /** Cuts within 5 ms behind a promise. */
  behindPromises: number
  /** Acknowledges, and ends of sides that were through. */
  promises: number
  readonly cutsOf: Record<Role, number>
  readonly problems: string[]
}

/** When the power goes. */
interface Moment {
  readonly roles: readonly Role[]
  readonly flag: CutFlag
  /** After so many promises from the start. */
  readonly promises: number
  /** So long after that. */
  readonly delayMs: number
}

const roles: readonly Role[] = ['sender', 'receiver']

export class CutCrossing {
  readonly #volumes: Readonly<Record<Role, Volume>>
  readonly #cutter: Cutter
  readonly #chance: () => number
  readonly #tally: Tally
  readonly #scene: Scene
  readonly #sides: Partial<Record<Role, Side>> = {}
  /** Who has come to its end, and said so. */
  readonly #through = new Set<Role>()
  readonly #name = `crossing-${randomBytes(4).toString('hex')}`
  readonly #wanted: Readonly<Record<string, string>>
  #onPromise: () => void = () => {}
  #lastPromiseAt = -Infinity

  constructor(volumes: Record<Role, Volume>, cutter: Cutter, chance: () => number, tally: Tally) {
    this.#volumes = volumes
    this.#cutter = cutter
    this.#chance = chance
    this.#tally = tally
    const at = (role: Role, name: string): string => `${volumes[role].path}/${this.#name}/${name}`
    const folders = {
      source: at('sender', 'source'),
      target: at('receiver', 'target'),
      state: { sender: at('sender', 'state'), receiver: at('receiver', 'state') },
    }
    const check = new CrossingCheck(hash, limits, (why) => this.#tally.problems.push(why))
    const random = { bytes: (count: number) => new Uint8Array(randomBytes(count)), fraction: Math.random }
    this.#scene = {
      world: { clock, random, disk: nodeDisk, hash, limits },
      session: randomBytes(16).toString('hex'),
      folders,
      watcher: {
        said: (between, from, text) => {
          check.said(between, from, text)
          if (text.startsWith('{"kind":"acknowledge"')) this.#promised()
        },
        sent: (between, frame) => check.frameSent(between, frame),
        observed: () => {},
      },
    }
    plant(folders.source, this.#tree())
    plant(folders.target, { 'replaced.bin': file(older, 0o600, 1) })
    for (const role of roles) volumes[role].settle()
    this.#wanted = listing(folders.source)
    tally.crossings++
  }

  /** Chunks, holes, packs, empty files; one file is replaced. */
  #tree(): Tree {
    const seed = Math.floor(this.#chance() * 1e6)
    const small = Array.from({ length: 30 }, (_, i) => [`box/${i % 3}/${i}.txt`, noise(i * 300, seed + i)] as const)
    return {
      'large.bin': noise(Math.floor(this.#chance() * 2_000 * KiB), seed),
      'middle.bin': noise(300 * KiB, seed + 1),
      'holed.img': { kind: 'sparse', size: 200 * KiB, at: [[90 * KiB + 3, noise(40 * KiB, seed + 2)]] },
      'replaced.bin': file(noise(60 * KiB, seed + 3), 0o640),
      'box/2': folder(0o750),
      latest: link('box/1/1.txt'),
      ...Object.fromEntries(small),
    }
  }

  /** Cuts until the tally has enough or the transfer is over, and then lets it finish. Stops at a problem. */
  async run(cuts: number): Promise<void> {
    try {
      while (this.#tally.cuts < cuts && !this.#isOver && !this.#hasFailed) await this.#live(this.#draw())
      while (!this.#isOver && !this.#hasFailed) await this.#live(undefined)
      if (!this.#hasFailed) this.#checkWhole()
    } catch (error) {
      this.#problem(`it cannot go on: ${String(error)}`)
    } finally {
      await Promise.all(roles.map((role) => this.#leave(role)))
      for (const role of roles) rmSync(`${this.#volumes[role].path}/${this.#name}`, { recursive: true, force: true })
    }
  }

  get #hasFailed(): boolean {
    return this.#tally.problems.length > 0
  }

  /** The sender has its receipt. */
  get #isOver(): boolean {
    return existsSync(this.#receipt('sender')) && this.#sides.sender === undefined
  }

  #receipt(role: Role): string {
    return `${this.#scene.folders.state[role]}/receipts/${this.#scene.session}.json`
  }

  /** Most of them right behind a promise; some come to nothing, for the transfer is over before. */
  #draw(): Moment {
    const chance = this.#chance
    const which = chance()
    const isBehindPromise = chance() < 0.85
    return {
      roles: which < 0.5 ? ['receiver'] : which < 0.85 ? ['sender'] : roles,
      flag: chance() < 0.3 ? 1 : 2,
      promises: isBehindPromise ? 1 + Math.floor(chance() ** 2 * 20) : 0,
      delayMs: isBehindPromise ? chance() * 4 : chance() ** 2 * 300,
    }
  }

  // ---- one life ---------------------------------------------------------------------------------------------------

  /** Starts who is dead, and waits until the moment has come or both are through. */
  async #live(moment: Moment | undefined): Promise<void> {
    if (this.#through.has('receiver')) return this.#outlive('sender') // Its session is no more.
    for (const role of roles) this.#sides[role] ??= await this.#open(role)
    const { sender, receiver } = this.#sides as Record<Role, Side>
    const both = Promise.allSettled([sender.ended, receiver.ended, keepJoined(sender, receiver, this.#scene)])
    const one = Promise.race([sender.ended, receiver.ended]).catch(() => undefined)
    const over = Promise.race([both, one.then(() => delay(limits.lingerMs * 2))]).then(() => 'over' as const)
    const what = await Promise.race([over, this.#comes(moment), delay(patienceMs, 'late' as const, { ref: false })])
    if (what === 'late') this.#problem(`it hangs: ${JSON.stringify([sender.runner.view, receiver.runner.view])}`)
    if (what === 'cut') await this.#cut(moment!)
    for (const role of roles) if (this.#sides[role]?.isOver === true) await this.#leave(role)
  }

  /** Waits until a side has tidied up. */
  async #outlive(role: Role): Promise<void> {
    await Promise.race([this.#sides[role]?.ended.catch(() => undefined), delay(patienceMs, undefined, { ref: false })])
    await this.#leave(role)
    if (!this.#isOver) this.#problem('R41: the receiver was let go, and the sender has no receipt')
  }

  async #open(role: Role): Promise<Side> {
    const side = await Side.open(role, this.#scene)
    void side.ended.then(
      (end) => {
        if (end.how !== 'released') return
        if (role === 'sender' || end.confirmed) this.#through.add(role)
        this.#promised()
      },
      () => undefined, // It was through, and then could not tidy up: no exit 0.
    )
    return side
  }

  #promised(): void {
    this.#tally.promises++
    this.#lastPromiseAt = performance.now()
    this.#onPromise()
  }

  #comes(moment: Moment | undefined): Promise<'cut'> {
    return new Promise((resolve) => {
      if (moment === undefined) return
      let left = moment.promises
      const cutSoon = (): void => {
        const due = performance.now() + moment.delayMs
        const look = (): unknown => (performance.now() < due ? setImmediate(look) : resolve('cut')) // Timers are too coarse.
        look()
      }
      if (left === 0) cutSoon()
      this.#onPromise = () => {
        if (--left === 0) cutSoon()
      }
    })
  }

  async #cut({ roles: cut, flag }: Moment): Promise<void> {
    const tally = this.#tally
    if (performance.now() - this.#lastPromiseAt <= 5) tally.behindPromises++
    for (const role of cut) this.#sides[role]?.silence() // The network card has no power either.
    await Promise.all(cut.map((role) => this.#cutter.cut(this.#volumes[role], flag)))
    tally.cuts++
    for (const role of cut) {
      tally.cutsOf[role]++
      await this.#leave(role)
      this.#volumes[role].restart()
    }
    this.#check()
  }

  async #leave(role: Role): Promise<void> {
    const side = this.#sides[role]
    if (side === undefined) return
    delete this.#sides[role]
    await side.leave()
    const end = await side.ended.catch(() => undefined)
    if (end?.how === 'failed' && !excusable.includes(end.code)) this.#problem(`the ${role} ended: ${end.sentence}`)
  }

  // ---- what is found ----------------------------------------------------------------------------------------------

  #problem(why: string): void {
    this.#tally.problems.push(why)
  }

  /** Behind a cut: final names are absent, as before, or whole (R3); what was over stays over (R4, R41). */
  #check(): void {
    for (const [name, found] of Object.entries(this.#found()))
      if (found.startsWith('file') && ![digestOfOlder, digestIn(this.#wanted[name])].includes(digestIn(found)))
        this.#problem(`R3: ${name} is there and is not whole`)
    if (this.#through.size === 0) return
    this.#checkWhole()
    if (!existsSync(this.#receipt('sender'))) this.#problem('R41: the sender has no receipt')
  }

  #checkWhole(): void {
    const found = this.#found()
    for (const name of new Set([...Object.keys(found), ...Object.keys(this.#wanted)]))
      if (found[name] !== this.#wanted[name])
        this.#problem(`R4: ${name} is ${found[name]} instead of ${this.#wanted[name]}`)
    if (!existsSync(this.#receipt('receiver'))) this.#problem('R41: the receiver has no receipt')
  }

  /** What lies in the target, but for what is carryon's own. */
  #found(): Record<string, string> {
    const all = Object.entries(listing(this.#scene.folders.target))
    return Object.fromEntries(all.filter(([name]) => name.split('/')[0] !== '.carryon'))
  }
}

/** What a side without power, or one that was left, may say at its end. */
const excusable: readonly string[] = ['disk-failed', 'retry-over', 'not-found']

const older = 'an older one'
const digestOfOlder = createHash('sha1').update(older).digest('hex')

/** Of a file's line in a listing. */
const digestIn = (described: string | undefined): string | undefined => described?.split(' ').at(-1)

const clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(delayMs: number, callback: () => void) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}
