// Symbolic links: judging by their text whether they stay inside what is sent, and following them where the user asked
// for that. Following is the one place of `source` where a path, not a pin, leads the way: that is what --links follow means.

import { isTransferError } from '../errors.ts'
import { pathMaxBytes } from '../model/limits.ts'
import type { Directory, Disk, Stat } from '../model/disk.ts'
import { nameBytes, type Name, type Path } from '../model/names.ts'

/** A pinned directory, and the absolute path that leads there, which is used for nothing but following links. */
export interface Pinned {
  readonly directory: Directory
  readonly path: string
  close(): Promise<void>
}

/** Opens and pins a directory by its absolute path, following links in it. */
export async function pinAt(disk: Disk, path: string): Promise<Pinned> {
  return pinned(await disk.openRoot(path), path)
}

/** Opens and pins a directory below another one, following no link. */
export async function pinBelow(parent: Pinned, name: Name): Promise<Pinned> {
  return pinned(await parent.directory.openDirectory(name), joinPath(parent.path, name))
}

function pinned(directory: Directory, path: string): Pinned {
  return { directory, path, close: () => directory.close() }
}

/** The tops of what is sent: the first components of its paths. */
export interface Tops {
  readonly names: ReadonlySet<Name>
  /** Some root's contents are spilled: its top is the top of everything. */
  readonly isSpilled: boolean
}

/**
 * Whether a link leads to a place inside what is sent, judged by its text alone, so that it holds on the receiver too.
 * `..` counts only at the start, where the directories are real ones: behind a name that is itself a link it could lead
 * anywhere (rsync CVE-2024-12088).
 */
export function staysInside(link: Path, target: Name, tops: Tops): boolean {
  if (target === '' || target.startsWith('/')) return false
  const steps = target.split('/').filter((step) => step !== '' && step !== '.')
  let up = 0
  while (steps[up] === '..') up++
  const down = steps.slice(up)
  const from = link.slice(0, -1)
  if (up > from.length || down.includes('..')) return false
  const top = [...from.slice(0, from.length - up), ...down][0]
  return tops.isSpilled || (top !== undefined && tops.names.has(top))
}

/** What a link leads to. Who gets it closes what it pins. */
export type Followed =
  | { readonly kind: 'directory'; readonly pinned: Pinned; readonly stat: Stat }
  | { readonly kind: 'file' | 'other'; readonly parent: Pinned; readonly name: Name; readonly stat: Stat }

const hopsMax = 40 // As Linux has it.

/** Follows the link `name` in `from` to its end; undefined if it leads nowhere: dangling, in circles, or where we may not go. */
export async function followLink(disk: Disk, from: Pinned, name: Name): Promise<Followed | undefined> {
  try {
    let path = joinPath(from.path, await from.directory.readLink(name))
    for (let hop = 0; hop < hopsMax; hop++) {
      if (nameBytes(path) >= pathMaxBytes) return undefined
      const [parentPath, last] = splitPath(path)
      if (last === undefined) return await directoryAt(disk, path)
      const found = await lookAt(disk, await pinAt(disk, parentPath), last)
      if (typeof found !== 'string') return found
      path = found
    }
    return undefined
  } catch (error) {
    if (isDeadEnd(error)) return undefined
    throw error
  }
}

/** What `name` is, or the path it links to. Closes `parent` unless that is part of the answer. */
async function lookAt(disk: Disk, parent: Pinned, name: Name): Promise<Followed | string | undefined> {
  let isAnswer = false
  try {
    const stat = await parent.directory.stat(name)
    if (stat === undefined) return undefined
    if (stat.kind === 'link') return joinPath(parent.path, await parent.directory.readLink(name))
    if (stat.kind === 'directory') return await directoryAt(disk, joinPath(parent.path, name))
    isAnswer = true
    return { kind: stat.kind, parent, name, stat }
  } finally {
    if (!isAnswer) await parent.close()
  }
}

async function directoryAt(disk: Disk, path: string): Promise<Followed> {
  const found = await pinAt(disk, path)
  try {
    return { kind: 'directory', pinned: found, stat: await found.directory.statSelf() }
  } catch (error) {
    await found.close()
    throw error
  }
}

/** Errors that say a link leads nowhere; a failing disk is no such thing. */
function isDeadEnd(error: unknown): boolean {
  if (!isTransferError(error)) return false
  return ['not-found', 'not-a-directory', 'not-a-file', 'permission-denied'].includes(error.code)
}

/** `to` as seen from the directory `from`. */
export function joinPath(from: string, to: string): string {
  if (to.startsWith('/')) return to
  return from.endsWith('/') ? from + to : `${from}/${to}`
}

/** Where the last name of an absolute path lies, and that name; no name if the path ends in `.`, `..` or is the top. */
export function splitPath(path: string): [parent: string, last: Name | undefined] {
  const bare = path.replace(/\/+$/, '')
  const slash = bare.lastIndexOf('/')
  const last = bare.slice(slash + 1)
  if (last === '' || last === '.' || last === '..') return [path, undefined]
  return [slash === 0 ? '/' : bare.slice(0, slash), last]
}
