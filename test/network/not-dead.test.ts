// What looks like death and is none: a link that needs minutes for a frame, a disk that needs longer than the peer's
// patience, a reader that has to wait for it; and an old connection that is not dead enough, when a new one comes.

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Command } from '../support/command.ts'
import { networksMissing } from '../support/networks.ts'
import { bothSucceed, leisurely } from '../support/scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'
import { CableScene, saidAt } from './scene.ts'

const missing = networksMissing()
if (missing !== undefined) console.log(`SKIPPED: tests in network namespaces: ${missing}`)
const hasStrace = spawnSync('strace', ['--version']).status === 0
if (!hasStrace) console.log('SKIPPED: a slow disk: strace is not installed')

const impatiently: readonly string[] = ['--dead-after', '3s']

/** Two connections would starve each other on a slow link, and only one of them would be cut by its port. */
const alone: readonly string[] = ['--lanes', '1']

const slowMs = 200_000 // Some two dozen syncs, one behind the other.

/** From now on each sync of a command takes so much longer. */
async function slowDown({ pid }: Command, ms: number): Promise<void> {
  const calls = ['-e', 'trace=fdatasync,fsync', '-e', `inject=fdatasync,fsync:delay_enter=${ms * 1000}`]
  const strace = spawn('strace', ['-f', '-o', '/dev/null', '-p', String(pid), ...calls], { stdio: 'pipe' })
  const gone = once(strace, 'close')
  onTestFinished(async () => {
    strace.kill()
    await gone
  })
  await once(strace.stderr, 'data') // "attached"
}

describe.skipIf(missing !== undefined)('is not taken for dead (R32)', () => {
  it('a link on which one frame takes ten times as long as a peer may be silent', async () => {
    const scene = new CableScene()
    plant(scene.source, { 'disk.img': noise(MiB + MiB / 4) })
    scene.networks.slow(320_000) // 40 kB/s: a frame of 1 MiB in 26 s; the window and the socket hold all of the file.
    const receiver = scene.receive(...impatiently)
    const sender = scene.send('disk.img', '--to', await receiver.ticket(), ...impatiently, ...alone)
    expect(await sender.code(100_000), sender.transcript).toBe(0)
    await bothSucceed(sender, receiver)
    expect(sender.last('summary')).toMatchObject({ reconnects: 0, bytesResent: 0 })
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })

  it.skipIf(!hasStrace)('a disk whose every sync takes longer than that', { timeout: 3 * slowMs }, async () => {
    const scene = new CableScene()
    plant(scene.source, { 'disk.img': noise(MiB) })
    const receiver = scene.receive() // Patient itself, and it knows nothing of the sender's impatience.
    const ticket = await receiver.ticket()
    await slowDown(receiver, 3_300)
    const sender = scene.send('disk.img', '--to', ticket, ...impatiently)
    expect(await sender.code(slowMs), sender.transcript).toBe(0)
    await receiver.code(slowMs)
    expect(sender.last('summary')).toMatchObject({ reconnects: 0, bytesResent: 0 })
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })

  it('a receiver that reads no further because its disk is full', async () => {
    const scene = new CableScene()
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', scene.target])
    onTestFinished(() => void execFileSync('umount', ['-l', scene.target]))
    plant(scene.source, { 'disk.img': noise(32 * MiB) })
    const receiver = scene.receive() // Patient itself, and it knows nothing of the sender's impatience.
    const sender = scene.send('disk.img', '--to', await receiver.ticket(), ...impatiently)
    await sender.until('waiting', ({ reason }) => reason === 'disk-full')
    await setTimeout(10_000) // This time is what is tested.
    execFileSync('mount', ['-o', 'remount,size=64m', scene.target])
    await bothSucceed(sender, receiver)
    expect(sender.last('summary')).toMatchObject({ reconnects: 0 })
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })
})

describe.skipIf(missing !== undefined)('a connection that is not dead enough', () => {
  it('R38, R39: is taken over at once by a new one, and what it still delivers reaches no disk', async () => {
    const scene = new CableScene()
    plant(scene.source, { 'disk.img': noise(24 * MiB + 5) })
    const receiver = scene.receive()
    const ticket = await receiver.ticket()
    const sender = scene.send('disk.img', '--to', ticket, ...leisurely, ...alone)
    await sender.until('progress', ({ bytesDurable }) => bytesDurable > 0)
    const [port] = scene.networks.portsInUse()
    scene.networks.lose('both', port)
    await sender.killed() // Its kernel goes on delivering what it was given, and then the end; nothing comes through.
    const again = scene.send('disk.img', '--to', ticket)
    const greeting = await again.until('session')
    const flowing = await again.until('session', ({ state }) => state === 'transferring')
    const tookMs = saidAt(flowing) - saidAt(greeting)
    console.log(`taken over in ${tookMs} ms, from the first word to flowing data`)
    expect(tookMs).toBeLessThan(5_000) // A dead peer would be noticed after 15 s.
    expect(flowing).toMatchObject({ epoch: 2, resumed: true })
    scene.networks.heal() // Now it comes through.
    await bothSucceed(again, receiver)
    expect(receiver.last('summary').reconnects).toBe(1)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })
})
