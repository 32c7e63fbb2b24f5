// Runs under the shim, as a process of its own: takes faults from its standard input, one JSON line each, lives through a
// transfer with each of them, resumes, and says on standard output what was wrong with it, if anything.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readlinkSync, rmSync, existsSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { isTransferError } from '../../src/errors.ts'
import type { SessionEnd } from '../../src/core/effects.ts'
import type { RunnerEvent } from '../../src/engine/runner.ts'
import { loadHash } from '../../src/hash/xxh64.ts'
import { defaultLimits } from '../../src/model/limits.ts'
import type { Role } from '../../src/model/session.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'
import { CrossingCheck } from './crossing-check.ts'
import { file, folder, link, listing, noise, plant, type Tree } from '../support/trees.ts'
import type { Fault, Lived } from './fault.ts'
import { keepJoined, Side, type Scene } from './two-ends.ts'

const hash = await loadHash()
const KiB = 1024
const speed = 10 // The engine's clock goes faster than ours: a full disk is looked at every 100 ms.
const noRoomMs = 4_000
const patienceMs = 60_000 // Of ours; every life here lasts a fraction of a second.

const limits = {
  ...defaultLimits,
  chunkBytes: 8 * KiB,
  windowBytes: 256 * KiB,
  syncEveryBytes: 64 * KiB,
  syncEveryMs: 500,
  lingerMs: 5_000,
}

/** Chunks, holes, packs, empty and exact files, folders, a link; one file is replaced. */
const source: Tree = {
  'large.bin': noise(220 * KiB + 5, 1),
  'holed.img': { kind: 'sparse', size: 90 * KiB, at: [[40 * KiB + 3, noise(9 * KiB, 2)]] },
  'exact.bin': noise(16 * KiB, 3),
  'replaced.bin': file(noise(20 * KiB, 4), 0o640),
  'box/empty': '',
  'box/deep/run.sh': file('#!/bin/sh\n', 0o755),
  'box/deep': folder(0o750),
  'box/a.txt': noise(3 * KiB, 5),
  'box/b.txt': noise(4 * KiB, 6),
  'box/c.txt': noise(5 * KiB, 7),
  latest: link('box/a.txt'),
}

const order = (text: string): string => readlinkSync(`/carryon-shim/${text}`)

/** What file systems say that cannot sync directories: nothing is lost by it, it is less durable and said (R7). */
const noDirectorySync: readonly string[] = ['EINVAL', 'ENOTSUP', 'EISDIR', 'EPERM']

/** One fault, from an empty target to what came of it. */
class Trial {
  readonly #fault: Fault
  readonly #home = mkdtempSync(join(tmpdir(), 'carryon-faults-'))
  readonly #problems: string[] = []
  readonly #scene: Scene
  #acknowledged = 0
  #onAcknowledged: () => void = () => {}
  #isFullyParked = false
  #isArmed = false
  #isKilled = false
  readonly #warnings: string[] = []

