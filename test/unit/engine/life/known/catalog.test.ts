import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { World } from '../../../../../src/engine/context.ts'
import {
  endingFor,
  expiresSoonMs,
  findSessions,
  isOver,
  sweep,
  type Found,
} from '../../../../../src/engine/life/known/catalog.ts'
import { receiverHome, senderHome, type Home } from '../../../../../src/engine/life/known/home.ts'
import {
  discardExpired,
  discardSession,
  listSessions,
  pauseSession,
  sessionStatus,
} from '../../../../../src/engine/life/managing/manage.ts'
import { nodeWorld } from '../../../../../src/engine/life/running/node-world.ts'
import { Shelves } from '../../../../../src/engine/life/known/shelves.ts'
import { clockLeewayMs, expireAfterMs, tombstoneExtraMs } from '../../../../../src/model/limits.ts'
import type { BoundRecord, HeaderRecord, JournalRecord } from '../../../../../src/model/records.ts'
import { takeLock } from '../../../../../src/store/lock.ts'
import { createSession } from '../../../../../src/store/session-directory.ts'
import { noteTarget } from '../../../../../src/store/state-directory.ts'
import { expiresMsOf, withExpiry } from '../../../../../src/engine/life/known/same-command.ts'
import { headerOf } from '../header.ts'
import { asTheyWere } from '../../../../support/journals.ts'

const id = (letter: string) => letter.repeat(32)
const bound: BoundRecord = {
  kind: 'bound',
  nonce: id('9'),
  sessionKey: 'b'.repeat(64),
  chunkBytes: 1 << 20,
  shape: { onConflict: 'fail', checksum: false },
  root: id('8'),
}

let world: World
let later = 0 // How far this world's wall clock is ahead.
const base = mkdtempSync(join(tmpdir(), 'carryon-test-'))
afterEach(() => {
  for (const name of readdirSync(base)) rmSync(join(base, name), { recursive: true })
})
afterAll(() => rmSync(base, { recursive: true }))
beforeEach(async () => {
  const real = await nodeWorld()
  later = 0
  world = { ...real, clock: { ...real.clock, wall: () => real.clock.wall() + later } }
})

async function make(home: Home, header: Partial<HeaderRecord>, records: readonly JournalRecord[] = [], hold = false) {
  const whole = headerOf({ createdAt: world.clock.wall(), ticketExpiresAt: world.clock.wall() + 86_400_000, ...header })
  const held = await createSession(home.base, whole.session, {
    records: [whole, ...records],
    tools: { hash: world.hash, compact: asTheyWere },
    withParts: whole.role === 'receiver',
    parents: [],
    locker: (directory) => takeLock(directory, async () => null),
  })
  if (!hold) await held.close()
  return held
}

async function swept(home: Home, expired: string[] = []): Promise<Found[]> {
  const found = await findSessions(world, home.base)
  return sweep(world, home, found, {
    afterMs: ({ header }) => expiresMsOf(header),
    onExpired: (it) => expired.push(it.id),
  })
}

describe('sweeping', () => {
  it('R85: removes tickets that nobody used, once they are over, and says nothing of it', async () => {
    const home = await senderHome(world, `${base}/state`)
    await make(home, { session: id('1') })
    later = 86_400_000 + clockLeewayMs - 1_000
    expect(await swept(home)).toHaveLength(1)
    later += 2_000
    const expired: string[] = []
    expect(await swept(home, expired)).toEqual([])
    expect(expired).toEqual([])
    expect(readdirSync(`${base}/state`)).toEqual([])
    await home.close()
  })

  it('R30: puts away what made no progress for a week, with notice; its tombstone answers for eight days more', async () => {
    const home = await senderHome(world, `${base}/state`)
    await make(home, { session: id('1') }, [bound])
    later = expireAfterMs + 60_000
    const expired: string[] = []
    await swept(home, expired)
    expect(expired).toEqual([id('1')])
    const [tombstone] = await findSessions(world, home.base)
    expect(isOver(tombstone!)).toBe(true)
    expect(tombstone!.checkpoint.bound).toEqual(bound)
    expect(endingFor(tombstone!)).toMatchObject({ code: 'expired' })
    later += expireAfterMs + tombstoneExtraMs - 1_000
    expect(await swept(home)).toHaveLength(1)
    later += 2_000
    expect(await swept(home)).toEqual([])
    expect(readdirSync(`${base}/state`)).toEqual([])
    await home.close()
  })

  it('removes pointers into the folder whose session was never made, when they are a minute old; and no others', async () => {
    const home = await receiverHome(world, `${base}/in`, `${base}/state`)
    await make(home, { session: id('1'), role: 'receiver', root: home.target!.rootId, directory: home.folder }, [bound])
    const notes = { [id('1')]: home.folder, [id('2')]: home.folder, [id('3')]: `${base}/elsewhere` }
    for (const [session, path] of Object.entries(notes)) await noteTarget(home.state!.directory, { id: session, path })
    await swept(home)
    expect(readdirSync(`${base}/state/targets`)).toHaveLength(3)
    later = 61_000
    await swept(home)
    expect(readdirSync(`${base}/state/targets`)).toEqual([id('1'), id('3')])
    await home.close()
  })

  it('leaves alone what a live process holds', async () => {
    const home = await senderHome(world, `${base}/state`)
    const held = await make(home, { session: id('1') }, [bound], true)
    later = 2 * expireAfterMs
    expect(await swept(home)).toHaveLength(1)
    await held.close()
    await home.close()
  })

  it('R30: takes nothing for a session that has no header of ours', async () => {
    const home = await senderHome(world, `${base}/state`)
    mkdirSync(`${base}/state/${id('7')}/precious`, { recursive: true })
    later = 10 * expireAfterMs
    expect(await swept(home)).toEqual([])
    expect(existsSync(`${base}/state/${id('7')}/precious`)).toBe(true)
    await home.close()
  })
})

