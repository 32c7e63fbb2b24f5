// The road people already trust, between two networks: a tree is pushed and pulled over a real sshd while the cable is pulled
// and processes are killed, goes on over WebSocket, and back over ssh. It stays one session with one receipt.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Command } from '../support/command.ts'
import { FarMachine, sshMissing } from '../support/far-machine.ts'
import { Networks, networksMissing } from '../support/networks.ts'
import { expectBalanced, leisurely, Scene } from '../support/scene.ts'
import { file, listing, MiB, noise, plant, type Tree } from '../support/trees.ts'

const missing = networksMissing() ?? sshMissing()
if (missing !== undefined) console.log(`SKIPPED: ssh between network namespaces: ${missing}`)

const impatiently: readonly string[] = ['--dead-after', '3s']
/** Large enough that each of the commands below is in the middle of it when it is cut or killed. */
const tree: Tree = {
  'photos/disk.img': noise(60 * MiB + 77, 1),
  'photos/a.jpg': noise(3 * MiB + 1, 2),
  'photos/sub/c.txt': file('hello', 0o600, 1_700_000_000.123456),
  'photos/empty': '',
}

async function twoMachines() {
  const scene = new Scene()
  const networks = new Networks()
  onTestFinished(() => networks[Symbol.dispose]())
  const far = await FarMachine.start({ address: networks.address('far'), within: networks.within('far') })
  const near = (...args: readonly string[]): Command =>
    scene.as('sender', [...args, ...impatiently], { env: far.env, within: networks.within('near') })
  /** Somebody at the far machine listens there. */
  const there = (...args: readonly string[]): Command =>
    scene.as('receiver', [...args, '--listen', `${networks.address('far')}:0`], {
      env: { XDG_STATE_HOME: far.stateHome, HOME: far.home },
      cwd: far.home,
      within: networks.within('far'),
    })
  return { scene, networks, far, near, there }
}

/** Some more of it is durable than there was when this command began. */
async function getsOn(command: Command): Promise<void> {
  const { bytesDurable } = command.all('progress').at(-1) ?? (await command.until('progress'))
  await command.until('progress', (event) => event.bytesDurable > bytesDurable)
}

/** Nothing that ssh has started is left there. */
async function farIsIdle(far: FarMachine): Promise<void> {
  await expect.poll(() => far.processes, { timeout: 60_000 }).toEqual([])
}

/** The cable is pulled under a command, and plugged in again: it goes on by itself. */
async function survivesCut(networks: Networks, command: Command): Promise<void> {
  networks.pull()
  await command.until('reconnecting')
  networks.plug()
  await command.untilNext('session', ({ state }) => state === 'transferring')
  await getsOn(command)
}

async function expectOneSession(
  { scene, far }: Awaited<ReturnType<typeof twoMachines>>,
  commands: readonly Command[],
): Promise<void> {
  const last = commands.at(-1)!
  expect(await last.code(60_000), last.transcript).toBe(0)
  expectBalanced(last)
  expect(new Set(commands.map((command) => command.last('session').session)).size).toBe(1)
  expect(scene.receipts('sender')).toHaveLength(1)
  await farIsIdle(far)
  expect(readdirSync(join(far.stateHome, 'carryon/receipts'))).toEqual(scene.receipts('sender'))
}

describe.skipIf(missing !== undefined)('over ssh between two networks', () => {
  it('a tree is pushed, cut, killed, goes on over WebSocket and back: one session, one receipt, byte for byte', async () => {
    const machines = await twoMachines()
    const { scene, networks, far, near, there } = machines
    plant(scene.source, tree)
    const path = `${scene.source}/photos`
    const target = far.folder('in')
    const overSsh = ['send', path, '--to', 'far:~/in', ...leisurely]
    const first = near(...overSsh)
    await getsOn(first)
    await survivesCut(networks, first)
    await first.killed()
    await farIsIdle(far) // Who holds a session keeps it from a listener that starts meanwhile.

    const listener = there('receive', target)
    const second = near('send', path, '--to', await listener.ticket(), ...leisurely)
    await getsOn(second)
    await Promise.all([second.killed(), listener.killed()])

    const third = near(...overSsh)
    await getsOn(third)
    for (const pid of far.processes) process.kill(pid, 'SIGKILL')
    await third.until('reconnecting')
    third.hurry()
    await expectOneSession(machines, [first, second, third])
    expect(listing(target)).toEqual(listing(scene.source))
  })

  it('a tree is pulled, begun over WebSocket, cut, killed, goes on over ssh and back: the same', async () => {
    const machines = await twoMachines()
    const { scene, networks, far, near, there } = machines
    plant(far.home, tree)
    networks.slow(16_000_000, 'far') // Half a minute for all of it.
    const listener = there('send', 'photos')
    const first = near('receive', scene.target, '--from', await listener.ticket())
    await getsOn(first)
    await Promise.all([first.killed(), listener.killed()])

    const second = near('receive', scene.target, '--from', 'far:~/photos')
    await getsOn(second)
    await survivesCut(networks, second)
    await second.killed()
    await farIsIdle(far)

    const back = there('send', 'photos')
    await back.until('listening')
    networks.slow(1_000_000_000, 'far')
    const third = near('resume', first.last('session').session!)
    await expectOneSession(machines, [first, second, third])
    expect(await back.code()).toBe(0)
    expect(listing(scene.target)).toEqual(listing(far.home))
  })
})
