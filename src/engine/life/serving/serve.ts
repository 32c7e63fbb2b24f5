// `carryon serve`: one listener for many sessions. This file holds the server's life: its lock, its port, its events and
// its end. What it keeps is house.ts, who may come in host.ts, what a ticket allows grant-book.ts, one session hosted.ts.

import { hasCode, TransferError } from '../../../errors.ts'
import type { Connection } from '../../../model/connection.ts'
import { helloDeadlineMs } from '../../../model/limits.ts'
import { takeLock, type Lock } from '../../../store/lock.ts'
import { writeWhereabouts } from '../../../store/server-directory.ts'
import { formatAddress, parseAddress, splitPath } from '../../../transport/addresses.ts'
import { listen, type Listener } from '../../../transport/listen.ts'
import { throttled } from '../../../transport/throttle.ts'
import type { World } from '../../context.ts'
import type { ServeOptions, Server } from '../../serve-api.ts'
import type { HandedOver } from '../running/control.ts'
import { EventQueue, type RunEvent } from '../running/event-queue.ts'
import { bandwidthOf, type Hosted } from './hosted.ts'
import { guardOf, type Guard } from '../roads/guard.ts'
import { House } from './house.ts'
import { Reception } from '../roads/listening.ts'
import { Reporter } from '../running/reporter.ts'
import { quoted, shortId } from '../known/same-command.ts'
import { ServedFolder } from './served-folder.ts'
import { aborted, deferred, sleep } from '../running/waiting.ts'
import { withLimits } from '../running/with-limits.ts'

const usualPort = 22_779 // CARRY on a keypad.
const lookEveryMs = 5_000
const sweepEveryMs = 3_600_000

/** Starts a server. @param makeWorld fails as the server may: `ending` tells of it */
export function startServer(directory: string, options: ServeOptions, makeWorld: () => Promise<World>): Server {
  const serving = new Serving(directory, options)
  void serving.live(makeWorld)
  return serving
}

class Serving implements Server {
  readonly #directory: string
  readonly #options: ServeOptions
  readonly #queue = new EventQueue()
  readonly #addresses = deferred<readonly string[]>()
  readonly #ending = deferred<TransferError | Error | null>()
  readonly #stop = new AbortController()
  #reporter!: Reporter
  #takeOver: ((handed: HandedOver) => void) | undefined

  constructor(directory: string, options: ServeOptions) {
    this.#directory = directory
    this.#options = options
    options.signal?.addEventListener('abort', () => this.#stop.abort())
    if (options.signal?.aborted === true) this.#stop.abort()
  }

  get addresses(): Promise<readonly string[]> {
    return this.#addresses.promise
  }

  get ending(): Promise<TransferError | Error | null> {
    return this.#ending.promise
  }

  [Symbol.asyncIterator](): AsyncIterator<RunEvent> {
    return this.#queue[Symbol.asyncIterator]()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#ending.promise
  }

  /** Lives the server from begin to end. Never rejects. */
  async live(makeWorld: () => Promise<World>): Promise<void> {
    let error: TransferError | Error | null = null
    try {
      refuseRoot(this.#options)
      const { deadAfterMs, lanes: lanesMax } = this.#options
      const world = withLimits(await makeWorld(), { deadAfterMs, lanesMax })
      const sink = (event: RunEvent): void => this.#queue.push(event)
      this.#reporter = new Reporter({ clock: world.clock, role: () => null, files: false, intervalMs: Infinity, sink })
      await this.#inFolder(world)
    } catch (thrown) {
      error = thrown instanceof Error ? thrown : new Error(String(thrown))
    }
    this.#addresses.reject(error ?? new TransferError('paused', { by: 'user' }))
    this.#queue.end()
    this.#ending.resolve(error)
  }

  async #inFolder(world: World): Promise<void> {
    const folder = await ServedFolder.open(world, this.#directory, this.#options.stateDir, (path) =>
      this.#reporter.say({ type: 'hint', code: 'folder-made', message: `${path} was not there, and was made.` }),
    )
    let house: House | undefined
    let lock: Lock | undefined
    try {
      lock = await takeLock(folder.server, async (request) => {
        if ((request as { readonly want?: unknown } | null)?.want !== 'grants') return null
        await house?.reload()
        return { done: true }
      })
      if (lock === undefined) throw new TransferError('busy', { session: 'of a server', directory: folder.path })
      house = await House.open({
        world,
        folder,
        options: this.#options,
        onBegun: (hosted) => void this.#tell(hosted),
        onUnsettled: (id, { message }) =>
          this.#reporter.warn(
            'session-ended',
            `Session ${shortId(id)} is over, and all that was set aside for it counts as used: ${message}`,
          ),
        onHandedOver: (handed) => this.#takeOver?.(handed),
        onExpired: ({ id }) =>
          this.#reporter.warn('expired', `Session ${shortId(id)} made no progress for too long and was put away.`),
      })
      await this.#untilStopped(world, folder, house, lock)
    } finally {
      await lock?.release()
      await folder.close()
    }
  }

