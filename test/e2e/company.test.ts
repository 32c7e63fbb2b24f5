// Several commands at once: nobody waits for a stranger, nobody writes what another one writes, nobody loses a byte.

import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { bothSucceed, leisurely, Scene, slowly, type Side } from '../support/scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

const size = 24 * MiB + 9

describe('two receive in one folder', () => {
  it('are two sessions, each with its own sender', async () => {
    const scene = new Scene()
    plant(scene.source, { one: noise(8 * MiB, 1), two: noise(8 * MiB, 2) })
    const [first, second] = [scene.receive(), scene.receive()]
    const tickets = await Promise.all([first.ticket(), second.ticket()])
    const senders = [scene.send('one', '--to', tickets[0]!), scene.send('two', '--to', tickets[1]!)]
    await bothSucceed(first, second, ...senders)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean(2)
  })

  it('that bring the same name: one lands, the other one too, beside it, and is said (R6)', async () => {
    const scene = new Scene()
    plant(scene.source, { 'a/same': noise(size, 1), 'b/same': noise(size, 2) })
    const receivers = [scene.receive(), scene.receive()]
    const tickets = await Promise.all(receivers.map((it) => it.ticket()))
    const senders = ['a/same', 'b/same'].map((path, i) => scene.send(path, '--to', tickets[i]!, ...slowly))
    await Promise.all(senders.map((it) => it.until('progress', ({ bytesDurable }) => bytesDurable > 0)))
    for (const sender of senders) sender.hurry()
    const codes = await Promise.all(senders.map((it) => it.code()))
    expect(
      codes.toSorted((a, b) => a - b),
      senders.map((it) => it.transcript).join('\n'),
    ).toEqual([0, 13])
    await Promise.all(receivers.map((it) => it.ended))
    const landed = readdirSync(scene.target).map((name) => readFileSync(`${scene.target}/${name}`))
    expect(readdirSync(scene.target).toSorted()).toEqual(['same', 'same (2)'])
    const sources = ['a/same', 'b/same'].map((path) => readFileSync(`${scene.source}/${path}`))
    for (const source of sources) expect(landed.some((bytes) => bytes.equals(source))).toBe(true)
  })
})

describe('two senders for one session', () => {
  it('on one machine: the second hears that it is busy, code 11, and the first is not disturbed', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive()
    const ticket = await receiver.ticket()
    const first = scene.send('disk.img', '--to', ticket, ...leisurely)
    await first.until('progress', ({ bytesDurable }) => bytesDurable > 0)
    const second = scene.send('disk.img', '--to', ticket)
    expect(await second.code()).toBe(11)
    expect(second.last('exit')).toMatchObject({ name: 'busy', error: { code: 'busy' } })
    first.hurry()
    await bothSucceed(first, receiver)
    expect(first.last('summary').reconnects).toBe(0)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('with --wait: the second waits for the first and finds all done', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive()
    const ticket = await receiver.ticket()
    const first = scene.send('disk.img', '--to', ticket, ...leisurely)
    await first.until('progress', ({ bytesDurable }) => bytesDurable > 0)
    const second = scene.as('sender', ['resume', '--wait'])
    first.hurry()
    await bothSucceed(first, receiver)
    expect([0, 2], `${await second.code()} ${second.transcript}`).toContain(await second.code())
    scene.expectClean()
  })

  it('on two machines: a used ticket opens nothing, code 4, and the first is not disturbed', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive()
    const ticket = await receiver.ticket()
    const first = scene.send('disk.img', '--to', ticket, ...leisurely)
    await first.until('progress', ({ bytesDurable }) => bytesDurable > 0)
    const elsewhere = { env: { XDG_STATE_HOME: `${scene.path}/state-elsewhere` } }
    const args = ['send', `${scene.source}/disk.img`, '--to', ticket]
    const second = scene.as('sender', args, elsewhere)
    expect(await second.code(), second.transcript).toBe(4)
    expect(second.last('exit')).toMatchObject({ name: 'auth', error: { code: 'ticket-refused' } })
    first.hurry()
    await bothSucceed(first, receiver)
    expect(first.last('summary').reconnects).toBe(0)
    scene.expectClean()
  })
})

describe('one file for two receivers', () => {
  it('is sent to both at once with --new, as two sessions', async () => {
    const scene = new Scene()
    const other = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receivers = [scene.receive(), other.receive()]
    const [here, there] = await Promise.all(receivers.map((it) => it.ticket()))
    const first = scene.send('disk.img', '--to', here!, ...leisurely)
    await first.until('progress', ({ bytesDurable }) => bytesDurable > 0)
    const second = scene.send('disk.img', '--to', there!, '--new')
    await second.until('session', ({ state }) => state === 'transferring')
    expect(first.isRunning).toBe(true)
    first.hurry()
    await bothSucceed(first, second, ...receivers)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    expect(listing(other.target)).toEqual(listing(scene.source))
    expect(scene.receipts('sender')).toHaveLength(2)
  })
})

describe('one state directory for both sides', () => {
  it('is enough: killed and resumed by the same commands, and both are told apart in ls', async () => {
    const scene = new Scene({ sharedState: true })
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive()
    const ticket = await receiver.ticket()
    const sender = scene.send('disk.img', '--to', ticket, ...leisurely)
    await sender.until('progress', ({ bytesDurable }) => bytesDurable > 0)
    const ls = scene.as('sender', ['ls', '--json'], { people: true })
    expect(await ls.code()).toBe(0)
    const { sessions } = JSON.parse(ls.stdout) as { sessions: { role: Side }[] }
    expect(sessions.map(({ role }) => role).toSorted()).toEqual(['receiver', 'sender'])
    await Promise.all([sender.killed(), receiver.killed()])
    const again = scene.receive()
    await again.until('listening')
    await bothSucceed(scene.send('disk.img', '--to', ticket), again)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    expect(scene.leftovers('receiver')).toEqual([])
    expect(scene.receipts('sender')).toHaveLength(1)
  })
})
