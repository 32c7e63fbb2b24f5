// What goes wrong in one run, when and how: draws it, does it, and knows which ends of a session it has to answer for.

import { hasCode, isTransferError } from '../../src/errors.ts'
import type { SessionEnd } from '../../src/core/effects.ts'
import type { Role } from '../../src/model/session.ts'
import { bug, type CallPlan, type LastCall } from './calls.ts'
import { damageJournal, damagePart } from './damage.ts'
import type { Link, LinkFaults } from './link.ts'
import type { Process } from './process.ts'
import type { Faults } from './scenario.ts'
import type { Chance } from './timeline.ts'
import type { World } from './world.ts'

const roles = ['sender', 'receiver'] as const
const hourMs = 3_600_000
const aWhile = [50, 1_000, 5_000] as const
const second = 1_000_000_000n
const lookingForParts = 10
const lookAgainMs = 150

/** How a run may end on a disk that fails; the next run goes on. */
const diskCodes: ReadonlySet<string> = new Set([
  'disk-failed',
  'disk-full',
  'too-many-open-files',
  'permission-denied',
  'not-found',
  'source-gone',
])

export class Nemesis {
  /** How far the wall clocks are ahead. */
  readonly wallMs: Record<Role, number> = { sender: 0, receiver: 0 }
  /** What met a fault of its disk, but for our own files. */
  readonly #metFaults = new Set<string>()
  /** Nobody knows any more what was offered. */
  #mayAllFail = false
  readonly #world: World
  readonly #plannedCalls: ((role: Role) => CallPlan) | undefined
  readonly #chance: Chance
  readonly #left: { -readonly [K in keyof Faults]: Faults[K] }
  #wasKilled = false
  #wasFull = false
  /** Whose disk is not what it was: that side may have forgotten what the other remembers. */
  readonly forgetful: Set<Role> = new Set()
  readonly #damaged = new Set<Role>()

  /** @param plan what each process will meet, in place of what the seed says */
  constructor(world: World, plan?: (role: Role) => CallPlan) {
    this.#world = world
    this.#plannedCalls = plan
    this.#chance = world.chance.of('nemesis')
    this.#left = { ...world.scenario.faults }
  }

  /** Plans what has a time. */
  begin(): void {
    const { faults } = this.#world.scenario
    this.#plan(faults.stops, () => this.#stop())
    this.#plan(faults.clockJumps, () => this.#jump())
    this.#plan(faults.pauses, () => this.#pause())
    this.#plan(faults.discards, () => this.#discard())
    this.#plan(faults.fullDisks, () => this.#fillDisk())
    this.#plan(faults.rollbacks, () => this.#takeSnapshot())
    this.#plan(faults.damagedJournals, () => this.#damageJournal())
    this.#plan(faults.damagedParts, () => this.#damagePart(lookingForParts))
    this.#plan(faults.takeovers, () => this.#takeOver())
    this.#plan(faults.edits, () => this.#edit())
    this.#plan(faults.intruders, () => this.#intrude())
  }

