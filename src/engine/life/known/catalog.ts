// What sessions there are: read from their journals without holding them, and put away once their time is over.

import { emptyCheckpoint, fold, type Checkpoint } from '../../../core/checkpoint.ts'
import { assert, hasCode, isTransferError, TransferError } from '../../../errors.ts'
import type { Directory } from '../../../model/disk.ts'
import { clockLeewayMs, expireAfterMs, tombstoneExtraMs } from '../../../model/limits.ts'
import type { Millis } from '../../../model/clock.ts'
import type { DurableRun, HeaderRecord, JournalRecord } from '../../../model/records.ts'
import type { Run } from '../../../model/places.ts'
import type { SessionId, StateReason } from '../../../model/session.ts'
import {
  bury,
  holdSession,
  listSessions,
  type OwnJournal,
  readOwnJournal,
  type ReadingTools,
  removeLeftovers,
  removeSession,
  type HeldSession,
} from '../../../store/session-directory.ts'
import { takeLock, type Locker } from '../../../store/lock.ts'
import type { World } from '../../context.ts'
import { forgetTarget, listTargets } from '../../../store/state-directory.ts'
import type { Home } from './home.ts'
import { expiresMsOf } from './same-command.ts'

/** A session as its journal tells, at the time it was read. */
export interface Found {
  readonly id: SessionId
  readonly base: Directory
  readonly header: HeaderRecord
  /** But for its parts: who lists a session needs no hashes, and a large file has a million. Nor its intents, which only a run settles. */
  readonly checkpoint: Omit<Checkpoint, 'parts' | 'intents'>
  /** Durable bytes of files under way. As far as the journal tells: the last chunk may be shorter than it is counted here. */
  readonly partBytes: number
  /** Acknowledged records are lost: only a rebuild goes on from here. */
  readonly isDamaged: boolean
  /** Why the last run of it ended or waited, if it had time to say so. */
  readonly stuckBy: StateReason | null
  /** Wall time of its last record, ms. */
  readonly updatedAt: number
  /** Changes whenever its journal does. */
  readonly stamp: string
}

/** A session that is there and that nobody here may go on with: written by a newer carryon, of another folder, not ours to read. */
export interface PassedOver {
  readonly id: SessionId
  readonly error: TransferError
}

/** What is below one directory. */
export interface Catalog {
  /** Newest first. */
  readonly found: readonly Found[]
  readonly passedOver: readonly PassedOver[]
}

/** All sessions below `base`. @param rootId of the folder they are received into: those of another one are passed over (R47) */
export async function readCatalog(world: World, base: Directory, rootId?: string): Promise<Catalog> {
  const found: Found[] = []
  const passedOver: PassedOver[] = []
  for (const { id, journal } of await listSessions(base, readingTools(world))) {
    if (isTransferError(journal)) {
      passedOver.push({ id, error: journal })
      continue
    }
    const it = await foundFrom(base, id, journal)
    if (rootId === undefined || it.header.root === rootId) found.push(it)
    else passedOver.push({ id, error: new TransferError('root-mismatch', { directory: base.label }) })
  }
  return { found: found.toSorted((a, b) => b.header.createdAt - a.header.createdAt), passedOver }
}

export async function findSessions(world: World, base: Directory): Promise<readonly Found[]> {
  return (await readCatalog(world, base)).found
}

/** One session; undefined if there is none. @throws TransferError `journal-version`, `journal-foreign` */
export async function findSession(world: World, base: Directory, id: SessionId): Promise<Found | undefined> {
  if ((await base.stat(id))?.kind !== 'directory') return undefined
  return unlessGone(readSession(world, base, id))
}

async function readSession(world: World, base: Directory, id: SessionId): Promise<Found | undefined> {
  const directory = await base.openDirectory(id)
  try {
    if ((await directory.stat('journal')) === undefined) return undefined
    return await foundFrom(base, id, await readOwnJournal(directory, id, readingTools(world)))
  } finally {
    await directory.close()
  }
}

/** What is looked at; undefined where it is gone: a session may end, and another process may remove it, meanwhile. */
export async function unlessGone<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking
  } catch (error) {
    if (hasCode(error, 'not-found')) return undefined
    throw error
  }
}

