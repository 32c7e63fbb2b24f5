// The life of a session on the side that listens: one port for all sessions that may find their peer here, a fresh ticket
// where none of them is known to be awaited, and then the one session that a peer came for.

import { hasCode, TransferError } from '../../../errors.ts'
import type { Millis } from '../../../model/clock.ts'
import type { Connection } from '../../../model/connection.ts'
import { helloDeadlineMs } from '../../../model/limits.ts'
import { encodeTicket, type Ticket } from '../../../model/ticket.ts'
import { formatAddress, parseAddress, type Address } from '../../../transport/addresses.ts'
import { listen, type Listener } from '../../../transport/listen.ts'
import { throttled } from '../../../transport/throttle.ts'
import type { Runner } from '../../runner.ts'
import { endingFor, isBound, isOver, type Found } from '../known/catalog.ts'
import { holdOrFail } from './contention.ts'
import { pausedError } from '../running/allowance.ts'
import { checkSameGuard, guardOf, type Guard } from './guard.ts'
import { Reception, WaitingRoom } from './listening.ts'
import { isPlain, newHeader, trustOf, type Plan } from '../running/plan.ts'
import { timeText } from '../running/reporter.ts'
import type { Finished } from '../running/run.ts'
import { checkFrozen, quoted, shortId } from '../known/same-command.ts'
import { Seat } from './seat.ts'
import { commandForPeer, mintTicket, writeTicketFile } from '../known/tickets.ts'
import { aborted, deferred, sleep } from '../running/waiting.ts'
import { workOut } from '../running/work-out.ts'
import { Work } from '../running/work.ts'

/** Waits for a peer of one of the command's sessions, or with a fresh ticket for a new one, and lives that session. */
export async function waitHere(plan: Plan): Promise<Finished> {
  const { new: begins, restart } = plan.options
  const same = begins === true || restart === true ? [] : plan.found.filter((it) => isSame(plan, it))
  return receiveGuests(
    plan,
    await (plan.home.role === 'sender' ? awaitedSends(plan, same) : awaitedReceives(plan, same)),
  )
}

/** Goes on with one session that listens. */
export async function waitAgain(plan: Plan, found: Found): Promise<Finished> {
  const work = await holdOrFail(plan, found)
  return receiveGuests(plan, { works: [work], mints: !isBound(found) })
}

/** The sessions held for this run, and whether a new one is offered beside them. */
interface Awaited {
  readonly works: readonly Work[]
  readonly mints: boolean
}

function isSame(plan: Plan, found: Found): boolean {
  const { header } = found
  const isSamePlain = isPlain(header) === (plan.options.insecurePlaintext === true)
  return header.side === 'listener' && header.identity === plan.identity && isSamePlain && !isOver(found)
}

/** A sender goes on with its newest session that has a peer; without one, older tickets stay good beside a fresh one. */
async function awaitedSends(plan: Plan, same: readonly Found[]): Promise<Awaited> {
  const known = same.find(isBound)
  if (known !== undefined) {
    checkFrozen(known.header, plan.frozen)
    return { works: [await holdOrFail(plan, known)], mints: false }
  }
  const works: Work[] = []
  for (const found of same.filter((it) => isAlike(plan, it))) works.push(await holdOrFail(plan, found))
  return { works, mints: true }
}

/** A receiver waits for the peers of all its folder's sessions that nobody holds. */
async function awaitedReceives(plan: Plan, same: readonly Found[]): Promise<Awaited> {
  for (const found of same.filter(isBound)) checkFrozen(found.header, plan.frozen)
  const works: Work[] = []
  for (const found of same) {
    const work = isBound(found) || isAlike(plan, found) ? await Work.hold(plan.tools, found.id, found) : undefined
    if (work !== undefined) works.push(work)
  }
  return { works, mints: true }
}

/** Whether a ticket that nobody has used yet would begin the very session that is asked for now. */
function isAlike(plan: Plan, { header }: Found): boolean {
  return Object.entries(plan.frozen).every(([name, value]) => (header.frozen[name] ?? '') === value)
}

async function receiveGuests(plan: Plan, { works, mints }: Awaited): Promise<Finished> {
  const { context } = plan.tools
  const done = works.find(({ isDelivered }) => isDelivered)
  if (done !== undefined) return workOut(done, (_, over) => aborted(over), plan) // It ends by itself.
  const lobby = new Lobby(plan)
  let listener: Listener | undefined
  try {
    for (const work of works) {
      if (isBound(work.found)) checkSameGuard(shortId(work.id), trustOf(work.header), lobby.guard)
      if (work.found.isDamaged) await work.runner() // Said here and now, rather than to a peer that comes later.
      lobby.seat(work)
    }
    for (const found of plan.found.filter(isOver)) lobby.room.bury(tombstone(found))
    listener = await openPort(plan, lobby, works)
    context.takeHandedOver((handed) => void lobby.reception.takeOver(handed, (raw) => limited(plan, raw)))
    if (mints) lobby.seat(await offer(plan, listener, lobby.guard))
    else sayKnown(plan, listener, works[0]!)
    const chosen = (await firstGuest(plan, lobby)) ?? (await lobby.leave())
    if (chosen === undefined) throw stopped(plan)
    context.offer(null)
    await lobby.keepOnly(chosen)
    return await workOut(chosen, (runner, over) => stayReachable(plan, chosen, runner, over), plan)
  } catch (error) {
    await lobby.releaseAll()
    throw error
  } finally {
    await listener?.close()
  }

  function tombstone(found: Found): Parameters<WaitingRoom['bury']>[0] {
    return { session: found.id, sessionKey: found.checkpoint.bound?.sessionKey ?? '', error: endingFor(found) }
  }
}

