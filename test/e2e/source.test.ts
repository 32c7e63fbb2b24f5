// The source is edited while it is sent, or between two runs: what lands is one version of each file, never a mix, and
// whoever edits is told what became of it.

import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import type { Command } from '../support/command.ts'
import { bothSucceed, leisurely, Scene, unprivileged } from '../support/scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

const size = 24 * MiB + 55

/** Writes into the middle of a file, as an editor or a database does. */
function edit(path: string, offset: number, bytes: Buffer): void {
  const fd = openSync(path, 'r+')
  writeSync(fd, bytes, 0, bytes.length, offset)
  closeSync(fd)
}

/** Every way a file may change, as a person would say it. */
const changes: Readonly<Record<string, (path: string) => void>> = {
  grown: (path) => appendFileSync(path, noise(3 * MiB, 9)),
  shortened: (path) => truncateSync(path, size - 5 * MiB),
  'edited in place': (path) => edit(path, 2 * MiB + 5, noise(1000, 8)),
  'edited in place, its time put back (touch -r)': (path) => {
    const { atime, mtime } = statSync(path)
    edit(path, 2 * MiB + 5, noise(1000, 8))
    utimesSync(path, atime, mtime)
  },
  'replaced by another file': (path) => {
    writeFileSync(`${path}.new`, noise(size, 7))
    renameSync(`${path}.new`, path)
  },
}

async function begun(files: Record<string, Buffer> = { 'disk.img': noise(size) }) {
  const scene = new Scene()
  plant(`${scene.source}/box`, files)
  const receiver = scene.receive()
  const ticket = await receiver.ticket()
  const sender = scene.send('box', '--to', ticket, ...leisurely)
  return { scene, receiver, sender, ticket, path: `${scene.source}/box/disk.img` }
}

const warnings = (command: Command) => command.all('warning').map(({ code }) => code)

describe('R52: a source that changed between two runs is noticed', () => {
  it.each(Object.entries(changes))('%s', async (_how, change) => {
    const { scene, receiver, sender, ticket, path } = await begun()
    await sender.until('progress', ({ bytesDurable }) => bytesDurable > 0)
    await sender.killed()
    change(path)
    const again = scene.send('box', '--to', ticket)
    await bothSucceed(again, receiver)
    expect(readFileSync(`${scene.target}/box/disk.img`).equals(readFileSync(path))).toBe(true)
    expect(warnings(again)).toContain('source-changed')
    scene.expectClean()
  })
})

describe('R51: a source that changes while it is sent is noticed', () => {
  it.each(Object.entries(changes))('%s', async (_how, change) => {
    const { scene, receiver, sender, path } = await begun()
    await sender.until('progress', ({ bytesDurable }) => bytesDurable > 0)
    change(path)
    sender.hurry()
    await bothSucceed(sender, receiver)
    expect(readFileSync(`${scene.target}/box/disk.img`).equals(readFileSync(path))).toBe(true)
    expect(warnings(sender)).toContain('source-changed')
    scene.expectClean()
  })

  it('appended to: what was sent before stays there, and is not sent again', async () => {
    const { scene, receiver, sender, path } = await begun()
    await sender.until('progress', ({ bytesDurable }) => bytesDurable > 0)
    changes['grown']!(path)
    sender.hurry()
    await bothSucceed(sender, receiver)
    expect(sender.last('summary').bytesSentThisRun).toBeLessThan(size + 3 * MiB + 6 * MiB)
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })
})