  constructor(fault: Fault) {
    this.#fault = fault
    const check = new CrossingCheck(hash, limits, (why) => this.#problems.push(why))
    const random = { bytes: (count: number) => new Uint8Array(randomBytes(count)), fraction: Math.random }
    this.#scene = {
      world: { clock: fastClock(), random, disk: nodeDisk, hash, limits },
      session: randomBytes(16).toString('hex'),
      folders: {
        source: join(this.#home, 'sender/source'),
        target: join(this.#home, 'receiver/target'),
        state: { sender: join(this.#home, 'sender/state'), receiver: join(this.#home, 'receiver/state') },
      },
      watcher: {
        said: (between, from, text) => {
          check.said(between, from, text)
          if (text.startsWith('{"kind":"acknowledge"')) {
            this.#acknowledged++
            this.#onAcknowledged()
          }
        },
        sent: (between, frame) => check.frameSent(between, frame),
        observed: (role, event) => this.#observed(role, event),
      },
    }
  }

  async run(): Promise<Lived> {
    const { folders } = this.#scene
    plant(folders.source, source)
    plant(folders.target, { 'replaced.bin': file('an older one', 0o600, 1) })
    try {
      if (this.#fault.phase === 'resume') await this.#live(2)
      const { side, call, k, how, many } = this.#fault
      const below = side === 'receiver' ? join(this.#home, 'receiver') : folders.state.sender
      order(`arm ${call} ${k} ${how in constants.errno ? constants.errno[how as 'EIO'] : how} ${many} ${below}`)
      this.#isArmed = true
      const spaceReturns = setTimeout(() => order('pass'), noRoomMs) // Nobody parks before the two have agreed.
      const first = await this.#live().finally(() => clearTimeout(spaceReturns))
      this.#isArmed = false
      order('pass')
      order('forget')
      const counts = order('disarm')
      const warnings = this.#warnings.slice()
      this.#checkNothingOpen()
      const second = this.#hasReceipt ? undefined : await this.#live()
      this.#check(first, second)
      return {
        fault: this.#fault,
        ends: first,
        counts: countsIn(counts),
        isKilled: this.#isKilled,
        isParked: this.#isFullyParked,
        warnings,
        problems: this.#problems,
      }
    } finally {
      rmSync(this.#home, { recursive: true, force: true })
    }
  }

  #observed(role: Role, event: RunnerEvent): void {
    if (role === 'receiver' && event.kind === 'warning') this.#warnings.push(event.code)
    if (event.kind !== 'state' || event.state !== 'parked' || event.reason !== 'disk-full') return
    if (role === 'receiver' || event.who !== 'peer') return
    this.#isFullyParked = true // Both know; now space returns.
    order('pass')
  }

  /** Both processes, until one is over; `acknowledges`: until that many were said, then both die. */
  async #live(acknowledges: number = Infinity): Promise<Lived['ends']> {
    const { signal, abort } = within(patienceMs)
    const opened = await Promise.allSettled([Side.open('sender', this.#scene), Side.open('receiver', this.#scene)])
    const [sender, receiver] = opened.map((it) => (it.status === 'fulfilled' ? it.value : undefined))
    try {
      if (sender !== undefined && receiver !== undefined) {
        const enough = new Promise<void>((resolve) => {
          this.#onAcknowledged = () => {
            const isLosing = this.#hasLostSync // Of this life: the clean one behind it is not killed for what the first one lost.
            if (isLosing) this.#isKilled = true
            if (isLosing || this.#acknowledged >= acknowledges) resolve()
          }
        })
        await Promise.race([this.#crossed(sender, receiver), enough, signal])
      }
    } catch (error) {
      this.#problems.push(`${String(error)}: sender ${stand(sender)}, receiver ${stand(receiver)}`)
    } finally {
      abort()
      await sender?.leave()
      await receiver?.leave()
    }
    return { sender: await endOf(opened[0]), receiver: await endOf(opened[1]) }
  }

  async #crossed(sender: Side, receiver: Side): Promise<void> {
    await keepJoined(sender, receiver, this.#scene)
    const ends = await Promise.race([sender.ended, receiver.ended]).catch(() => undefined)
    if (ends?.how !== 'released') return
    await Promise.race([Promise.allSettled([sender.ended, receiver.ended]), delay(2_000, undefined, { ref: false })])
  }

  /** A sync has failed: who acknowledges anything now dies of it, and what was lost comes to light. */
  get #hasLostSync(): boolean {
    const { call, how } = this.#fault
    const isLosing = call.endsWith('sync') && !(call === 'dirsync' && noDirectorySync.includes(how))
    return this.#isArmed && isLosing && countsIn(order('counts'))['failed']! > 0
  }

  /** The sender's copy is on its disk: for it the session is over. */
  get #hasReceipt(): boolean {
    const { folders, session } = this.#scene
    return existsSync(join(folders.state.sender, 'receipts', `${session}.json`))
  }

  /** `second`: the clean resume, if there was anything left to resume. */
  #check(first: Lived['ends'], second: Lived['ends'] | undefined): void {
    const { folders } = this.#scene
    if (!this.#hasReceipt) this.#problems.push(`there is no receipt after ${JSON.stringify(second)}`)
    for (const end of [...Object.values(first), ...Object.values(second ?? {})])
      if (end.startsWith('bug')) this.#problems.push(end)
    const found = { ...listing(folders.target) }
    for (const name of Object.keys(found)) if (name.split('/')[0] === '.carryon') delete found[name]
    const wanted = listing(folders.source)
    for (const name of new Set([...Object.keys(found), ...Object.keys(wanted)]))
      if (found[name] !== wanted[name]) this.#problems.push(`${name}: ${found[name]} instead of ${wanted[name]}`)
    if (second?.receiver === 'released' && existsSync(join(folders.target, '.carryon')))
      this.#problems.push('.carryon is left')
    this.#checkNothingOpen()
  }

  #checkNothingOpen(): void {
    for (const fd of readdirSync('/proc/self/fd')) {
      const path = linkText(`/proc/self/fd/${fd}`)
      if (path.startsWith(this.#home)) this.#problems.push(`still open: ${path.slice(this.#home.length)}`)
    }
  }
}

function linkText(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

const stand = (side: Side | undefined): string => JSON.stringify(side?.runner.view ?? null)

async function endOf(opened: PromiseSettledResult<Side> | undefined): Promise<string> {
  try {
    if (opened?.status === 'rejected') throw opened.reason
    return textOf(await opened!.value.ended)
  } catch (error) {
    if (isTransferError(error)) return error.code
    return `bug: ${error instanceof Error ? error.stack : String(error)}`
  }
}

function textOf(end: SessionEnd): string {
  if (end.how === 'released') return end.confirmed ? 'released' : 'released-unconfirmed'
  if (end.how !== 'failed') return end.how
  return end.code === 'bug' ? `bug: ${end.sentence}` : end.code
}

const countsIn = (text: string): Record<string, number> =>
  Object.fromEntries([...text.matchAll(/(\w+) (\d+)/g)].map(([, name, count]) => [name!, Number(count)]))

function within(ms: number): { signal: Promise<never>; abort: () => void } {
  let timer: NodeJS.Timeout
  const signal = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it hangs after ${ms} ms`)), ms)
  })
  return { signal, abort: () => clearTimeout(timer) }
}

function fastClock() {
  return {
    now: () => performance.now() * speed,
    wall: () => Date.now(),
    after(delayMs: number, callback: () => void) {
      const timer = setTimeout(callback, delayMs / speed)
      return () => clearTimeout(timer)
    },
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const lived = await new Trial(JSON.parse(line) as Fault).run()
  process.stdout.write(`${JSON.stringify(lived)}\n`)
}