describe('homes', () => {
  it('keeps state to its owner, and says so of one that is open to others', async () => {
    const home = await senderHome(world, `${base}/a/b/state`)
    expect(statSync(`${base}/a/b/state`).mode & 0o777).toBe(0o700)
    await home.close()
    mkdirSync(`${base}/open`, { mode: 0o777 })
    chmodSync(`${base}/open`, 0o777)
    await expect(senderHome(world, `${base}/open`)).rejects.toMatchObject({ code: 'state-unsafe' })
  })

  it('makes a folder to receive into, tells of it, and leaves nothing of ours in it', async () => {
    const made: string[] = []
    const home = await receiverHome(world, `${base}/new/folder/`, `${base}/state`, (path) => made.push(path))
    expect(made).toEqual([`${base}/new/folder`])
    await home.close()
    expect(readdirSync(`${base}/new/folder`)).toEqual([])
  })

  it('refuses a folder that is a file', async () => {
    const home = await senderHome(world, `${base}/state`)
    await home.close()
    writeFileSync(`${base}/file`, '')
    await expect(receiverHome(world, `${base}/file`, `${base}/state`)).rejects.toMatchObject({
      code: 'folder-not-writable',
    })
  })
})

describe('shelves', () => {
  it('find sessions from anywhere: by pointer, by prefix, the only one by nothing', async () => {
    const home = await receiverHome(world, `${base}/in`, `${base}/state`)
    await noteTarget(home.state!.directory, { id: id('a'), path: home.folder })
    await make(home, { session: id('a'), role: 'receiver', directory: home.folder }, [bound])
    await home.close()
    await using one = await Shelves.open(world, `${base}/state`, undefined)
    expect(one.find('').found.id).toBe(id('a'))
    expect(one.find('AAAA')).toMatchObject({ folder: `${base}/in` })
    expect(() => one.find('aaa')).toThrow(expect.objectContaining({ code: 'session-not-found' }))
    expect(() => one.find('bbbb')).toThrow(expect.objectContaining({ code: 'session-not-found' }))
  })

  it('refuse to guess between two, and tell of a folder that is gone', async () => {
    const sender = await senderHome(world, `${base}/state`)
    await make(sender, { session: 'abcd' + id('1').slice(4) }, [bound])
    await make(sender, { session: 'abcd' + id('2').slice(4) }, [bound])
    await noteTarget(sender.state!.directory, { id: id('3'), path: `${base}/unmounted` })
    await sender.close()
    await using shelves = await Shelves.open(world, `${base}/state`, undefined)
    expect(() => shelves.find('abcd')).toThrow(expect.objectContaining({ code: 'session-ambiguous' }))
    expect(shelves.find('abcd1').found.id).toBe('abcd' + id('1').slice(4))
    expect(shelves.missing).toMatchObject([{ id: id('3'), folder: `${base}/unmounted` }])
  })

  it('let a session whose folder is gone be discarded', async () => {
    const home = await senderHome(world, `${base}/state`)
    await noteTarget(home.state!.directory, { id: id('3'), path: `${base}/unmounted` })
    await home.close()
    const stateDir = `${base}/state`
    expect(await listSessions(world, { stateDir })).toMatchObject([{ id: id('3') }])
    expect(await sessionStatus(world, '3333', { stateDir })).toMatchObject({ directory: `${base}/unmounted` })
    expect(await sessionStatus(world, '', { stateDir })).toMatchObject({ id: id('3') })
    const gone = { code: 'folder-gone', details: { session: '33333333', path: `${base}/unmounted` } }
    for (const asked of ['3333', '']) await expect(pauseSession(world, asked, { stateDir })).rejects.toMatchObject(gone)
    await expect(pauseSession(world, '333', { stateDir })).rejects.toMatchObject({ code: 'session-not-found' })
    expect(await discardSession(world, '3333', { stateDir })).toMatchObject({ id: id('3'), peerTold: false })
    expect(await listSessions(world, { stateDir })).toEqual([])
  })
})

