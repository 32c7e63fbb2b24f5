// Session directories below `.carryon` or the state directory: born whole, held by one process, buried under a tombstone,
// removed. Only directories that carry our marker, a journal whose header names them, are ever taken for sessions, and
// only names that we make are ever removed (R5, R30). Layout: docs/journal.md.

import { hasCode, isTransferError, TransferError } from '../errors.ts'
import type { Directory } from '../model/disk.ts'
import type { Hash64 } from '../model/hash.ts'
import type { Name } from '../model/names.ts'
import type { JournalRecord } from '../model/records.ts'
import type { SessionId } from '../model/session.ts'
import { hintsName } from './hints.ts'
import { createJournal, openJournal, type JournalTools } from './journal.ts'
import { type JournalEnd, journalName, scanJournal, type ScanTools } from './journal-file.ts'
import type { Lock, Locker } from './lock.ts'
import { createManifest, manifestName } from './manifest-file.ts'
import { PartFiles } from './part-files.ts'

export const partsName = 'parts'

/** A session directory that this process holds. */
export interface HeldSession {
  readonly id: SessionId
  readonly directory: Directory
  readonly lock: Lock
  /** Releases the lock and closes the directory. */
  close(): Promise<void>
}

/** Makes something of a journal's records, which are read one by one: there may be many. */
export interface Reading {
  take(record: JournalRecord): void
}

/** A session that is there, as its journal tells. */
export interface SessionListing<Said extends Reading> {
  readonly id: SessionId
  /** Where its directory is, for messages. */
  readonly label: string
  /** What was read, or why nothing could be: `journal-version`, `journal-foreign`, faults of the disk. */
  readonly journal: OwnJournal<Said> | TransferError
}

/** What was made of a journal's records, and how it ends. */
export type OwnJournal<Said extends Reading> = JournalEnd & { readonly said: Said }

export interface NewSession {
  /** The first records; the first of all is the header and names the session. */
  readonly records: readonly JournalRecord[]
  readonly tools: JournalTools
  /** Receivers keep part files. */
  readonly withParts: boolean
  /** Directories above `base` that may be as new as this session, nearest first. */
  readonly parents: readonly Directory[]
  readonly locker: Locker
}

/**
 * 1. Make `new-<id>`, 0700, and hold its lock.                    A crash leaves: a leftover, removed by `removeLeftovers`.
 * 2. Write and sync journal, manifest and parts/ in it, and it.   The same.
 * 3. Rename it to `<id>`.                                         The same, or the session.
 * 4. Sync `base` and the parents.                                 The session.
 *
 * @throws TransferError `already-exists` if there is such a session; `busy` if another process is making it
 */
export async function createSession(base: Directory, id: SessionId, session: NewSession): Promise<HeldSession> {
  if (await isMade(base, id)) throw alreadyMade(base, id)
  const fresh = `new-${id}`
  await base.makeDirectory(fresh, 0o700)
  const held = await holdIfThere(base, fresh, id, session.locker)
  if (held === undefined) throw new TransferError('busy', { session: id, directory: base.label })
  if (await isMade(base, id)) {
    // Another process held the name before, and has renamed what it made: this one is new again, and empty.
    await held.close()
    await removeEmptied(base, fresh).catch(() => undefined) // A third one may have come.
    throw alreadyMade(base, id)
  }
  try {
    await empty(held.directory, isOwnButLock)
    await fill(held.directory, session)
    await base.rename(fresh, base, id)
    for (const directory of [base, ...session.parents]) await directory.sync()
    return renamed(held, await base.openDirectory(id))
  } catch (error) {
    await held.close()
    throw error
  }
}

async function isMade(base: Directory, id: SessionId): Promise<boolean> {
  return (await base.stat(id)) !== undefined
}

function alreadyMade(base: Directory, id: SessionId): TransferError {
  return new TransferError('already-exists', { path: `${base.label}/${id}` })
}

async function fill(directory: Directory, { records, tools, withParts }: NewSession): Promise<void> {
  await (await createJournal(directory, records, tools)).close()
  await createManifest(directory)
  if (withParts) await directory.makeDirectory(partsName, 0o700)
  await directory.sync()
}

/** Opens and locks a session directory; undefined if a live process holds it. @throws TransferError `not-found` */
export async function holdSession(base: Directory, id: SessionId, locker: Locker): Promise<HeldSession | undefined> {
  return hold(base, id, id, locker)
}

/** The part files of a receiver's session. */
export async function openParts(directory: Directory): Promise<PartFiles> {
  if (await directory.makeDirectory(partsName, 0o700)) await directory.sync()
  return new PartFiles(await directory.openDirectory(partsName))
}

/** The sessions below `base`, in the order of their ids. Reads, locks nothing, changes nothing. */
export async function listSessions<Said extends Reading>(
  base: Directory,
  tools: ReadingTools<Said>,
): Promise<SessionListing<Said>[]> {
  const listings: SessionListing<Said>[] = []
  for (const id of await base.list()) {
    const listing = isSessionId(id) ? await listingOf(base, id, tools) : undefined
    if (listing !== undefined) listings.push(listing)
  }
  return listings
}

export interface ReadingTools<Said extends Reading> extends ScanTools {
  /** Begins to read a journal. */
  readonly read: () => Said
}

async function listingOf<Said extends Reading>(
  base: Directory,
  id: SessionId,
  tools: ReadingTools<Said>,
): Promise<SessionListing<Said> | undefined> {
  const label = `${base.label}/${id}`
  try {
    const directory = await base.openDirectory(id)
    try {
      return { id, label, journal: await readOwnJournal(directory, id, tools) }
    } finally {
      await directory.close()
    }
  } catch (error) {
    if (hasCode(error, 'not-found') || hasCode(error, 'not-a-directory') || hasCode(error, 'not-a-file'))
      return undefined
    if (isTransferError(error)) return { id, label, journal: error }
    throw error
  }
}