/** The sessions that wait, until a peer has come for one of them. */
class Lobby {
  readonly room: WaitingRoom
  readonly reception: Reception
  readonly guard: Guard
  readonly #plan: Plan
  readonly #seats: { readonly seat: Seat; readonly work: Work }[] = []
  readonly #first = deferred<Work>()
  #chosen: Work | undefined

  constructor(plan: Plan) {
    this.#plan = plan
    this.room = new WaitingRoom(plan.options.insecurePlaintext === true)
    const { clock } = plan.tools.world
    this.guard = guardOf(plan.options, clock.wall())
    this.reception = new Reception({ clock, door: this.room, helloDeadlineMs })
  }

  /** Resolves with the session that a peer has come for. */
  get first(): Promise<Work> {
    return this.#first.promise
  }

  get hasKnownPeer(): boolean {
    return this.#seats.some(({ seat }) => seat.isBound)
  }

  seat(work: Work): void {
    const seat = new Seat(work, this.#plan.tools.world, () => {
      if (this.#chosen !== undefined && this.#chosen !== work) {
        throw new TransferError('peer-busy', { session: shortId(this.#chosen.id) })
      }
      this.#chosen = work
      this.#first.resolve(work)
    })
    this.#seats.push({ seat, work })
    this.room.add(seat)
  }

  /**
   * This run belongs to one session now. The ticket it printed besides is of no use any more, nor are older ones if one of
   * them was used; else those stay good for the next run.
   */
  async keepOnly(chosen: Work): Promise<void> {
    for (const { work } of this.#seats.splice(0)) {
      if (work === chosen) continue
      this.room.remove(work.id)
      const isStillGood = work.resumed && isBound(chosen.found)
      if (isBound(work.found) || isStillGood) await work.release()
      else await work.forget()
    }
  }

  /** The run is to end before anybody came. The one session that is left to discard, if that is asked for. */
  async leave(): Promise<Work | undefined> {
    const isDiscarded = this.#plan.tools.context.request() === 'discard'
    const works = this.#seats.splice(0).map(({ work }) => work)
    const known = works.filter((work) => isBound(work.found))
    const only = isDiscarded && known.length === 1 ? known[0] : undefined
    for (const work of works) {
      if (work === only) continue
      if (isDiscarded && !isBound(work.found)) await work.forget()
      else await work.release()
    }
    return only
  }

  async releaseAll(): Promise<void> {
    for (const { work } of this.#seats.splice(0)) await work.release()
  }
}

const portLookAgainMs = 500

/** An outgoing connection of another program may sit on a free port for a moment; our peer dials the old one. */
const portPatienceMs = 5_000

/** Binds the port that the command names, or the one where the sessions' peers last found this side, or any. */
async function openPort(plan: Plan, lobby: Lobby, works: readonly Work[]): Promise<Listener> {
  const { options, retryForMs } = plan
  const { context, world } = plan.tools
  const asked = options.listen ?? { host: '', port: 0 }
  const isExplicit = asked.port !== 0
  const usual = works.map(portOf).find((port) => port !== 0) ?? 0
  const address = isExplicit ? asked : { ...asked, port: usual }
  const patienceMs = lobby.hasKnownPeer ? (isExplicit ? retryForMs : Math.min(portPatienceMs, retryForMs)) : 0
  const giveUpAt = world.clock.now() + patienceMs
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await listenAt(plan, lobby, address)
    } catch (error) {
      if (!hasCode(error, 'port-in-use')) throw error
      if (world.clock.now() >= giveUpAt || context.stop.aborted) {
        if (isExplicit) throw error
        return await listenAt(plan, lobby, { ...asked, port: 0 })
      }
      if (isFirst) sayPortTaken(plan, error)
      await sleep(world.clock, portLookAgainMs, context.stop)
    }
  }
}

function portOf({ header }: Work): number {
  const [first] = header.addresses
  return header.side === 'listener' && first !== undefined ? parseAddress(first).port : 0
}

function listenAt(plan: Plan, lobby: Lobby, address: Address): Promise<Listener> {
  const { room, reception } = lobby
  return listen({
    ...address,
    ...lobby.guard.listen,
    keyFor: (identity) => room.keyFor(identity),
    onConnection: (connection) => reception.receive(limited(plan, connection)),
  })
}

function limited({ tools: { context, world } }: Plan, connection: Connection): Connection {
  return throttled(connection, context.bandwidth, world.clock, context.spend)
}

/** A session that nobody has joined yet, offered with a fresh ticket. */
async function offer(plan: Plan, listener: Listener, { trust }: Guard): Promise<Work> {
  const { options, home, tools } = plan
  const { context, world } = tools
  const advertise = options.advertise ?? []
  const ticket = mintTicket(world, { role: home.role, listening: listener.addresses, advertise, trust })
  const work = await Work.create(tools, newHeader(plan, ticket, 'listener'))
  if (trust === 'plain')
    context.reporter.warn('insecure', 'Nothing is encrypted and nobody proves anything: this machine only.')
  if (options.ticketFile !== undefined) await writeTicketFile(world, options.ticketFile, encodeTicket(ticket))
  else context.offer(encodeTicket(ticket))
  sayOffer(plan, ticket)
  return work
}

function sayOffer({ options, tools }: Plan, ticket: Ticket): void {
  tools.context.reporter.listening({
    addresses: ticket.addresses,
    ticket: options.ticketFile === undefined ? encodeTicket(ticket) : null,
    command: commandForPeer(ticket, options.ticketFile),
    expiresAt: timeText(ticket.expiresAt),
  })
}

/** Both sides know each other: the other one redials by itself, or goes on by its id. */
function sayKnown({ tools }: Plan, listener: Listener, work: Work): void {
  tools.context.reporter.listening({
    addresses: listener.addresses.map(formatAddress),
    ticket: null,
    command: quoted('carryon', 'resume', shortId(work.id)),
    expiresAt: null,
  })
}

/** Undefined if the run is to end. @throws TransferError `retry-over`, `ticket-expired` if nobody came */
async function firstGuest(plan: Plan, lobby: Lobby): Promise<Work | undefined> {
  const { context, world } = plan.tools
  context.reporter.stand('listening', 'no-peer-yet', 'peer')
  const waited = new AbortController()
  const forMs = lobby.hasKnownPeer ? plan.retryForMs : ticketWaitMs
  const first = await Promise.race([
    lobby.first,
    aborted(context.stop),
    sleep(world.clock, forMs, waited.signal).then(() => 'late' as const),
  ])
  waited.abort()
  if (first !== 'late') return first ?? undefined
  context.reporter.stand('interrupted', 'retry-over', 'peer')
  if (lobby.hasKnownPeer) throw nobodyCame(forMs)
  throw new TransferError('ticket-expired', { expiredAt: timeText(world.clock.wall()) })
}

const ticketWaitMs: Millis = 24 * 3_600_000 // A ticket's life: whoever comes later is not let in.

function nobodyCame(triedForMs: Millis): TransferError {
  return new TransferError('retry-over', { triedForMs, last: 'The other side did not come.' })
}

/** What a run says that was stopped before it had a peer. */
function stopped({ options, tools: { context } }: Plan): TransferError {
  const { reporter } = context
  const request = context.request()
  if (request === 'discard') {
    reporter.stand('discarded', 'user', 'self')
    return new TransferError('discarded', { by: 'self' })
  }
  const by = request ?? 'user'
  reporter.stand('paused', by, 'self')
  return pausedError(by, options)
}

const lookEveryMs = 1_000 // How late giving up may be.

/** Between two connections a listener can only wait, and not for ever. That is said at once, and looked at now and then. */
async function stayReachable(plan: Plan, work: Work, runner: Runner, over: AbortSignal): Promise<void> {
  const { clock } = plan.tools.world
  let lastSeenAt = clock.now()
  work.onDisconnected = () => {
    if (runner.view.epoch > 0) sayWaiting(plan)
  }
  while (!over.aborted) {
    const now = clock.now()
    if (runner.view.isConnected) lastSeenAt = now
    else if (now - lastSeenAt > plan.retryForMs) throw nobodyCame(now - lastSeenAt)
    await sleep(clock, Math.min(lookEveryMs, plan.retryForMs), over)
  }
}

function sayWaiting({ tools, retryForMs }: Plan): void {
  const wall = tools.world.clock.wall()
  tools.context.reporter.say({
    type: 'waiting',
    reason: tools.context.reporter.pausedBy ?? 'network',
    who: 'peer',
    since: timeText(wall),
    ...(retryForMs === Infinity ? {} : { retryUntil: timeText(wall + retryForMs) }),
    hint: 'The other side comes back by itself, or when its command is run again.',
  })
}

function sayPortTaken({ tools }: Plan, error: TransferError): void {
  tools.context.reporter.say({
    type: 'waiting',
    reason: 'port-in-use',
    who: 'self',
    since: timeText(tools.world.clock.wall()),
    hint: error.hint,
  })
}
