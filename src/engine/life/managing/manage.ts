// What can be done to a session from outside: look at it, pause it, discard it. A live process that holds it is asked;
// without one its journal is changed under its lock.

import { Compaction } from '../../../core/compact.ts'
import { TransferError } from '../../../errors.ts'
import { openJournal } from '../../../store/journal.ts'
import { takeLock } from '../../../store/lock.ts'
import { holdSession, type HeldSession } from '../../../store/session-directory.ts'
import { forgetTarget } from '../../../store/state-directory.ts'
import type {
  DiscardOptions,
  ExpiredOptions,
  ListOptions,
  SessionListing,
  SessionStatus,
  StateOptions,
} from '../../api.ts'
import type { World } from '../../context.ts'
import { entomb, forget, isBound, isOver, isUnfinished, sweep, unlessGone, type Found } from '../known/catalog.ts'
import { askToLimit, askToStop } from '../running/control.ts'
import { allDelivered, deliveredListing, deliveredStatus, findDelivered } from '../running/delivered-before.ts'
import { discardWithPeer } from './discard.ts'
import { homeOf, type Home } from '../known/home.ts'
import { listingOf, missingListing, missingStatus, statusOf, type ListingContext } from './listing.ts'
import { expiresMsOf, shortId } from '../known/same-command.ts'
import { type Shelved, Shelves } from '../known/shelves.ts'
import { sleep } from '../running/waiting.ts'

export async function listSessions(world: World, options: ListOptions): Promise<readonly SessionListing[]> {
  const { stateDir, root, all, stale } = options
  await using shelves = await Shelves.open(world, stateDir, root)
  for (const { id, error } of shelves.passedOver) options.onPassedOver?.(id, error)
  const context: ListingContext = { world, shelves, stateDir }
  const listings: SessionListing[] = []
  for (const shelved of shelves.sessions) {
    const listing = await unlessGone(listingOf(context, shelved))
    if (listing === undefined) continue
    if (all === true || isShown(shelved.found, listing)) listings.push(listing)
  }
  if (all === true) listings.push(...(await deliveredBeside(shelves, listings)))
  listings.push(...shelves.missing.map(missingListing))
  return stale === true ? listings.filter((listing) => listing.stale) : listings
}

async function deliveredBeside(
  { state }: Shelves,
  listed: readonly SessionListing[],
): Promise<readonly SessionListing[]> {
  if (state === undefined) return []
  const isListed = ({ id, role }: SessionListing): boolean => listed.some((it) => it.id === id && it.role === role)
  const before = (await allDelivered(state)).map(deliveredListing).filter((it) => !isListed(it))
  return before.toSorted((a, b) => Date.parse(b.since) - Date.parse(a.since))
}

/** @throws TransferError `session-not-found` */
async function orNotFound<T>(looking: Promise<T>, asked: string): Promise<T> {
  const seen = await unlessGone(looking.then((value) => ({ value })))
  if (seen === undefined) throw new TransferError('session-not-found', { asked })
  return seen.value
}

/** A ticket that nobody has used and nobody offers any more is no session yet. */
function isShown(found: Found, { held }: SessionListing): boolean {
  return isUnfinished(found) || (held && !isOver(found))
}

export async function sessionStatus(world: World, asked: string, { stateDir }: StateOptions): Promise<SessionStatus> {
  await using shelves = await Shelves.open(world, stateDir, undefined)
  const missing = shelves.findMissing(asked)
  if (missing !== undefined) return missingStatus(missing)
  const before = await findDelivered(shelves, asked)
  if (before !== undefined) return deliveredStatus(before)
  const context = { world, shelves, stateDir }
  const shelved = (asked === '' ? await onlyListener(context) : undefined) ?? shelves.find(asked)
  return await orNotFound(statusOf(context, shelved), asked)
}

/** What a process here offers and nobody has come for is no session yet, but it is what `ls` lists where there is no other. */
async function onlyListener(context: ListingContext): Promise<Shelved | undefined> {
  const { sessions } = context.shelves
  if (sessions.some(({ found }) => isUnfinished(found))) return undefined
  const offered: Shelved[] = []
  for (const shelved of sessions)
    if (!isOver(shelved.found) && (await unlessGone(listingOf(context, shelved)))?.held === true) offered.push(shelved)
  if (offered.length > 1)
    throw new TransferError('session-ambiguous', { asked: '', matches: offered.map(({ found }) => shortId(found.id)) })
  return offered[0]
}

export async function pauseSession(world: World, asked: string, { stateDir }: StateOptions): Promise<SessionListing> {
  await using shelves = await Shelves.open(world, stateDir, undefined)
  const shelved = shelves.find(asked)
  const held = await orNotFound(holdOrStop(world, shelved.found, 'pause'), asked)
  if (held !== undefined) {
    try {
      if (isUnfinished(shelved.found)) await markPaused(world, held)
    } finally {
      await held.close()
    }
  }
  await using after = await Shelves.open(world, stateDir, undefined)
  return await listingOf({ world, shelves: after, stateDir }, after.find(shelved.found.id))
}

