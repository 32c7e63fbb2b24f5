// Two shipping runners in a world where everything can go wrong and nothing happens by accident: memory disks, simulated
// connections, one clock, one seed. Processes die between any two calls to the disk, power goes, links break or hold
// frames back, sources are edited (nemesis.ts). Then everything heals, and both sides must finish with what was promised.
// This file is longer than 400 lines because processes, connections and the end of a run share its state.

import { Compaction } from '../../src/core/compact.ts'
import type { SessionEnd } from '../../src/core/effects.ts'
import { openRunner } from '../../src/engine/open-runner.ts'
import type { RunnerEvent } from '../../src/engine/runner.ts'
import { loadHash } from '../../src/hash/xxh64.ts'
import type { Directory } from '../../src/model/disk.ts'
import type { Role } from '../../src/model/session.ts'
import { MemoryDisk } from '../../src/store/memory-disk.ts'
import { readReceipt } from '../../src/store/receipts.ts'
import { createSession } from '../../src/store/session-directory.ts'
import { openTarget } from '../../src/store/target.ts'
import { type CallPlan, Calls, type Failing } from './calls.ts'
import { Ledger } from '../support/ledger.ts'
import { DiskCheck } from './disk-check.ts'
import { DiskWatch } from './disk-watch.ts'
import { Heard } from './heard.ts'
import { type End, Link } from './link.ts'
import { Marks } from './marks.ts'
import { Nemesis } from './nemesis.ts'
import { Process } from './process.ts'
import { type Call, ProcessDisk } from './process-disk.ts'
import { limitsOf, type Scenario } from './scenario.ts'
import { answer, headerOf, refuse } from './session.ts'
import { Tap } from './tap.ts'
import { Chance, settled, Timeline } from './timeline.ts'
import { Trees } from './trees.ts'
import { WindowCheck } from './window-check.ts'

const hash = await loadHash()
const healWithinMs = 600_000
const restMs = 30_000 // For the side that is left over when the other has ended for good.
const stepsMax = 200_000

export interface Result {
  /** The calls to the disk that each side's first process made, by kind. */
  readonly calls: Record<Role, readonly Call['kind'][]>
  /** Of all that happened, in order; '' unless logged. */
  readonly digest: string
  readonly steps: number
  readonly virtualMs: number
  readonly resentMax: number
}

export interface SimulateOptions {
  readonly marks?: Marks
  /** Keep what happens, for people and for comparing; without it a run is faster. */
  readonly log?: string[]
  /** What each process will meet, in place of what the seed says. */
  readonly plan?: (role: Role) => CallPlan
}

/** Lives through a scenario. @throws Error that names what was broken */
export async function simulate(scenario: Scenario, options: SimulateOptions = {}): Promise<Result> {
  return new World(scenario, options).run()
}

export class World {
  readonly scenario: Scenario
  readonly chance: Chance
  /** What the two sides draw. */
  readonly drawn: Chance
  readonly timeline = new Timeline()
  readonly marks: Marks
  readonly disks: Record<Role, MemoryDisk>
  readonly processes: Partial<Record<Role, Process>> = {}
  readonly session: string
  readonly heard = new Heard(hash)
  readonly ledger: Ledger
  readonly window = new WindowCheck((why) => this.fail(why))
  readonly watch = new DiskWatch(this.heard, (why) => this.fail(why))
  readonly tap: Tap
  readonly trees: Trees
  readonly nemesis: Nemesis
  /** How each side ended for good. */
  readonly ends: Partial<Record<Role, SessionEnd>> = {}
  readonly failing: Record<Role, Failing> = { sender: { now: undefined }, receiver: { now: undefined } }
  lastFaultAt = 0
  readonly #log: string[] | undefined
  #digest = 0n
  #problem: Error | undefined
  #dialed: End | undefined
  #leftOverUntil: number | undefined

