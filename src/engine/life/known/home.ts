// Where sessions of this machine lie: a sender's in the state directory, a receiver's in the folder it receives into, with a
// pointer in the state directory so that they are found from anywhere (docs/journal.md).

import { hasCode, isTransferError, TransferError } from '../../../errors.ts'
import type { Directory, Disk } from '../../../model/disk.ts'
import type { Role, SessionId } from '../../../model/session.ts'
import { openState as openOrMakeState } from '../../../store/state-directory.ts'
import { openTarget, type Target } from '../../../store/target.ts'
import type { World } from '../../context.ts'

/** Where one command keeps its sessions. */
export interface Home {
  readonly role: Role
  /** Session directories are below it. */
  readonly base: Directory
  /** A receiver's folder. */
  readonly target: Target | undefined
  /** The folder as it was named, absolute; '' for a sender. */
  readonly folder: string
  /** Undefined where there is no home directory: receivers do without. */
  readonly state: State | undefined
  close(): Promise<void>
}

/** The state directory. */
export interface State {
  readonly path: string
  readonly directory: Directory
}

/** Where the receipt of a session is, or will be. */
export function receiptPath({ path }: State, session: SessionId): string {
  return `${path}/receipts/${session}.json`
}

type Environment = Readonly<Record<string, string | undefined>>

/** Path of the state directory, or undefined where nothing says where that is. */
export function statePath(asked: string | undefined, env: Environment = process.env): string | undefined {
  if (asked !== undefined) return absolutePath(asked)
  if (env['STATE_DIRECTORY']) return env['STATE_DIRECTORY'].split(':')[0]
  if (env['XDG_STATE_HOME']) return `${env['XDG_STATE_HOME']}/carryon`
  return env['HOME'] ? `${env['HOME']}/.local/state/carryon` : undefined
}

/**
 * Opens the state directory, making it if need be; undefined where nothing says where it is.
 * @throws TransferError `state-unsafe`; faults of the disk
 */
export async function openState(disk: Disk, asked: string | undefined): Promise<State | undefined> {
  const path = statePath(asked)
  if (path === undefined) return undefined
  return { path, directory: await openOrMakeState(disk, path) }
}

/** @throws TransferError `no-state-directory`; as `openState` */
export async function senderHome(world: World, stateDir: string | undefined): Promise<Home> {
  const state = await openState(world.disk, stateDir)
  if (state === undefined) throw new TransferError('no-state-directory', { variable: 'HOME' })
  return {
    role: 'sender',
    base: state.directory,
    target: undefined,
    folder: '',
    state,
    close: () => state.directory.close(),
  }
}

/**
 * @param onMade called if the folder was not there
 * @param disk that the folder is on, where it may not be reached any other way
 * @throws TransferError `folder-not-writable`; as `openState`
 */
export async function receiverHome(
  world: World,
  folder: string,
  stateDir: string | undefined,
  onMade: (path: string) => void = () => {},
  disk: Disk = world.disk,
): Promise<Home> {
  const path = absolutePath(folder)
  const target = await openFolder({ ...world, disk }, path, onMade)
  try {
    const state = await openState(world.disk, stateDir)
    const close = (): Promise<void> => closeAll(target, state)
    return { role: 'receiver', base: target.own, target, folder: path, state, close }
  } catch (error) {
    await closeAll(target, undefined)
    throw error
  }
}

async function closeAll(target: Target, state: State | undefined): Promise<void> {
  try {
    await target.close()
  } finally {
    await target.root.close()
    await state?.directory.close()
  }
}

/** The home of a session that is there already. @param folder undefined for a sender */
export function homeOf(world: World, folder: string | undefined, stateDir: string | undefined): Promise<Home> {
  return folder === undefined ? senderHome(world, stateDir) : receiverHome(world, folder, stateDir)
}

const unwritable = ['permission-denied', 'not-a-directory', 'disk-failed', 'not-found'] as const

async function openFolder(world: World, path: string, onMade: (path: string) => void): Promise<Target> {
  try {
    const { directory, isNew } = await openOrMake(world.disk, path, 0o777)
    await directory.close()
    if (isNew) onMade(path)
    return await openTarget(world.disk, path, world.random)
  } catch (error) {
    if (!unwritable.some((code) => hasCode(error, code))) throw error
    throw new TransferError('folder-not-writable', { path, cause: causeOf(error) }, { cause: error })
  }
}

function causeOf(error: unknown): string {
  if (hasCode(error, 'not-found')) return 'it is not there, and cannot be made'
  return isTransferError(error) ? error.message.replace(/\.$/, '') : ''
}

/** Makes what is missing of a path, and puts the names on the disk. */
async function openOrMake(disk: Disk, path: string, mode: number): Promise<{ directory: Directory; isNew: boolean }> {
  try {
    return { directory: await disk.openRoot(path), isNew: false }
  } catch (error) {
    if (!hasCode(error, 'not-found') || path === '/') throw error
  }
  const cut = path.lastIndexOf('/')
  const { directory: parent } = await openOrMake(disk, path.slice(0, cut) || '/', mode)
  try {
    const isNew = await parent.makeDirectory(path.slice(cut + 1), mode)
    await parent.sync()
    return { directory: await parent.openDirectory(path.slice(cut + 1)), isNew }
  } finally {
    await parent.close()
  }
}

/** `path` from the root on, without empty and `.` components; `..` is left to the system, which knows the links. */
export function absolutePath(path: string): string {
  const whole = path.startsWith('/') ? path : `${process.cwd()}/${path}`
  const names = whole.split('/').filter((name) => name !== '' && name !== '.')
  return `/${names.join('/')}`
}
