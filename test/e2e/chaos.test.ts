// A network at its worst: everything the chaos proxy can do, at once, and `npm run chaos` itself.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ChaosProxy } from '../support/chaos-proxy.ts'
import { bothSucceed, portOf, Scene, through } from '../support/scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

const size = 24 * MiB + 11
/** What is done to one connection is done to the session. */
const alone: readonly string[] = ['--lanes', '1']
const script = fileURLToPath(new URL('../chaos/run.mjs', import.meta.url))

describe('npm run chaos', () => {
  it('stands in the way of a real transfer, which gets through all the same', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive()
    const ticket = await receiver.ticket()
    const words = ['--to', `127.0.0.1:${portOf(ticket)}`, '--delay', '5ms', '--cut-after', '7MiB', '--reset']
    const chaos = spawn(process.execPath, [script, ...words], { stdio: 'pipe' })
    const gone = once(chaos, 'close')
    onTestFinished(() => void chaos.kill('SIGKILL'))
    const [address] = (await once(chaos.stdout.setEncoding('utf8'), 'data')) as [string]
    const sender = scene.send('disk.img', '--to', through({ port: Number(address.trim().split(':').at(-1)) }, ticket))
    await bothSucceed(sender, receiver)
    expect(sender.last('summary').reconnects).toBeGreaterThanOrEqual(3)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    chaos.kill('SIGTERM')
    expect(await gone).toEqual([0, null])
  })

  it.each([
    [['--rate', '1MiB'], /not said where/],
    [['--to', 'nowhere'], /is not an address/],
    [['--to', '127.0.0.1:9', '--rate', 'fast'], /is not a rate/],
    [['--to', '127.0.0.1:9', '--blackhole', 'left'], /up, down or both/],
    [['--to', '127.0.0.1:9', '--after', '1MiB'], /belong to --blackhole/],
    [['--to', '127.0.0.1:9', '--loss', '3'], /--loss/],
  ])('refuses %j with a sentence and code 2', (words, sentence) => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [script, ...words], { encoding: 'utf8' })
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(sentence)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })
})

describe('a bit that flips on the way', () => {
  it('R48: in plain text is found by the hash of its chunk, which is sent again', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive('--insecure-plaintext')
    const ticket = await receiver.ticket()
    await using proxy = await ChaosProxy.to(portOf(ticket))
    const flipped = Promise.all([proxy.flipAfter('up', 5.5 * MiB), proxy.flipAfter('up', 9.5 * MiB)]) // Amid payload.
    const sender = scene.send('disk.img', '--to', through(proxy, ticket), '--insecure-plaintext', ...alone)
    await flipped
    await bothSucceed(sender, receiver)
    expect(sender.last('summary')).toMatchObject({ reconnects: 0, bytesResent: 2 * MiB })
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })

  it('under TLS ends the connection, and both carry on', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive()
    const ticket = await receiver.ticket()
    await using proxy = await ChaosProxy.to(portOf(ticket))
    const flipped = proxy.flipAfter('up', 5.5 * MiB)
    const sender = scene.send('disk.img', '--to', through(proxy, ticket), ...alone)
    await flipped
    await bothSucceed(sender, receiver)
    expect(sender.last('summary').reconnects).toBe(1)
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })
})
