// Several connections carry one session: all of it arrives, whichever of them is cut, and when.

import { describe, expect, it, onTestFinished } from 'vitest'
import { ChaosProxy } from '../support/chaos-proxy.ts'
import type { Command } from '../support/command.ts'
import { bothSucceed, expectBalanced, leisurely, portOf, Scene, slowly, through } from '../support/scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

const size = 24 * MiB + 123
const files = { 'disk.img': noise(size), 'small/a': noise(10, 1), 'small/b': noise(5_000, 2), 'small/c': noise(0, 3) }

/** A transfer through a proxy, begun slowly. */
async function begun(senderFlags: readonly string[], receiverFlags: readonly string[] = []) {
  const scene = new Scene()
  plant(scene.source, files)
  const receiver = scene.receive(...receiverFlags)
  const ticket = await receiver.ticket()
  const proxy = await ChaosProxy.to(portOf(ticket))
  onTestFinished(() => proxy[Symbol.asyncDispose]())
  const send = (...flags: readonly string[]): Command =>
    scene.send(['disk.img', 'small'], '--to', through(proxy, ticket), ...senderFlags, ...flags)
  return { scene, receiver, sender: send(...(senderFlags.includes('--bwlimit') ? [] : slowly)), proxy, send }
}

const withLanes = (command: Command, count: number): Promise<unknown> =>
  command.until('progress', ({ lanes }) => lanes === count)

describe('lanes', () => {
  it.each([
    ['the dialer asks for them', ['--lanes', '3'], []],
    ['the listener asks for them', [], ['--lanes', '3']],
    ['the smaller of two wishes holds', ['--lanes', '3'], ['--lanes', '9']],
  ])('stand beside lane 0 where %s', async (_who, senderFlags, receiverFlags) => {
    const { scene, receiver, sender, proxy } = await begun([...senderFlags, ...leisurely], receiverFlags)
    await Promise.all([withLanes(sender, 3), withLanes(receiver, 3)])
    expect(proxy.open).toBe(4)
    sender.hurry()
    await bothSucceed(sender, receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    expectBalanced(sender)
    expectBalanced(receiver)
    scene.expectClean()
  })

  it('are cut and come back, and the session never hears of it', async () => {
    const { scene, receiver, sender, proxy } = await begun(['--lanes', '2', '--bwlimit', '2MiB'])
    for (const connections of [3, 4, 5]) {
      await expect.poll(() => proxy.accepted, { timeout: 20_000 }).toBe(connections)
      await proxy.until('up', proxy.passed('up') + MiB) // So that the new one has something on its way.
      proxy.cutNewest()
    }
    await expect.poll(() => proxy.accepted, { timeout: 20_000 }).toBe(6)
    sender.hurry()
    await bothSucceed(sender, receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    expect(sender.last('summary').reconnects).toBe(0)
    scene.expectClean()
  })

  it('all end with lane 0, and come back with it', async () => {
    const { scene, receiver, sender, proxy } = await begun(['--lanes', '3'])
    await withLanes(sender, 3)
    await proxy.until('up', 2 * MiB)
    const back = sender.untilNext('session', ({ state }) => state === 'transferring')
    proxy.cutNow()
    await back
    await sender.untilNext('progress', ({ lanes }) => lanes === 3)
    sender.hurry()
    await bothSucceed(sender, receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    expect(sender.last('summary').reconnects).toBe(1)
    scene.expectClean()
  })

  it('go on after kill -9 of the side that opened them', async () => {
    const { scene, receiver, sender, proxy, send } = await begun(['--lanes', '4'])
    await withLanes(sender, 4)
    await proxy.until('up', 4 * MiB)
    sender.kill('SIGKILL')
    await sender.ended
    const again = send()
    await bothSucceed(again, receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })
})
