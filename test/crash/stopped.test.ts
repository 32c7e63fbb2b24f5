// A process that is stopped for a while, as by a laptop's sleep, holds on to its session and goes on when it wakes (R37).
// Nobody is taken for dead because this side stood still itself.

import { setTimeout } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Command } from '../support/command.ts'
import { bothSucceed, expectBalanced, Scene, slowly, type Side } from '../support/scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

const size = 48 * MiB + 99
const againMs = 5_000 // From waking up to flowing data.
const slack = 3

function stop(command: Command): void {
  command.kill('SIGSTOP')
  onTestFinished(() => command.kill('SIGCONT'))
}

describe.each(['receiver', 'sender'] as const)('SIGSTOP of the %s', (stopped: Side) => {
  it('lets the other side notice; after SIGCONT both carry on from what was acknowledged', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive('--dead-after', '3s')
    const sender = scene.send('disk.img', '--to', await receiver.ticket(), ...slowly, '--dead-after', '3s')
    await sender.until('checkpoint', ({ bytesDurable }) => bytesDurable >= size / 8)
    const [sleeper, waker]: readonly [Command, Command] =
      stopped === 'receiver' ? [receiver, sender] : [sender, receiver]
    stop(sleeper)
    await waker.untilNext('session', ({ state }) => state === 'interrupted')
    const back = waker.untilNext('session', ({ state }) => state === 'transferring')
    const wokenAt = Date.now()
    sleeper.kill('SIGCONT')
    const afterMs = Date.parse((await back).time) - wokenAt
    console.log(`going again ${afterMs} ms after it woke up`)
    expect(afterMs).toBeLessThan(againMs * slack)
    sender.hurry()
    await bothSucceed(sender, receiver)
    expectBalanced(sender)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('longer than it would wait itself, beside a peer that has nothing to say meanwhile, costs no connection', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const [mine, theirs] = [
      ['--dead-after', '3s'],
      ['--dead-after', '60s'],
    ]
    const receiver = scene.receive(...(stopped === 'receiver' ? mine : theirs))
    const ticket = await receiver.ticket()
    const sender = scene.send(
      'disk.img',
      '--to',
      ticket,
      '--bwlimit',
      '1KiB',
      ...(stopped === 'sender' ? mine : theirs),
    )
    await sender.until('checkpoint')
    const sleeper = stopped === 'receiver' ? receiver : sender
    stop(sleeper)
    await setTimeout(8_000) // What is tested.
    sleeper.kill('SIGCONT')
    sender.hurry()
    await bothSucceed(sender, receiver)
    expect(sender.last('summary').reconnects).toBe(0)
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })
})

describe('SIGSTOP of both sides', () => {
  it('as by a sleep of the machine they are on, costs no connection', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive('--dead-after', '6s')
    const sender = scene.send('disk.img', '--to', await receiver.ticket(), ...slowly, '--dead-after', '6s')
    await sender.until('checkpoint')
    for (const side of [sender, receiver]) stop(side)
    await setTimeout(10_000) // What is tested.
    for (const side of [sender, receiver]) side.kill('SIGCONT')
    sender.hurry()
    await bothSucceed(sender, receiver)
    expect(sender.last('summary').reconnects).toBe(0)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })
})
