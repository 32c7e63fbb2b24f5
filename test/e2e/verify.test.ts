// carryon verify: what was received is read again, delivered or unfinished, and what differs is named.

import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Verification } from '../../src/index.ts'
import { begun, broken, goOn } from '../support/broken-session.ts'
import { bothSucceed, leisurely, Scene } from '../support/scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

describe('verify', () => {
  /** What it says in one JSON document, and its code. */
  async function verified(scene: Scene, ...args: readonly string[]) {
    const command = scene.as('receiver', ['verify', ...args, '--json'], { people: true })
    const code = await command.code()
    expect(command.stdout, command.transcript).toMatch(/^\{/)
    const { verification } = JSON.parse(command.stdout) as { readonly verification: Verification }
    return { code, ...verification, names: verification.differences.map(({ path }) => path).toSorted() }
  }

  async function delivered() {
    const scene = new Scene()
    plant(scene.source, { 'photos/disk.img': noise(3 * MiB + 7), 'photos/deep/small': 'small', 'photos/empty': '' })
    const receiver = scene.receive()
    const sender = scene.send('photos', '--to', await receiver.ticket())
    await bothSucceed(sender, receiver)
    scene.expectClean()
    return { scene, sender, session: sender.last('exit').session! }
  }

  it('finds all as it was received, by session, by path, or as the last that came', async () => {
    const { scene, session } = await delivered()
    const whole = { code: 0, session, files: 3, bytes: 3 * MiB + 12, unread: 0, differences: [] }
    expect(await verified(scene, session.slice(0, 6))).toMatchObject(whole)
    expect(await verified(scene)).toMatchObject(whole)
    expect(await verified(scene, `${scene.target}/photos`)).toMatchObject(whole)
    expect(await verified(scene, `${scene.target}/photos/deep`)).toMatchObject({ code: 0, files: 1, bytes: 5 })
    const people = scene.as('receiver', ['verify'], { people: true })
    expect(await people.code()).toBe(0)
    expect(people.stderr).toMatch(/^All 3 files of session [0-9a-f]{8} are as they were received, 3 MiB read\.$/m)
    expect(people.stdout).toBe('')
  })

  /** One more session into the same folder. */
  async function another(scene: Scene, source: string) {
    const receiver = scene.receive()
    await bothSucceed(scene.send(source, '--to', await receiver.ticket()), receiver)
  }

  it('reads what a session found in place, by the digests of the session that had brought it', async () => {
    // The list of a session that found all in place was empty: all of no files was said to be as it was.
    const { scene } = await delivered()
    plant(scene.source, { 'photos/new': 'new' })
    await another(scene, 'photos')
    const whole = { code: 0, files: 4, bytes: 3 * MiB + 15, unread: 0, differences: [] }
    expect(await verified(scene)).toMatchObject(whole)
    expect(await verified(scene, `${scene.target}/photos`)).toMatchObject(whole)
    const small = `${scene.target}/photos/deep/small`
    const { atime, mtime } = statSync(small)
    writeFileSync(small, 'smelt')
    expect(await verified(scene)).toMatchObject({ code: 0, files: 4, unread: 1 }) // It is younger than what is known of it.
    utimesSync(small, atime, mtime)
    rmSync(`${scene.target}/photos/empty`)
    expect(await verified(scene)).toMatchObject({ code: 12, files: 4, names: ['photos/deep/small', 'photos/empty'] })
  })

  it('looks for a path in older sessions, too, and counts what nobody read', async () => {
    const { scene, session } = await delivered()
    plant(scene.source, { 'docs/text': 'text' })
    plant(scene.target, { 'docs/text': 'text' })
    for (const root of [scene.source, scene.target]) utimesSync(`${root}/docs/text`, 1_600_000_000, 1_600_000_000)
    await another(scene, 'docs')
    expect(await verified(scene, `${scene.target}/photos`)).toMatchObject({ code: 0, session, files: 3 })
    expect(await verified(scene)).toMatchObject({ code: 0, files: 1, bytes: 0, unread: 1 })
    expect(await scene.as('receiver', ['verify', `${scene.target}/nothing`], { people: true }).code()).toBe(2)
  })

  it('reads a folder by the last session that has a file there', async () => {
    // What the last one had brought was nothing: all of no files was said to be as it was.
    const { scene, session } = await delivered()
    mkdirSync(`${scene.source}/hollow`)
    await another(scene, 'hollow')
    expect(await verified(scene, scene.target)).toMatchObject({ code: 0, session, files: 3 })
    const people = scene.as('receiver', ['verify'], { people: true })
    expect(await people.code()).toBe(0)
    expect(people.stderr).toMatch(/^Session [0-9a-f]{8} has no file here: there was nothing to read\.$/m)
  })

  it('R48: names each file that differs, is shorter, is gone or became a link: code 12; it changes nothing', async () => {
    const { scene, session } = await delivered()
    const disk = `${scene.target}/photos/disk.img`
    const bytes = readFileSync(disk)
    bytes[2 * MiB + 1]! ^= 1
    writeFileSync(disk, bytes)
    rmSync(`${scene.target}/photos/empty`)
    rmSync(`${scene.target}/photos/deep/small`)
    symlinkSync('/etc/hostname', `${scene.target}/photos/deep/small`)
    const before = listing(scene.target)
    const names = ['photos/deep/small', 'photos/disk.img', 'photos/empty']
    expect(await verified(scene, session)).toMatchObject({ code: 12, files: 3, names })
    const people = scene.as('receiver', ['verify', session], { people: true })
    expect(await people.code()).toBe(12)
    expect(people.stdout).toMatch(/^photos\/disk\.img: its content is another$/m)
    expect(listing(scene.target)).toEqual(before)
  })

  it('reads the part files of an unfinished session; what differs is asked for again', async () => {
    const { scene, own, session } = await broken(8 * MiB)
    expect(await verified(scene, session)).toMatchObject({ code: 0, finishedAt: null, files: 1, differences: [] })
    const part = readFileSync(`${own}/parts/0`)
    part[5]! ^= 1 // Far from the end: no resume would look there.
    writeFileSync(`${own}/parts/0`, part)
    expect(await verified(scene, session)).toMatchObject({ code: 12, names: ['disk.img'] })
    expect(await verified(scene, session)).toMatchObject({ code: 0 }) // It counts on that chunk no more.
    await goOn(scene)
  })

  it('knows nothing of what was not received here: code 2; and leaves a session that runs alone: code 11', async () => {
    const { scene, receiver, sender, session } = await begun(1, leisurely)
    for (const [side, asked, code] of [
      ['sender', session, 2],
      ['receiver', '/nowhere', 2],
      ['receiver', session, 11],
    ] as const) {
      const command = scene.as(side, ['verify', asked], { people: true })
      expect(await command.code(), command.transcript).toBe(code)
    }
    sender.hurry()
    await bothSucceed(sender, receiver)
  })

  it('takes a receiver that nobody came to for no session', async () => {
    const scene = new Scene()
    const receiver = scene.receive()
    await receiver.ticket()
    await receiver.killed()
    expect(await scene.as('receiver', ['verify'], { people: true }).code()).toBe(2)
  })
})