/** What is kept of a journal that is listed: all but the hashes of chunks, which are only counted. */
class Glance {
  readonly checkpoint: Checkpoint = emptyCheckpoint()
  /** Of the last run: a new epoch means that what was said before is over. */
  stuckBy: StateReason | null = null
  /** Durable chunks of files under way, by entry. */
  readonly #chunks = new Map<number, number>()

  take(record: JournalRecord): void {
    if (record.kind === 'parked') this.stuckBy = record.reason
    if (record.kind === 'opened') this.stuckBy = null
    if (record.kind === 'durable') for (const run of record.runs) this.#count(run)
    else fold(this.checkpoint, record)
    if (record.kind === 'outcome') for (const { entry } of record.outcomes) this.#chunks.delete(entry)
    if (record.kind === 'revised') this.#keepAtMost(record.entry, chunksIn(record.keep))
    if (record.kind === 'bad')
      this.#keepAtMost(record.entry, (this.#chunks.get(record.entry) ?? 0) - chunksIn(record.chunks))
  }

  #count({ entry, revision, hashes }: DurableRun): void {
    const { outcomes, revised } = this.checkpoint
    if (outcomes.has(entry) || revision !== (revised.get(entry)?.revision ?? 0)) return
    this.#chunks.set(entry, (this.#chunks.get(entry) ?? 0) + hashes.length)
  }

  #keepAtMost(entry: number, chunks: number): void {
    const before = this.#chunks.get(entry)
    if (before !== undefined) this.#chunks.set(entry, Math.max(0, Math.min(before, chunks)))
  }

  get partBytes(): number {
    const chunkBytes = this.checkpoint.bound?.chunkBytes ?? 0
    let chunks = 0
    for (const count of this.#chunks.values()) chunks += count
    return chunks * chunkBytes
  }
}

function readingTools({ hash }: World): ReadingTools<Glance> {
  return { hash, read: () => new Glance(), passesOver: 'intent' }
}

function chunksIn(runs: readonly Run[]): number {
  return runs.reduce((sum, [, count]) => sum + count, 0)
}

async function foundFrom(base: Directory, id: SessionId, { said, tail }: OwnJournal<Glance>): Promise<Found> {
  const { partBytes, stuckBy } = said
  const { parts: _, intents: __, ...checkpoint } = said.checkpoint
  const { header } = checkpoint
  assert(header !== undefined, 'a session is listed by its header')
  const found = { id, base, header, checkpoint, isDamaged: tail === 'damaged', stuckBy }
  return { ...found, partBytes, ...(await stampOf(base, id, header)) }
}

/** The same session as its journal tells now, which is read only if it has changed; undefined if it is gone. */
export async function foundAgain(world: World, found: Found): Promise<Found | undefined> {
  const { base, id, header, stamp } = found
  if ((await base.stat(id)) === undefined) return undefined
  return stamp !== '' && (await stampOf(base, id, header)).stamp === stamp ? found : findSession(world, base, id)
}

async function stampOf(
  base: Directory,
  id: SessionId,
  header: HeaderRecord,
): Promise<Pick<Found, 'updatedAt' | 'stamp'>> {
  const directory = await unlessGone(base.openDirectory(id))
  try {
    const stat = await directory?.stat('journal')
    if (stat === undefined) return { updatedAt: header.createdAt, stamp: '' }
    const { mtimeNs, ctimeNs, inode, size } = stat
    return { updatedAt: Number(mtimeNs / 1_000_000n), stamp: [mtimeNs, ctimeNs, inode, size].join(' ') }
  } finally {
    await directory?.close()
  }
}

/** Whether the session is over: what is left of it only answers late peers. */
export function isOver({ checkpoint }: Found): boolean {
  return checkpoint.ended !== undefined
}

/** Whether first contact was made. Before it, all that a session has is its ticket. */
export function isBound({ checkpoint }: Found): boolean {
  return checkpoint.bound !== undefined
}

/** Whether there is something to go on with. */
export function isUnfinished(found: Found): boolean {
  return isBound(found) && !isOver(found)
}

export interface Expiry {
  /** How long without progress. */
  readonly afterMs: (found: Found) => Millis
  /** Tells users of a session with progress that is given up. */
  readonly onExpired: (found: Found) => void
}

const youngMs = 60_000 // A session is made in less.

