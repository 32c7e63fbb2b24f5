// `carryon serve`: many tickets, many sessions, each of which goes its own way.

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { decodeTicket } from '../../src/model/ticket.ts'
import { ChaosProxy } from '../support/chaos-proxy.ts'
import { bothSucceed, through } from '../support/scene.ts'
import { ServeScene } from '../support/serve-scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

const size = 12 * MiB + 77

/** Until `hurry`: leaves time for other commands, each of which takes seconds on a busy machine. */
const slowly = ['--bwlimit', '300KiB']

/** Somebody with a file to send. */
function withDisk(scene: ServeScene, who: string, seed: number): string {
  plant(scene.homeOf(who), { [`${who}.img`]: noise(size, seed) })
  return `${who}.img`
}

const namesOf = (path: string): string[] => readdirSync(path).filter((name) => name !== '.carryon')

/** Resolves once something of a file is safe. */
const begun = (command: ReturnType<ServeScene['send']>) =>
  command.until('progress', ({ bytesDurable }) => bytesDurable > 0)

describe('a served folder', () => {
  it('takes many sessions of one ticket at once, and the same command again finds all unchanged', async () => {
    const scene = new ServeScene()
    await scene.serve()
    const { file } = await scene.ticket()
    const people = ['ann', 'bob', 'cem']
    for (const [i, who] of people.entries()) withDisk(scene, who, i)
    await bothSucceed(...people.map((who) => scene.send(who, `${who}.img`, '--to', `@${file}`)))
    for (const who of people)
      expect(readFileSync(join(scene.folder, `${who}.img`)).equals(readFileSync(join(scene.homeOf(who), `${who}.img`))))
    const again = scene.send('ann', 'ann.img', '--to', `@${file}`)
    await bothSucceed(again)
    expect(again.last('summary')).toMatchObject({ bytesSentThisRun: 0, outcomes: { unchanged: 1 } })
    expect(await scene.tickets()).toMatchObject([{ used: { sessions: 4, bytes: 3 * size, files: 3 } }])
  })

  it('R42: one process serves it, another one hears that it is busy', async () => {
    const scene = new ServeScene()
    await scene.serve()
    const second = scene.as('server', ['serve', scene.folder, '--allow-root', '--listen', '127.0.0.1:0'])
    expect(await second.code()).toBe(11)
    expect(second.last('exit')).toMatchObject({ error: { code: 'busy' } })
  })

  it.runIf(process.getuid?.() === 0)('R95: root does not serve unless he says so', async () => {
    const scene = new ServeScene()
    const server = scene.as('server', ['serve', scene.folder, '--listen', '127.0.0.1:0'])
    expect(await server.code()).toBe(2)
    expect(server.stderr).toContain('--allow-root')
    expect(namesOf(scene.folder)).toEqual([])
  })

  it('a server that is killed and started again goes on with every session, by itself', async () => {
    const scene = new ServeScene()
    const server = await scene.serve()
    const { file } = await scene.ticket()
    for (const [i, who] of ['ann', 'bob'].entries()) withDisk(scene, who, i)
    const senders = ['ann', 'bob'].map((who) => scene.send(who, `${who}.img`, '--to', `@${file}`, ...slowly))
    await Promise.all(senders.map(begun))
    await server.killed()
    await scene.serve()
    for (const sender of senders) sender.hurry()
    await bothSucceed(...senders)
    expect(senders.map((it) => it.last('summary').reconnects >= 1)).toEqual([true, true])
    expect(await scene.tickets()).toMatchObject([{ used: { sessions: 2, bytes: 2 * size, files: 2 } }])
  })

  it('TERM makes a last sync point; the next server carries on', async () => {
    const scene = new ServeScene()
    const server = await scene.serve()
    const { file } = await scene.ticket()
    withDisk(scene, 'ann', 1)
    const sender = scene.send('ann', 'ann.img', '--to', `@${file}`, ...slowly)
    await begun(sender)
    server.kill('SIGTERM')
    expect(await server.ended).toMatchObject({ signal: 'SIGTERM' })
    expect(server.last('exit')).toMatchObject({ code: 143, name: 'signal' })
    await scene.serve()
    sender.hurry()
    await bothSucceed(sender)
    expect(readFileSync(join(scene.folder, 'ann.img')).equals(noise(size, 1))).toBe(true)
  })

  it('a sender that is killed goes on by the same command, and is busy while it runs', async () => {
    const scene = new ServeScene()
    await scene.serve()
    const { file } = await scene.ticket()
    withDisk(scene, 'ann', 1)
    const first = scene.send('ann', 'ann.img', '--to', `@${file}`, ...slowly)
    await begun(first)
    const rival = scene.send('ann', 'ann.img', '--to', `@${file}`)
    expect(await rival.code()).toBe(11)
    const { session } = first.last('progress')
    await first.killed()
    const second = scene.send('ann', 'ann.img', '--to', `@${file}`)
    await bothSucceed(second)
    expect(second.last('summary').session).toBe(session)
    expect(second.last('summary').bytesReused).toBeGreaterThan(0)
  })

  it('R82: what ends one session touches no other', async () => {
    const scene = new ServeScene()
    const server = await scene.serve()
    const { file } = await scene.ticket()
    for (const [i, who] of ['ann', 'bob'].entries()) withDisk(scene, who, i)
    const [ann, bob] = ['ann', 'bob'].map((who) => scene.send(who, `${who}.img`, '--to', `@${file}`, ...slowly))
    await Promise.all([begun(ann!), begun(bob!)])
    const own = join(scene.folder, '.carryon', ann!.last('progress').session!)
    for (const name of readdirSync(own)) if (name.startsWith('lock.')) unlinkSync(join(own, name))
    const { message } = await server.until('warning', ({ code }) => code === 'session-ended')
    expect(message).toContain('lock')
    bob!.hurry()
    await bothSucceed(bob!)
    expect(bob!.last('summary').reconnects).toBe(0)
    ann!.hurry()
    await bothSucceed(ann!) // It dials again, and finds its session.
  })

  it('belongs to its server: no other command takes its sessions up', async () => {
    const scene = new ServeScene()
    const server = await scene.serve()
    const { file } = await scene.ticket()
    withDisk(scene, 'ann', 1)
    const sender = scene.send('ann', 'ann.img', '--to', `@${file}`, ...slowly)
    await begun(sender)
    const session = sender.last('progress').session!
    await Promise.all([server.killed(), sender.killed()])
    const resume = scene.as('server', ['resume', session.slice(0, 8)])
    expect(await resume.code()).toBe(2)
    expect(resume.stderr).toContain(`carryon serve ${scene.folder}`)
    const ls = scene.as('server', ['ls', '--json'], { people: true })
    await ls.code()
    expect(JSON.parse(ls.stdout)).toMatchObject({ sessions: [{ resumeCommand: `carryon serve ${scene.folder}` }] })
  })
})

