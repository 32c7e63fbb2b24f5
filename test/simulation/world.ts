// Two shipping runners in a world where everything can go wrong and nothing happens by accident: memory disks, simulated
// connections, one clock, one seed. Processes die between any two calls to the disk, power goes, links break or hold
// frames back, sources are edited. Then everything heals, and both sides must finish with what was promised.

import { hasCode } from '../../src/errors.ts'
import { openRunner } from '../../src/engine/open-runner.ts'
import type { Runner, RunnerEvent } from '../../src/engine/runner.ts'
import { loadHash } from '../../src/hash/xxh64.ts'
import type { Directory } from '../../src/model/disk.ts'
import type { Role } from '../../src/model/session.ts'
import { compactRecords } from '../../src/core/compact.ts'
import { MemoryDisk } from '../../src/store/memory-disk.ts'
import { readReceipt } from '../../src/store/receipts.ts'
import { createSession } from '../../src/store/session-directory.ts'
import { openTarget } from '../../src/store/target.ts'
import { Ledger } from './ledger.ts'
import { type End, Link, type LinkFaults } from './link.ts'
import { ProcessDisk } from './process-disk.ts'
import type { Scenario } from './scenario.ts'
import { answer, frameText, headerOf } from './session.ts'
import { Chance, Timeline } from './timeline.ts'
import { Trees } from './trees.ts'

const hash = await loadHash()
const healWithinMs = 600_000
const stepsMax = 200_000

interface Process {
  readonly role: Role
  isAlive: boolean
  calls: number
  runner: Runner | undefined
  readonly ends: Set<End>
}

export interface Result {
  /** Of all that happened, in order. */
  readonly digest: string
  readonly steps: number
  readonly virtualMs: number
  readonly resentMax: number
}

/** Lives through a scenario. @throws Error that names what was broken, with the last things that happened */
export async function simulate(scenario: Scenario): Promise<Result> {
  return new World(scenario).run()
}

class World {
  readonly #scenario: Scenario
  readonly #chance: Chance
  readonly #timeline = new Timeline()
  readonly #ledger: Ledger
  readonly #trees: Trees
  readonly #disks: Record<Role, MemoryDisk> = { sender: new MemoryDisk(), receiver: new MemoryDisk() }
  readonly #processes: Partial<Record<Role, Process>> = {}
  readonly #session: string
  readonly #left: { -readonly [K in keyof Scenario['faults']]: number }
  readonly #log: string[] = []
  #digest = 0n
  #problem: Error | undefined
  #dialed: End | undefined
  #lastFaultAt = 0
  #wasKilled = false
  readonly #isReleased: Record<Role, boolean> = { sender: false, receiver: false }

  constructor(scenario: Scenario) {
    this.#scenario = scenario
    this.#chance = new Chance(scenario.seed)
    this.#session = this.#chance.hex(32)
    this.#left = { ...scenario.faults }
    this.#ledger = new Ledger(hash, scenario.limits, (why) => this.#fail(why))
    this.#trees = new Trees(scenario, this.#disks, this.#chance, (why) => this.#fail(why))
  }