  async #untilStopped(world: World, folder: ServedFolder, house: House, lock: Lock): Promise<void> {
    const { host } = house
    const guard = guardOf(this.#options, world.clock.wall())
    const reception = new Reception({ clock: world.clock, door: host, helloDeadlineMs })
    const wrap = (raw: Connection): Connection => {
      const rate = (): number | undefined => bandwidthOf(connection)
      const connection: Connection = throttled(raw, rate, world.clock, undefined, house.meter)
      return connection
    }
    this.#takeOver = (handed) => void reception.takeOver(handed, wrap)
    const listener = await listen({
      ...(this.#options.listen ?? { host: '', port: usualPort }),
      descriptor: this.#options.listenDescriptor,
      ...guard.listen,
      keyFor: (identity) => host.keyFor(identity),
      onConnection: (raw) => reception.receive(wrap(raw)),
    })
    try {
      const addresses = this.#addressesOf(listener, guard)
      await writeWhereabouts(folder.server, addresses, guard.trust)
      const command = quoted('carryon', 'ticket', 'new', '--root', folder.path, '--for', 'send')
      this.#reporter.listening({ addresses, ticket: null, command, expiresAt: null })
      this.#addresses.resolve(addresses)
      await Promise.race([aborted(this.#stop.signal), this.#keepHouse(world, house, lock)])
    } finally {
      await listener.close()
      await host.close()
    }
  }

  #addressesOf(listener: Listener, { publicAddress }: Guard): readonly string[] {
    const own = publicAddress === undefined ? listener.addresses.map(formatAddress) : [publicAddress]
    const port = parseAddress(splitPath(own[0] ?? '')[0], { host: '', port: usualPort }).port
    const named = (this.#options.advertise ?? []).map((text) => formatAddress(parseAddress(text, { port })))
    return [...new Set([...named, ...own])]
  }

  /** @throws TransferError `lock-lost` */
  async #keepHouse({ clock }: World, house: House, lock: Lock): Promise<void> {
    let sweptAt = clock.now()
    while (!this.#stop.signal.aborted) {
      await sleep(clock, lookEveryMs, this.#stop.signal)
      if (!(await lock.isHeld())) throw new TransferError('lock-lost', { directory: this.#directory })
      if (clock.now() - sweptAt < sweepEveryMs) continue
      sweptAt = clock.now()
      await house.sweep()
    }
  }

  /** Passes on what a session says, and in the end why it went, if that was nobody's wish here. */
  async #tell({ run, session }: Hosted): Promise<void> {
    for await (const event of run) this.#queue.push(event)
    const error = await run.ending.then((ending) => ending.error)
    if (error === null || hasCode(error, 'paused') || hasCode(error, 'connection-lost')) return
    this.#reporter.warn('session-ended', `Session ${shortId(session)}: ${error.message}`)
  }
}

function refuseRoot({ allowRoot }: ServeOptions): void {
  if (allowRoot === true || process.getuid?.() !== 0) return
  throw new TransferError('usage', {
    problem: 'Will not serve as root: whoever finds a way in would own the machine.',
    remedy: 'Run it as a user of its own (carryon serve DIR --print-unit shows how), or add --allow-root.',
  })
}
