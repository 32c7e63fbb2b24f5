// All places of this machine where sessions may lie, opened for reading: the state directory, the folders its pointers
// name, and a folder that is looked into besides. Nothing is made that is not there.

import { isTransferError, TransferError } from '../../../errors.ts'
import type { Directory, Disk } from '../../../model/disk.ts'
import type { SessionId } from '../../../model/session.ts'
import { checkPrivate } from '../../../store/private-directory.ts'
import { listTargets, openStateIfThere } from '../../../store/state-directory.ts'
import { ownName } from '../../../store/target.ts'
import type { World } from '../../context.ts'
import { findSession, isUnfinished, readCatalog, type Found, type PassedOver } from './catalog.ts'
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
  /** Sessions that are there and cannot be gone on with. */
  readonly passedOver: readonly PassedOver[]
  readonly #open: readonly Directory[]

  private constructor(
    state: State | undefined,
    sessions: Shelved[],
    { missing, passedOver }: Pick<Shelves, 'missing' | 'passedOver'>,
    open: Directory[],
  ) {
    this.state = state
    this.sessions = sessions.toSorted((a, b) => b.found.header.createdAt - a.found.header.createdAt)
    this.missing = missing
    this.passedOver = passedOver
    this.#open = open
  }

  /** @param root a folder to look into besides, and the current one where there is no state directory */
  static async open(world: World, stateDir: string | undefined, root: string | undefined): Promise<Shelves> {
    const open: Directory[] = []
    const state = await openStateToRead(world.disk, stateDir)
    const sessions: Shelved[] = []
    const missing: Missing[] = []
    const passedOver: PassedOver[] = []
    if (state !== undefined) {
      open.push(state.directory)
      const own = await readCatalog(world, state.directory)
      passedOver.push(...own.passedOver)
      for (const found of own.found) sessions.push({ found, folder: undefined })
      for (const pointer of await pointersOf(state)) {
        const own = await openOwn(world.disk, pointer.folder)
        if (own === undefined) missing.push(pointer)
        else {
          open.push(own)
          const found = await findOrPassOver(world, own, pointer.id, passedOver)
          if (found !== undefined) sessions.push({ found, folder: pointer.folder })
        }
      }
    }
    const folder = absolutePath(root ?? '.')
    const own = await openOwn(world.disk, folder)
    if (own !== undefined) {
      open.push(own)
      const known = new Set(sessions.map(({ found }) => found.id))
      const inFolder = await readCatalog(world, own)
      passedOver.push(...inFolder.passedOver)
      for (const found of inFolder.found) if (!known.has(found.id)) sessions.push({ found, folder })
    }
    return new Shelves(state, sessions, { missing, passedOver }, open)
  }

  /**
   * The session that a person names.
   * @param asked an id, 4 digits or more of its beginning, or '' for the only unfinished one
   * @throws TransferError `session-not-found`, `session-ambiguous`; why it cannot be gone on with
   */
  find(asked: string): Shelved {
    const matches =
      asked === ''
        ? this.sessions.filter(({ found }) => isUnfinished(found))
        : this.sessions.filter(({ found }) => asked.length >= idDigitsMin && found.id.startsWith(asked.toLowerCase()))
    const [only, ...others] = matches
    if (only === undefined) throw this.#unfit(asked) ?? new TransferError('session-not-found', { asked })
    // Both ends of one session may lie on one machine: what is asked of the sender, the receiver hears.
    if (others.every(({ found }) => found.id === only.found.id))
      return matches.find(({ found }) => found.header.role === 'sender') ?? only
    throw new TransferError('session-ambiguous', { asked, matches: matches.map(({ found }) => shortId(found.id)) })
  }

  /** Why the session that a person names cannot be gone on with. */
  #unfit(asked: string): TransferError | undefined {
    const missing = this.findMissing(asked)
    if (missing !== undefined)
      return new TransferError('folder-gone', { session: shortId(missing.id), path: missing.folder })
    if (asked.length < idDigitsMin) return undefined
    return this.passedOver.find(({ id }) => id.startsWith(asked.toLowerCase()))?.error
  }

  /** The one session whose folder is gone that a person names, as in `find`; undefined if there is none, or several. */
  findMissing(asked: string): Missing | undefined {
    if (asked === '') {
      const isOther = this.missing.length > 1 || this.sessions.some(({ found }) => isUnfinished(found))
      return isOther ? undefined : this.missing[0]
    }
    if (asked.length < idDigitsMin) return undefined
    const begins = ({ id }: { readonly id: SessionId }): boolean => id.startsWith(asked.toLowerCase())
    const [only, ...others] = this.missing.filter(begins)
    return others.length > 0 || this.sessions.some(({ found }) => begins(found)) ? undefined : only
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const directory of this.#open) await directory.close()
  }
}

export const idDigitsMin = 4

/** The session a pointer leads to; what is there and unfit is noted instead. */
async function findOrPassOver(
  world: World,
  own: Directory,
  id: SessionId,
  passedOver: PassedOver[],
): Promise<Found | undefined> {
  try {
    return await findSession(world, own, id)
  } catch (error) {
    if (!isTransferError(error)) throw error
    passedOver.push({ id, error })
    return undefined
  }
}

async function openStateToRead(disk: Disk, stateDir: string | undefined): Promise<State | undefined> {
  const path = statePath(stateDir)
  if (path === undefined) return undefined
  const directory = await openStateIfThere(disk, path)
  return directory === undefined ? undefined : { path, directory }
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
      return await openOwnPrivate(directory)
    } finally {
      await directory.close()
    }
  } catch (error) {
    if (isTransferError(error)) return undefined
    throw error
  }
}

/** What somebody else could have put there is not looked at. */
async function openOwnPrivate(folder: Directory): Promise<Directory> {
  const own = await folder.openDirectory(ownName)
  try {
    await checkPrivate(own)
    return own
  } catch (error) {
    await own.close()
    throw error
  }
}
