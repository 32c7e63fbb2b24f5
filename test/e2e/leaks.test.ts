// Many sessions in one process, of every kind: nothing of them stays behind when they are over (R25). CARRYON_CYCLES=1000
// runs as many as the promise names; the usual run has fewer.

import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { receive, resumeSession, send, type Ending, type Session } from '../../src/index.ts'
import { Scene } from '../support/scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

const cycles = Number(process.env['CARRYON_CYCLES'] ?? 200)
const warmUp = 10 // What is made once per process: the hash, threads, caches.

const loopback = { host: '127.0.0.1', port: 0 }

/** What this process holds open. Timers and sockets that are only waited for count, too. */
function held() {
  const resources = process
    .getActiveResourcesInfo()
    .filter((name) => !/^(Pipe|TTY|MessagePort|FSReqPromise)/.test(name))
  return {
    files: existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').filter(isOpen).length : 0,
    resources: resources.toSorted(),
    listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)] as const),
  }
}

/** The listing itself has one open, which is gone by now. */
function isOpen(fd: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`) !== ''
  } catch {
    return false
  }
}

/** What there is more of now than there was, by name. */
function beyond(before: ReturnType<typeof held>, now: ReturnType<typeof held>): readonly string[] {
  const had = counted(before)
  return [...counted(now)].flatMap(([name, count]) => (count > (had.get(name) ?? 0) ? [`${name}: ${count}`] : []))
}

function counted({ files, resources, listeners }: ReturnType<typeof held>): Map<string, number> {
  const counts = new Map<string, number>([['files', files]])
  for (const name of resources) counts.set(name, (counts.get(name) ?? 0) + 1)
  for (const [name, count] of listeners) counts.set(`listeners for ${name}`, count)
  return counts
}

class Pair {
  readonly #scene: Scene
  #receiver!: Session
  #sender!: Session

  constructor(scene: Scene) {
    this.#scene = scene
  }

  async begin(file: string, bwlimit?: number): Promise<void> {
    this.#receiver = receive(this.#scene.target, { ...this.#options('receiver'), listen: loopback })
    for await (const event of this.#receiver) if (event.type === 'listening') break
    const to = this.#receiver.ticket!
    this.#sender = send([`${this.#scene.source}/${file}`], {
      ...this.#options('sender'),
      to,
      onConflict: 'replace',
      bwlimit,
    })
  }

  ends(): Promise<Ending[]> {
    return Promise.all([this.#sender.ending, this.#receiver.ending])
  }

  async pause(): Promise<string> {
    for await (const event of this.#sender) if (event.type === 'session' && event.state === 'transferring') break
    const id = await this.#sender.id
    await Promise.all([this.#sender.pause(), this.#receiver.pause()])
    return id
  }

  async resume(id: string): Promise<void> {
    this.#receiver = receive(this.#scene.target, { ...this.#options('receiver'), listen: loopback })
    for await (const event of this.#receiver) if (event.type === 'listening') break
    this.#sender = resumeSession(id, this.#options('sender'))
  }

  #options(side: 'sender' | 'receiver') {
    return { stateDir: this.#scene.stateOf(side), progressIntervalMs: Infinity }
  }
}

/** Delivered; paused and gone on with; refused before it began. */
async function cycle(scene: Scene, round: number): Promise<void> {
  const pair = new Pair(scene)
  if (round % 10 === 3) {
    await pair.begin('large', 1024)
    const id = await pair.pause()
    for (const { error } of await pair.ends()) expect(error).toMatchObject({ code: 'paused' })
    await pair.resume(id)
  } else if (round % 10 === 7) {
    const refused = send([`${scene.source}/small`], { stateDir: scene.stateOf('sender'), to: 'carryon1:nonsense' })
    expect((await refused.ending).error).toMatchObject({ code: 'ticket-damaged' })
    return
  } else await pair.begin('small')
  for (const { error } of await pair.ends()) expect(error).toBeNull()
}

describe('sessions in one process', () => {
  it(`R25: after ${cycles} of them no descriptor, timer, socket, listener or file is left`, async () => {
    const scene = new Scene()
    plant(scene.source, { small: noise(100), large: noise(3 * MiB) })
    for (let round = 0; round < warmUp; round++) await cycle(scene, round)
    await settled()
    const before = held()
    for (let round = 0; round < cycles; round++) await cycle(scene, round)
    await expect.poll(() => beyond(before, held()), { timeout: 20_000 }).toEqual([]) // The last ones may be closing.
    for (const side of ['sender', 'receiver'] as const) expect(scene.leftovers(side)).toEqual([])
    expect(listing(scene.target)).toEqual(listing(scene.source))
  }, 600_000)
})

/** Sockets say goodbye a few turns after their sessions are over. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
}
