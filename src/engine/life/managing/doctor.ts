// What of this machine could stand in a session's way: its clock, its disks, its ports, its state, and what broke last.
// Looks, tries things out in a folder of its own, and leaves nothing behind.

import { createServer } from 'node:net'
import { hasCode, isTransferError } from '../../../errors.ts'
import type { Directory } from '../../../model/disk.ts'
import { checkPrivate } from '../../../store/private-directory.ts'
import { openStateIfThere } from '../../../store/state-directory.ts'
import type { Diagnosis, DoctorOptions, FolderHealth, SessionListing } from '../../api.ts'
import type { World } from '../../context.ts'
import { absolutePath, statePath } from '../known/home.ts'
import { listSessions } from './manage.ts'
import { Shelves } from '../known/shelves.ts'

export async function doctor(world: World, options: DoctorOptions): Promise<Diagnosis> {
  const state = statePath(options.stateDir)
  const folder = absolutePath(options.root ?? '.')
  const stateHealth = await (state === undefined
    ? { ...unseen('', 'state'), problem: 'neither HOME nor XDG_STATE_HOME says where it is' }
    : healthOfState(world, state))
  const { sessions, passedOver } = stateHealth.problem === null ? await sessionsOf(world, options) : noSessions
  const latest = Math.max(0, ...sessions.map(({ updatedAt }) => Date.parse(updatedAt)))
  const wall = world.clock.wall()
  return {
    clock: { now: new Date(wall).toISOString(), isBehind: wall < Math.max(latest - leewayMs, earliest) },
    folders: [stateHealth, await healthOfFolder(world, folder)],
    ports: { canListen: await canListen(0), isUsualFree: await canListen(usualPort) },
    stale: sessions.filter(({ stale }) => stale),
    passedOver,
    lastBreak: lastBreakOf(sessions),
  }
}

const earliest = Date.parse('2025-01-01T00:00:00Z') // carryon is younger: a clock before that was never set.
const leewayMs = 120_000
const usualPort = 22_779

const noSessions = { sessions: [], passedOver: [] }

async function sessionsOf(world: World, { stateDir, root }: DoctorOptions) {
  const sessions = await listSessions(world, { stateDir, root })
  await using shelves = await Shelves.open(world, stateDir, root)
  return { sessions, passedOver: shelves.passedOver.map(({ id, error }) => ({ session: id, why: error.message })) }
}

/** The last one to stand still without a person having asked for it. */
function lastBreakOf(sessions: readonly SessionListing[]): SessionListing | null {
  const broken = sessions.filter(({ held, state, reason }) => !held && state !== 'listening' && reason !== 'user')
  return broken.toSorted((a, b) => Date.parse(b.updatedAt) - Date.parse(a.updatedAt))[0] ?? null
}

function unseen(path: string, kind: FolderHealth['kind']): FolderHealth {
  return { kind, path, exists: false, problem: null, freeBytes: null, syncMs: null, hasLinks: null, syncsNames: null }
}

async function healthOfState(world: World, path: string): Promise<FolderHealth> {
  try {
    const directory = await openStateIfThere(world.disk, path)
    if (directory === undefined) return unseen(path, 'state') // The first session makes it.
    try {
      await checkShelves(directory)
      return { ...unseen(path, 'state'), exists: true, ...(await tryOut(world, directory)) }
    } finally {
      await directory.close()
    }
  } catch (error) {
    return { ...unseen(path, 'state'), problem: problemOf(error) }
  }
}

/** All that is kept in the state directory is ours alone, too. @throws TransferError `state-unsafe`, `not-a-directory` */
async function checkShelves(state: Directory): Promise<void> {
  for (const name of await state.list()) {
    if ((await state.stat(name))?.kind === 'file') continue
    const directory = await state.openDirectory(name)
    try {
      await checkPrivate(directory)
    } finally {
      await directory.close()
    }
  }
}

async function healthOfFolder(world: World, path: string): Promise<FolderHealth> {
  try {
    const directory = await world.disk.openRoot(path)
    try {
      return { ...unseen(path, 'folder'), exists: true, ...(await tryOut(world, directory)) }
    } finally {
      await directory.close()
    }
  } catch (error) {
    if (hasCode(error, 'not-found')) return unseen(path, 'folder')
    return { ...unseen(path, 'folder'), problem: problemOf(error) }
  }
}

function problemOf(error: unknown): string {
  if (!isTransferError(error)) throw error
  return error.message
}

const rounds = 5
const probeBytes = 1024 * 1024

type Tried = Pick<FolderHealth, 'freeBytes' | 'syncMs' | 'hasLinks' | 'syncsNames'>

/** What a sync costs and what names can do there, in a folder that is gone afterwards. */
async function tryOut(world: World, directory: Directory): Promise<Tried> {
  const name = `.carryon-doctor-${Buffer.from(world.random.bytes(4)).toString('hex')}`
  await directory.makeDirectory(name, 0o700)
  try {
    const probe = await directory.openDirectory(name)
    try {
      return await tryIn(world, probe)
    } finally {
      for (const each of ['one', 'two', 'three']) await probe.unlink(each)
      await probe.close()
    }
  } finally {
    await directory.removeDirectory(name)
  }
}

async function tryIn(world: World, probe: Directory): Promise<Tried> {
  const freeBytes = await probe.freeBytes()
  const file = await probe.openFile('one', 'create')
  const times: number[] = []
  try {
    for (let round = 0; round < rounds; round++) {
      await file.write(world.random.bytes(probeBytes), round * probeBytes)
      const startedAt = world.clock.now()
      await file.datasync()
      times.push(world.clock.now() - startedAt)
    }
  } finally {
    await file.close()
  }
  const hasLinks = await probe.link('one', probe, 'two').catch((error: unknown) => {
    if (hasCode(error, 'links-unsupported')) return false
    throw error
  })
  await probe.rename('one', probe, 'three')
  const syncsNames = await probe.sync()
  const syncMs = Math.round(times.toSorted((a, b) => a - b)[rounds >> 1]!)
  return { freeBytes, syncMs, hasLinks, syncsNames }
}

function canListen(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen({ port }, () => server.close(() => resolve(true)))
  })
}