describe('discarding what has expired', () => {
  const sevenDays = 7 * 86_400_000

  it('R30: leaves a tombstone of what is old and held by nobody; touches nothing else, follows no link', async () => {
    const stateDir = `${base}/state`
    const folder = `${base}/in`
    const home = await receiverHome(world, folder, stateDir)
    const root = home.target!.rootId
    const receiver = { role: 'receiver', directory: folder, root } as const
    await make(home, { ...receiver, session: id('1') }, [bound])
    const held = await make(home, { ...receiver, session: id('2') }, [bound], true)
    const own = `${folder}/.carryon`
    writeFileSync(`${own}/${id('1')}/parts/0`, 'part')
    writeFileSync(`${own}/${id('1')}/mine`, 'mine')
    mkdirSync(`${own}/${id('3')}`)
    writeFileSync(`${own}/${id('3')}/journal`, 'of another program')
    mkdirSync(`${base}/outside`)
    writeFileSync(`${base}/outside/journal`, 'precious')
    symlinkSync(`${base}/outside`, `${own}/${id('4')}`)
    for (const each of ['1', '2', '4']) await noteTarget(home.state!.directory, { id: id(each), path: folder })

    expect(await discardExpired(world, { stateDir })).toEqual([])
    later = sevenDays + 1_000
    expect(await discardExpired(world, { stateDir })).toMatchObject([{ id: id('1'), state: 'interrupted' }])
    expect(readdirSync(`${own}/${id('1')}`)).toEqual(['journal', 'mine'])
    expect(readdirSync(`${own}/${id('2')}`)).toContain('parts')
    expect(readFileSync(`${own}/${id('3')}/journal`, 'utf8')).toBe('of another program')
    expect(readFileSync(`${base}/outside/journal`, 'utf8')).toBe('precious')
    expect((await listSessions(world, { stateDir, all: true })).map((each) => [each.id, each.state])).toEqual([
      [id('2'), 'interrupted'],
    ])
    await held.close()
    await home.close()
  })

  it('R30: is announced a day before, but not where sessions live no longer than that', async () => {
    const home = await senderHome(world, `${base}/state`)
    await make(home, { session: id('1') }, [bound])
    const [it] = await findSessions(world, home.base)
    const day = 86_400_000
    const left = (after: number, expiresMs: number) => expiresSoonMs(it!, it!.updatedAt + after, expiresMs)
    expect([left(5 * day, 7 * day), left(6.5 * day, 7 * day), left(8 * day, 7 * day)]).toEqual([
      undefined,
      day / 2,
      undefined,
    ])
    expect(left(day / 2, day)).toBeUndefined()
    await home.close()
  })

  it('goes by the time that is asked for', async () => {
    const home = await senderHome(world, `${base}/state`)
    await make(home, { session: id('1') }, [bound])
    later = 3_600_000
    const [gone, ...others] = await discardExpired(world, { stateDir: `${base}/state`, olderThanMs: 60_000 })
    expect([gone?.id, others]).toEqual([id('1'), []])
    const [tombstone] = await findSessions(world, home.base)
    expect(tombstone?.checkpoint.ended).toMatchObject({ how: 'expired' })
    await home.close()
  })

  it('goes by the time that the session was given, whatever command looks', async () => {
    const home = await senderHome(world, `${base}/state`)
    const month = 30 * 86_400_000
    await make(home, withExpiry(headerOf({ session: id('1') }), month), [bound])
    await make(home, { session: id('2') }, [bound])
    later = 8 * 86_400_000
    const [listed] = await listSessions(world, { stateDir: `${base}/state` })
    expect(Date.parse(listed!.expiresAt!) - Date.parse(listed!.updatedAt)).toBe(expireAfterMs)
    const expired: string[] = []
    expect((await swept(home, expired)).map((it) => it.id)).toContain(id('1'))
    expect(expired).toEqual([id('2')])
    later = month + 60_000
    expect((await discardExpired(world, { stateDir: `${base}/state` })).map((it) => it.id)).toEqual([id('1')])
    await home.close()
  })

  it('spares one that somebody went on with after it was listed', async () => {
    const home = await senderHome(world, `${base}/state`)
    await make(home, { session: id('1') }, [bound])
    const listed = await findSessions(world, home.base)
    later = sevenDays + 1_000
    const now = new Date(world.clock.wall())
    utimesSync(`${base}/state/${id('1')}/journal`, now, now)
    const expiry = { afterMs: () => expireAfterMs, onExpired: () => expect.fail() }
    expect(await sweep(world, home, listed, expiry)).toHaveLength(1)
    expect((await findSessions(world, home.base))[0]?.checkpoint.ended).toBeUndefined()
    await home.close()
  })
})