/** Puts away what a crash left half made or half removed, and what nobody holds and whose time is over. Returns the others. */
export async function sweep(world: World, home: Home, found: readonly Found[], expiry: Expiry): Promise<Found[]> {
  const left: Found[] = []
  await removeLeftovers(home.base, silently, world.clock.wall() - youngMs)
  await removePointers(world, home)
  for (const it of found) {
    const due = dueFor(it, world.clock.wall(), expiry)
    const held = due === 'nothing' ? undefined : await holdSession(home.base, it.id, silently)
    if (held === undefined) {
      left.push(it)
    } else if (!(await isStillDue(world, home, it, due, expiry))) {
      await held.close()
      left.push(it)
    } else if (due === 'expire') {
      const ended = { kind: 'ended', how: 'expired', by: 'self', at: world.clock.wall() } as const
      await entomb(world, home, held, { ...it.checkpoint, ended })
      await held.close()
      expiry.onExpired(it)
    } else {
      await forget(home, held)
    }
  }
  return left
}

/** Pointers into this folder whose session was never made, or is gone: a pointer comes first and goes last. */
async function removePointers(world: World, { base, folder, state }: Home): Promise<void> {
  for (const { id, path, notedAt } of state === undefined || folder === '' ? [] : await listTargets(state.directory)) {
    const isYoung = notedAt >= world.clock.wall() - youngMs
    if (path !== folder || isYoung || (await base.stat(id)) !== undefined) continue
    await forgetTarget(state!.directory, id)
  }
}

const noticeMs = 86_400_000 // A day to run the command once more.

/** How long until an unfinished session is put away, if that is soon and was not to be expected from its first day on. */
export function expiresSoonMs(found: Found, wall: number, expiresMs: number): number | undefined {
  const leftMs = found.updatedAt + expiresMs - wall
  const isSoon = leftMs > 0 && leftMs < noticeMs && expiresMs > noticeMs
  return isSoon && isUnfinished(found) ? leftMs : undefined
}

/** Looked at again under its lock: somebody may have gone on with it since it was listed. */
async function isStillDue(world: World, home: Home, { id }: Found, due: Due, expiry: Expiry): Promise<boolean> {
  const now = await findSession(world, home.base, id)
  return now !== undefined && dueFor(now, world.clock.wall(), expiry) === due
}

/** Held for a moment, with nothing to tell. */
export const silently: Locker = (directory) => takeLock(directory, async () => null)

type Due = 'nothing' | 'expire' | 'remove'

function dueFor(found: Found, wall: number, { afterMs }: Expiry): Due {
  const { ended } = found.checkpoint
  const tombstoneMs = Math.max(expiresMsOf(found.header), expireAfterMs) + tombstoneExtraMs
  if (ended !== undefined) return wall > ended.at + tombstoneMs ? 'remove' : 'nothing'
  if (!isBound(found)) return wall > found.header.ticketExpiresAt + clockLeewayMs ? 'remove' : 'nothing'
  return wall > found.updatedAt + afterMs(found) ? 'expire' : 'nothing'
}

/** Leaves a tombstone in place of a session. Its journal must be closed. */
export async function entomb(
  world: World,
  home: Home,
  held: HeldSession,
  checkpoint: Found['checkpoint'],
): Promise<void> {
  const { header, bound, ended } = checkpoint
  const keep = [header, bound, ended].filter((record) => record !== undefined)
  await bury(held.directory, keep, world.hash)
  if (home.state !== undefined && home.role === 'receiver') await forgetTarget(home.state.directory, held.id)
}

/** Removes a session without a trace, and lets go of it. */
export async function forget(home: Home, held: HeldSession): Promise<void> {
  await removeSession(home.base, held)
  if (home.state !== undefined && home.role === 'receiver') await forgetTarget(home.state.directory, held.id)
}

/** What a late peer is told of a session that is over here. */
export function endingFor({ id, checkpoint }: Found): TransferError {
  const ended = checkpoint.ended!
  switch (ended.how) {
    case 'released':
      return new TransferError('session-unknown', { session: id })
    case 'discarded':
      return new TransferError('discarded', { by: 'peer' })
    case 'expired':
      return new TransferError('expired', { session: id, at: new Date(ended.at).toISOString() })
  }
}
