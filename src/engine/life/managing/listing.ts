// Sessions as `ls` and `status` show them: from their journals, or where a live process holds one, from that.

import { expireAfterMs } from '../../../model/limits.ts'
import type { OutcomeCount, SessionState, StateReason, Who } from '../../../model/session.ts'
import { readReceipt } from '../../../store/receipts.ts'
import { ownName } from '../../../store/target.ts'
import type { SessionListing, SessionStatus } from '../../api.ts'
import type { World } from '../../context.ts'
import { isBound, isOver, type Found } from '../known/catalog.ts'
import { askStatus, type LiveStatus } from '../running/control.ts'
import type { State } from '../known/home.ts'
import { timeText } from '../running/reporter.ts'
import { expiresMsOf, resumeCommand } from '../known/same-command.ts'
import type { Missing, Shelved, Shelves } from '../known/shelves.ts'

/** What a listing is made of, beside the session itself. */
export interface ListingContext {
  readonly world: World
  readonly shelves: Shelves
  /** As asked for, to be part of the resume command. */
  readonly stateDir: string | undefined
}

export async function listingOf(context: ListingContext, shelved: Shelved): Promise<SessionListing> {
  return (await lookAt(context, shelved)).listing
}

export async function statusOf(context: ListingContext, shelved: Shelved): Promise<SessionStatus> {
  const { found } = shelved
  const { listing, live } = await lookAt(context, shelved)
  const { checkpoint, header } = found
  return {
    ...listing,
    stateDirectory: `${found.base.label}/${found.id}`,
    onConflict: checkpoint.bound?.shape.onConflict ?? header.wishes.onConflict,
    chunkBytes: checkpoint.bound?.chunkBytes ?? null,
    outcomes: outcomesOf(found),
    receipt: await receiptPath(context.shelves.state, found),
    live: live === null ? null : liveOf(live),
    other: live?.isConnected === true ? otherOf(live, context.world.clock.wall()) : null,
  }
}

async function lookAt(
  { world, shelves, stateDir }: ListingContext,
  { found, folder }: Shelved,
): Promise<{ listing: SessionListing; live: LiveStatus | null }> {
  const { header, checkpoint, updatedAt } = found
  const answer = await askOf(found)
  const live = answer?.live ?? null
  const held = answer !== undefined
  const standing = live ?? restingState(found, held)
  const { last } = checkpoint.pages.at(-1) ?? {}
  const isFinished = isOver(found)
  const listing: SessionListing = {
    id: found.id,
    role: header.role,
    state: standing.state,
    reason: standing.reason,
    who: standing.who,
    since: live?.since ?? timeText(updatedAt),
    held,
    epoch: live?.epoch ?? checkpoint.epoch,
    sources: header.sources.map(({ path }) => path),
    directory: folder ?? null,
    peer: live?.peer ?? (header.side === 'dialer' ? (header.addresses[0] ?? null) : null),
    bytesDurable: live?.bytesDurable ?? Math.min(bytesDurable(found), last?.bytes ?? Infinity),
    bytesTotal: live?.bytesTotal ?? last?.bytes ?? null,
    filesDone: live?.filesDone ?? checkpoint.outcomes.size,
    filesTotal: live?.filesTotal ?? last?.entries ?? null,
    createdAt: timeText(header.createdAt),
    updatedAt: timeText(updatedAt),
    expiresAt: timeText(isBound(found) ? updatedAt + expiresMsOf(header) : header.ticketExpiresAt),
    stale: !isFinished && !held && world.clock.wall() - updatedAt > staleAfterMs,
    resumeCommand: isFinished ? null : resumeCommand(header, isNewest(shelves, found), stateDir),
  }
  return { listing, live }
}

const staleAfterMs = 24 * 3_600_000

async function askOf(found: Found): Promise<{ readonly live: LiveStatus | null } | undefined> {
  const directory = await found.base.openDirectory(found.id)
  try {
    return await askStatus(directory)
  } finally {
    await directory.close()
  }
}