  async run(): Promise<Result> {
    await this.#trees.plant()
    await this.#createSessions()
    this.#spawn('sender')
    this.#spawn('receiver')
    this.#timeline.after(0, () => this.#dialSoon(0))
    this.#planTroubles()
    let steps = 0
    for (; !(await this.#isOver()); steps++) {
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#problem !== undefined) throw this.#problem
      if (!this.#timeline.ring()) this.#fail('nothing will ever happen again')
      if (steps > stepsMax) this.#fail('it never comes to rest')
      if (this.#timeline.now > this.#lastFaultAt + healWithinMs) this.#fail('it did not finish although all is well')
    }
    await this.#trees.checkEnd()
    if (this.#problem !== undefined) throw this.#problem
    for (const role of ['sender', 'receiver'] as const) this.#kill(role)
    return {
      digest: this.#digest.toString(16),
      steps,
      virtualMs: Math.round(this.#timeline.now),
      resentMax: this.#ledger.resentMax,
    }
  }

  #fail(why: string): void {
    this.#problem ??= new Error(`${why}\n${this.#log.slice(-120).join('\n')}`)
  }

  #note(what: string): void {
    const line = `${this.#timeline.now.toFixed(2)} ${what}`
    this.#digest = hash(Buffer.from(`${this.#digest} ${line}`))
    if (!/"kind":"p[io]ng"/.test(line)) this.#log.push(line)
    if (this.#log.length > 400) this.#log.splice(0, 200)
  }

  /** The sender has the receipt, and the receiver came to its end or has nothing left to do. */
  async #isOver(): Promise<boolean> {
    if (!this.#isReleased.sender) return false
    const state = await this.#disks.sender.openRoot('/state')
    if ((await readReceipt(state, this.#session)) === undefined) this.#fail('the sender ended without a receipt')
    return true
  }

  // ---- sessions ---------------------------------------------------------------------------------------------------

  async #createSessions(): Promise<void> {
    const target = await openTarget(this.#disks.receiver, '/dst', this.#random)
    const tools = { hash, compact: compactRecords }
    const make = async (role: Role, base: Directory, root: string, parents: Directory[]): Promise<void> => {
      const disk = this.#disks[role]
      const locker = (directory: Directory) => disk.takeLock(directory)
      const records = [headerOf(this.#scenario, this.#session, role, root)]
      await createSession(base, this.#session, { records, tools, withParts: role === 'receiver', parents, locker })
    }
    const state = await this.#disks.sender.openRoot('/state')
    await make('sender', state, '', [])
    await make('receiver', target.own, target.rootId, [target.root])
  }

  get #random() {
    return { bytes: (count: number) => this.#chance.bytes(count), fraction: this.#chance.fraction }
  }

  // ---- processes --------------------------------------------------------------------------------------------------

  #spawn(role: Role): void {
    const process: Process = { role, isAlive: true, calls: 0, runner: undefined, ends: new Set() }
    this.#processes[role] = process
    this.#note(`${role} starts`)
    const lastCall = this.#drawLastCall()
    const gate = <T>(what: string, act: () => Promise<T>): Promise<T> => this.#call(process, lastCall, what, act)
    void this.#start(process, new ProcessDisk(this.#disks[role], gate)).catch((error: unknown) => {
      if (!process.isAlive) return
      this.#note(`${role} could not start: ${String(error)}`)
      process.isAlive = false
      if (hasCode(error, 'disk-full') || hasCode(error, 'disk-failed')) this.#respawn(role)
      else this.#fail(`${role} could not start: ${error instanceof Error ? error.stack : String(error)}`)
    })
  }

  async #start(process: Process, disk: ProcessDisk): Promise<void> {
    const { role } = process
    const clock = this.#timeline.clockOf(() => process.isAlive)
    const world = { clock, random: this.#random, disk, hash, limits: this.#scenario.limits }
    const common = {
      world,
      session: this.#session,
      instance: this.#chance.hex(16),
      observer: (event: RunnerEvent) => this.#observed(process, event),
    }
    const state = await disk.openRoot('/state')
    if (role === 'sender') {
      const directory = await state.openDirectory(this.#session)
      const walk = { exclude: [], links: 'keep' as const }
      process.runner = await openRunner({ ...common, directory, receipts: state, walk })
    } else {
      const target = await openTarget(disk, '/dst', this.#random)
      const directory = await target.own.openDirectory(this.#session)
      const receive = { target, maxBytes: Infinity, maxFiles: Infinity }
      process.runner = await openRunner({ ...common, directory, receipts: state, receive })
    }
    this.#note(`${role} is ready`)
    void process.runner.ended.then((end) => {
      if (!process.isAlive) return
      this.#note(`${role} ended: ${JSON.stringify(end)}`)
      process.isAlive = false
      if (end.how === 'released') this.#isReleased[role] = true
      else if (end.how === 'paused' || (end.how === 'failed' && end.code === 'disk-failed')) this.#respawn(role)
      else this.#fail(`${role} ended: ${JSON.stringify(end)}`)
      // A sender without the receipt asks again: who finished answers from its journal.
      if (role === 'receiver' && !this.#isReleased.sender) this.#respawn(role)
    })
    if (role === this.#scenario.dialer) this.#dialSoon(this.#chance.between(0, 20))
  }

  #observed({ role }: Process, event: RunnerEvent): void {
    this.#note(`${role} ${JSON.stringify(event)}`)
  }

  #drawLastCall(): { call: number; power: boolean } | undefined {
    const left = this.#left
    if (left.kills + left.powerCuts === 0 || this.#chance.is(0.2)) return undefined
    const power = left.powerCuts > 0 && (left.kills === 0 || this.#chance.is(this.#wasKilled ? 0.9 : 0.4))
    if (power) left.powerCuts--
    else left.kills--
    // Power that goes soon after a kill finds what only adoption stands for.
    return { call: this.#chance.between(1, this.#chance.pick([30, 80, 150, 500])), power }
  }

  /** One call to the disk: late, the last one, or never. */
  async #call<T>(
    process: Process,
    last: { call: number; power: boolean } | undefined,
    what: string,
    act: () => Promise<T>,
  ): Promise<T> {
    const never = new Promise<T>(() => {})
    if (!process.isAlive) return never
    const isLast = ++process.calls === last?.call
    const isDone = !isLast || this.#chance.is(0.5)
    const { diskMs } = this.#scenario
    if (diskMs > 0)
      await new Promise<void>((resolve) => this.#timeline.after(this.#chance.fraction() * diskMs, resolve))
    if (!process.isAlive) return never
    const result = isDone ? await this.#done(what, act) : undefined
    if (isLast) this.#die(process.role, last.power, what)
    return process.isAlive && isDone ? (result as T) : never
  }

  async #done<T>(what: string, act: () => Promise<T>): Promise<T> {
    const result = await act()
    const path = /^(?:link|rename) (\/dst\/(?!\.carryon).*)$/.exec(what)?.[1]
    if (path !== undefined && result !== false) await this.#trees.checkPublished(path)
    return result
  }

  #die(role: Role, power: boolean, what: string): void {
    this.#note(`${role} ${power ? 'loses power' : 'is killed'} at ${what}`)
    this.#lastFaultAt = this.#timeline.now
    this.#wasKilled = !power
    this.#kill(role)
    if (power) {
      this.#disks[role] = this.#disks[role].crash(this.#chance.fraction)
      void this.#trees.checkAll()
    }
    this.#respawn(role)
  }

  #kill(role: Role): void {
    const process = this.#processes[role]
    if (process === undefined) return
    process.isAlive = false
    for (const end of process.ends) end.link.break()
  }

  #respawn(role: Role): void {
    const process = this.#processes[role]
    this.#timeline.after(this.#chance.pick([5, 300, 5_000]), () => {
      if (this.#processes[role] === process) this.#spawn(role)
    })
  }

  // ---- connections ------------------------------------------------------------------------------------------------

  #dialSoon(delayMs: number): void {
    this.#timeline.after(delayMs, () => this.#dial())
  }

  #dial(): void {
    const { dialer } = this.#scenario
    const here = this.#processes[dialer]
    const there = this.#processes[dialer === 'sender' ? 'receiver' : 'sender']
    if (here?.runner === undefined || !here.isAlive) return // It dials when it is ready.
    if (this.#dialed?.isEnded === false && here.ends.has(this.#dialed)) return
    if (there?.runner === undefined || !there.isAlive) return this.#dialSoon(200)
    this.#connect(here, there)
  }

  #connect(here: Process, there: Process): void {
    const link = new Link(this.#timeline, this.#chance, this.#drawLinkFaults(), {
      sent: (from, freight) => {
        if (freight.kind === 'text') this.#ledger.said(freight.text)
        if (freight.kind === 'data' && this.#owns(here, from).role === 'sender')
          this.#ledger.frameSent(link, freight.frame)
      },
      delivered: (to, freight) => {
        const { role } = to === near ? here : there
        if (freight.kind === 'data') return this.#note(`${role} <- ${frameText(freight.frame, hash)}`)
        if (freight.kind === 'close') return this.#note(`${role} <- close ${freight.code}`)
        this.#note(`${role} <- ${freight.text.slice(0, 200)}`)
        if (role === 'sender') this.#ledger.toSender(link, freight.text)
      },
    })
    const [near, far] = link.ends
    this.#adopt(here, near)
    this.#adopt(there, far)
    this.#note(`${here.role} dials`)
    near.onEnded = () => {
      if (here.isAlive) this.#dialSoon(this.#chance.between(20, 1_500))
    }
    this.#dialed = near
    answer(far, there.runner!)
    here.runner!.connected(near)
  }

  #owns(here: Process, end: End): Process {
    return here.ends.has(end) ? here : this.#processes[here.role === 'sender' ? 'receiver' : 'sender']!
  }

  #adopt(process: Process, end: End): void {
    process.ends.add(end)
    end.isAlive = () => process.isAlive
  }

  #drawLinkFaults(): LinkFaults {
    const chance = this.#chance
    const none = {
      latencyMs: chance.fraction() * this.#scenario.latencyMs,
      cutAfterBytes: Infinity,
      tells: [true, true] as const,
      stallAfterBytes: Infinity,
      stallMs: 0,
      damagedFrame: -1,
    }
    if (this.#left.damages > 0) {
      this.#left.damages--
      return { ...none, damagedFrame: chance.below(20) }
    }
    if (this.#left.linkFaults === 0 || chance.is(0.2)) return none
    this.#left.linkFaults--
    this.#lastFaultAt = this.#timeline.now
    const bytes = chance.below(chance.pick([600, 3_000, 12_000]))
    if (chance.is(0.3)) return { ...none, stallAfterBytes: bytes, stallMs: chance.pick([500, 5_000, 60_000]) }
    return { ...none, cutAfterBytes: bytes, tells: [chance.is(0.7), chance.is(0.7)] }
  }

  // ---- trouble ----------------------------------------------------------------------------------------------------

  #planTroubles(): void {
    const span = this.#chance.pick([50, 500, 5_000])
    const plan = (count: number, act: () => Promise<void> | void): void => {
      for (let i = 0; i < count; i++)
        this.#timeline.after(this.#chance.below(span), () => {
          this.#lastFaultAt = this.#timeline.now
          void Promise.resolve(act()).catch((error: unknown) => {
            if (!hasCode(error, 'disk-failed')) this.#fail(String(error)) // The fault was meant for others.
          })
        })
    }
    const { edits, takeovers, pauses, fullDisks, failedSyncs, intruders } = this.#scenario.faults
    plan(edits, async () => this.#note(`edit: ${await this.#trees.edit()}`))
    plan(intruders, async () => this.#note(`intruder: ${await this.#trees.intrude()}`))
    plan(takeovers, () => this.#takeOver())
    plan(pauses, () => this.#pause())
    plan(fullDisks, () => this.#fillDisk())
    plan(failedSyncs, () => {
      const kind = this.#chance.pick(['sync-file', 'sync-directory', 'write'] as const)
      this.#disks.receiver.failNext(kind, 'EIO', this.#chance.below(20))
    })
  }

  /** Another connection while the first still looks well. */
  #takeOver(): void {
    const here = this.#processes[this.#scenario.dialer]
    const there = this.#processes[this.#scenario.dialer === 'sender' ? 'receiver' : 'sender']
    if (here?.isAlive === true && there?.isAlive === true && here.runner && there.runner) this.#connect(here, there)
  }

  #pause(): void {
    const process = this.#processes[this.#chance.pick(['sender', 'receiver'] as const)]
    if (process?.isAlive !== true) return
    this.#note(`${process.role} is told to pause`)
    process.runner?.pause(this.#chance.pick(['user', 'signal'] as const))
  }

  #fillDisk(): void {
    const disk = this.#disks.receiver
    disk.capacityBytes = disk.usedBytes + this.#chance.below(16 * 1024)
    this.#note('disk full')
    this.#timeline.after(this.#chance.between(100, 20_000), () => {
      this.#note('disk has room')
      this.#disks.receiver.capacityBytes = Infinity
    })
  }
}
