// Bad input gets a clear sentence on stderr, the documented exit code, and leaves nothing half-written: what a person may
// mistype, what a machine may refuse, and what a peer may say that no carryon says.

import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { encodeTicket, decodeTicket } from '../../src/model/ticket.ts'
import type { Command } from '../support/command.ts'
import { helloOf, RawPeer } from '../support/raw-peer.ts'
import { Scene, unprivileged } from '../support/scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

/** It ended with this code, said so in words and in its last event, and left no session. */
async function expectRefused(command: Command, code: number, error: string, words: RegExp): Promise<void> {
  expect(await command.code(), command.transcript).toBe(code)
  expect(command.last('exit').error?.code).toBe(error)
  expect(command.stderr).toMatch(words)
  expect(command.stderr).not.toMatch(/\n {4}at |undefined|\[object/)
  expectPlain(command.stderr)
}

function expectPlain(text: string): void {
  // eslint-disable-next-line no-control-regex
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/)
}

function sceneWithFile(): Scene {
  const scene = new Scene()
  plant(scene.source, { 'disk.img': noise(MiB) })
  return scene
}

/** A ticket of a listener that is gone, changed as a test likes. */
async function oldTicket(scene: Scene, changes: Partial<ReturnType<typeof decodeTicket>> = {}): Promise<string> {
  const receiver = scene.receive()
  const ticket = await receiver.ticket()
  await receiver.killed()
  return encodeTicket({ ...decodeTicket(ticket), ...changes })
}

const hasMkfifo = existsSync('/usr/bin/mkfifo')
if (!hasMkfifo) console.warn('Skipped: a pipe that is named (there is no mkfifo).')

describe('what a person mistypes', () => {
  it('a path that is not there: code 2, by name', async () => {
    const scene = new Scene()
    await expectRefused(scene.send('not-there'), 2, 'no-such-path', /not-there: there is no such file or folder/)
    expect(scene.leftovers('sender')).toEqual([])
  })

  it('a file or folder named outright that may not be read: code 2 at once, before anybody is waited for', async () => {
    const scene = new Scene({ uid: unprivileged })
    plant(scene.source, { 'secret.txt': 'x', 'closed/a': 'x', 'open.txt': 'x' })
    chmodSync(`${scene.source}/secret.txt`, 0)
    chmodSync(`${scene.source}/closed`, 0)
    for (const name of ['secret.txt', 'closed']) {
      const sender = scene.send(['open.txt', name])
      await expectRefused(sender, 2, 'not-sendable', new RegExp(`${name}: you may not read it`))
      expect(sender.all('listening')).toEqual([])
    }
    chmodSync(`${scene.source}/closed`, 0o755)
    expect(scene.leftovers('sender')).toEqual([])
  })

  it.skipIf(!hasMkfifo)('a pipe or socket named outright: code 2 at once, and it is not opened', async () => {
    const scene = new Scene()
    execFileSync('mkfifo', [`${scene.source}/pipe`])
    const socket = createServer().listen(`${scene.source}/socket`)
    onTestFinished(() => void socket.close())
    await new Promise((resolve) => socket.once('listening', resolve))
    for (const name of ['pipe', 'socket'])
      await expectRefused(scene.send(name), 2, 'not-sendable', new RegExp(`${name}: it is neither a file nor a folder`))
    expect(scene.leftovers('sender')).toEqual([])
  })

  it('two paths that would land on one name: code 2, both named', async () => {
    const scene = new Scene()
    plant(scene.source, { 'a/same': '1', 'b/same': '2' })
    await expectRefused(scene.send(['a/same', 'b/same']), 2, 'same-name', /a\/same and .*b\/same together/)
  })

  it('a name that is a dash: code 2, for it is refused as a path', async () => {
    const scene = new Scene()
    await expectRefused(scene.as('sender', ['send', '-']), 2, 'usage', /-/)
  })

  it.each([
    ['empty', '', 2, 'usage'],
    ['of something else', 'hello', 2, 'secret-unreadable'],
    ['with a letter changed', undefined, 4, 'ticket-damaged'],
    ['cut', undefined, 4, 'ticket-damaged'],
    ['of a newer version', 'carryon2:AAAA', 4, 'ticket-damaged'],
  ])('a ticket that is %s', async (how, text, code, error) => {
    const scene = sceneWithFile()
    const ticket = await oldTicket(scene)
    const last = ticket.at(-9) === 'A' ? 'B' : 'A'
    const changed = how === 'cut' ? ticket.slice(0, -6) : ticket.slice(0, -9) + last + ticket.slice(-8)
    const command = scene.send('disk.img', '--to', text ?? changed)
    expect(await command.code(), command.transcript).toBe(code)
    expect([error, 'usage', 'ticket-damaged']).toContain(command.last('exit').error?.code)
    expect(command.stderr).not.toContain(ticket.slice(20, 40)) // Not even a damaged one is shown.
    expect(scene.leftovers('sender')).toEqual([])
  })

  it('a ticket that has expired: code 4, with when', async () => {
    const scene = sceneWithFile()
    const ticket = await oldTicket(scene, { expiresAt: Date.parse('2020-01-01T00:00:00Z') })
    await expectRefused(scene.send('disk.img', '--to', ticket), 4, 'ticket-expired', /expired at 2020-01-01/)
  })

  it('a ticket whose secret is another: code 4', async () => {
    const scene = sceneWithFile()
    const receiver = scene.receive()
    const ticket = decodeTicket(await receiver.ticket())
    const wrong = encodeTicket({ ...ticket, secret: new Uint8Array(32).fill(7) })
    await expectRefused(scene.send('disk.img', '--to', wrong), 4, 'ticket-refused', /does not accept this ticket/)
    expect(receiver.isRunning).toBe(true)
    expect(scene.leftovers('sender')).toEqual([])
  })

  it('a ticket for the other command: code 2 or 4, with the right one', async () => {
    const scene = sceneWithFile()
    const receiver = scene.receive()
    const ticket = await receiver.ticket()
    const command = scene.as('sender', ['receive', `${scene.path}/elsewhere`, '--from', ticket])
    expect([2, 4]).toContain(await command.code())
    expect(command.stderr).toMatch(/carryon send|send/)
  })
})