/** A pointer whose folder is not there: all that is known. */
export function missingListing({ id, folder, madeAt }: Missing): SessionListing {
  const since = timeText(madeAt)
  return {
    id,
    role: 'receiver',
    state: 'interrupted',
    reason: 'disk-failed',
    who: 'self',
    since,
    held: false,
    epoch: 0,
    sources: [],
    directory: folder,
    peer: null,
    bytesDurable: 0,
    bytesTotal: null,
    filesDone: 0,
    filesTotal: null,
    createdAt: since,
    updatedAt: since,
    expiresAt: timeText(madeAt + expireAfterMs),
    stale: true,
    resumeCommand: null,
  }
}

/** The same as a page of `status`: of the journal there is only the place where it was. */
export function missingStatus(missing: Missing): SessionStatus {
  return {
    ...missingListing(missing),
    stateDirectory: `${missing.folder}/${ownName}/${missing.id}`,
    onConflict: null,
    chunkBytes: null,
    outcomes: [],
    receipt: null,
    live: null,
    other: null,
  }
}

interface Standing {
  readonly state: SessionState
  readonly reason: StateReason | null
  readonly who: Who | null
}

/** How a session stands by its journal alone. */
function restingState(found: Found, held: boolean): Standing {
  const { ended, receipt, pausedBy } = found.checkpoint
  switch (ended?.how) {
    case 'released':
      return { state: 'released', reason: null, who: null }
    case 'discarded':
      return { state: 'discarded', reason: ended.by === 'peer' ? 'peer-user' : 'user', who: ended.by }
    case 'expired':
      return { state: 'expired', reason: 'ttl', who: 'self' }
    case undefined:
      break
  }
  if (receipt !== undefined) return { state: 'finishing', reason: 'receipt-unconfirmed', who: 'peer' }
  if (!isBound(found)) {
    return found.header.side === 'listener'
      ? { state: 'listening', reason: 'no-peer-yet', who: 'peer' }
      : { state: 'interrupted', reason: 'network', who: 'peer' }
  }
  if (pausedBy !== null)
    return { state: 'paused', reason: pausedBy, who: pausedBy.startsWith('peer') ? 'peer' : 'self' }
  if (held) return { state: 'interrupted', reason: 'network', who: 'peer' }
  const reason = found.stuckBy ?? 'crash'
  if (reason === 'peer-user' || reason === 'peer-signal') return { state: 'paused', reason, who: 'peer' }
  return { state: reason === 'disk-full' ? 'parked' : 'interrupted', reason, who: 'self' }
}

function bytesDurable({ header, checkpoint, partBytes }: Found): number {
  if (header.role === 'sender') return checkpoint.bytesAcknowledged
  if (checkpoint.bound?.shape.durability === 'none') return 0
  let bytes = partBytes
  for (const outcome of checkpoint.outcomes) bytes += outcome.bytes
  return bytes
}

function outcomesOf({ checkpoint }: Found): readonly OutcomeCount[] {
  if (checkpoint.receipt !== undefined) return checkpoint.receipt.outcomes
  const counts = new Map<OutcomeCount['outcome'], number>()
  for (const { outcome } of checkpoint.outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  return Array.from(counts, ([outcome, count]) => ({ outcome, count }))
}

async function receiptPath(state: State | undefined, { id }: Found): Promise<string | null> {
  if (state === undefined || (await readReceipt(state.directory, id)) === undefined) return null
  return `${state.path}/receipts/${id}.json`
}

function liveOf(live: LiveStatus): NonNullable<SessionStatus['live']> {
  const { rateBytesPerSecond, etaSeconds, bytesSent, bytesReceived, addresses } = live
  return { rateBytesPerSecond, etaSeconds, bytesSent, bytesReceived, addresses }
}

/** Both sides are in the same dialogue; a reason that is the peer's own is said as its. */
function otherOf(live: LiveStatus, wall: number): NonNullable<SessionStatus['other']> {
  const { state, who, bytesReceived, bytesDurable: durable } = live
  const reason = who === 'peer' || who === 'both' ? live.reason : null
  return { state, reason, bytesReceived, bytesDurable: durable, heardAt: timeText(wall) }
}

/** Whether the same command would find this one first. */
function isNewest({ sessions }: Shelves, { id, header, base }: Found): boolean {
  const first = sessions.find(
    ({ found }) =>
      !isOver(found) &&
      isBound(found) &&
      found.base.label === base.label &&
      found.header.side === header.side &&
      found.header.identity === header.identity,
  )
  return first === undefined || first.found.id === id
}