describe('R54: a file that cannot be sent fails alone', () => {
  it('deleted after the walk: the others arrive, code 6, its name is said', async () => {
    const { scene, receiver, sender } = await begun({ a: noise(8 * MiB), 'z.txt': Buffer.from('gone soon') })
    await sender.until('progress', ({ bytesTotal }) => bytesTotal !== null)
    rmSync(`${scene.source}/box/z.txt`)
    sender.hurry()
    expect([await sender.code(), await receiver.code()]).toEqual([6, 6])
    expect(sender.last('exit')).toMatchObject({ name: 'vanished' })
    expect(sender.all('file').map(({ path, outcome }) => [path, outcome])).toEqual([['box/z.txt', 'vanished']])
    expect(sender.stderr).toContain('box/z.txt')
    expect(listing(scene.target, { withoutTimes: true })).toEqual(listing(scene.source, { withoutTimes: true }))
  })

  it.each([
    ['ok', 0],
    ['fail', 3],
  ])('deleted after the walk, under --vanished %s: code %d', async (policy, code) => {
    const scene = new Scene()
    plant(scene.source, { 'box/a': noise(8 * MiB), 'box/z': 'gone soon' })
    const receiver = scene.receive()
    const ticket = await receiver.ticket()
    const sender = scene.send('box', '--to', ticket, ...leisurely, '--vanished', policy)
    await sender.until('progress', ({ bytesTotal }) => bytesTotal !== null)
    rmSync(`${scene.source}/box/z`)
    sender.hurry()
    expect(await sender.code()).toBe(code)
    await receiver.ended
  })

  it('unreadable: the others arrive, code 3, its name and the reason are said', async () => {
    const scene = new Scene({ uid: unprivileged })
    plant(scene.source, { 'box/open': 'a', 'box/secret': 'b', 'box/shut/inner': 'c' })
    if (unprivileged !== undefined) scene.give(unprivileged)
    chmodSync(`${scene.source}/box/secret`, 0)
    chmodSync(`${scene.source}/box/shut`, 0)
    const receiver = scene.receive()
    const sender = scene.send('box', '--to', await receiver.ticket())
    const code = await sender.code()
    chmodSync(`${scene.source}/box/shut`, 0o755)
    expect(code, sender.transcript).toBe(3)
    expect(await receiver.code()).toBe(3)
    expect(sender.last('exit')).toMatchObject({ name: 'omissions' })
    expect(sender.stderr).toContain('box/secret')
    expect(sender.stderr).toContain('box/shut')
    expect(readFileSync(`${scene.target}/box/open`, 'utf8')).toBe('a')
  })

  it('R67: a pipe or a socket is never opened: listed, code 0; 3 under --special fail', async () => {
    const scene = new Scene()
    mkdirSync(`${scene.source}/box`)
    writeFileSync(`${scene.source}/box/a`, 'a')
    execFileSync('mkfifo', [`${scene.source}/box/pipe`])
    for (const [flags, code] of [[[], 0] as const, [['--special', 'fail'], 3] as const]) {
      const receiver = scene.receive()
      const sender = scene.send('box', '--to', await receiver.ticket(), ...flags)
      expect(await sender.code(), sender.transcript).toBe(code)
      await receiver.ended
      expect(sender.all('file').map(({ path }) => path)).toEqual(['box/pipe'])
      expect(Object.keys(listing(scene.target))).toEqual(['box', 'box/a'])
    }
  })

  it('and a time that no message can say fails nothing: the file has the nearest one that can be said, and is known again', async () => {
    const scene = new Scene()
    plant(scene.source, { 'box/small': 'a', 'box/large': noise(3 * MiB), 'box/z': 'z' })
    for (const name of ['small', 'large', '.']) utimesSync(`${scene.source}/box/${name}`, 13e9, 13e9) // The year 2381.
    const first = scene.receive()
    await bothSucceed(scene.send('box', '--to', await first.ticket()), first)
    for (const name of ['small', 'large', 'z'])
      expect(readFileSync(`${scene.target}/box/${name}`).equals(readFileSync(`${scene.source}/box/${name}`))).toBe(true)
    expect(statSync(`${scene.target}/box/large`).mtime.getUTCFullYear()).toBe(2255)
    const second = scene.receive()
    const sender = scene.send('box', '--to', await second.ticket())
    await bothSucceed(sender, second)
    expect(sender.last('summary').outcomes).toEqual({ unchanged: 4 })
  })
})
