// A process that is stopped for a while, as by a laptop's sleep, holds on to its session and goes on when it wakes (R37).

import { describe, expect, it, onTestFinished } from 'vitest'
import type { Command } from '../support/command.ts'
import { bothSucceed, expectBalanced, Scene, type Side } from '../support/scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

const size = 48 * MiB + 99

describe.each(['receiver', 'sender'] as const)('SIGSTOP of the %s', (stopped: Side) => {
  it('lets the other side notice; after SIGCONT both carry on from what was acknowledged', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive('--dead-after', '3s')
    const sender = scene.send('disk.img', '--to', await receiver.ticket(), '--dead-after', '3s', '--bwlimit', '24MiB')
    await sender.until('checkpoint', ({ bytesDurable }) => bytesDurable >= size / 4)
    const [sleeper, waker]: readonly [Command, Command] =
      stopped === 'receiver' ? [receiver, sender] : [sender, receiver]
    sleeper.kill('SIGSTOP')
    onTestFinished(() => sleeper.kill('SIGCONT'))
    await waker.untilNext('session', ({ state }) => state === 'interrupted')
    sleeper.kill('SIGCONT')
    await bothSucceed(sender, receiver)
    expectBalanced(sender)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })
})
