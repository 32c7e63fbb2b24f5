// What one run may use up, and how fast it may go: it stops with all kept, and the same command goes on.

import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Command } from '../support/command.ts'
import { begun, size } from '../support/broken-session.ts'
import { bothSucceed, expectBalanced, leisurely, Scene, slowly, type Side } from '../support/scene.ts'
import { link, listing, MiB, noise, plant } from '../support/trees.ts'

it('the same command with a ticket that was used ends as the first one did, for reasons that no receipt names, too', async () => {
  const scene = new Scene()
  plant(scene.source, { 'photos/a': 'a' })
  execFileSync('mkfifo', [`${scene.source}/photos/pipe`])
  const receiver = scene.receive()
  const args = ['send', `${scene.source}/photos`, '--to', await receiver.ticket(), '--special', 'fail']
  for (let run = 0; run < 3; run++) {
    const sender = scene.as('sender', args)
    expect(await sender.code(), sender.transcript).toBe(3)
    expect(sender.all('hint').map(({ code }) => code)).toEqual(run === 0 ? [] : ['delivered-before'])
  }
})

describe('--fail-if-nothing', () => {
  it('is code 9 on both sides where all was there already, and 0 where something was not', async () => {
    const scene = new Scene()
    plant(scene.source, { 'photos/a': 'a', 'photos/b': 'b', 'photos/best': link('a') })
    for (const [added, code] of [
      [{}, 0],
      [{}, 9],
      [{ 'photos/c': 'c' }, 0],
      [{ 'photos/last': link('c') }, 0],
      [{}, 9],
    ] as const) {
      plant(scene.source, added)
      const receiver = scene.receive('--fail-if-nothing')
      const sender = scene.send('photos', '--to', await receiver.ticket(), '--fail-if-nothing')
      expect([await sender.code(), await receiver.code()], sender.transcript).toEqual([code, code])
      if (code === 9) expect(sender.last('exit')).toMatchObject({ name: 'nothing-to-do', resumable: false })
    }
    expect(Object.keys(listing(scene.target))).toEqual(Object.keys(listing(scene.source)))
  })
})

describe('what one run may use up', () => {
  it('--max-transfer: the sender stops within a frame, with code 8; the same command goes on, run after run', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive()
    const limit = ['--max-transfer', '10MiB'] as const
    const ticket = await receiver.ticket()
    for (const run of [1, 2]) {
      const stopped =
        run === 1 ? scene.send('disk.img', '--to', ticket, ...limit) : scene.as('sender', ['resume', ...limit])
      expect(await stopped.code(), stopped.transcript).toBe(8)
      expect(stopped.last('exit')).toMatchObject({
        name: 'transfer-limit',
        resumable: true,
        error: { code: 'transfer-limit' },
      })
      expect(stopped.last('session')).toMatchObject({ state: 'paused', reason: 'transfer-limit', who: 'self' })
      expect(stopped.last('session').bytesDurable).toBe(run * 10 * MiB) // All that crossed was made safe first.
      await receiver.until('session', ({ reason }) => reason === 'peer-signal')
    }
    const last = scene.as('sender', ['resume', ...limit])
    await bothSucceed(last, receiver)
    expectBalanced(last)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it.each([
    ['64KiB', 64 * 1024],
    ['1MiB', MiB],
  ])('--max-transfer stops a sender within one frame, whatever its size: %s', async (chunk, chunkBytes) => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive()
    const flags = ['--chunk-size', chunk, '--max-transfer', '1500KiB']
    const sender = scene.send('disk.img', '--to', await receiver.ticket(), ...flags)
    expect(await sender.code(), sender.transcript).toBe(8)
    expect(sender.last('session').bytesDurable).toBe(Math.ceil((1500 * 1024) / chunkBytes) * chunkBytes)
  })

  it('--max-transfer of just the bytes there are is no limit', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(3 * MiB + 1), small: 'small' })
    const receiver = scene.receive()
    const sender = scene.send(
      ['disk.img', 'small'],
      '--to',
      await receiver.ticket(),
      '--max-transfer',
      `${3 * MiB + 6}`,
    )
    await bothSucceed(sender, receiver)
  })

  it('--max-transfer of a receiver: code 8, and it goes on', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive('--max-transfer', '2MiB')
    const sender = scene.send('disk.img', '--to', await receiver.ticket(), ...slowly)
    expect(await receiver.code(), receiver.transcript).toBe(8)
    await sender.until('session', ({ reason }) => reason === 'peer-signal')
    sender.hurry()
    await bothSucceed(scene.receive(), sender)
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })

  it.each<[Side]>([['sender'], ['receiver']])('--max-duration of the %s: code 10, and it goes on', async (side) => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const limit = ['--max-duration', '3s'] // Of the one that dials: it does not count how long the other one takes to start.
    const other = side === 'sender' ? scene.receive() : scene.send('disk.img', ...leisurely)
    const ticket = await other.ticket()
    const stopped =
      side === 'sender'
        ? scene.send('disk.img', '--to', ticket, ...leisurely, ...limit)
        : scene.receive('--from', ticket, ...limit)
    expect(await stopped.code(), stopped.transcript).toBe(10)
    expect(stopped.last('exit')).toMatchObject({ name: 'time-limit', resumable: true })
    expect(stopped.stderr).toMatch(/this run was allowed 3 s/)
    const stands = scene.as(side, ['ls', '--json'], { people: true })
    expect(await stands.code()).toBe(0)
    expect(JSON.parse(stands.stdout)).toMatchObject({ sessions: [{ state: 'paused', reason: 'time-limit' }] })
    other.hurry()
    await bothSucceed(scene.as(side, ['resume']), other)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('--max-duration before anybody came: code 10, nothing is left', async () => {
    const scene = new Scene()
    const receiver = scene.receive('--max-duration', '1s')
    expect(await receiver.code(), receiver.transcript).toBe(10)
  })
})

