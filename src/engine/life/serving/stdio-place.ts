// Where the path of an opening leads on this machine: into which folder to receive, or what to send. With a folder that
// confines it, nothing outside is named, read or written.

import { homedir } from 'node:os'
import { hasCode, TransferError } from '../../../errors.ts'
import { parseBelow } from '../../../model/grant.ts'
import type { Path } from '../../../model/names.ts'
import type { Opening } from '../../../model/opening.ts'
import type { SourceRoot } from '../../../model/records.ts'
import type { Role } from '../../../model/session.ts'
import { resolveSources } from '../../../source/resolve.ts'
import { checkSendable } from '../../../source/sendable.ts'
import { realPath } from '../../../store/real-path.ts'
import type { World } from '../../context.ts'
import type { StdioOptions } from '../../serve-api.ts'
import { receiverHome, senderHome, type Home } from '../known/home.ts'
import { ServedFolder } from './served-folder.ts'

export interface Place {
  /** This side's. */
  readonly role: Role
  readonly home: Home
  /** With the disk that may be touched. */
  readonly world: World
  /** A sender's. */
  readonly sources: readonly SourceRoot[]
  close(): Promise<void>
}

/** @throws TransferError `no-such-path`, `not-sendable`, `folder-not-writable`, `scope`; as the homes */
export function placeOf(world: World, opening: Opening, options: StdioOptions): Promise<Place> {
  return options.directory === undefined
    ? anywhere(world, opening, options)
    : below(world, opening, options.directory, options)
}

/** As the user who was let in: relative to where his shell would begin. */
async function anywhere(world: World, { role, path }: Opening, { stateDir }: StdioOptions): Promise<Place> {
  const named = path.replace(/^~(?=\/|$)/, homedir()) || '.'
  if (role === 'sender') {
    const home = await receiverHome(world, named, stateDir)
    return { role: 'receiver', home, world, sources: [], close: () => home.close() }
  }
  const sources = await resolveSources([named], { cwd: process.cwd(), realPath })
  await checkSendable(world.disk, sources)
  const home = await senderHome(world, stateDir)
  return { role: 'sender', home, world, sources, close: () => home.close() }
}

async function below(
  world: World,
  { role, path }: Opening,
  directory: string,
  { stateDir }: StdioOptions,
): Promise<Place> {
  const folder = await ServedFolder.open(world, directory, stateDir)
  let opened: Awaited<ReturnType<ServedFolder['openHome']>> | undefined
  try {
    const names = namesBelow(path)
    const sources = role === 'sender' ? [] : await sourcesBelow(folder, names, path)
    opened = await folder.openHome(role === 'sender' ? 'receiver' : 'sender', { path: names })
    const { home } = opened
    const close = async (): Promise<void> => {
      await home.close()
      await folder.close()
    }
    return { role: home.role, home, world: opened.world, sources, close }
  } catch (error) {
    await folder.close()
    throw error
  }
}

function namesBelow(path: string): Path {
  const names = path.startsWith('/') ? undefined : parseBelow(path)
  if (names !== undefined) return names
  throw new TransferError('scope', { what: 'that path does not lie in the folder that may be used there' })
}

/** A link that leads out is as good as nothing. Faults name the path as it was asked for. */
async function sourcesBelow(folder: ServedFolder, names: Path, path: string): Promise<readonly SourceRoot[]> {
  const spills = names.length === 0 || /(^|\/)\.\/?$/.test(path)
  const isInside = (real: string): boolean => real === folder.path || real.startsWith(`${folder.path}/`)
  try {
    const named = spills ? `${folder.pathOf(names)}/.` : folder.pathOf(names)
    const sources = await resolveSources([named], { cwd: '/', realPath })
    if (!sources.every((source) => isInside(source.path))) throw new TransferError('no-such-path', { path })
    await checkSendable(folder.disk, sources)
    return sources
  } catch (error) {
    if (hasCode(error, 'no-such-path')) throw new TransferError('no-such-path', { path }, { cause: error })
    throw hasCode(error, 'not-sendable') ? new TransferError('not-sendable', { ...error.details, path }) : error
  }
}
