// What the receiver finds where a page's entries would land, and what follows under the session's policies, before a byte is
// sent (INTERFACE: conflicts). A repeated backup is decided here: what is there with the same kind, size and time is done.

import { hasCode, isTransferError, type TransferError } from '../errors.ts'
import type { Stat } from '../model/disk.ts'
import type { Hash64 } from '../model/hash.ts'
import type { DirectoryEntry, Entry, FileEntry, LinkEntry, OmittedEntry } from '../model/manifest.ts'
import type { EntryOutcome } from '../model/messages.ts'
import type { Path } from '../model/names.ts'
import type { Outcome, Shape } from '../model/session.ts'
import { type PageSurvey, plans } from '../core/inputs.ts'
import type { Target } from '../store/target.ts'
import { digestOfFile } from './digest-of-file.ts'
import { isLookedAt, type Look, lookAtEach, refusalOf } from './looks.ts'
import type { NameRules } from './name-rules.ts'
import { nameRefused, reasonOf } from './reasons.ts'

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
 * @param existed directories and links of this page known to have been there before the session, or undefined when the page is new
 * @returns the survey, and those that are there now
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
  const faults = entries.map(({ path }) => tools.names.fault(path))
  const lookedAt = entries.filter((entry, i) => faults[i] === undefined && isLookedAt(entry))
  const looks = await lookAtEach(lookedAt, tools.target)
  let looksUsed = 0
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!
    const wasThere = before === undefined ? undefined : before.has(first + i)
    const look = entry === lookedAt[looksUsed] ? looks[looksUsed++] : undefined
    let result = surveyEntry(entry, wasThere, faults[i], look, tools)
    if (result instanceof Promise) result = await result
    if (typeof result === 'number') found[i] = result
    else {
      found[i] = plans.done
      outcomes.push({ entry: first + i, ...result })
      if (entry.kind !== 'file' && result.outcome === 'unchanged') there.push(first + i)
    }
  }
  return { survey: { page, plans: found, outcomes }, existed: there }
}

/** At once, but for a file whose content, or a link whose text has to be compared. */
function surveyEntry(
  entry: Entry,
  wasThere: boolean | undefined,
  fault: string | undefined,
  look: Look,
  tools: SurveyTools,
): Found | Promise<Found> {
  if (fault !== undefined) return done('omitted', fault)
  if (entry.kind === 'omitted') return omitted(entry)
  if (entry.kind === 'link') return isTransferError(look) ? plans.later : link(entry, look, wasThere, tools) // What refuses it is told at the end.
  if (isTransferError(look)) return refused(look, entry.path)
  if (entry.kind === 'directory') return directory(entry, look, wasThere)
  if (look?.kind !== 'file' || look.size !== entry.size) return file(entry, look, false, tools)
  if (entry.digest !== undefined) return fileByDigest(entry, look, tools)
  return file(entry, look, BigInt(entry.mtimeUs) === floorUs(look.mtimeNs), tools)
}

function refused(error: TransferError, path: Path): Found {
  if (hasCode(error, 'name-refused')) return done('omitted', nameRefused)
  return done('conflict', reasonOf(error, path)) // A parent is a file or a link, or may not be looked into.
}

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

/** One that was there before the session, with the same text and time, is done; any other is made at the end. */
function link(
  entry: LinkEntry,
  stat: Stat | undefined,
  existed: boolean | undefined,
  tools: SurveyTools,
): Found | Promise<Found> {
  const isAlike = stat?.kind === 'link' && BigInt(entry.mtimeUs) === floorUs(stat.mtimeNs)
  return isAlike && existed !== false ? linkByText(entry, tools) : plans.later
}

async function linkByText({ path, target: text }: LinkEntry, { target }: SurveyTools): Promise<Found> {
  try {
    return (await target.readLink(path)) === text ? done('unchanged') : plans.later
  } catch (error) {
    refusalOf(error) // Whoever swapped it meanwhile is met again at the end.
    return plans.later
  }
}

function file(entry: FileEntry, stat: Stat | undefined, isSame: boolean, { shape }: SurveyTools): Found {
  if (stat === undefined) return plans.link
  if (isSame) return done('unchanged', undefined, entry.size)
  const isReplaceable = stat.kind === 'file' || stat.kind === 'link'
  switch (shape.onConflict) {
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

const floorUs = (ns: bigint): bigint => (ns >= 0n ? ns / 1000n : -((-ns + 999n) / 1000n))

async function fileByDigest(entry: FileEntry, stat: Stat, tools: SurveyTools): Promise<Found> {
  try {
    return file(entry, stat, (await digestOfExisting(entry, tools)) === entry.digest, tools)
  } catch (error) {
    return refused(refusalOf(error), entry.path)
  }
}

async function digestOfExisting({ path, size }: FileEntry, { target, chunkBytes, hash }: SurveyTools): Promise<string> {
  const file = await target.openExisting(path)
  try {
    return await digestOfFile(chunkBytes, hash)(file, size)
  } finally {
    await file.close()
  }
}