  #plan(count: number, act: () => Promise<void> | void): void {
    const { timeline, scenario } = this.#world
    for (let i = 0; i < count; i++)
      timeline.after(this.#chance.below(scenario.troubledMs), () => {
        this.#world.lastFaultAt = timeline.now
        void Promise.resolve(act()).catch((error: unknown) => this.#world.fail(String(error)))
      })
  }

  #note(mark: Parameters<World['marks']['note']>[0], detail = ''): void {
    const { marks, timeline } = this.#world
    marks.note(mark)
    this.#world.note(`${mark} ${detail}`)
    this.#world.lastFaultAt = timeline.now
  }

  get #someProcess(): Process | undefined {
    const process = this.#world.processes[this.#chance.pick(roles)]
    return process?.isAlive === true ? process : undefined
  }

  // ---- calls to the disk ------------------------------------------------------------------------------------------

  /** What a process that starts now will meet. */
  planCalls(role: Role): CallPlan {
    if (this.#plannedCalls !== undefined) return this.#plannedCalls(role)
    return { last: this.#drawLastCall(), failed: this.#drawFailedCall(role), slow: this.#drawSlowCall() }
  }

  #drawLastCall(): CallPlan['last'] {
    const left = this.#left
    if (left.kills + left.powerCuts === 0 || this.#chance.is(0.2)) return undefined
    // Power that goes soon after a kill finds what only adoption stands for.
    const power = left.powerCuts > 0 && (left.kills === 0 || this.#chance.is(this.#wasKilled ? 0.9 : 0.4))
    if (power) left.powerCuts--
    else left.kills--
    return { call: this.#drawCall(), power }
  }

  #drawCall(): number {
    return this.#chance.between(1, this.#chance.pick([30, 80, 150, 500]))
  }

  #drawFailedCall(role: Role): CallPlan['failed'] {
    if (this.#left.failedCalls === 0 || this.#chance.is(0.3)) return undefined
    this.#left.failedCalls--
    this.#world.note(`${role} will meet a failing call`)
    return { call: this.#drawCall(), forMs: this.#chance.is(0.4) ? this.#chance.pick(aWhile) : 0 }
  }

  #drawSlowCall(): CallPlan['slow'] {
    if (this.#left.slowCalls === 0) return undefined
    this.#left.slowCalls--
    return { call: this.#drawCall(), ms: this.#chance.pick([2_000, 20_000, 60_000]) }
  }

  /** A call was the last one of its process. */
  died({ role, runner }: Process, { power, damages }: LastCall, what: string): void {
    const world = this.#world
    this.#note(power ? 'power cut' : 'kill', `of the ${role} at ${what}`)
    if (runner === undefined) world.marks.note(power ? 'power cut while restoring' : 'kill while restoring')
    this.#wasKilled = !power
    world.kill(role)
    if (power) {
      world.disks[role] = world.disks[role].crash(this.#chance.fraction)
      world.watch.forget()
      if (role === 'receiver') this.#unsyncedIsGone()
      void world.trees.checkAll()
    }
    // A kill may come between a revision and the hints that go with it.
    if (role === 'receiver' && world.scenario.durability !== 'checkpoint') world.window.forget()
    if (damages === true) void this.#damageSomePart()
    world.respawn(world.processes[role]!)
  }

  /** What the level does not promise need not be there any more. */
  #unsyncedIsGone(): void {
    const { ledger, trees, scenario } = this.#world
    ledger.powerCut()
    if (scenario.durability === 'none') this.#mayAllFail = trees.mayBeTorn = true
  }

  /** Whether a process may end like this because of what was done to its disk; then the next one goes on. */
  #answersFor(process: Process, code: string): boolean {
    if (!isExplained(code, process.hits)) return false
    this.#world.lastFaultAt = this.#world.timeline.now
    return true
  }

  /** A call fails on purpose. A part that is not found is a part that is gone, says the disk; nobody can know better. */
  callFailed(path: string, code: string): void {
    const part = /\/parts\/([0-9]+)$/.exec(path)?.[1]
    if (part !== undefined && code === 'ENOENT') {
      this.#world.ledger.lost(Number(part))
      this.#world.window.forget()
    }
    const isOurs = /^\/state|^\/dst\/\.carryon/.test(path)
    if (!isOurs && code !== 'EMFILE' && code !== 'ENFILE') this.#metFaults.add(path)
  }

  /** Whether a file may fail alone, by the path it lands at: it, or a folder it is in, met a fault on either side (R54). */
  excuses(landing: readonly string[]): boolean {
    if (this.#mayAllFail) return true
    const source = this.#world.scenario.isSpilled ? ['src', ...landing] : landing
    return [source, ['dst', ...landing]].some((path) =>
      path.some((_, i) => this.#metFaults.has(`/${path.slice(0, i + 1).join('/')}`)),
    )
  }

  started(role: Role): void {
    this.#damaged.delete(role) // Whatever it was, it is mended.
  }

  couldNotStart(process: Process, error: unknown): void {
    const world = this.#world
    const { role } = process
    if (hasCode(error, 'journal-damaged') && this.#damaged.has(role)) {
      world.marks.note('rebuilt')
      world.respawn(process, true)
    } else if (hasCode(error, 'disk-full') && this.#wasFull) world.respawn(process)
    else if (this.#answersFor(process, isTransferError(error) ? error.code : bug)) world.respawn(process)
    else
      world.fail(`${role} could not start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  }

  failed(process: Process, end: SessionEnd & { readonly how: 'failed' }): void {
    const world = this.#world
    const { role } = process
    const { sender, receiver } = world.ends
    if (this.#answersFor(process, end.code)) world.respawn(process)
    else if (end.code === 'manifest-mismatch' && this.forgetful.has('sender')) {
      world.marks.note('ended by a mismatch')
      world.ends[role] = end
    } else if ((end.code === 'discarded' || end.code === 'session-unknown') && (sender ?? receiver) !== undefined)
      world.ends[role] = end
    else world.fail(`${role} ended: ${JSON.stringify(end)}`)
  }

  // ---- processes --------------------------------------------------------------------------------------------------

  #stop(): void {
    const process = this.#someProcess
    if (process === undefined) return
    const ms = this.#chance.pick([200, 2_000, 10_000, 60_000])
    process.stop(ms)
    this.#note('process stopped', `${process.role} for ${ms} ms`)
  }

  #jump(): void {
    const role = this.#chance.pick(roles)
    this.wallMs[role] += this.#chance.pick([-1, 1]) * this.#chance.pick([120_000, hourMs, 10 * 365 * 24 * hourMs])
    this.#note('wall clock jumped', role)
  }

  #pause(): void {
    const process = this.#someProcess
    if (process?.runner === undefined) return
    this.#note('told to pause', process.role)
    process.runner.pause(this.#chance.pick(['user', 'signal'] as const))
  }

  #discard(): void {
    const process = this.#someProcess
    if (process?.runner === undefined) return
    this.#note('told to discard', process.role)
    process.runner.discard()
  }

  // ---- disks ------------------------------------------------------------------------------------------------------

  #fillDisk(): void {
    const { disks, timeline } = this.#world
    disks.receiver.capacityBytes = disks.receiver.usedBytes + this.#chance.below(16 * 1024)
    this.#wasFull = true
    this.#note('disk full')
    timeline.after(this.#chance.between(100, 20_000), () => {
      this.#world.note('disk has room')
      this.#world.lastFaultAt = timeline.now
      disks.receiver.capacityBytes = Infinity
    })
  }

  /** A backup, or the snapshot of a virtual machine, that will come back. */
  #takeSnapshot(): void {
    const { disks, ledger, trees, timeline, watch } = this.#world
    const role = this.#chance.pick(roles)
    const disk = disks[role].image(this.#chance.fraction)
    const before = { promises: ledger.promises, foreign: trees.foreign, isDamaged: this.#damaged.has(role) }
    timeline.after(this.#chance.pick([5, 50, 500, 2_000]), () => {
      if (this.#world.hasEnded(role)) return
      this.#note(role === 'sender' ? 'sender rolled back' : 'receiver rolled back')
      this.#forgets(role)
      if (before.isDamaged) this.#damaged.add(role)
      disk.passTime(3_600n * second) // The disk is old; the time is not.
      disk.capacityBytes = disks[role].capacityBytes
      disks[role] = disk
      if (role === 'receiver') {
        ledger.rollBack(before.promises)
        trees.rollBack(before.foreign)
        watch.forget()
        this.#unsyncedIsGone()
      }
      this.#world.respawn(this.#world.processes[role]!)
    })
  }

  #forgets(role: Role): void {
    this.#world.kill(role)
    this.forgetful.add(role)
    this.#world.window.forget()
    this.#world.tap.forgot(role)
  }

  async #damageJournal(): Promise<void> {
    const { disks, processes, ledger, trees } = this.#world
    const role = this.#chance.pick(roles)
    if (processes[role] === undefined || this.#world.hasEnded(role)) return
    this.#world.kill(role)
    if (await damageJournal(disks[role], this.#world.directoryOf(role), this.#chance)) {
      this.#note('journal damaged', role)
      this.#damaged.add(role)
      this.#forgets(role)
      this.#mayAllFail = trees.mayBeReserved = true
      if (role === 'receiver') ledger.rollBack({ places: new Map(), outcomes: new Map() })
    }
    this.#world.respawn(processes[role])
  }

  /** Looks a few times more if there is no part yet. */
  async #damagePart(looks: number): Promise<void> {
    const { disks, processes, timeline } = this.#world
    if (processes.receiver === undefined || this.#world.hasEnded('receiver')) return
    const names = await (await disks.receiver.openRoot(`${this.#world.directoryOf('receiver')}/parts`)).list()
    if (names.length === 0 && looks > 0) {
      timeline.after(lookAgainMs, () => void this.#damagePart(looks - 1))
      return
    }
    this.#world.kill('receiver')
    await this.#damageSomePart()
    this.#world.respawn(processes.receiver)
  }

  async #damageSomePart(): Promise<void> {
    const { disks, ledger, window } = this.#world
    const entry = await damagePart(disks.receiver, this.#world.directoryOf('receiver'), this.#chance)
    if (entry === undefined) return
    this.#note('part damaged', String(entry))
    ledger.lost(entry)
    window.forget()
  }

  // ---- network ----------------------------------------------------------------------------------------------------

  drawLinkFaults(): LinkFaults {
    const chance = this.#chance
    const { scenario } = this.#world
    const none: LinkFaults = {
      latencyMs: chance.fraction() * scenario.latencyMs,
      cutAfterBytes: Infinity,
      tells: [true, true],
      deadWay: -1,
      deadAfterBytes: Infinity,
      clogs: [],
      damagedFrame: -1,
      doubled: scenario.doubled,
    }
    const left = this.#left
    if (left.damagedFrames > 0) {
      left.damagedFrames--
      return { ...none, damagedFrame: chance.below(20) }
    }
    if (left.linkFaults === 0 || chance.is(0.2)) return none
    left.linkFaults--
    const somewhere = (): number => chance.below(chance.pick([600, 3_000, 12_000]))
    const clog = (): LinkFaults['clogs'][number] => ({ afterBytes: somewhere(), ms: chance.pick([500, 5_000, 60_000]) })
    if (chance.is(0.25)) return { ...none, clogs: Array.from({ length: chance.between(1, 3) }, clog) }
    if (chance.is(0.25))
      return {
        ...none,
        deadWay: chance.pick([0, 1]),
        deadAfterBytes: somewhere(),
        tells: [chance.is(0.5), chance.is(0.5)],
      }
    return { ...none, cutAfterBytes: somewhere(), tells: [chance.is(0.7), chance.is(0.7)] }
  }

  /** Frames of connections that are no more come again on this one. */
  dataMayCome(link: Link): void {
    const { past } = this.#world.tap
    if (this.#left.oldFrames === 0 || past.length === 0) return
    this.#left.oldFrames--
    const to = link.ends.find(({ owner }) => owner.role === 'receiver')!
    for (const frame of Array.from({ length: 3 }, () => this.#chance.pick(past)))
      to.owner.after(this.#chance.pick([0, 1, 50, 600_000]) * this.#chance.fraction(), () => {
        if (to.isEnded) return
        this.#note('old frame in a newer connection')
        to.arrive({ kind: 'data', frame: frame.slice() }, frame.length)
      })
  }

  /** Another connection while the first still looks well. */
  #takeOver(): void {
    const { processes, scenario, ends } = this.#world
    const here = processes[scenario.dialer]
    const there = processes[scenario.dialer === 'sender' ? 'receiver' : 'sender']
    if (here?.isAlive !== true || there?.isAlive !== true || !here.runner || !there.runner) return
    if (ends.sender !== undefined || ends.receiver !== undefined) return
    this.#note('second connection beside the first')
    this.#world.connect(here, there)
  }

  // ---- files ------------------------------------------------------------------------------------------------------

  async #edit(): Promise<void> {
    this.#note('source edited', await this.#world.trees.edit())
  }

  async #intrude(): Promise<void> {
    const what = await this.#world.trees.intrude()
    if (what !== undefined) this.#note('name taken by somebody else', what)
  }
}

/** Whether one of the faults that a process met makes it end with this code. */
function isExplained(code: string, hits: ReadonlySet<string>): boolean {
  if (code === bug) return hits.has(bug)
  if (code === 'already-exists') return hits.has('ENOENT') // What is not there can be made, or so it seemed.
  return hits.size > 0 && diskCodes.has(code)
}