describe('tickets', () => {
  it('R91: that of a subfolder leads there and nowhere else, whatever link stands in its place', async () => {
    const scene = new ServeScene()
    await scene.serve()
    const outside = join(scene.path, 'outside')
    mkdirSync(outside)
    symlinkSync(outside, join(scene.folder, 'trap'))
    withDisk(scene, 'ann', 1)
    const [good, trap] = [await scene.ticket('--path', 'deep/er'), await scene.ticket('--path', 'trap')]
    await bothSucceed(scene.send('ann', 'ann.img', '--to', `@${good.file}`))
    expect(namesOf(join(scene.folder, 'deep/er'))).toEqual(['ann.img'])
    const caught = scene.send('ann', 'ann.img', '--to', `@${trap.file}`, '--new')
    expect(await caught.code()).toBe(7)
    expect(readdirSync(outside)).toEqual([])
    const up = scene.as('server', ['ticket', 'new', '--root', scene.folder, '--for', 'send', '--path', '../x'])
    expect(await up.code()).toBe(2)
  })

  it('R91: allow to send, or to receive, or both; nothing else', async () => {
    const scene = new ServeScene()
    plant(scene.folder, { 'photos/one': 'one', 'photos/deep/two': noise(2 * MiB), secret: 'no' })
    await scene.serve()
    withDisk(scene, 'ann', 1)
    const [send, receive, both] = [
      await scene.ticket('--for', 'send'),
      await scene.ticket('--for', 'receive', '--path', 'photos'),
      await scene.ticket('--for', 'both', '--path', 'photos'),
    ]
    expect(await scene.receive('ann', '--from', `@${send.file}`).code()).toBe(2) // The ticket itself says so.
    expect(await scene.send('ann', 'ann.img', '--to', `@${receive.file}`).code()).toBe(2)
    await bothSucceed(scene.receive('ann', '--from', `@${receive.file}`))
    expect(listing(join(scene.homeOf('ann'), 'in'))).toEqual(listing(join(scene.folder, 'photos')))
    await bothSucceed(scene.send('ann', 'ann.img', '--to', `@${both.file}`))
    await bothSucceed(scene.receive('bob', '--from', `@${both.file}`))
    expect(namesOf(join(scene.homeOf('bob'), 'in'))).toEqual(['ann.img', 'deep', 'one'])
  })

  it('a receiver of a served folder that is killed goes on by the same command, over a restart of the server', async () => {
    const scene = new ServeScene()
    plant(scene.folder, { 'disk.img': noise(size) })
    const server = await scene.serve()
    const { text } = await scene.ticket('--for', 'receive')
    await using proxy = await ChaosProxy.to(scene.port)
    proxy.rateBytesPerSecond = 2 * MiB
    const { file } = scene.keep(through(proxy, text))
    const first = scene.receive('ann', '--from', `@${file}`)
    await begun(first)
    await first.killed()
    await server.killed()
    await scene.serve()
    proxy.rateBytesPerSecond = Infinity
    const second = scene.receive('ann', '--from', `@${file}`)
    await bothSucceed(second)
    expect(second.last('summary').bytesReused).toBeGreaterThan(0)
    expect(readFileSync(join(scene.homeOf('ann'), 'in/disk.img')).equals(noise(size))).toBe(true)
  })

  it('R90: a revoked one ends its sessions at a sync point by name; another one goes on with them', async () => {
    const scene = new ServeScene()
    await scene.serve()
    const [old, fresh] = [await scene.ticket(), await scene.ticket()]
    for (const [i, who] of ['ann', 'bob'].entries()) withDisk(scene, who, i)
    const ann = scene.send('ann', 'ann.img', '--to', `@${old.file}`, ...slowly)
    const bob = scene.send('bob', 'bob.img', '--to', `@${fresh.file}`, ...slowly)
    await Promise.all([begun(ann), begun(bob)])
    expect(await scene.office('revoke', old.id.slice(0, 8))).toMatchObject({
      isLive: true,
      listing: { state: 'revoked' },
    })
    expect(await ann.code()).toBe(4)
    expect(ann.last('exit')).toMatchObject({ name: 'auth', error: { code: 'ticket-revoked' } })
    const again = scene.send('ann', 'ann.img', '--to', `@${old.file}`)
    expect(await again.code()).toBe(4)
    bob.hurry()
    await bothSucceed(bob)
    const renewed = scene.send('ann', 'ann.img', '--to', `@${fresh.file}`)
    await bothSucceed(renewed)
    expect(renewed.last('summary').session).toBe(ann.last('progress').session)
    expect(renewed.last('summary').bytesReused).toBeGreaterThan(0)
  })

  it('R90: a session that goes by another ticket still does after a restart of the server', async () => {
    const scene = new ServeScene()
    const server = await scene.serve()
    const [old, fresh] = [await scene.ticket(), await scene.ticket()]
    withDisk(scene, 'ann', 1)
    const first = scene.send('ann', 'ann.img', '--to', `@${old.file}`, ...slowly)
    await begun(first)
    await scene.office('revoke', old.id)
    expect(await first.code()).toBe(4)
    const second = scene.send('ann', 'ann.img', '--to', `@${fresh.file}`, ...slowly)
    await second.until('session', ({ state }) => state === 'transferring')
    const back = second.untilNext('session', ({ state }) => state === 'transferring')
    await server.killed()
    await scene.serve()
    await back
    second.hurry()
    await bothSucceed(second)
    expect(second.last('summary').session).toBe(first.last('progress').session)
    const used = (await scene.tickets()).map((ticket) => [ticket.state, ticket.used.bytes])
    expect(Object.fromEntries(used)).toEqual({ revoked: 0, good: size })
  })

  it('R90: exchanged, the old secret still opens, and running sessions notice nothing', async () => {
    const scene = new ServeScene()
    await scene.serve()
    const old = await scene.ticket()
    for (const [i, who] of ['ann', 'bob'].entries()) withDisk(scene, who, i)
    const ann = scene.send('ann', 'ann.img', '--to', `@${old.file}`, ...slowly)
    await begun(ann)
    const rotated = (await scene.office('rotate', old.id.slice(0, 6))) as { ticket: string }
    const fresh = scene.keep(rotated.ticket)
    await bothSucceed(scene.send('bob', 'bob.img', '--to', `@${old.file}`))
    await bothSucceed(scene.send('bob', 'bob.img', '--to', `@${fresh.file}`))
    ann.hurry()
    await bothSucceed(ann)
    expect(await scene.tickets()).toMatchObject([{ used: { sessions: 3 } }])
    await scene.office('revoke', decodeTicket(rotated.ticket).id) // Either secret's id names the ticket.
    for (const file of [old.file, fresh.file])
      expect(await scene.send('bob', 'bob.img', '--to', `@${file}`).code()).toBe(4)
  })

  it('R79: a quota of the server holds for all tickets together', async () => {
    const scene = new ServeScene()
    await scene.serve('--quota', '20MiB')
    const [one, two] = [await scene.ticket(), await scene.ticket()]
    for (const [i, who] of ['ann', 'bob'].entries()) withDisk(scene, who, i)
    await bothSucceed(scene.send('ann', 'ann.img', '--to', `@${one.file}`))
    const bob = scene.send('bob', 'bob.img', '--to', `@${two.file}`)
    expect(await bob.code(), bob.transcript).toBe(7)
    expect(bob.last('exit').error).toMatchObject({ code: 'limit' })
    expect(namesOf(scene.folder)).toEqual(['ann.img'])
  })

  it('takes from all together no more than --bwlimit says, and keeps every connection', async () => {
    const scene = new ServeScene()
    await scene.serve('--bwlimit', '4MiB')
    const { file } = await scene.ticket()
    for (const [i, who] of ['ann', 'bob'].entries()) withDisk(scene, who, i)
    const beganAt = performance.now()
    const senders = ['ann', 'bob'].map((who) => scene.send(who, `${who}.img`, '--to', `@${file}`))
    await bothSucceed(...senders)
    const leastMs = ((2 * size - 2 * 4 * MiB) / (4 * MiB)) * 1000 // What each may have read ahead comes at any rate.
    expect(performance.now() - beganAt).toBeGreaterThan(leastMs)
    expect(senders.map((it) => it.last('summary').reconnects)).toEqual([0, 0])
  })

  it('R79: a quota holds before a byte is written, and the refusal is code 7', async () => {
    const scene = new ServeScene()
    await scene.serve('--sessions-max', '2')
    for (const [i, who] of ['ann', 'bob', 'cem'].entries()) withDisk(scene, who, i)
    const few = await scene.ticket('--max-bytes', '13MiB', '--path', 'few')
    const refused = async (who: string, file: string, ...flags: string[]) => {
      const command = scene.send(who, `${who}.img`, '--to', `@${file}`, ...flags)
      expect(await command.code(), command.transcript).toBe(7)
      return command.last('exit').error
    }
    await bothSucceed(scene.send('ann', 'ann.img', '--to', `@${few.file}`))
    expect(await refused('bob', few.file)).toMatchObject({ code: 'limit' })
    expect(namesOf(join(scene.folder, 'few'))).toEqual(['ann.img'])
    await bothSucceed(scene.send('ann', 'ann.img', '--to', `@${few.file}`)) // What is there does not count.

    const one = await scene.ticket('--max-files', '1', '--sessions-max', '1', '--path', 'one')
    const ann = scene.send('ann', 'ann.img', '--to', `@${one.file}`, ...slowly)
    await begun(ann)
    expect(await refused('bob', one.file, '--new')).toMatchObject({ code: 'limit', message: /sessions at once/ })
    const open = await scene.ticket('--path', 'open')
    const bob = scene.send('bob', 'bob.img', '--to', `@${open.file}`, '--new', ...slowly)
    await begun(bob)
    expect(await refused('cem', open.file)).toMatchObject({ code: 'limit', message: /sessions at once/ })
    for (const sender of [ann, bob]) sender.hurry()
    await bothSucceed(ann, bob)
    expect(await refused('cem', one.file)).toMatchObject({ code: 'limit', message: /1 files/ })
  })

  it('R79: what the disk is to keep free stays free', async () => {
    const scene = new ServeScene()
    await scene.serve('--min-free', '900TiB')
    withDisk(scene, 'ann', 1)
    const { file } = await scene.ticket()
    const sender = scene.send('ann', 'ann.img', '--to', `@${file}`)
    expect(await sender.code()).toBe(7)
    expect(sender.last('exit')).toMatchObject({ error: { code: 'limit', message: /stay free/ } })
    expect(namesOf(scene.folder)).toEqual([])
  })

  it('R69: only one that may replaces what is there', async () => {
    const scene = new ServeScene()
    plant(scene.folder, { 'ann.img': 'older' })
    await scene.serve()
    withDisk(scene, 'ann', 1)
    const [mayNot, may] = [await scene.ticket(), await scene.ticket('--may-replace')]
    const flags = ['--on-conflict', 'replace']
    const refused = scene.send('ann', 'ann.img', '--to', `@${mayNot.file}`, ...flags)
    expect(await refused.code()).toBe(7)
    expect(refused.last('exit')).toMatchObject({ error: { code: 'scope' } })
    expect(readFileSync(join(scene.folder, 'ann.img'), 'utf8')).toBe('older')
    await bothSucceed(scene.send('ann', 'ann.img', '--to', `@${may.file}`, ...flags))
    expect(statSync(join(scene.folder, 'ann.img')).size).toBe(size)
  })

  it('R89: one that opens many sessions is refused in a command line; one for a single use is spent by it', async () => {
    const scene = new ServeScene()
    await scene.serve()
    withDisk(scene, 'ann', 1)
    const [many, one] = [await scene.ticket(), await scene.ticket('--uses', '1')]
    const shown = scene.send('ann', 'ann.img', '--to', many.text)
    expect(await shown.code()).toBe(2)
    expect(shown.stderr).toContain('@FILE')
    await bothSucceed(scene.send('ann', 'ann.img', '--to', one.text))
    withDisk(scene, 'bob', 2)
    const late = scene.send('bob', 'bob.img', '--to', one.text)
    expect(await late.code()).toBe(4)
    expect(late.last('exit')).toMatchObject({ error: { code: 'ticket-refused' } })
  })

  it('R86: the secret is in the ticket and nowhere else; what is kept of it, its owner alone can read', async () => {
    const scene = new ServeScene()
    const server = await scene.serve()
    const { file, text } = await scene.ticket()
    withDisk(scene, 'ann', 1)
    const sender = scene.send('ann', 'ann.img', '--to', `@${file}`)
    await bothSucceed(sender)
    server.kill('SIGTERM')
    await server.ended // From then on nothing comes or goes in its folder.
    const { secret } = decodeTicket(text)
    const forms = [
      Buffer.from(secret),
      ...(['hex', 'base64', 'base64url'] as const).map((form) => Buffer.from(Buffer.from(secret).toString(form))),
      Buffer.from(text),
    ]
    const kept = [scene.folder, scene.stateOf('server'), scene.stateOf('ann')].flatMap(filesBelow)
    expect(kept.length).toBeGreaterThan(5)
    for (const path of kept) for (const form of forms) expect(readFileSync(path).includes(form), path).toBe(false)
    for (const said of [server, sender]) expect(said.stderr + said.stdout).not.toContain(text.slice(20, 60))
    const own = join(scene.folder, '.carryon', 'server')
    for (const path of filesBelow(own)) expect(statSync(path).mode & 0o077, path).toBe(0)
    for (const name of ['', 'grants', 'accounts']) expect(statSync(join(own, name)).mode & 0o077).toBe(0)
  })

  it('are refused in a folder that was never served', async () => {
    const scene = new ServeScene()
    const command = scene.as('server', ['ticket', 'new', '--root', scene.folder, '--for', 'send'])
    expect(await command.code()).toBe(2)
    expect(existsSync(join(scene.folder, '.carryon'))).toBe(false)
  })
})

/** Plain files below a folder. */
function filesBelow(path: string): string[] {
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const below = join(path, entry.name)
    return entry.isDirectory() ? filesBelow(below) : entry.isFile() ? [below] : []
  })
}