  constructor(scenario: Scenario, { marks = new Marks(), log, plan }: SimulateOptions) {
    this.scenario = scenario
    this.marks = marks
    this.#log = log
    this.chance = new Chance(scenario.seed)
    this.drawn = this.chance.of('drawn by carryon')
    this.session = this.drawn.hex(32)
    this.disks = { sender: new MemoryDisk(), receiver: new MemoryDisk({ hasLinks: scenario.hasLinks }) }
    const fail = (why: string): void => this.fail(why)
    this.ledger = new Ledger(fail, scenario.durability)
    const diskCheck = new DiskCheck({
      hash,
      heard: this.heard,
      chunkBytes: scenario.limits.chunkBytes,
      directory: this.directoryOf('receiver'),
      receiverDisk: () => this.disks.receiver,
      durability: scenario.durability,
      fail,
    })
    const { disks, heard, chance, ledger, window, watch } = this
    this.trees = new Trees({ scenario, disks, chance: chance.of('trees'), heard, hash, fail })
    this.nemesis = new Nemesis(this, plan)
    this.tap = new Tap({
      hash,
      heard,
      ledger,
      diskCheck,
      window,
      watch,
      marks,
      fail,
      note: (what) => this.note(what),
      isLogging: log !== undefined,
      ready: (link) => this.nemesis.dataMayCome(link),
      troubled: () => (this.lastFaultAt = this.timeline.now),
    })
    if (!scenario.hasLinks) marks.note('disk without hard links')
    if (scenario.durability !== 'checkpoint') marks.note(`durability ${scenario.durability}`)
  }

  async run(): Promise<Result> {
    await this.trees.plant()
    await this.#createSessions()
    this.spawn('sender')
    this.spawn('receiver')
    this.nemesis.begin()
    let steps = 0
    for (; ; steps++) {
      await settled()
      this.#throwProblem()
      if (this.#isOver) break
      if (!this.timeline.ring()) this.fail('nothing will ever happen again')
      if (steps > stepsMax) this.fail('it never comes to rest')
      if (this.timeline.now > this.lastFaultAt + healWithinMs) this.fail('R108: it did not finish although all is well')
    }
    await this.#checkEnd()
    this.#throwProblem()
    for (const role of ['sender', 'receiver'] as const) this.kill(role)
    return {
      digest: this.#digest.toString(16),
      calls: this.#calls,
      steps,
      virtualMs: Math.round(this.timeline.now),
      resentMax: this.window.resentMax,
    }
  }

  #throwProblem(): void {
    if (this.#problem !== undefined) throw this.#problem
  }

  fail(why: string): void {
    this.#problem ??= new Error(why)
  }

  /** Whether a side has come to its end, at least once. */
  hasEnded(role: Role): boolean {
    return this.ends[role] !== undefined || (role === 'receiver' && this.#released !== undefined)
  }

  note(what: string): void {
    if (this.#log === undefined) return
    const line = `${this.timeline.now.toFixed(2)} ${what}`
    this.#digest = hash(Buffer.from(`${this.#digest} ${line}`))
    if (!/"kind":"p[io]ng"/.test(line)) this.#log.push(line)
  }

  directoryOf(role: Role): string {
    return role === 'sender' ? `/state/${this.session}` : `/dst/.carryon/${this.session}`
  }

  // ---- the end ----------------------------------------------------------------------------------------------------

  /** Both have ended, or one has and the other has had its time. */
  get #isOver(): boolean {
    const { sender, receiver } = this.ends
    if (sender !== undefined && receiver !== undefined) return true
    const gone = sender ?? receiver
    // A receiver that was rolled back to before its receipt waits for a sender that is content.
    if (gone === undefined || (gone.how === 'released' && !this.nemesis.forgetful.has('receiver'))) return false
    if (this.#leftOverUntil === undefined) {
      this.#leftOverUntil = this.timeline.now + restMs
      this.timeline.after(restMs, () => undefined)
    }
    return this.timeline.now >= this.#leftOverUntil
  }

  async #checkEnd(): Promise<void> {
    const { sender, receiver } = this.ends
    if (sender?.how !== 'released' || receiver?.how !== 'released') return this.trees.checkAll()
    const [sent, received] = await Promise.all(
      (['sender', 'receiver'] as const).map(async (role) =>
        readReceipt(await this.disks[role].openRoot('/state'), this.session),
      ),
    )
    if (sent === undefined) this.fail('R4: the sender ended without a receipt')
    if (JSON.stringify(sent) !== JSON.stringify(received)) this.fail('R41: the two sides have different receipts')
    const { outcomes } = this.ledger.promises
    await this.trees.checkEnd((path) => {
      const outcome = outcomes.get(this.heard.entryAt(path) ?? -1) ?? 'not listed'
      return this.nemesis.excuses(path) && ['failed', 'vanished', 'not listed'].includes(outcome)
    })
  }

  // ---- sessions ---------------------------------------------------------------------------------------------------

  async #createSessions(): Promise<void> {
    const target = await openTarget(this.disks.receiver, '/dst', this.#random)
    const tools = { hash, compact: () => new Compaction() }
    const make = async (role: Role, base: Directory, root: string, parents: Directory[]): Promise<void> => {
      const disk = this.disks[role]
      const locker = (directory: Directory) => disk.takeLock(directory)
      const records = [headerOf(this.scenario, this.session, role, root)]
      await createSession(base, this.session, { records, tools, withParts: role === 'receiver', parents, locker })
    }
    const state = await this.disks.sender.openRoot('/state')
    await make('sender', state, '', [])
    await make('receiver', target.own, target.rootId, [target.root])
  }

  get #random() {
    const { drawn } = this
    return { bytes: (count: number) => drawn.bytes(count), fraction: drawn.fraction }
  }

