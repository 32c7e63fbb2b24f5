// The life of a session on the side that dials: which session the ticket leads to, and keeping it connected.

import { hasCode, TransferError } from '../../../errors.ts'
import type { Connection } from '../../../model/connection.ts'
import type { HeaderRecord } from '../../../model/records.ts'
import { targetOfAddress } from '../../../model/ssh-target.ts'
import type { Ticket } from '../../../model/ticket.ts'
import { ownAddresses } from '../../../transport/addresses.ts'
import { dialAny } from '../../../transport/dial.ts'
import { sessionIdentity, sessionKey, ticketIdentity, ticketKey } from '../../../transport/keys.ts'
import { throttled } from '../../../transport/throttle.ts'
import { endingFor, findSession, isBound, isOver, type Found } from '../known/catalog.ts'
import { resume } from './contention.ts'
import { deliveredIn, doneBefore } from '../running/delivered-before.ts'
import { dialSshAgain } from './dial-ssh.ts'
import { dialWithAnyKey, type DialKey, type WayThere } from './dialing.ts'
import { keepConnected } from './keep-connected.ts'
import { isPlain, newHeader, trustOf, type Plan } from '../running/plan.ts'
import { timeText } from '../running/reporter.ts'
import type { Finished } from '../running/run.ts'
import { checkFrozen } from '../known/same-command.ts'
import { checkExpiry } from '../known/tickets.ts'
import { Work } from '../running/work.ts'

/** Lives a session that a ticket leads to: the one it was made for, or an unfinished one of the same command. */
export async function dialOut(plan: Plan, ticket: Ticket): Promise<Finished> {
  if (ticket.uses === 'many') return dialServer(plan, ticket)
  const own = plan.found.find(({ id }) => id === ticket.id)
  if (own !== undefined && !isOver(own)) return keepDialing(plan, await resume(plan, own), ticket)
  const unfit = plan.passedOver.find(({ id }) => id === ticket.id)
  if (unfit !== undefined) throw unfit.error
  const already = await deliveredAlready(plan, ticket)
  if (already !== undefined) return already
  if (own !== undefined) throw endedError(own)
  checkExpiry(ticket, plan.tools.world.clock.wall())
  const older = await findOlder(plan, ticket)
  if (older !== undefined) return keepDialing(plan, older.work, ticket, { first: older.connection })
  return keepDialing(plan, await begin(plan, ticket), ticket)
}

/** Makes the session of a ticket, unless another process has made it just now: then it is gone on with. */
async function begin(plan: Plan, ticket: Ticket): Promise<Work> {
  const { tools, home } = plan
  try {
    return await Work.create(tools, newHeader(plan, ticket, 'dialer'))
  } catch (error) {
    if (!hasCode(error, 'already-exists')) throw error
    const found = await findSession(tools.world, home.base, ticket.id)
    if (found === undefined) throw error
    return resume(plan, found)
  }
}

/**
 * Lives a session under a ticket that opens many: an unfinished one of the same command, which this ticket is made good for
 * if it began with another; else a new one.
 */
async function dialServer(plan: Plan, ticket: Ticket): Promise<Finished> {
  checkExpiry(ticket, plan.tools.world.clock.wall())
  const begins = plan.options.new === true || plan.options.restart === true
  const olders = begins ? [] : plan.found.filter((it) => isOfServer(plan, it, ticket))
  const older = olders.find(({ header }) => header.ticket === ticket.id) ?? olders[0]
  if (older === undefined)
    return keepDialing(plan, await Work.create(plan.tools, newHeader(plan, ticket, 'dialer')), ticket)
  const work = await resume(plan, older)
  if (!isBound(older)) return keepDialing(plan, work, ticket)
  if (await isKnownThere(plan, older, ticket)) return keepDialing(plan, work, ticket, { renewWith: keyOf(ticket) })
  await work.release() // The server has forgotten it: what it holds of it is found in place, or is not there.
  return keepDialing(plan, await Work.create(plan.tools, newHeader(plan, ticket, 'dialer')), ticket)
}

/** Whether a session may find its other side behind this ticket. One nobody answered yet has no other way in than its own ticket. */
function isOfServer({ identity }: Plan, found: Found, ticket: Ticket): boolean {
  const { side, identity: its, ticket: began } = found.header
  const isOurs = side === 'dialer' && its === identity && !isOver(found) && !isPlain(found.header)
  return isOurs && (isBound(found) || began === ticket.id)
}

/** Only the session's key tells. Where nobody answers, it is tried as if it were. */
async function isKnownThere(plan: Plan, older: Found, ticket: Ticket): Promise<boolean> {
  try {
    const connection = await dialOlder(plan, older, ticket)
    connection.destroy()
    return true
  } catch (error) {
    if (hasCode(error, 'ticket-refused')) return false
    if (hasCode(error, 'peer-unreachable') || plan.tools.context.stop.aborted) return true
    throw error
  }
}

function keyOf({ id, secret }: Ticket): DialKey {
  return { identity: ticketIdentity(id), hex: ticketKey(secret) }
}

/** Goes on with a session that dials, by what its journal remembers. */
export async function dialAgain(plan: Plan, found: Found): Promise<Finished> {
  const [address] = found.header.addresses
  if (targetOfAddress(address) !== undefined) return dialSshAgain(plan, found)
  return keepDialing(plan, await resume(plan, found), placeOf(found.header))
}

