// What a server knows and keeps while it runs: its folder, the grants, what they have used up, the sessions. Opening it takes
// up what earlier servers of the folder left; nothing of it is known only here.

import { TransferError } from '../../../errors.ts'
import { expireAfterMs } from '../../../model/limits.ts'
import { pathText, type Path } from '../../../model/names.ts'
import type { HeaderRecord } from '../../../model/records.ts'
import type { Role, SessionId } from '../../../model/session.ts'
import { Meter } from '../../../transport/meter.ts'
import type { World } from '../../context.ts'
import type { ServeOptions } from '../../serve-api.ts'
import type { Reserve } from '../../runner.ts'
import { readCatalog, sweep, type Found } from '../known/catalog.ts'
import type { HandedOver } from '../running/control.ts'
import { GrantBook, type Pass } from './grant-book.ts'
import type { Home } from '../known/home.ts'
import { Host } from './host.ts'
import type { Hosted, HostTools } from './hosted.ts'
import { Ledger } from './ledger.ts'
import { expiresMsOf, withExpiry } from '../known/same-command.ts'
import type { ServedFolder } from './served-folder.ts'

const maxSessionsDefault = 100 // Of 32 descriptors and 100 MiB each at most.
const minFreeShare = 0.05
const minFreeMaxBytes = 1024 ** 3

export interface HouseOptions {
  readonly world: World
  readonly folder: ServedFolder
  readonly options: ServeOptions
  /** A session is worked on from now on. */
  readonly onBegun: (hosted: Hosted) => void
  /** What a session used up could not be noted. */
  readonly onUnsettled: (session: SessionId, error: TransferError) => void
  /** Somebody came through ssh for a session that is worked on. */
  readonly onHandedOver: (handed: HandedOver) => void
  /** A session got nowhere for too long and was put away. */
  readonly onExpired: (found: Found) => void
}

export class House {
  readonly host: Host
  /** Of all that is received and sent. */
  readonly meter: Meter
  readonly #parts: HouseOptions
  readonly #book: GrantBook
  readonly #ledger: Ledger
  readonly #minFreeBytes: number

  private constructor(parts: HouseOptions, minFreeBytes: number) {
    const { world, folder, options, onBegun, onUnsettled } = parts
    this.#parts = parts
    this.#minFreeBytes = minFreeBytes
    this.meter = new Meter(world.clock, () => options.bwlimit)
    this.#book = new GrantBook(folder.server, world.clock)
    this.#ledger = new Ledger(folder.server, options.quota)
    this.host = new Host({
      book: this.#book,
      ledger: this.#ledger,
      maxSessions: options.maxSessions ?? maxSessionsDefault,
      tools: this.#tools(),
      onBegun,
      onUnsettled,
    })
  }

  static async open(parts: HouseOptions): Promise<House> {
    const { folder, options } = parts
    const share = Math.floor((await folder.root.freeBytes()) * minFreeShare)
    const house = new House(parts, options.minFree ?? Math.min(minFreeMaxBytes, share))
    await house.#book.reload()
    await house.sweep()
    await house.#openAccounts()
    return house
  }

  /** Tickets were minted, exchanged or revoked: from now on that holds. */
  async reload(): Promise<void> {
    await this.#book.reload()
    await this.#openAccounts()
  }

  /** Takes up the sessions of this server wherever it may have some, and puts away those whose time is over. */
  async sweep(): Promise<void> {
    const { folder } = this.#parts
    const paths = new Map<string, Path>([
      ['', []],
      ...this.#book.all.map(({ path }) => [pathText(path), path] as const),
    ])
    for (const path of paths.values()) if (await folder.holdsSessions(path)) await this.#sweepHome('receiver', path)
    if (folder.home.state !== undefined) await this.#sweepHome('sender', [])
  }

  async #sweepHome(role: Role, path: Path): Promise<void> {
    const { world, folder, onExpired } = this.#parts
    const { home } = await folder.openHome(role, { path })
    try {
      const { found } = await readCatalog(world, home.base, home.target?.rootId)
      const own = found.filter(({ header }) => header.identity === folder.identity)
      const left = await sweep(world, home, own, { afterMs: ({ header }) => expiresMsOf(header), onExpired })
      for (const it of left)
        this.host.remember(it, role === 'receiver' ? path : folder.below(it.header.sources[0]?.path ?? ''))
    } finally {
      await home.close()
    }
  }

  async #openAccounts(): Promise<void> {
    for (const { id } of this.#book.all) await this.#ledger.open(id, (session) => this.host.isKnown(session))
  }

  #tools(): HostTools {
    const { world, folder, options } = this.#parts
    return {
      world,
      progressIntervalMs: options.progressIntervalMs,
      stateDir: options.stateDir,
      instance: Buffer.from(world.random.bytes(8)).toString('hex'),
      identity: folder.identity,
      openHome: (role, grant) => folder.openHome(role, grant),
      headerOf: (home, session, pass) => this.#headerOf(home, session, pass),
      begin: async (grant, session) => {
        if (await this.#ledger.begin(grant, session)) return
        throw new TransferError('ticket-refused', { peer: 'The other side' })
      },
      renew: (session, from, grant) => this.#ledger.move(session, from, grant.id),
      endOf: (grant) => this.#book.endOf(grant),
      reserve: (hosted) => (more) => this.#reserve(hosted, more),
      takeOver: (handed) => this.#parts.onHandedOver(handed),
      meter: this.meter,
    }
  }

  #headerOf(home: Home, session: string, { grant, key }: Pass): HeaderRecord {
    const { world, folder, options } = this.#parts
    const header: HeaderRecord = {
      kind: 'header',
      session,
      role: home.role,
      createdAt: world.clock.wall(),
      side: 'listener',
      ticket: grant.id,
      ticketKey: key,
      ticketExpiresAt: world.clock.wall() + expireAfterMs, // Nobody came back to it for so long: it is no session.
      nonce: '',
      addresses: [],
      root: home.target?.rootId ?? '',
      sources: home.role === 'sender' ? [{ path: folder.pathOf(grant.path), as: '' }] : [],
      directory: home.folder,
      identity: folder.identity,
      frozen: {},
      wishes: { onConflict: null, checksum: false, ...(options.durability && { durability: options.durability }) },
    }
    return options.expiresMs === undefined ? header : withExpiry(header, options.expiresMs)
  }

  /** Quota first, then the disk: both are asked before a byte is written (R79). */
  async #reserve(hosted: Hosted, more: Parameters<Reserve>[0]): Promise<string | undefined> {
    const grant = this.#book.get(hosted.grant)
    if (grant === undefined) return 'The ticket of this session is gone.'
    const leftBytes = (await this.#parts.folder.root.freeBytes()) - this.#promisedBytes() - more.bytes
    if (more.bytes > 0 && leftBytes < this.#minFreeBytes)
      return `There is no room for ${more.bytes} more bytes there: ${this.#minFreeBytes} are to stay free.`
    return this.#ledger.reserve(grant, hosted.session, more)
  }

  /** What is set aside and not on the disk yet. */
  #promisedBytes(): number {
    let bytes = 0
    for (const [session, reserved] of this.#ledger.reservations)
      bytes += Math.max(0, reserved - this.host.writtenBytes(session))
    return bytes
  }
}