  // ---- processes --------------------------------------------------------------------------------------------------

  spawn(role: Role, rebuild = false): void {
    if (this.ends[role] !== undefined) return
    const process = new Process(role, this.timeline, () => this.nemesis.wallMs[role])
    this.processes[role] = process
    this.#first[role] ??= process
    this.note(`${role} starts`)
    if (role === 'sender') this.window.senderStarted()
    const calls = new Calls({
      process,
      failing: this.failing[role],
      disk: this.disks[role],
      chance: this.chance.of(`calls ${role} ${this.#spawned++}`),
      diskMs: this.scenario.diskMs,
      plan: this.nemesis.planCalls(role),
      watch: this.watch,
      marks: this.marks,
      note: (what) => this.note(what),
      fail: (why) => this.fail(why),
      died: (last, what) => this.nemesis.died(process, last, what),
      published: (path) => this.#published(process, path),
      failed: (path, code) => this.nemesis.callFailed(path, code),
    })
    this.#start(process, new ProcessDisk(this.disks[role], calls), rebuild).catch((error: unknown) => {
      if (!process.isAlive) return
      this.note(`${role} could not start: ${String(error)}`)
      process.isAlive = false
      this.#checkClosed(process)
      this.nemesis.couldNotStart(process, error)
    })
  }
  #spawned = 0
  readonly #first: Partial<Record<Role, Process>> = {}

  get #calls(): Result['calls'] {
    return { sender: this.#first.sender?.calls ?? [], receiver: this.#first.receiver?.calls ?? [] }
  }

  async #start(process: Process, disk: ProcessDisk, rebuild: boolean): Promise<void> {
    const { role, clock } = process
    const { scenario } = this
    const options = this.chance.of(`options ${role} ${this.#spawned}`)
    if (scenario.changesOptions) this.marks.note('options changed')
    const limits = scenario.changesOptions ? limitsOf(options) : scenario.limits
    const common = {
      world: { clock, random: this.#random, disk, hash, limits },
      session: this.session,
      instance: options.hex(16),
      rebuild,
      observer: (event: RunnerEvent) => this.#observed(process, event),
    }
    const state = process.lend(await disk.openRoot('/state'))
    if (role === 'sender') {
      const directory = process.lend(await state.openDirectory(this.session))
      const walk = { exclude: [], links: 'keep' as const, pageEntries: scenario.pageEntries }
      process.runner = await openRunner({ ...common, directory, receipts: state, walk })
    } else {
      const target = await openTarget(disk, '/dst', this.#random)
      process.lend(target.root)
      const directory = process.lend(await process.lend(target.own).openDirectory(this.session))
      const receive = { target, maxBytes: Infinity, maxFiles: Infinity }
      process.runner = await openRunner({ ...common, directory, receipts: state, receive })
    }
    if (!process.isAlive) return
    this.note(`${role} is ready`)
    this.nemesis.started(role)
    void process.runner.ended.then((end) => {
      if (process.isAlive) this.#ended(process, end)
    })
    if (role === scenario.dialer) this.#dialSoon(this.chance.between(0, 20))
  }

  #observed(process: Process, event: RunnerEvent): void {
    const { role, isAlive } = process
    if (!isAlive) return
    if (this.#log !== undefined) this.note(`${role} ${JSON.stringify(event)}`)
    if (event.kind === 'adopted') {
      if (event.bytesAdopted > 0) this.marks.note('adopted')
      if (event.bytesAdopted < event.bytesHinted) this.marks.note('hint not adopted')
    }
    if (event.kind === 'laneWanted')
      process.after(this.chance.between(0, 20), () => this.#dialLane(process, event.lane))
    if (event.kind === 'state' && event.reason === 'disk-full') this.marks.note('parked for room')
    if (event.kind === 'warning' && event.code === 'rolled-back')
      this.marks.note(role === 'sender' ? 'told of a rollback' : 'bad part found')
    if (event.kind === 'disconnected' && event.reason === 'peer-silent') this.marks.note('peer called silent')
    if (event.kind === 'disconnected' && event.reason === 'no-progress') this.marks.note('peer called stuck')
  }

  #ended(process: Process, end: SessionEnd): void {
    const { role } = process
    this.note(`${role} ended: ${JSON.stringify(end)}`)
    process.isAlive = false
    this.#checkClosed(process)
    if (end.how === 'paused') this.respawn(process)
    else if (end.how === 'failed') this.nemesis.failed(process, end)
    else if (end.how === 'discarded') {
      this.marks.note('ended discarded')
      this.ends[role] = end
    } else {
      if (role === 'sender') this.ends.sender = end
      if (role === 'sender' && this.#released !== undefined) this.ends.receiver = this.#released
      if (role === 'receiver' && this.ends.sender !== undefined) this.ends.receiver = end
      else if (role === 'receiver') {
        this.#released = end
        this.respawn(process) // A sender without the receipt asks again: who finished answers from its journal.
      }
    }
  }
  #checkClosed(process: Process): void {
    for (const path of process.leftOpen) this.fail(`R25: ${path} is open after the end`)
  }

  /** The receiver has ended at least once. */
  #released: SessionEnd | undefined

  async #published(process: Process, path: string): Promise<void> {
    if (process.runner === undefined) this.marks.note('published while restoring')
    const inode = await this.trees.checkPublished(path)
    if (inode !== undefined) this.watch.published(inode)
  }

  kill(role: Role): void {
    const process = this.processes[role]
    if (process === undefined) return
    process.isAlive = false
    for (const end of process.ends) end.link.break()
  }

  respawn(process: Process, rebuild = false): void {
    this.timeline.after(this.chance.pick([5, 300, 5_000]), () => {
      if (this.processes[process.role] === process) this.spawn(process.role, rebuild)
    })
  }

  // ---- connections ------------------------------------------------------------------------------------------------

  #dialSoon(delayMs: number): void {
    this.timeline.after(delayMs, () => this.#dial())
  }

  #dial(): void {
    const { dialer } = this.scenario
    const here = this.processes[dialer]
    const listener = dialer === 'sender' ? 'receiver' : 'sender'
    const there = this.processes[listener]
    if (here?.runner === undefined || !here.isAlive) return // It dials when it is ready.
    if (this.#dialed?.isEnded === false && here.ends.has(this.#dialed)) return
    const isGone = this.ends[listener] !== undefined
    if (!isGone && (there?.runner === undefined || !there.isAlive)) return this.#dialSoon(200)
    if (isGone && this.ends[listener]!.how === 'released') return this.#dialSoon(1_000) // Nobody is there any more.
    this.connect(here, there!)
  }

  /** Puts up a connection between two processes that are ready. */
  connect(here: Process, there: Process): void {
    const end = this.ends[there.role]
    const host = end === undefined ? there : new Process(there.role, this.timeline, () => 0) // What is left answers.
    const [near, far] = this.#link(here, host, 0)
    near.onEnded = () => this.#dialSoon(this.chance.between(20, 1_500))
    this.#dialed = near
    if (end !== undefined) refuse(far, end.how === 'discarded' ? 'discarded' : 'session-unknown')
    else answer(far, there.runner!)
    here.runner!.connected(near)
  }

  #link(here: Process, there: Process, lane: number): Link['ends'] {
    this.note(`${here.role} dials lane ${lane}`)
    const faults = this.nemesis.drawLinkFaults()
    return new Link(this.timeline, this.chance.of(`link ${this.#links++}`), faults, this.tap, [here, there], lane).ends
  }
  #links = 0

  #dialLane(here: Process, lane: number): void {
    const there = this.processes[here.role === 'sender' ? 'receiver' : 'sender']
    if (there?.runner === undefined || !there.isAlive) return here.runner!.laneDialed(lane, undefined)
    const [near, far] = this.#link(here, there, lane)
    answer(far, there.runner)
    here.runner!.laneDialed(lane, near)
  }
}
