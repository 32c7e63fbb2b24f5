// Looks at what lies where entries would land: those of one directory together, for a look alone costs more than the disk does.

import { isTransferError, type TransferError } from '../errors.ts'
import type { Stat } from '../model/disk.ts'
import type { Entry } from '../model/manifest.ts'
import { haveSameParent, pathText } from '../model/names.ts'
import type { Target } from '../store/target.ts'

/** What is there, if anything, or why it can't be told for this entry alone. */
export type Look = Stat | TransferError | undefined

/** What is omitted lands nowhere. */
export function isLookedAt({ kind }: Entry): boolean {
  return kind !== 'omitted'
}

/** Looks at files, directories and links, in walk order. @returns what is there, in the same order */
export async function lookAtEach(entries: readonly Entry[], target: Target): Promise<Look[]> {
  const looks: Look[] = []
  /** Directories that are not there. To look in there costs an error each; one that appears meanwhile is met again when its files are placed. */
  const missing = new Set<string>()
  for (let first = 0; first < entries.length; first = looks.length) {
    let end = first + 1
    while (end < entries.length && haveSameParent(entries[first]!.path, entries[end]!.path)) end++
    for (const look of await lookAtRun(entries.slice(first, end), missing, target)) {
      const { path, kind } = entries[looks.length]!
      if (look === undefined && kind === 'directory') missing.add(pathText(path))
      looks.push(look)
    }
  }
  return looks
}

/** Of entries of one directory, as far as that goes well, and of the first one at least. */
async function lookAtRun(run: readonly Entry[], missing: Set<string>, target: Target): Promise<Look[]> {
  const [first] = run
  const parent = first!.path.slice(0, -1)
  const isMissing = parent.length > 0 && missing.has(pathText(parent))
  if (isMissing) return run.map(() => undefined)
  try {
    const names = run.map(({ path }) => path.at(-1)!)
    const found = await target.surveyEach(parent, names)
    if (found === undefined && parent.length > 0) missing.add(pathText(parent))
    if (found === undefined) return run.map(() => undefined)
    return found.length > 0 ? found : [await target.survey(first!.path)]
  } catch (error) {
    return [refusalOf(error)]
  }
}

/** A fault that concerns one entry alone. Any other is thrown. */
export function refusalOf(error: unknown): TransferError {
  if (!isTransferError(error) || error.retryable !== 'never') throw error
  return error
}
