// Listeners that show a certificate: pinned by their tickets, vouched for by an authority, or behind a proxy where TLS ends;
// and certificates that are of no use.

import { chmodSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decodeTicket } from '../../src/model/ticket.ts'
import { certificateFlags, standBetween, trusting } from '../support/certificates.ts'
import { quietPort } from '../support/quiet-port.ts'
import { bothSucceed, Scene } from '../support/scene.ts'
import { ServeScene } from '../support/serve-scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

describe('R84: a ticket that pins a certificate', () => {
  it('leads to its listener, and the session goes on after both were killed', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(12 * MiB) })
    const flags = certificateFlags(scene.path, 'listener')
    const receiver = scene.receive(...flags)
    const ticket = await receiver.ticket()
    expect(decodeTicket(ticket).tls).toMatch(/^pin:[0-9a-f]{64}$/)
    const sender = scene.send('disk.img', '--to', ticket, '--bwlimit', '1MiB')
    await sender.until('checkpoint')
    await Promise.all([sender.killed(), receiver.killed()])
    await bothSucceed(scene.as('sender', ['resume']), scene.receive(...flags))
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('of a sender that listens leads a receiver there', async () => {
    const scene = new Scene()
    plant(scene.source, { small: 'x' })
    const sender = scene.send('small', ...certificateFlags(scene.path, 'listener'))
    await bothSucceed(sender, scene.receive('--from', await sender.ticket()))
    scene.expectClean()
  })

  it.each([
    ['with one does not wait without it', true, /waits behind a certificate/],
    ['without one does not wait with it', false, /waits without a certificate/],
  ])('a session that began %s', async (_, isFirst, sentence) => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(12 * MiB) })
    const flags = certificateFlags(scene.path, 'listener')
    const receiver = scene.receive(...(isFirst ? flags : []))
    const sender = scene.send('disk.img', '--to', await receiver.ticket(), '--bwlimit', '1MiB')
    await sender.until('checkpoint')
    await Promise.all([sender.killed(), receiver.killed()])
    const again = scene.receive(...(isFirst ? [] : flags))
    expect(await again.code()).toBe(2)
    expect(again.stderr).toMatch(sentence)
    await bothSucceed(scene.as('sender', ['resume']), scene.receive(...(isFirst ? flags : [])))
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })
})

describe('a served folder', () => {
  it('R84: with a public URL is found by its name, if an authority vouches for it', async () => {
    const scene = new ServeScene()
    scene.port = await quietPort()
    const url = `wss://localhost:${scene.port}`
    await scene.serve('--public-url', url, ...certificateFlags(scene.path, 'listener'))
    const { file, text } = await scene.ticket()
    expect(decodeTicket(text)).toMatchObject({ tls: 'public', addresses: [`localhost:${scene.port}`] })
    plant(scene.homeOf('ann'), { 'ann.img': noise(3 * MiB) })
    const words = ['send', `${scene.homeOf('ann')}/ann.img`, '--to', `@${file}`]
    const distrusting = scene.as('ann', words)
    expect(await distrusting.code()).toBe(4)
    expect(distrusting.stderr).toMatch(/no authority that this machine trusts vouches for its certificate/)
    await bothSucceed(scene.as('ann', words, { env: trusting }))
    expect(await scene.tickets()).toMatchObject([{ used: { sessions: 1 } }])
  })

  it('R40, R75: behind a proxy where TLS ends takes proofs all the same, and carries on after a restart', async () => {
    const scene = new ServeScene()
    scene.port = await quietPort()
    const proxy = await standBetween('listener', { port: scene.port, isTls: false }, 'X-Forwarded-For: 192.0.2.7')
    const url = ['--public-url', `wss://localhost:${proxy.port}/drop`, '--trusted-proxy', '127.0.0.1']
    const flags = [...url, '--listen', `127.0.0.1:${scene.port}`]
    const server = scene.as('server', ['serve', scene.folder, '--allow-root', ...flags])
    await server.until('listening')
    const { file, text } = await scene.ticket()
    expect(decodeTicket(text)).toMatchObject({ tls: 'proxied', addresses: [`localhost:${proxy.port}/drop`] })
    plant(scene.homeOf('ann'), { 'ann.img': noise(12 * MiB) })
    const words = ['send', `${scene.homeOf('ann')}/ann.img`, '--to', `@${file}`, '--bwlimit', '1MiB']
    const sender = scene.as('ann', words, { env: trusting })
    await sender.until('checkpoint')
    await server.killed()
    const next = scene.as('server', ['serve', scene.folder, '--allow-root', ...flags])
    await next.until('listening')
    sender.hurry()
    await bothSucceed(sender)
    expect(sender.last('summary').reconnects).toBeGreaterThan(0)
    next.kill('SIGTERM')
    await next.ended // Until then it may be putting the session away.
    expect(listing(scene.folder)['ann.img']).toBe(listing(scene.homeOf('ann'))['ann.img'])
  })
})

