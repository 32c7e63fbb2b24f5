// What complete files are to be called, and giving them their final names: those of one directory together, as far as that goes well, and alone what is left.

import { hasCode } from '../errors.ts'
import { haveSameParent, type Name, type Path } from '../model/names.ts'
import type { IntentFile } from '../model/records.ts'
import type { FinishFile } from '../core/effects.ts'
import { plans, type Placed } from '../core/inputs.ts'
import type { PartFiles } from '../store/part-files.ts'
import type { Target } from '../store/target.ts'
import { nameRefused } from './reasons.ts'
import type { Room } from './room.ts'

/** Whether a file is to have the name it was listed under. */
export function hasItsName({ plan, taken }: FinishFile): boolean {
  return taken === 0 && (plan === plans.link || plan === plans.replace)
}

/** What is to be written down before a complete file gets its name. */
export function intentOf(
  file: FinishFile,
  { size, mtimeUs }: { readonly size: number; readonly mtimeUs: number },
  inode: string,
  target: Name,
): IntentFile {
  const { entry, revision, digest } = file
  const outcome = outcomeOf(file)
  const method = outcome === 'replaced' ? 'replace' : 'link'
  return { entry, revision, digest, size, mtimeUs, inode, target, method, outcome }
}

function outcomeOf(file: FinishFile): IntentFile['outcome'] {
  if (hasItsName(file)) return file.plan === plans.replace ? 'replaced' : 'delivered'
  return file.plan === plans.rename ? 'renamed' : 'conflict'
}

export interface PlacingTools {
  readonly target: Target
  readonly files: PartFiles
  readonly room: Room
}

/** A file whose intent is on the disk, and where it was listed. */
interface Intended {
  readonly intent: IntentFile
  readonly path: Path
}

/** Places files in this order. Their names are on the disk after `Target.syncDirectories`. */
export async function placeFiles(files: readonly Intended[], tools: PlacingTools): Promise<Placed[]> {
  const results: Placed[] = []
  for (let first = 0; first < files.length; first = results.length) {
    const placed = await placeTogether(runFrom(first, files), tools)
    const alone = files[first]!
    if (placed.length > 0) results.push(...placed)
    else results.push({ entry: alone.intent.entry, result: await tools.room.use(() => placeAlone(alone, tools)) })
  }
  return results
}

/** The files from `first` on that are to get new names in one directory. */
function runFrom(first: number, files: readonly Intended[]): readonly Intended[] {
  let end = first
  while (files[end]?.intent.method === 'link' && haveSameParent(files[first]!.path, files[end]!.path)) end++
  return files.slice(first, end)
}

async function placeTogether(run: readonly Intended[], { target, files, room }: PlacingTools): Promise<Placed[]> {
  if (run.length < 2) return []
  const named = run.map(({ intent: { entry, target: targetName }, path }) => {
    return { partName: String(entry), path, targetName }
  })
  const placed = await room.use(() => target.publishEach(files.directory, named))
  return placed.map((result, i) => ({ entry: run[i]!.intent.entry, result }))
}

async function placeAlone({ intent, path }: Intended, { target, files }: PlacingTools): Promise<Placed['result']> {
  const { entry, target: name, method } = intent
  try {
    return await target.publish(files.directory, String(entry), path, name, method)
  } catch (error) {
    if (hasCode(error, 'name-refused')) return { reason: nameRefused }
    if (!hasCode(error, 'not-found') || (await files.stat(entry)) !== undefined) throw error
    await files.remove(entry) // It is gone, by no doing of ours: it begins anew.
    return 'lost'
  }
}
