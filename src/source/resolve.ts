// From the paths a user typed to the roots of a session: what each one is, and the name it lands under.

import { TransferError } from '../errors.ts'
import { nameFault, type Name } from '../model/names.ts'
import type { SourceRoot } from '../model/records.ts'
import { joinPath, splitPath } from './links.ts'

export interface ResolveOptions {
  /** Absolute: what relative paths begin at. */
  readonly cwd: string
  /** The name a single source lands under instead of its own. */
  readonly as?: string | undefined
  /** The real path (links resolved, names escaped) of an absolute one; undefined if there is nothing. */
  readonly realPath: (path: string) => Promise<string | undefined>
}

/**
 * Turns the arguments of `send` into roots, in their order. `photos` and `photos/` land as `photos`; what ends in no name
 * of its own (`photos/.`, `..`, `/`) spills its contents. A link that is named outright stands for what it points to.
 *
 * @throws TransferError `no-such-path`; `same-name` if two would land on one name; `usage` for a bad or misplaced `as`
 */
export async function resolveSources(paths: readonly string[], options: ResolveOptions): Promise<SourceRoot[]> {
  if (options.as !== undefined) checkLandingName(options.as, paths.length)
  const roots: SourceRoot[] = []
  const typed = new Map<Name, string>()
  for (const path of paths) {
    const absolute = joinPath(options.cwd, path)
    const real = path === '' ? undefined : await options.realPath(absolute)
    if (real === undefined) throw new TransferError('no-such-path', { path })
    const as = options.as ?? splitPath(absolute)[1] ?? ''
    const first = typed.get(as)
    if (as !== '' && first !== undefined) throw new TransferError('same-name', { name: as, first, second: path })
    typed.set(as, path)
    roots.push({ path: real, as })
  }
  return roots
}

function checkLandingName(as: string, sources: number): void {
  const fault = nameFault(as)
  if (fault !== undefined) {
    const remedy = 'Give --as one plain name, without slashes.'
    throw new TransferError('usage', { problem: `Cannot send anything as "${as}": ${fault}.`, remedy })
  }
  if (sources > 1) {
    const remedy = 'Send them in several commands, or leave --as out.'
    throw new TransferError('usage', { problem: `--as names one source, but there are ${sources}.`, remedy })
  }
}