describe('a certificate that is of no use ends with code 2 before anything listens', () => {
  const flagsOf: Readonly<Record<string, (scene: Scene) => readonly string[]>> = {
    'whose key is another one': (scene) => certificateFlags(scene.path, 'listener', 'rival'),
    'that has expired': (scene) => certificateFlags(scene.path, 'expired'),
    'without its key': (scene) => certificateFlags(scene.path, 'listener').slice(0, 2),
    'that is not there': (scene) => ['--tls-cert', `${scene.path}/none`, '--tls-key', `${scene.path}/none`],
    'that is none': (scene) => {
      writeFileSync(`${scene.path}/text`, 'hello')
      return ['--tls-cert', `${scene.path}/text`, '--tls-key', `${scene.path}/text`]
    },
    'beside plain text': (scene) => [...certificateFlags(scene.path, 'listener'), '--insecure-plaintext'],
    'beside --to': (scene) => [...certificateFlags(scene.path, 'listener'), '--from', 'carryon1:x'],
  }
  const sentences: Readonly<Record<string, RegExp>> = {
    'whose key is another one': /do not belong together/,
    'that has expired': /expired at 2020-02-01/,
    'without its key': /--tls-cert needs --tls-key/,
    'that is not there': /Cannot read --tls-cert .*: there is no such file/,
    'that is none': /holds no certificate/,
    'beside plain text': /Plain text has no certificate/,
    'beside --to': /--from and --tls-cert exclude each other/,
  }

  it.each(Object.keys(flagsOf))('one %s', async (name) => {
    const scene = new Scene()
    const receiver = scene.receive(...flagsOf[name]!(scene))
    expect(await receiver.code(), receiver.transcript).toBe(2)
    expect(receiver.stderr).toMatch(sentences[name]!)
    expect(receiver.all('listening')).toEqual([])
  })

  it.each([
    ['for another name', ['--public-url', 'wss://example.org'], /is for elsewhere\.test, not for example\.org/],
    [
      'with a path that nobody would lead here',
      ['--public-url', 'wss://elsewhere.test/x'],
      /only a proxy can lead here/,
    ],
    ['with a URL of another kind', ['--public-url', 'https://elsewhere.test'], /is no address for --public-url/],
    ['in a unit that would lack it', ['--print-unit'], /does without --tls-cert/],
    ['with a proxy and no URL', ['--trusted-proxy', '10.0.0.1'], /has an address of its own/],
    [
      'with a proxy that is no address',
      ['--public-url', 'wss://a.test', '--trusted-proxy', 'proxy'],
      /is no IP address/,
    ],
  ])('one of a server %s', async (_, flags, sentence) => {
    const scene = new ServeScene()
    const server = scene.serving(...certificateFlags(scene.path, 'elsewhere'), ...flags)
    expect(await server.code(), server.transcript).toBe(2)
    expect(server.stderr).toMatch(sentence)
  })

  it('R83: a server without one, for a public URL, listens on this machine alone', async () => {
    const scene = new ServeScene()
    const flags = ['--public-url', 'wss://a.test', '--listen', '0.0.0.0:0']
    const server = scene.as('server', ['serve', scene.folder, '--allow-root', ...flags])
    expect(await server.code(), server.transcript).toBe(2)
    expect(server.stderr).toMatch(/Plain text is for this machine only/)
  })
})

it('a key that others may read is said, and used', async () => {
  const scene = new Scene()
  const flags = certificateFlags(scene.path, 'listener')
  chmodSync(flags[3]!, 0o640)
  const receiver = scene.receive(...flags)
  await receiver.ticket()
  expect(receiver.stderr).toMatch(/^Warning: others may read the key .*listener\.key/)
})