describe('what a machine refuses', () => {
  it('a port in use: code 2, by name', async () => {
    const scene = new Scene()
    const { port } = await server(createServer())
    const receiver = scene.receive('--listen', `127.0.0.1:${port}`)
    await expectRefused(receiver, 2, 'port-in-use', new RegExp(`127.0.0.1:${port}.*another program uses that port`))
    expect(scene.leftovers('receiver')).toEqual([])
  })

  it('a folder that is not writable: code 2, before a ticket is shown', async () => {
    const scene = new Scene({ uid: unprivileged })
    mkdirSync(`${scene.path}/locked`, { mode: 0o555 })
    const args = ['receive', `${scene.path}/locked`, '--listen', '127.0.0.1:0']
    const receiver = scene.as('receiver', args)
    await expectRefused(receiver, 2, 'folder-not-writable', /locked/)
    expect(receiver.all('listening')).toEqual([])
  })

  it('a folder where none can be made: code 2, and nobody says that it was there before', async () => {
    const receiver = new Scene().as('receiver', ['receive', '/proc/nothing', '--listen', '127.0.0.1:0'])
    await expectRefused(receiver, 2, 'folder-not-writable', /\/proc\/nothing: it is not there, and cannot be made\.$/m)
  })

  it('a target that is a file: code 2', async () => {
    const scene = new Scene()
    writeFileSync(`${scene.path}/file`, '')
    const receiver = scene.as('receiver', ['receive', `${scene.path}/file`, '--listen', '127.0.0.1:0'])
    await expectRefused(receiver, 2, 'folder-not-writable', /file/)
  })

  it('more than --max-bytes: code 7 on the side that is refused, with the limit, and nothing lands', async () => {
    const scene = sceneWithFile()
    const receiver = scene.receive('--max-bytes', '1000')
    const sender = scene.send('disk.img', '--to', await receiver.ticket())
    expect(await sender.code(), sender.transcript).toBe(7)
    expect(sender.stderr).toMatch(/^What is offered has more than --max-bytes 1000\.$/m)
    await receiver.ended
    expect(listing(scene.target)).not.toHaveProperty('disk.img')
  })

  it('R59: a link in the target that leads outside is never written through', async () => {
    const scene = new Scene()
    plant(scene.source, { 'photos/a': 'new' })
    mkdirSync(`${scene.path}/outside`)
    symlinkSync(`${scene.path}/outside`, `${scene.target}/photos`)
    const receiver = scene.receive()
    const sender = scene.send('photos', '--to', await receiver.ticket(), '--on-conflict', 'replace')
    expect(await sender.code(), sender.transcript).not.toBe(0)
    await receiver.ended
    expect(listing(`${scene.path}/outside`)).toEqual({})
  })
})

