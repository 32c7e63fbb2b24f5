// All places of this machine where sessions may lie, opened for reading: the state directory, the folders its pointers
// name, and a folder that is looked into besides. Nothing is made that is not there.

import { hasCode, isTransferError, TransferError } from '../../errors.ts'
import type { Directory, Disk } from '../../model/disk.ts'
import type { SessionId } from '../../model/session.ts'
import { listTargets } from '../../store/state-directory.ts'
import { ownName } from '../../store/target.ts'
import type { World } from '../context.ts'
import { findSession, findSessions, isBound, isOver, type Found } from './catalog.ts'
import { absolutePath, statePath, type State } from './home.ts'
import { shortId } from './same-command.ts'

/** A session, and the folder it is received into. */
export interface Shelved {
  readonly found: Found
  /** Undefined for a sender. */
  readonly folder: string | undefined
}

/** A pointer to a folder that is gone, an unmounted disk perhaps. */
export interface Missing {
  readonly id: SessionId
  readonly folder: string
  /** Wall time the pointer was made, ms. */
  readonly madeAt: number
}

/** What is there; close it when done. */
export class Shelves {
  readonly state: State | undefined
  readonly sessions: readonly Shelved[]
  readonly missing: readonly Missing[]
  readonly #open: readonly Directory[]

  private constructor(state: State | undefined, sessions: Shelved[], missing: readonly Missing[], open: Directory[]) {
    this.state = state
    this.sessions = sessions.toSorted((a, b) => b.found.header.createdAt - a.found.header.createdAt)
    this.missing = missing
    this.#open = open
  }

  /** @param root a folder to look into besides, and the current one where there is no state directory */
  static async open(world: World, stateDir: string | undefined, root: string | undefined): Promise<Shelves> {
    const open: Directory[] = []
    const state = await openStateToRead(world.disk, stateDir)
    const sessions: Shelved[] = []
    const missing: Missing[] = []
    if (state !== undefined) {
      open.push(state.directory)
      for (const found of await findSessions(world, state.directory)) sessions.push({ found, folder: undefined })
      for (const pointer of await pointersOf(state)) {
        const own = await openOwn(world.disk, pointer.folder)
        if (own === undefined) missing.push(pointer)
        else {
          open.push(own)
          const found = await findSession(world, own, pointer.id)
          if (found !== undefined) sessions.push({ found, folder: pointer.folder })
        }
      }
    }
    const folder = absolutePath(root ?? '.')
    const own = await openOwn(world.disk, folder)
    if (own !== undefined) {
      open.push(own)
      const known = new Set(sessions.map(({ found }) => found.id))
      for (const found of await findSessions(world, own)) if (!known.has(found.id)) sessions.push({ found, folder })
    }
    return new Shelves(state, sessions, missing, open)
  }

  /**
   * The session that a person names.
   * @param asked an id, 4 digits or more of its beginning, or '' for the only unfinished one
   * @throws TransferError `session-not-found`, `session-ambiguous`
   */
  find(asked: string): Shelved {
    const matches =
      asked === ''
        ? this.sessions.filter(({ found }) => !isOver(found) && isBound(found))
        : this.sessions.filter(({ found }) => asked.length >= idDigitsMin && found.id.startsWith(asked.toLowerCase()))
    const [only, ...others] = matches
    if (only === undefined) throw new TransferError('session-not-found', { asked })
    // Both ends of one session may lie on one machine: what is asked of the sender, the receiver hears.
    if (others.every(({ found }) => found.id === only.found.id))
      return matches.find(({ found }) => found.header.role === 'sender') ?? only
    throw new TransferError('session-ambiguous', { asked, matches: matches.map(({ found }) => shortId(found.id)) })
  }

  /** The one session whose folder is gone that a person names, as in `find`; undefined if there is none, or several. */
  findMissing(asked: string): Missing | undefined {
    if (asked.length < idDigitsMin) return undefined
    const begins = ({ id }: { readonly id: SessionId }): boolean => id.startsWith(asked.toLowerCase())
    const [only, ...others] = this.missing.filter(begins)
    return others.length > 0 || this.sessions.some(({ found }) => begins(found)) ? undefined : only
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const directory of this.#open) await directory.close()
  }
}

const idDigitsMin = 4

async function openStateToRead(disk: Disk, stateDir: string | undefined): Promise<State | undefined> {
  const path = statePath(stateDir)
  if (path === undefined) return undefined
  try {
    return { path, directory: await disk.openRoot(path) }
  } catch (error) {
    if (hasCode(error, 'not-found')) return undefined
    throw error
  }
}

async function pointersOf(state: State): Promise<Missing[]> {
  const notes = await listTargets(state.directory)
  return notes.map(({ id, path, notedAt }) => ({ id, folder: path, madeAt: notedAt }))
}

/** The `.carryon` of a folder, if there is one that may be read. */
async function openOwn(disk: Disk, folder: string): Promise<Directory | undefined> {
  try {
    const directory = await disk.openRoot(folder)
    try {
      return await directory.openDirectory(ownName)
    } finally {
      await directory.close()
    }
  } catch (error) {
    if (isTransferError(error)) return undefined
    throw error
  }
}
