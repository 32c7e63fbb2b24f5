// The last pass of a receiver: symbolic links after all files, then the modes and times of directories, deepest first, so
// that making things in them is over. Idempotent: a crash anywhere in it is followed by the whole pass again (R116).

import { isTransferError } from '../errors.ts'
import type { Hash64 } from '../model/hash.ts'
import { hex64 } from '../model/hash.ts'
import type { DirectoryEntry, Entry, LinkEntry } from '../model/manifest.ts'
import type { EntryOutcome } from '../model/messages.ts'
import { encodeName, type Path } from '../model/names.ts'
import type { Outcome, Shape } from '../model/session.ts'
import type { Session } from '../core/session.ts'
import { type DeliveredItem, SessionDigest } from '../hash/xxh64.ts'
import type { Target } from '../store/target.ts'
import type { ManifestPages } from './manifest-pages.ts'
import { reasonOf } from './reasons.ts'

export interface TreeTools {
  readonly target: Target
  readonly pages: ManifestPages
  readonly session: Session
  readonly shape: Shape
  /** Told whether the file system could put names on the disk. */
  readonly namesSynced: (isDurable: boolean) => void
}

/** Makes what needs no bytes. @returns the outcomes of all entries that had none */
export async function finishTree({ target, pages, session, shape, namesSynced }: TreeTools): Promise<EntryOutcome[]> {
  const outcomes: EntryOutcome[] = []
  const directories: number[] = []
  for (let page = 0; page < pages.pages; page++) {
    const { first, count } = pages.record(page)
    if (isDone(session, first, count)) continue // As most are: it need not be read.
    const entries = await pages.entries(page)
    for (let i = 0; i < count; i++) {
      const entry = entries[i]!
      if (session.isDone(first + i)) continue
      if (entry.kind === 'link') outcomes.push({ entry: first + i, ...(await makeLink(entry, target, shape)) })
      else if (entry.kind === 'directory') {
        const made = await outcomeOf(entry.path, () => target.makeDirectory(entry.path))
        if (made === undefined) directories.push(first + i)
        else outcomes.push({ entry: first + i, ...made })
      }
    }
  }
  namesSynced(await target.syncDirectories())
  for (const index of directories.toReversed()) {
    const { path, mode, mtimeUs } = (await pages.entry(index)) as DirectoryEntry
    const failed = await outcomeOf(path, () => target.finishDirectory(path, mode, mtimeUs))
    outcomes.push({ entry: index, ...(failed ?? { outcome: 'delivered', bytes: 0 }) })
  }
  return outcomes
}

function isDone(session: Session, first: number, count: number): boolean {
  for (let entry = first; entry < first + count; entry++) if (!session.isDone(entry)) return false
  return true
}

type Made = Omit<EntryOutcome, 'entry'>

/** What a refusal of the file system makes of an entry; undefined if all went well. Faults of the disk go on up. */
async function outcomeOf(path: Path, act: () => Promise<unknown>): Promise<Made | undefined> {
  try {
    await act()
    return undefined
  } catch (error) {
    if (!isTransferError(error) || error.retryable !== 'never') throw error
    return { outcome: 'failed', bytes: 0, reason: reasonOf(error, path) }
  }
}

async function makeLink(entry: LinkEntry, target: Target, shape: Shape): Promise<Made> {
  const policy = shape.onConflict
  const method = policy === 'replace' ? 'replace' : 'link'
  let made: Made = { outcome: 'delivered', bytes: 0 }
  const failed = await outcomeOf(entry.path, async () => {
    const placed = await target.makeLink(entry.path, entry.target, entry.mtimeUs, method)
    if (placed === 'placed') return
    if (policy === 'rename') {
      const name = await target.freeName(entry.path)
      await target.makeLink([...entry.path.slice(0, -1), name], entry.target, entry.mtimeUs, 'link')
      made = { outcome: 'renamed', bytes: 0, target: name }
    } else {
      const outcome: Outcome = policy === 'keep' || policy === 'update' ? 'kept' : 'conflict'
      made = { outcome, bytes: 0, reason: 'something else has that name' }
    }
  })
  return failed ?? made
}

/** Digest of what is in place, in index order. */
export async function digestOfSession(
  { pages, session }: Pick<TreeTools, 'pages' | 'session'>,
  hash: Hash64,
): Promise<string> {
  const digest = new SessionDigest(hash)
  for (let page = 0; page < pages.pages; page++) {
    const { first } = pages.record(page)
    const entries = await pages.entries(page)
    for (let i = 0; i < entries.length; i++)
      if (inPlace.includes(session.outcome(first + i))) digest.add(item(entries[i]!, first + i, session, hash))
  }
  return digest.end()
}

const inPlace: readonly (Outcome | undefined)[] = ['delivered', 'unchanged', 'replaced', 'renamed']

function item(entry: Entry, index: number, session: Session, hash: Hash64): DeliveredItem {
  const { path, kind } = entry
  if (kind === 'link') {
    const text = encodeName(entry.target)
    return { path, kind, size: text.length, digest: hex64(hash(text)) }
  }
  if (kind !== 'file') return { path, kind, size: 0, digest: '' }
  const digest = session.entries.digest(index)
  return { path, kind, size: session.entries.size(index), digest: digest === 0n ? '' : hex64(digest) }
}
