// Both ends of one session in this process: the shipping runners on real disks and under real locks, joined in memory, and
// watched from outside. A side can be left and opened again like a process that ends and is started anew.

import { setTimeout as delay } from 'node:timers/promises'
import { Compaction } from '../../src/core/compact.ts'
import type { SessionEnd } from '../../src/core/effects.ts'
import { entomb, findSession, forget, silently } from '../../src/engine/life/known/catalog.ts'
import { type Home, receiverHome, senderHome } from '../../src/engine/life/known/home.ts'
import type { World } from '../../src/engine/context.ts'
import { openRunner } from '../../src/engine/open-runner.ts'
import type { Runner, RunnerEvent } from '../../src/engine/runner.ts'
import type { Connection } from '../../src/model/connection.ts'
import type { HeaderRecord } from '../../src/model/records.ts'
import type { Role } from '../../src/model/session.ts'
import { createSession, holdSession, type HeldSession } from '../../src/store/session-directory.ts'
import { memoryPair } from '../../src/transport/memory.ts'
import { answer } from '../simulation/session.ts'

/** Where everything lies, absolute. */
export interface Folders {
  readonly source: string
  readonly target: string
  readonly state: Readonly<Record<Role, string>>
}

/** Hears what crosses between the two, and what each of them tells. */
export interface Watcher {
  /** A side hands a message to its connection. */
  said(link: object, from: Role, text: string): void
  /** The sender hands a data frame to its connection. */
  sent(link: object, frame: Uint8Array): void
  observed(role: Role, event: RunnerEvent): void
}

export interface Scene {
  readonly world: World
  readonly folders: Folders
  /** 32 hex digits. */
  readonly session: string
  readonly watcher: Watcher
}

/** One end, from its disk to where it was left. */
export class Side {
  readonly role: Role
  readonly runner: Runner
  /** How it ended, once everything of it is closed; rejects if what a process does at its end could not be done. */
  readonly ended: Promise<SessionEnd>
  isOver = false
  /** Its link to the other side, as long as it has one. */
  connection: Connection | undefined
  #isSilent = false

  private constructor(scene: Scene, home: Home, held: HeldSession, runner: Runner) {
    this.role = home.role
    this.runner = runner
    this.ended = conclude(scene, home, held, runner).finally(() => (this.isOver = true))
    this.ended.catch(() => undefined) // For whoever asks later.
  }

  /** As a process that starts: makes the session, or goes on with it. @throws TransferError */
  static async open(role: Role, scene: Scene): Promise<Side> {
    const { world, folders } = scene
    const isSender = role === 'sender'
    const state = folders.state[role]
    const home = await (isSender ? senderHome(world, state) : receiverHome(world, folders.target, state))
    let held: HeldSession | undefined
    try {
      held = await hold(scene, home)
      return new Side(scene, home, held, await openRunner(runnerOptions(scene, home, held)))
    } catch (error) {
      await held?.close()
      await home.close()
      throw error
    }
  }

  /** Nothing more goes out from it or comes in. */
  silence(): void {
    this.#isSilent = true
    this.connection?.destroy()
  }

  get canTalk(): boolean {
    return !this.isOver && !this.#isSilent
  }

  /** As a process that is killed: no goodbye. */
  async leave(): Promise<void> {
    this.silence()
    await this.runner.stop()
    await this.ended.catch(() => undefined)
  }
}

async function hold(scene: Scene, home: Home): Promise<HeldSession> {
  const { session, world } = scene
  if ((await home.base.stat(session)) === undefined) {
    return createSession(home.base, session, {
      records: [headerOf(scene, home)],
      tools: { hash: world.hash, compact: () => new Compaction() },
      withParts: home.role === 'receiver',
      parents: home.target === undefined ? [] : [home.target.root],
      locker: silently,
    })
  }
  const held = await holdSession(home.base, session, silently)
  if (held === undefined) throw new Error(`the ${home.role}'s session is still held`)
  return held
}