/** @throws TransferError as `scanJournal`; `journal-foreign` if it is not the journal of this session */
export async function readOwnJournal<Said extends Reading>(
  directory: Directory,
  id: SessionId,
  tools: ReadingTools<Said>,
): Promise<OwnJournal<Said>> {
  const said = tools.read()
  let header: JournalRecord | undefined
  const end = await scanJournal(directory, tools, (record) => {
    header ??= record
    said.take(record)
  })
  if (header?.kind === 'header' && header.session === id) return { said, ...end }
  const why =
    header?.kind === 'header'
      ? `it is that of session ${header.session}`
      : 'its beginning is damaged, or it is no journal'
  throw new TransferError('journal-foreign', { path: `${directory.label}/${journalName}`, why })
}

/**
 * Leaves a tombstone: a journal of these records alone (header, bound, ended), which answers late peers. Its journal must
 * be closed. A crash on the way leaves a tombstone with some files beside it; the same call again removes them.
 */
export async function bury(directory: Directory, keep: readonly JournalRecord[], hash: Hash64): Promise<void> {
  const tools: JournalTools = { hash, compact: () => ({ take: () => undefined, records: () => [...keep] }) }
  try {
    await (await openJournal(directory, tools)).journal.close()
  } catch (error) {
    if (!hasCode(error, 'journal-damaged')) throw error
    await (await createJournal(directory, keep, tools)).close()
  }
  await empty(directory, (name) => isOwnButLock(name) && name !== 'journal')
  await directory.sync()
}

/**
 * Removes a session that this process holds, and lets go of it.
 * 1. Rename it to `old-<id>`, sync `base`.     A crash leaves: the session, or a leftover.
 * 2. Remove what is in it, then itself.        A leftover, removed by `removeLeftovers`.
 *
 * What is not ours in it stays, and the directory with it.
 */
export async function removeSession(base: Directory, held: HeldSession): Promise<void> {
  const old = `old-${held.id}`
  await base.rename(held.id, base, old)
  await base.sync()
  await empty(held.directory, isOwnButLock)
  await held.close()
  await removeEmptied(base, old)
}

/**
 * Removes what crashed while it was made or removed, unless a live process is at it.
 * @param madeBefore wall time, ms; who makes one holds it only a moment later, so that young ones are left alone
 */
export async function removeLeftovers(base: Directory, locker: Locker, madeBefore: number): Promise<void> {
  for (const name of await base.list()) {
    if (!/^(new|old)-[0-9a-f]{32}$/.test(name)) continue
    const stat = await base.stat(name)
    if (stat === undefined || (name.startsWith('new-') && Number(stat.mtimeNs / 1_000_000n) >= madeBefore)) continue
    await removeLeftover(base, name, locker)
  }
}

async function removeLeftover(base: Directory, name: Name, locker: Locker): Promise<void> {
  try {
    const held = await hold(base, name, name.slice(4), locker)
    if (held === undefined) return
    await empty(held.directory, isOwnButLock)
    await held.close()
    await removeEmptied(base, name)
  } catch (error) {
    if (!hasCode(error, 'not-found')) throw error // Whoever is at it was faster.
  }
}

export function isSessionId(name: Name): boolean {
  return /^[0-9a-f]{32}$/.test(name)
}

async function hold(base: Directory, name: Name, id: SessionId, locker: Locker): Promise<HeldSession | undefined> {
  const directory = await base.openDirectory(name)
  try {
    const lock = await locker(directory)
    if (lock !== undefined) return { id, directory, lock, close: () => letGo(lock, directory) }
  } catch (error) {
    await directory.close()
    throw error
  }
  await directory.close()
  return undefined
}

/** As `hold`; a directory that another process removes meanwhile is that one's. */
async function holdIfThere(...what: Parameters<typeof hold>): ReturnType<typeof hold> {
  try {
    return await hold(...what)
  } catch (error) {
    if (!hasCode(error, 'not-found')) throw error
    return undefined
  }
}

/** The lock was bound through the first pin, so that one stays open; messages shall name the directory as it is now. */
function renamed(held: HeldSession, directory: Directory): HeldSession {
  const close = async (): Promise<void> => {
    await held.close()
    await directory.close()
  }
  return { ...held, directory, close }
}

async function letGo(lock: Lock, directory: Directory): Promise<void> {
  await lock.release()
  await directory.close()
}

const isOwnButLock = (name: Name): boolean =>
  /^journal(\.new|\.broken-[0-9]+)?$/.test(name) || [manifestName, hintsName, partsName].includes(name)

/** Removes the files that `mayGo` names, and part files; never follows a link, never goes deeper. */
async function empty(directory: Directory, mayGo: (name: Name) => boolean): Promise<void> {
  for (const name of await directory.list()) {
    if (!mayGo(name)) continue
    if (name === partsName) await removeParts(directory)
    else await directory.unlink(name)
  }
}

async function removeParts(directory: Directory): Promise<void> {
  const parts = new PartFiles(await directory.openDirectory(partsName))
  try {
    for (const entry of await parts.list()) await parts.remove(entry)
  } finally {
    await parts.close()
  }
  await directory.removeDirectory(partsName)
}

async function removeEmptied(base: Directory, name: Name): Promise<void> {
  await base.removeDirectory(name)
  await base.sync()
}
