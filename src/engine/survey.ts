// What the receiver finds where a page's entries would land, and what follows under the session's policies, before a byte is
// sent (INTERFACE: conflicts). A repeated backup is decided here: what is there with the same kind, size and time is done.

import { hasCode, isTransferError } from '../errors.ts'
import type { Stat } from '../model/disk.ts'
import type { Hash64 } from '../model/hash.ts'
import type { DirectoryEntry, Entry, FileEntry, OmittedEntry } from '../model/manifest.ts'
import type { EntryOutcome } from '../model/messages.ts'
import { pathText, type Path } from '../model/names.ts'
import type { Outcome, Shape } from '../model/session.ts'
import { type PageSurvey, plans } from '../core/inputs.ts'
import type { Target } from '../store/target.ts'
import type { NameRules } from './name-rules.ts'
import { digestOfFile } from './digest-of-file.ts'

export interface SurveyTools {
  readonly target: Target
  readonly shape: Shape
  readonly chunkBytes: number
  readonly names: NameRules
  readonly hash: Hash64
}

type Found = number | Omit<EntryOutcome, 'entry'>

/**
 * Decides for each entry of a page what is to be done.
 * @param existed directories of this page known to have been there before the session, or undefined when the page is new
 * @returns the survey, and the directories that are there now
 */
export async function surveyPage(
  page: number,
  first: number,
  entries: readonly Entry[],
  existed: readonly number[] | undefined,
  tools: SurveyTools,
): Promise<{ survey: PageSurvey; existed: readonly number[] }> {
  const found = new Uint8Array(entries.length)
  const outcomes: EntryOutcome[] = []
  const there: number[] = []
  const before = existed === undefined ? undefined : new Set(existed)
  const look = looksAt(tools.target)
  for (const [i, entry] of entries.entries()) {
    const result = await surveyEntry(entry, before === undefined ? undefined : before.has(first + i), tools, look)
    if (typeof result === 'number') found[i] = result
    else {
      found[i] = plans.done
      outcomes.push({ entry: first + i, ...result })
      if (entry.kind === 'directory' && result.outcome === 'unchanged') there.push(first + i)
    }
  }
  return { survey: { page, plans: found, outcomes }, existed: there }
}

/** What is at a path, if anything. Nothing is below a directory that is not there: to look in there costs an error each. */
type Look = (path: Path) => Promise<Stat | undefined>

/** For one page: a directory that appears meanwhile is met again when its files are placed. */
function looksAt(target: Target): Look {
  const isThere = new Map<string, boolean>() // Parents of what was looked for in vain.
  const look: Look = async (path) => {
    const parent = path.slice(0, -1)
    const key = pathText(parent)
    if (isThere.get(key) === false) return undefined
    const stat = await target.survey(path)
    if (stat === undefined && parent.length > 0 && !isThere.has(key))
      isThere.set(key, (await look(parent)) !== undefined)
    return stat
  }
  return look
}

async function surveyEntry(entry: Entry, existed: boolean | undefined, tools: SurveyTools, look: Look): Promise<Found> {
  const fault = tools.names.fault(entry.path)
  if (fault !== undefined) return done('omitted', fault)
  if (entry.kind === 'omitted') return omitted(entry)
  if (entry.kind === 'link') return plans.later
  try {
    const stat = await look(entry.path)
    return entry.kind === 'directory' ? directory(entry, stat, existed) : await file(entry, stat, tools)
  } catch (error) {
    if (!isTransferError(error) || error.retryable !== 'never') throw error
    if (hasCode(error, 'name-refused')) return done('omitted', nameRefused)
    return done('conflict', error.message) // A parent is a file or a link, or may not be looked into.
  }
}

/** What is said of an entry whose name the disk takes not. */
export const nameRefused = 'this disk takes no such name'

const done = (outcome: Outcome, reason?: string, bytes = 0): Found =>
  reason === undefined ? { outcome, bytes } : { outcome, bytes, reason }

function omitted({ reason }: OmittedEntry): Found {
  if (reason === 'vanished') return done('vanished', reason)
  return done(reason === 'unreadable' || reason === 'bad-name' ? 'omitted' : 'skipped', reason)
}

/** One that was there before the session keeps its mode; one that this session made gets its own at the end (R116). */
function directory(_: DirectoryEntry, stat: Stat | undefined, existed: boolean | undefined): Found {
  if (stat === undefined) return plans.later
  if (stat.kind !== 'directory') return done('conflict', 'something that is no folder has that name')
  return existed === false ? plans.later : done('unchanged')
}

async function file(entry: FileEntry, stat: Stat | undefined, tools: SurveyTools): Promise<Found> {
  if (stat === undefined) return plans.link
  if (stat.kind === 'file' && (await isSame(entry, stat, tools))) return done('unchanged', undefined, entry.size)
  const isReplaceable = stat.kind === 'file' || stat.kind === 'link'
  switch (tools.shape.onConflict) {
    case 'fail':
      return done('conflict', 'another file has that name')
    case 'keep':
      return done('kept', 'another file has that name')
    case 'rename':
      return plans.rename
    case 'update':
      if (isReplaceable && BigInt(entry.mtimeUs) <= floorUs(stat.mtimeNs))
        return done('kept', 'the file that is there is newer')
      return isReplaceable ? plans.replace : done('conflict', 'a folder has that name')
    case 'replace':
      return isReplaceable ? plans.replace : done('conflict', 'a folder has that name')
  }
}

async function isSame(entry: FileEntry, stat: Stat, tools: SurveyTools): Promise<boolean> {
  if (stat.size !== entry.size) return false
  if (entry.digest === undefined) return BigInt(entry.mtimeUs) === floorUs(stat.mtimeNs)
  return (await digestOfExisting(entry, tools)) === entry.digest
}

const floorUs = (ns: bigint): bigint => (ns >= 0n ? ns / 1000n : -((-ns + 999n) / 1000n))

async function digestOfExisting({ path, size }: FileEntry, { target, chunkBytes, hash }: SurveyTools): Promise<string> {
  const file = await target.openExisting(path)
  try {
    return await digestOfFile(chunkBytes, hash)(file, size)
  } finally {
    await file.close()
  }
}