function runnerOptions({ world, session, watcher }: Scene, home: Home, held: HeldSession) {
  const { role, target } = home
  return {
    world,
    session,
    directory: held.directory,
    isHeld: () => held.lock.isHeld(),
    receipts: home.state?.directory,
    instance: Buffer.from(world.random.bytes(8)).toString('hex'),
    observer: (event: RunnerEvent) => watcher.observed(role, event),
    ...(target === undefined
      ? { walk: { exclude: [], links: 'keep' as const } }
      : { receive: { target, maxBytes: Infinity, maxFiles: Infinity } }),
  }
}

/** The receiver dials: it is the one that is told when the link is gone, and tries again. */
function headerOf({ session, folders }: Scene, { role, target }: Home): HeaderRecord {
  const isReceiver = role === 'receiver'
  return {
    kind: 'header',
    session,
    role,
    createdAt: Date.now(),
    side: isReceiver ? 'dialer' : 'listener',
    ticketKey: 'ab'.repeat(32),
    ticketExpiresAt: Date.now() + 86_400_000,
    nonce: isReceiver ? 'cd'.repeat(16) : '',
    addresses: [],
    root: target?.rootId ?? '',
    sources: isReceiver ? [] : [{ path: folders.source, as: '' }],
    directory: isReceiver ? folders.target : '',
    identity: '',
    frozen: {},
    wishes: { onConflict: isReceiver ? 'replace' : null, checksum: false },
  }
}

/** What a process does when its runner has ended, as far as it is about this session's files. */
async function conclude({ world, session }: Scene, home: Home, held: HeldSession, runner: Runner): Promise<SessionEnd> {
  const end = await runner.ended
  try {
    if (end.how !== 'released') return end
    if (end.confirmed) await forget(home, held)
    else if (home.role === 'sender') {
      const found = await findSession(world, home.base, session)
      const ended = { kind: 'ended', how: 'released', by: 'self', at: world.clock.wall() } as const
      if (found !== undefined) await entomb(world, home, held, { ...found.checkpoint, ended })
    }
    return end
  } finally {
    await held.close()
    await home.close()
  }
}

/** Joins two open sides, again and again until one of them is over or silent. */
export async function keepJoined(sender: Side, receiver: Side, { watcher }: Scene): Promise<void> {
  for (; sender.canTalk && receiver.canTalk; await delay(5)) {
    const [near, far] = memoryPair({ schedule: setImmediate })
    const link = {}
    receiver.connection = near
    sender.connection = far
    const said = (from: Role) => (text: string) => watcher.said(link, from, text)
    const isLost = new Promise<void>((ended) => {
      const data = (frame: Uint8Array): void => watcher.sent(link, frame)
      answer(watched(far, { text: said('sender'), data, ended }), sender.runner)
    })
    receiver.runner.connected(watched(near, { text: said('receiver') }))
    await Promise.race([isLost, sender.ended.catch(() => undefined), receiver.ended.catch(() => undefined)])
  }
}

interface Taps {
  readonly text?: (text: string) => void
  readonly data?: (frame: Uint8Array) => void
  readonly ended?: () => void
}

/** The same connection; what is handed to it is told first. */
function watched(inner: Connection, taps: Taps): Connection {
  return {
    peer: inner.peer,
    proof: inner.proof,
    get heardBytes() {
      return inner.heardBytes
    },
    get queuedBytes() {
      return inner.queuedBytes
    },
    start: (handlers) =>
      inner.start({
        ...handlers,
        ended: (reason) => {
          handlers.ended(reason)
          taps.ended?.()
        },
      }),
    sendText: (text) => {
      taps.text?.(text)
      inner.sendText(text)
    },
    sendData: (frame) => {
      taps.data?.(frame)
      return inner.sendData(frame)
    },
    pause: () => inner.pause(),
    resume: () => inner.resume(),
    close: (code, reason) => inner.close(code, reason),
    destroy: () => inner.destroy(),
  }
}
