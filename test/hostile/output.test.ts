// What people and scripts see: names and sentences full of escape sequences, from the disk and from the peer, move no cursor
// and hide nothing; and the secret of a ticket is nowhere but in its file.

import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocketServer } from 'ws'
import { decodeTicket, encodeTicket } from '../../src/model/ticket.ts'
import { ticketKey } from '../../src/transport/keys.ts'
import type { Command } from '../support/command.ts'
import { RawPeer } from '../support/raw-peer.ts'
import { bothSucceed, Scene } from '../support/scene.ts'
import { canOpen, Terminal } from '../support/terminal.ts'
import { MiB, noise, plant } from '../support/trees.ts'

/** Clear, title, cursor, C1, backspace, carriage return, line ends of other alphabets, direction, joiners, a lone byte. */
const evil = '\u001b[2J\u001b]0;pwned\u0007\u001b[5;45m\u009b2J\u0008\r\n\u2028\u202egnp.exe\u200b\u007f\u001b[?1049h'
/* eslint-disable no-control-regex */
const evilSequences =
  /\u001b\[2J|\u001b\]|\u001b\[5;45m|\u009b|\u0008|\u2028|\u202e|\u200b|\u007f|\u001b\[\?1049h|\u0007/
const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u2028\u202e]/
/* eslint-enable no-control-regex */

/** A source and a target whose names are evil, and in each other's way. */
function evilScene(): Scene {
  const scene = new Scene()
  plant(scene.source, { [`${evil}/new${evil}`]: noise(MiB), [`${evil}/there${evil}`]: 'mine', [`${evil}/same`]: 'x' })
  plant(scene.target, { [`${evil}/there${evil}`]: 'other' })
  return scene
}

describe('R96: names full of escape sequences', () => {
  it.skipIf(!canOpen)('do nothing in a real terminal, on either side, nor in ls and status', async () => {
    const scene = evilScene()
    const environment = (side: 'sender' | 'receiver') => ({
      columns: 100,
      cwd: scene.path,
      env: { XDG_STATE_HOME: `${scene.stateOf(side)}/..`, HOME: scene.path },
    })
    const into = join(scene.target, '.')
    const receiver = await Terminal.open(['receive', into, '--listen', '127.0.0.1:0'], {
      ...environment('receiver'),
      columns: 400,
    })
    const command = /--to (carryon1:\S+)/
    await receiver.until('the ticket', ({ lines }) => lines.some((line) => command.test(line)))
    const ticket = command.exec(receiver.lines.join('\n'))![1]!
    const sender = await Terminal.open(['send', join(scene.source, evil), '--to', ticket], environment('sender'))
    expect((await sender.ended).exitCode, sender.lines.join('\n')).toBe(13)
    await receiver.ended
    const [ls, status] = [['ls', '--all'], ['status']].map((args) => Terminal.open(args, environment('sender')))
    const all = [receiver, sender, await ls!, await status!]
    for (const terminal of all) {
      await terminal.ended
      expect(terminal.written).not.toMatch(evilSequences)
    }
    expect(sender.lines.join('')).toContain('\\x1b[2J') // It was shown, and shown as what it is.
  })

  it('leave no control byte but the end of a line in a pipe, and none at all in JSON', async () => {
    const scene = evilScene()
    const people = { people: true } as const
    const receiver = scene.receive('--files')
    const ticket = await receiver.ticket()
    const sender = scene.as('sender', ['send', join(scene.source, evil), '--to', ticket], people)
    expect(await sender.code(), sender.transcript).toBe(13)
    await receiver.ended
    const asked = [
      ['ls', '--all'],
      ['ls', '--all', '--json'],
      ['doctor', '--json'],
    ]
    const told = asked.map((args) => scene.as('sender', args, people))
    for (const command of told) await command.ended
    for (const { stderr, stdout } of [sender, receiver, ...told]) expect(stderr + stdout).not.toMatch(controls)
    expect(told[1]!.stdout).toContain('\\u009b2J') // There it was.
    expect(receiver.events.length).toBeGreaterThan(0)
  })
})

describe('R96: what a peer says', () => {
  it('when it refuses', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'carryon.v1' })
    await once(server, 'listening')
    onTestFinished(() => server.close())
    server.on('connection', (socket) => {
      socket.once('message', () => {
        socket.send(JSON.stringify({ kind: 'refuse', code: 'no-such-code', sentence: evil, retry: false }))
        socket.close(4007, evil)
      })
    })
    const scene = evilScene()
    const ticket = await scene.receive('--insecure-plaintext').ticket()
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const there = encodeTicket({ ...decodeTicket(ticket), addresses: [address] })
    const sender = scene.send(evil, '--to', there, '--insecure-plaintext')
    expect(await sender.code()).toBe(7)
    expectHarmless(sender)
  })

  it.each(['abort', 'exception', 'outcome', 'name'])('in its %s', async (what) => {
    const scene = evilScene()
    const sender = scene.send(evil, '--insecure-plaintext', '--listen', '127.0.0.1:0')
    const peer = await RawPeer.welcomed(await sender.ticket())
    await peer.until('manifest')
    const acknowledge = { kind: 'acknowledge', serial: 1, places: [], level: 'checkpoint', syncMs: 0 }
    if (what === 'abort') peer.say({ kind: 'abort', code: 'limit', sentence: evil })
    if (what === 'exception') peer.say({ kind: 'exception', code: 'x', sentence: evil, entry: null, outcome: null })
    if (what === 'outcome') peer.say({ ...acknowledge, outcomes: [[1, 'failed', 0, null, null, evil]] })
    if (what === 'name') peer.say({ ...acknowledge, outcomes: [[1, 'renamed', 0, null, evil.replace('/', '')]] })
    peer.say({ kind: 'released' }) // And now it breaks the protocol.
    await sender.code()
    expectHarmless(sender)
  })

  function expectHarmless({ stderr, stdout }: Command): void {
    expect(stderr).not.toMatch(controls)
    expect(stdout).not.toMatch(controls)
  }
})