/** @throws TransferError `session-not-found`; `busy` if its process does not answer */
export async function limitSession(
  world: World,
  asked: string,
  bytesPerSecond: number | null,
  { stateDir }: StateOptions,
): Promise<SessionListing> {
  await using shelves = await Shelves.open(world, stateDir, undefined)
  const shelved = shelves.find(asked)
  const listing = await orNotFound(listingOf({ world, shelves, stateDir }, shelved), asked)
  if (!listing.held) return listing
  const directory = await shelved.found.base.openDirectory(shelved.found.id)
  try {
    if (!(await askToLimit(directory, bytesPerSecond))) throw busy(shelved.found)
  } finally {
    await directory.close()
  }
  return listing
}

async function markPaused(world: World, { directory }: HeldSession): Promise<void> {
  const { journal } = await openJournal(directory, { hash: world.hash, compact: () => new Compaction() })
  try {
    await journal.commit([{ kind: 'paused', by: 'user' }])
  } finally {
    await journal.close()
  }
}

export async function discardSession(
  world: World,
  asked: string,
  options: DiscardOptions,
): Promise<SessionListing & { readonly peerTold: boolean }> {
  const { stateDir, localOnly } = options
  await using shelves = await Shelves.open(world, stateDir, undefined)
  const missing = shelves.findMissing(asked)
  if (missing !== undefined && shelves.state !== undefined) {
    await forgetTarget(shelves.state.directory, missing.id)
    return { ...missingListing(missing), peerTold: false }
  }
  const shelved = shelves.find(asked)
  const stood = await orNotFound(listingOf({ world, shelves, stateDir }, shelved), asked)
  if (isOver(shelved.found)) return { ...stood, peerTold: false }
  const held = await orNotFound(holdOrStop(world, shelved.found, 'discard'), asked)
  if (held === undefined) return { ...stood, peerTold: stood.peer !== null }
  await held.close()
  const tells = localOnly !== true && isBound(shelved.found) && shelved.found.header.side === 'dialer'
  if (tells && (await discardWithPeer(world, shelved, stateDir))) return { ...stood, peerTold: true }
  const home = await homeOf(world, shelved.folder, stateDir)
  try {
    await discardHere(world, home, shelved.found)
  } finally {
    await home.close()
  }
  return { ...stood, peerTold: false }
}

/** Sessions whose time is over, wherever they lie: `sweep` knows which, and touches nothing that is held or not ours. */
export async function discardExpired(
  world: World,
  { stateDir, root, olderThanMs }: ExpiredOptions,
): Promise<readonly SessionListing[]> {
  await using shelves = await Shelves.open(world, stateDir, root)
  const gone: SessionListing[] = []
  for (const folder of new Set(shelves.sessions.map((each) => each.folder))) {
    const here = shelves.sessions.filter((each) => each.folder === folder)
    const stood = await Promise.all(here.map((each) => unlessGone(listingOf({ world, shelves, stateDir }, each))))
    const home = await homeOf(world, folder, stateDir)
    const found = here.map((each) => each.found)
    const onExpired = ({ id }: Found): void => void gone.push(...stood.filter((it) => it?.id === id).map((it) => it!))
    try {
      await sweep(world, home, found, { afterMs: ({ header }) => olderThanMs ?? expiresMsOf(header), onExpired })
    } finally {
      await home.close()
    }
  }
  return gone
}

async function discardHere(world: World, home: Home, found: Found): Promise<void> {
  const held = await holdSession(home.base, found.id, silently)
  if (held === undefined) throw busy(found)
  if (!isBound(found)) return forget(home, held)
  const ended = { kind: 'ended', how: 'discarded', by: 'self', at: world.clock.wall() } as const
  await entomb(world, home, held, { ...found.checkpoint, ended })
  await held.close()
}

const silently = (directory: Parameters<typeof takeLock>[0]) => takeLock(directory, async () => null)

const letGoWithinMs = 5_000 // A pause takes 2 s at most, and its files must be closed.
const lookAgainMs = 100

/** Holds a session; or asks who does to stop, and waits until that is done: then undefined. @throws TransferError `busy` */
async function holdOrStop(world: World, found: Found, want: 'pause' | 'discard'): Promise<HeldSession | undefined> {
  const held = await holdSession(found.base, found.id, silently)
  if (held !== undefined) return held
  const directory = await found.base.openDirectory(found.id)
  try {
    if (!(await askToStop(directory, want))) throw busy(found)
  } finally {
    await directory.close()
  }
  const giveUpAt = world.clock.now() + letGoWithinMs
  while (world.clock.now() < giveUpAt) {
    await sleep(world.clock, lookAgainMs, new AbortController().signal)
    if ((await found.base.stat(found.id)) === undefined) return undefined
    const free = await holdSession(found.base, found.id, silently)
    if (free === undefined) continue
    await free.close()
    return undefined
  }
  throw busy(found)
}

function busy(found: Found): TransferError {
  return new TransferError('busy', { session: shortId(found.id), directory: found.base.label })
}
