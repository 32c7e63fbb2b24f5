// The link drops: both sides come back by themselves, and what the receiver has is not sent again.

import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ChaosProxy } from '../support/chaos-proxy.ts'
import type { Command } from '../support/command.ts'
import { bothSucceed, expectBalanced, portOf, Scene, slowly, through } from '../support/scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

const size = 24 * MiB + 123
/** Under way between two processes that live: four frames in the sender's hands, buffers of sockets and of the proxy. */
const inFlightMax = 6 * MiB

/** A transfer through a proxy, begun. */
async function begun(...flags: readonly string[]) {
  const scene = new Scene()
  plant(scene.source, { 'disk.img': noise(size) })
  const receiver = scene.receive()
  const ticket = await receiver.ticket()
  const proxy = await ChaosProxy.to(portOf(ticket))
  onTestFinished(() => proxy[Symbol.asyncDispose]())
  const sender = scene.send('disk.img', '--to', through(proxy, ticket), ...slowly, ...flags)
  return { scene, receiver, sender, proxy, ticket }
}

function durable(command: Command, bytes: number) {
  return command.until('progress', ({ bytesDurable }) => bytesDurable >= bytes)
}

describe('when the link drops, both sides reconnect by themselves', () => {
  it.each(['reset', 'close'] as const)('three times in a transfer, by %s, and little is sent twice', async (how) => {
    const { scene, receiver, sender, proxy } = await begun()
    for (const cut of [0.15, 0.3, 0.45]) {
      await proxy.until('up', cut * size)
      const back = sender.untilNext('session', ({ state }) => state === 'transferring')
      proxy.cutNow(how)
      await back
    }
    sender.hurry()
    await bothSucceed(sender, receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    const { bytesResent, reconnects } = sender.last('summary')
    expect(reconnects).toBe(3)
    expect(bytesResent).toBeLessThanOrEqual(3 * inFlightMax)
    expect(proxy.passed('up')).toBeLessThan(size + 3 * inFlightMax)
    expectBalanced(sender)
    expectBalanced(receiver)
    scene.expectClean()
  })

  it('after a long time without one, told with reason and countdown', async () => {
    const { scene, receiver, sender, proxy } = await begun()
    await durable(sender, 1)
    proxy.isRefusing = true
    proxy.cutNow()
    const third = await sender.until('reconnecting', ({ attempt }) => attempt >= 3)
    expect(third).toMatchObject({ reason: 'network' })
    expect(Date.parse(third.retryUntil!)).toBeGreaterThan(Date.now())
    expect(await receiver.until('waiting')).toMatchObject({ reason: 'network', who: 'peer' })
    expect(sender.stderr).toMatch(/trying again/)
    proxy.isRefusing = false
    sender.hurry()
    await bothSucceed(sender, receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })

  it('when the listener was stopped and started again on its port', async () => {
    const { scene, receiver, sender, ticket } = await begun()
    await durable(sender, 1)
    receiver.kill('SIGTERM')
    await receiver.ended
    const again = scene.receive()
    const listening = await again.until('listening')
    expect(listening.addresses).toContain(`127.0.0.1:${portOf(ticket)}`)
    sender.hurry()
    await bothSucceed(sender, again)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('when somebody else took the port of a killed listener: it says so, listens elsewhere, and its fresh ticket goes on', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive()
    const ticket = await receiver.ticket()
    const sender = scene.send('disk.img', '--to', ticket, ...slowly)
    const { session } = await durable(receiver, 1)
    await receiver.killed()
    const stranger = createServer((socket) => socket.on('error', () => {}).end('220 mail.example ESMTP\r\n'))
    stranger.listen(portOf(ticket), '127.0.0.1')
    onTestFinished(() => void stranger.close())
    await once(stranger, 'listening')

    const again = scene.receive()
    expect(await again.until('waiting')).toMatchObject({ reason: 'port-in-use', who: 'self' })
    const fresh = await again.ticket()
    expect(portOf(fresh)).not.toBe(portOf(ticket))
    await sender.until('reconnecting', ({ attempt }) => attempt >= 2) // The stranger's answer is no reason to give up.
    await sender.killed()
    const resumed = scene.send('disk.img', '--to', fresh)
    await bothSucceed(resumed, again)
    expect(resumed.last('summary').session).toBe(session)
    expect(resumed.last('summary').bytesReused).toBeGreaterThan(0)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('and gives up with code 5 when --retry-for is over, telling the command that goes on', async () => {
    const { sender, receiver, proxy } = await begun('--retry-for', '1s')
    await durable(sender, 1)
    proxy.isRefusing = true
    proxy.cutNow()
    expect(await sender.code()).toBe(5)
    const exit = sender.last('exit')
    expect(exit).toMatchObject({ name: 'interrupted', resumable: true, error: { code: 'retry-over' } })
    expect(sender.stderr).toContain(`To go on:  ${exit.resumeCommand}`)
    await receiver.killed()
  })
})

describe('a connection that is only half alive', () => {
  it('does not keep a new one waiting: welcome at once, and nothing stale reaches the disk', async () => {
    const { scene, receiver, sender, proxy, ticket } = await begun()
    await durable(sender, 1)
    proxy.blackhole() // The receiver hears no end of this connection, not even when its process dies.
    await sender.killed()
    const again = scene.send('disk.img', '--to', ticket)
    const start = await again.until('session')
    const flowing = await again.until('session', ({ state }) => state === 'transferring')
    expect(flowing).toMatchObject({ epoch: 2, resumed: true })
    expect(Date.parse(flowing.time) - Date.parse(start.time)).toBeLessThan(5_000) // A dead peer is found after 15 s.
    proxy.heal() // What was held back comes now, in an epoch that is over.
    await bothSucceed(again, receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('R31: is found dead by both sides after --dead-after, and replaced', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive('--dead-after', '3s')
    const ticket = await receiver.ticket()
    await using proxy = await ChaosProxy.to(portOf(ticket))
    const sender = scene.send('disk.img', '--to', through(proxy, ticket), ...slowly, '--dead-after', '3s')
    await durable(sender, 1)
    proxy.blackhole()
    expect(await sender.until('reconnecting')).toMatchObject({ reason: 'peer-silent' })
    await receiver.until('session', ({ state }) => state === 'interrupted')
    proxy.heal()
    sender.hurry()
    await bothSucceed(sender, receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })
})