/** What this very command has done before; undefined if it has not. @throws TransferError `ticket-spent` if another one has */
async function deliveredAlready({ home, identity, tools }: Plan, { id }: Ticket): Promise<Finished | undefined> {
  const before = home.state === undefined ? [] : await deliveredIn(home.state, id)
  const same = before.find((it) => it.role === home.role && (it.folder ?? it.identity) === (home.folder || identity))
  if (same !== undefined) return doneBefore(tools.context, same)
  if (before[0] !== undefined) throw spent(before[0].receipt.finishedAt, before[0].path)
  return undefined
}

function spent(finishedAt: string, receipt: string): TransferError {
  return new TransferError('ticket-spent', { finishedAt, receipt })
}

/** This side's own view of why there is nothing to go on with. */
function endedError(found: Found): TransferError {
  const { ended } = found.checkpoint
  if (ended?.how === 'discarded') return new TransferError('discarded', { by: ended.by })
  if (ended?.how === 'expired') return endingFor(found)
  return spent(timeText(ended?.at ?? 0), '')
}

/**
 * A fresh ticket finds an unfinished session of the same command, unless the peer knows no such session: only the key
 * tells, so it is tried at the addresses of the ticket.
 */
async function findOlder(plan: Plan, ticket: Ticket): Promise<{ work: Work; connection: Connection } | undefined> {
  if (plan.options.new === true || plan.options.restart === true) return undefined
  const older = plan.found.find(
    (it) => it.header.side === 'dialer' && it.header.identity === plan.identity && isBound(it) && !isOver(it),
  )
  if (older === undefined || isPlain(older.header) !== (ticket.tls === 'plain') || isPlain(older.header))
    return undefined
  checkFrozen(older.header, plan.frozen)
  const work = await Work.hold(plan.tools, older.id, older)
  if (work === undefined) return undefined
  try {
    return { work, connection: await dialOlder(plan, older, ticket) }
  } catch (error) {
    await work.release()
    if (hasCode(error, 'ticket-refused') || hasCode(error, 'peer-unreachable') || plan.tools.context.stop.aborted)
      return undefined
    throw error
  }
}

/** Under the key of the session, where a ticket leads. */
function dialOlder(plan: Plan, older: Found, ticket: Ticket): Promise<Connection> {
  const keys = (): DialKey[] => dialKeys(older.header, older).slice(0, 1)
  const way = { ...wayTo(plan, older.header, ticket), keys }
  return dialWithAnyKey({ way, signal: plan.tools.context.stop })
}

/** Where the other side is, and how it is told from an impostor. */
type Place = Pick<Ticket, 'addresses' | 'tls'>

function placeOf(header: HeaderRecord): Place {
  return { addresses: header.addresses, tls: trustOf(header) }
}

/** Keeps a session connected by way of addresses, with the keys its other side may know it by. */
function keepDialing(plan: Plan, work: Work, place: Place, { first, renewWith }: Beginning = {}): Promise<Finished> {
  let renewal = renewWith
  return keepConnected(
    plan,
    work,
    ({ arrived }) => {
      const way = wayTo(plan, work.header, place, work.found, (key) => {
        renewal = undefined
        arrived(key?.identity === sessionIdentity(work.id))
      })
      // Who opens lanes knows the session's key, and so does the other side: each of them proves it.
      const laneKey = isPlain(work.header) ? undefined : sessionDialKey(work.header, work.found)
      return {
        ...way,
        keys: () => [renewal, ...way.keys()].filter((key) => key !== undefined),
        dialLane: (signal) => way.dial(laneKey, signal),
      }
    },
    first,
  )
}

interface Beginning {
  /** A connection that is there already. */
  readonly first?: Connection
  /** Another ticket's key, to be proven once: from then on the session goes by that ticket. */
  readonly renewWith?: DialKey
}

const dialTimeoutMs = 10_000 // TCP, TLS and upgrade of one attempt; the next address does not wait for it.

/** @param onUp called when the other side has proven that it knows the key, too */
function wayTo(
  plan: Plan,
  header: HeaderRecord,
  { addresses, tls }: Place,
  found?: Found,
  onUp: (key: DialKey | undefined) => void = () => {},
): WayThere {
  const { context, world } = plan.tools
  return {
    addresses,
    ownAddresses,
    keys: () => (tls === 'plain' ? [] : dialKeys(header, found)),
    async dial(key, signal) {
      const connection = await dialAny(addresses, { trust: tls, key, timeoutMs: dialTimeoutMs, signal })
      onUp(key)
      return throttled(connection, context.bandwidth, world.clock, context.spend)
    },
  }
}

/**
 * Which key the other side has depends on where it or we crashed. Before its `welcome` arrived here it may have stored
 * the binding or not; once bound, it may not have heard that we know (R114). So both are tried, the likelier one first.
 */
function dialKeys(header: HeaderRecord, found: Found | undefined): DialKey[] {
  const session = sessionDialKey(header, found)
  const id = header.ticket ?? header.session
  const ticket = header.ticketKey === '' ? undefined : { identity: ticketIdentity(id), hex: header.ticketKey }
  const order = found?.checkpoint.bound === undefined ? [ticket, session] : [session, ticket]
  return order.filter((key) => key !== undefined)
}

function sessionDialKey(header: HeaderRecord, found?: Found): DialKey | undefined {
  const identity = sessionIdentity(header.session)
  const bound = found?.checkpoint.bound
  if (bound !== undefined) return { identity, hex: bound.sessionKey }
  if (header.ticketKey === '') return undefined
  return { identity, hex: sessionKey(header.ticketKey, header.nonce, header.session) }
}