it('no path of one machine is told to the other, whatever stands in the way of what is sent', async () => {
  const scene = new Scene()
  plant(scene.source, { 'tree/led/away/file': 'x', 'tree/no folder/file': 'y', 'tree/plain': 'z' })
  mkdirSync(join(scene.source, 'tree/links'))
  for (const folder of ['links', 'led']) symlinkSync('plain', join(scene.source, 'tree', folder, 'link'))
  plant(scene.target, { 'tree/no folder': 'a file', 'tree/links': 'a file' })
  symlinkSync(scene.path, join(scene.target, 'tree/led'))
  const receiver = scene.receive('--files')
  const sender = scene.send('tree', '--to', await receiver.ticket(), '--files')
  expect([await sender.code(), await receiver.code()]).toEqual([13, 13])
  expect(sender.all('file')).toHaveLength(6)
  const reasons = receiver.all('file').flatMap(({ reason }) => reason ?? [])
  expect(reasons).toContain('tree/led is a link or no folder; links are never followed here.')
  expect(sender.stdout + sender.stderr).not.toContain(scene.target)
  expect(receiver.stdout + receiver.stderr).not.toContain(scene.source)
})

describe('R86, R89: the secret of a ticket', () => {
  it('is nowhere but in the ticket file; keys made of it are in files that only their owner reads', async () => {
    const scene = new Scene()
    plant(scene.source, { large: noise(8 * MiB) })
    const file = join(scene.path, 'the-ticket')
    const receiver = scene.receive('--ticket-file', file)
    await receiver.until('listening')
    const text = readFileSync(file, 'utf8').trim()
    const { secret, id } = decodeTicket(text)
    const sender = scene.send('large', '--to', `@${file}`, '--bwlimit', '2MiB')
    await sender.until('checkpoint')
    for (const side of [sender, receiver]) side.kill('SIGSTOP') // What is looked through stays as it is.
    const raw = Buffer.from(secret)
    const key = Buffer.from(ticketKey(secret), 'hex')
    const spelt = (bytes: Buffer): Buffer[] =>
      [bytes, ...(['hex', 'base64', 'base64url'] as const).map((how) => Buffer.from(bytes.toString(how).replace(/=+$/, '')))] // prettier-ignore
    const canaries = [...spelt(raw), Buffer.from(text)]

    for (const pid of [sender, receiver].flatMap(({ pid }) => [pid, ...childrenOf(pid!)]))
      for (const name of ['cmdline', 'environ', 'comm', 'status'])
        for (const canary of [...canaries, ...spelt(key)])
          expect(readFileSync(`/proc/${pid}/${name}`).includes(canary)).toBe(false)
    expectNowhere(scene, file, canaries)
    const holders = filesBelow(scene.path).filter((path) => spelt(key).some((it) => readFileSync(path).includes(it)))
    expect(holders.length, 'the derived key is kept somewhere, or nothing could go on').toBeGreaterThan(0)
    for (const path of holders) {
      expect(statSync(path).mode & 0o077, path).toBe(0)
      expect(statSync(join(path, '..')).mode & 0o077, join(path, '..')).toBe(0)
    }

    await sender.killed()
    receiver.kill('SIGCONT')
    const again = scene.send('large', '--to', `@${file}`)
    await bothSucceed(again, receiver)
    expectNowhere(scene, file, canaries)
    for (const { stdout, stderr } of [sender, again, receiver])
      for (const canary of canaries) expect(Buffer.from(stdout + stderr).includes(canary)).toBe(false)
    expect(id).toMatch(/^[0-9a-f]{32}$/)
  })

  it('is not repeated by an error, however it is mistyped', async () => {
    const scene = new Scene()
    plant(scene.source, { small: 'x' })
    const ticket = await scene.receive().ticket()
    for (const wrong of [`x${ticket}`, `${ticket}x`, ticket.slice(9), ticket.toUpperCase(), `${ticket} ${ticket}`]) {
      const sender = scene.send('small', '--to', wrong)
      await sender.code()
      expect(sender.stderr + sender.stdout).not.toContain(ticket.slice(30, 60))
    }
    mkdirSync(join(scene.path, 'open'))
    writeFileSync(join(scene.path, 'open', 'ticket'), ticket, { mode: 0o644 })
    const sender = scene.send('small', '--to', `@${join(scene.path, 'open', 'ticket')}`)
    expect(await sender.code()).toBe(2) // A file that others may read is no place for it.
    expect(sender.stderr + sender.stdout).not.toContain(ticket.slice(30, 60))
  })
})

/** What it has started, and what those have. */
function childrenOf(pid: number): number[] {
  const own = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  return own.flatMap((child) => [child, ...childrenOf(child)])
}

function expectNowhere(scene: Scene, but: string, canaries: readonly Buffer[]): void {
  const found = filesBelow(scene.path).filter(
    (path) => path !== but && canaries.some((it) => readFileSync(path).includes(it)),
  )
  expect(found).toEqual([])
}

function filesBelow(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}