describe('resume --bwlimit', () => {
  it('changes the speed of a session that runs, and comes back at once', async () => {
    const { scene, sender, receiver, session } = await begun(1, leisurely)
    const faster = scene.as('sender', ['resume', session, '--bwlimit', 'off'])
    expect(await faster.code(), faster.transcript).toBe(0)
    expect(faster.stderr).toMatch(/no bandwidth limit from now on/)
    expect(faster.last('session')).toMatchObject({ held: true, session })
    await bothSucceed(sender, receiver) // At 1 MiB/s it would take longer than anybody waits here.
    const late = scene.as('sender', ['resume', session, '--bwlimit', '1MiB'])
    expect(await late.code()).toBe(0) // It is delivered: there is nothing left to limit.
    expect(late.last('hint').code).toBe('delivered-before')
  })
})

describe('what a receiver refuses', () => {
  it('a file that grows while it is sent counts against --max-bytes as one that is offered does', async () => {
    // Only the manifest was counted: a sender that announced a small file and then "changed" it brought in what it liked.
    const scene = new Scene()
    plant(scene.source, { 'log.txt': noise(3 * MiB) })
    const receiver = scene.receive('--max-bytes', '4MiB')
    const sender = scene.send('log.txt', '--to', await receiver.ticket(), '--bwlimit', '300KiB')
    await begunSending(sender)
    appendFileSync(`${scene.source}/log.txt`, noise(8 * MiB, 2))
    sender.hurry()
    expect(await sender.code(), sender.transcript).toBe(7)
    expect(sender.last('exit')).toMatchObject({ error: { code: 'limit' } })
    expect(await receiver.code()).toBe(7)
    expect(existsSync(`${scene.target}/log.txt`)).toBe(false)
  })
})

const begunSending = (command: Command) => command.until('progress', ({ bytesDurable }) => bytesDurable > 0)

describe('--chunk-size', () => {
  const asked = ['--chunk-size', '64KiB'] as const

  it('is what is sent and checked as one; the session keeps it, and says so where another one is asked for', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive()
    const ticket = await receiver.ticket()
    const stopped = scene.send('disk.img', '--to', ticket, ...asked, '--max-transfer', '1MiB')
    expect(await stopped.code(), stopped.transcript).toBe(8)
    for (const side of ['sender', 'receiver'] as const)
      expect(await scene.document(side, 'status')).toMatchObject({ session: { chunkBytes: 64 * 1024 } })
    const sender = scene.send('disk.img', '--to', ticket, '--chunk-size', '128KiB')
    await bothSucceed(sender, receiver)
    const [warning] = sender.all('warning').filter(({ code }) => code === 'frozen-chunk-size')
    expect(warning?.message).toContain('keeps them')
    expect(listing(scene.target)).toEqual(listing(scene.source))
    expectBalanced(sender)
    scene.expectClean()
  })

  it('agrees with --checksum: what is there already is known again', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    plant(scene.target, { 'disk.img': noise(size) })
    const receiver = scene.receive()
    const sender = scene.send('disk.img', '--to', await receiver.ticket(), ...asked, '--checksum')
    await bothSucceed(sender, receiver)
    expect(sender.last('summary').bytesSentThisRun).toBe(0)
  })
})