describe('a peer that is no carryon: code 7, by what it said', () => {
  it('a web server', async () => {
    const scene = sceneWithFile()
    const { port } = await server(createHttpServer((_request, response) => response.end('<h1>hello</h1>')))
    const ticket = await oldTicket(scene, { addresses: [`127.0.0.1:${port}`], tls: 'plain' })
    const sender = scene.send('disk.img', '--to', ticket, '--insecure-plaintext')
    await expectRefused(sender, 7, 'not-carryon', /does not speak carryon/)
  })

  it('a server of another protocol, where TLS is expected', async () => {
    const scene = sceneWithFile()
    const { port } = await server(createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-OpenSSH_9.2\r\n')))
    const ticket = await oldTicket(scene, { addresses: [`127.0.0.1:${port}`] })
    await expectRefused(scene.send('disk.img', '--to', ticket), 7, 'not-carryon', /does not speak carryon/)
  })

  it('nobody: code 5 once --connect-for is over', async () => {
    const scene = sceneWithFile()
    const ticket = await oldTicket(scene)
    const sender = scene.send('disk.img', '--to', ticket, '--connect-for', '1s')
    await expectRefused(sender, 5, 'peer-unreachable', /Cannot reach the other side at 127\.0\.0\.1/)
    expect(scene.leftovers('sender')).toEqual([])
  })
})

describe('a hostile sender gets its connection closed, and the receiver ends with code 7', () => {
  /** A receiver without encryption, and a peer it has welcomed. */
  async function welcomed() {
    const scene = new Scene()
    const receiver = scene.receive('--insecure-plaintext')
    const peer = await RawPeer.welcomed(await receiver.ticket())
    return { scene, receiver, peer }
  }

  const page = (entries: readonly unknown[]) => ({
    kind: 'manifest',
    page: 0,
    first: 0,
    entries,
    digest: '0000000000000000',
    last: { entries: entries.length, bytes: 0 },
  })

  it.each([
    ['..', ['..', 'etc', 'passwd'], /"\.\."|\.\./],
    ['.', ['.'], /cannot be/],
    ['an empty one', [''], /cannot be/],
    ['with a slash', ['a/b'], /a\/b/],
    ['with a NUL', ['a\u0000b'], /\\0|\\x00|\\u0000|\\u\{0\}/],
    ['with escape sequences and a slash', ['\u001b[31m/red'], /\\x1b|\\u001b|\\e|\\u\{1b\}/i],
    ['longer than 255 bytes', ['x'.repeat(256)], /cannot be/],
    ['129 levels deep', Array.from({ length: 129 }, () => 'd'), /./],
  ])('R60: for a name that is %s: it is shown escaped, and nothing is written', async (_what, path, shown) => {
    const { scene, receiver, peer } = await welcomed()
    peer.say(page([['f', path, 0, 0, 0o644]]))
    await peer.closed
    expect(await receiver.code(), receiver.transcript).toBe(7)
    expect(receiver.stderr).toMatch(shown)
    expectPlain(receiver.stderr)
    expect(Object.keys(listing(scene.target)).filter((name) => !name.startsWith('.carryon'))).toEqual([])
    expect(Object.keys(listing(scene.path)).some((name) => name.includes('passwd'))).toBe(false)
  })

  it.each([
    ['a message of unknown kind', { kind: 'gimme' }],
    ['a message without a kind', { hello: 'world' }],
    ['JSON that is not ours', [1, 2, 3]],
    ['no JSON', 'GET / HTTP/1.1'],
    ['JSON that is deep', '['.repeat(60_000)],
    ['a message for the other direction', { kind: 'want', wants: [], pages: 0, last: true }],
    ['a page out of turn', { ...page([]), page: 7 }],
    ['a page that lies about its totals', { ...page([]), last: { entries: 5, bytes: 5 } }],
    ['a count below zero', { ...page([]), first: -1 }],
  ])('for %s', async (_what, message) => {
    const { scene, receiver, peer } = await welcomed()
    peer.say(message)
    await peer.closed
    expect(await receiver.code(), receiver.transcript).toBe(7)
    expect(receiver.last('exit').error?.code).toBe('protocol')
    expectPlain(receiver.stderr)
    expect(Object.keys(listing(scene.target)).filter((name) => !name.startsWith('.carryon'))).toEqual([])
  })

  it.each([
    ['too large', Buffer.alloc(1024 * 1024 + 128 * 1024)],
    ['of noise', noise(1000, 5)],
    ['too short for a header', Buffer.alloc(7)],
  ])('R70: for a frame that is %s', async (_what, bytes) => {
    const { receiver, peer } = await welcomed()
    peer.sayBytes(bytes)
    await peer.closed
    receiver.kill('SIGINT') // A line that flips bits says the same: it is worth another connection.
    await receiver.ended
    expect(receiver.stderr).not.toMatch(/bug|unforeseen/i)
  })

  it('of another version: both sides of the sentence are told', async () => {
    const scene = new Scene()
    const receiver = scene.receive('--insecure-plaintext')
    const ticket = await receiver.ticket()
    const peer = await RawPeer.dial(ticket)
    peer.say({ ...helloOf(decodeTicket(ticket).id, 'sender'), versions: [99] })
    const refusal = await peer.until('refuse')
    expect(refusal).toMatchObject({ code: 'version', retry: false })
    expect(refusal!['sentence']).toMatch(/99/)
    await peer.closed
    expect(receiver.isRunning).toBe(true) // Nobody has joined: somebody else may still.
  })
})

/** A server of some kind on a free port of loopback; gone when the test is. */
async function server(it: Server): Promise<{ readonly port: number }> {
  await new Promise<void>((resolve) => it.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void it.close())
  return { port: (it.address() as AddressInfo).port }
}
