// `kill -9` at chosen moments of either side, or both, and the same commands again: the transfer finishes byte for byte,
// what was acknowledged is not sent again, and nothing but receipts is left.

import { describe, expect, it, onTestFinished } from 'vitest'
import { ChaosProxy } from '../support/chaos-proxy.ts'
import type { Command } from '../support/command.ts'
import { bothSucceed, narrow, portOf, Scene, slowly, through, windowBytes } from '../support/scene.ts'
import { file, folder, listing, MiB, noise, plant } from '../support/trees.ts'

const size = 12 * MiB + 4321

interface Stage {
  readonly scene: Scene
  readonly proxy: ChaosProxy
  readonly ticket: string
  receiver: Command
  sender: Command
}

const victims = ['receiver', 'sender', 'both'] as const

async function stage(): Promise<Stage> {
  const scene = new Scene()
  plant(scene.source, {
    'box/disk.img': noise(size),
    'box/notes/a.txt': file('a', 0o600),
    'box/notes/b.txt': 'b',
    'box/empty': folder(0o700, 1_234_567_890),
  })
  const receiver = scene.receive()
  const ticket = await receiver.ticket()
  const proxy = await ChaosProxy.to(portOf(ticket))
  onTestFinished(() => proxy[Symbol.asyncDispose]())
  proxy.delayMs = 50 // So that a message is under way long enough to be killed before the answer.
  const start: Stage = { scene, proxy, ticket, receiver, sender: undefined as unknown as Command }
  start.sender = sendAgain(start, ...slowly)
  return start
}

function sendAgain({ scene, proxy, ticket }: Stage, ...flags: readonly string[]): Command {
  return scene.send('box', '--to', through(proxy, ticket), ...narrow, ...flags)
}

/** Kills, starts the same commands again, and lets them finish. */
async function killAndCarryOn(it: Stage, victim: (typeof victims)[number]): Promise<void> {
  const dying = victim === 'both' ? [it.receiver, it.sender] : [it[victim]]
  await Promise.all(dying.map((command) => command.killed()))
  it.proxy.delayMs = 0
  if (victim !== 'sender') it.receiver = it.scene.receive()
  if (victim === 'both') await it.receiver.until('listening')
  if (victim === 'receiver') it.sender.hurry()
  else it.sender = sendAgain(it)
  await bothSucceed(it.sender, it.receiver)
  expect(listing(it.scene.target)).toEqual(listing(it.scene.source))
  it.scene.expectClean()
}

describe.each(victims)('kill -9 of %s', (victim) => {
  it('right after the first hello', async () => {
    const stand = await stage()
    await stand.receiver.until('session', ({ state }) => state === 'greeting')
    await killAndCarryOn(stand, victim)
  })

  it('R1: in the middle of a file: what was acknowledged is not sent again', async () => {
    const stand = await stage()
    const { bytesDurable } = await stand.sender.until('progress', (it) => it.bytesDurable > 0)
    const dying = victim === 'both' ? [stand.receiver, stand.sender] : [stand[victim]]
    await Promise.all(dying.map((command) => command.killed()))
    const passedBefore = stand.proxy.passed('up')
    await killAndCarryOn(stand, victim)
    const passedAfter = stand.proxy.passed('up') - passedBefore
    const held = 2 * MiB // Of the proxy: what it had taken and not yet passed on.
    expect(passedAfter).toBeLessThan(size - bytesDurable + MiB + held)
    expect(passedBefore + passedAfter).toBeLessThan(size + windowBytes)
    expect(stand.sender.all('warning')).toEqual([])
  })

  it('between the last acknowledge and the end', async () => {
    const stand = await stage()
    await stand.sender.until('progress', ({ bytesDurable }) => bytesDurable > 0)
    stand.sender.hurry()
    await stand.sender.until('checkpoint', ({ bytesDurable }) => bytesDurable >= size)
    await killAndCarryOn(stand, victim)
  })

  it('while the receipt is on its way', async () => {
    const stand = await stage()
    await stand.receiver.until('session', ({ state }) => state === 'finishing')
    await killAndCarryOn(stand, victim)
  })
})

describe('R114: first contact', () => {
  it('survives kill -9 of a receiver that nobody has called: its old ticket is still good', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(MiB) })
    const first = scene.receive()
    const ticket = await first.ticket()
    await first.killed()
    const receiver = scene.receive()
    expect(await receiver.ticket()).not.toBe(ticket)
    await bothSucceed(scene.send('disk.img', '--to', ticket), receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('survives kill -9 of a sender whose hello got nowhere', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(MiB) })
    const receiver = scene.receive()
    const ticket = await receiver.ticket()
    await using proxy = await ChaosProxy.to(portOf(ticket))
    proxy.blackhole('down')
    const sender = scene.send('disk.img', '--to', through(proxy, ticket))
    await proxy.until('up', 100)
    await sender.killed()
    proxy.heal()
    await bothSucceed(scene.send('disk.img', '--to', through(proxy, ticket)), receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('survives kill -9 of either side when the sender listens', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const first = scene.send('disk.img', ...slowly)
    const ticket = await first.ticket()
    const receiver = scene.receive('--from', ticket)
    await receiver.until('progress', ({ bytesDurable }) => bytesDurable > 0)
    await Promise.all([first.killed(), receiver.killed()])
    const sender = scene.send('disk.img')
    await sender.until('listening')
    const { bytesDurable } = receiver.last('progress')
    await bothSucceed(sender, scene.receive('--from', ticket))
    expect(sender.last('summary').bytesSentThisRun).toBeLessThanOrEqual(size - bytesDurable)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })
})

describe('a receipt that was lost', () => {
  it('is asked for again: the same one on both sides, code 0', async () => {
    const stand = await stage()
    const { scene, proxy, sender, receiver } = stand
    await receiver.until('session', ({ state }) => state === 'finishing')
    proxy.cutNow() // The end is under way in one direction, or the receipt in the other.
    await bothSucceed(sender, receiver)
    expect(sender.last('summary').digest).toBe(receiver.last('summary').digest)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('R41: leaves the receiver waiting for 30 s, then done with a warning; the same commands get the same receipt', async () => {
    const stand = await stage()
    const { scene, proxy } = stand
    proxy.delayMs = 200
    await stand.receiver.until('session', ({ state }) => state === 'finishing')
    await stand.sender.killed()
    expect(await stand.receiver.code(45_000)).toBe(0)
    const receipts = scene.receipts('receiver')
    expect(receipts).toHaveLength(1)
    expect(stand.receiver.all('warning').map(({ code }) => code)).toContain('release-unconfirmed')
    proxy.delayMs = 0
    const receiver = scene.receive()
    await receiver.until('listening')
    const sender = sendAgain(stand)
    expect(await sender.code(), sender.transcript).toBe(0)
    expect(scene.receipts('sender')).toEqual(receipts)
    expect(sender.last('summary').bytesSentThisRun).toBe(0)
  })
})
