// What becomes of a session whose files are touched by others between its runs or under its hands: nothing is trusted,
// nothing is deleted, and what is said has a name.

import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Verification } from '../../src/index.ts'
import { bothSucceed, expectBalanced, Scene, slowly, unprivileged, type Side } from '../support/scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

const size = 24 * MiB + 99

/** A transfer under way: the receiver listens, the sender is slow. */
async function begun(durable: number = 1, limit: readonly string[] = slowly) {
  const scene = new Scene()
  plant(scene.source, { 'disk.img': noise(size) })
  const receiver = scene.receive()
  const sender = scene.send('disk.img', '--to', await receiver.ticket(), ...limit)
  const { session } = await receiver.until('progress', ({ bytesDurable }) => bytesDurable >= durable)
  const own = `${scene.target}/.carryon/${session!}`
  return { scene, receiver, sender, session: session!, own, state: `${scene.stateOf('sender')}/${session!}` }
}

/** As `begun`, and then both sides were killed. */
async function broken(durable: number = 4 * MiB) {
  const world = await begun(durable)
  await Promise.all([world.sender.killed(), world.receiver.killed()])
  return world
}

async function goOn(scene: Scene) {
  const receiver = scene.receive()
  const sender = scene.as('sender', ['resume'])
  await bothSucceed(receiver, sender)
  expect(listing(scene.target)).toEqual(listing(scene.source))
  scene.expectClean()
  return { receiver, sender }
}

describe('a lock that is deleted under its holder', () => {
  it.each<[Side]>([['sender'], ['receiver']])('R44: stops the %s by name; the same session goes on', async (side) => {
    const { scene, receiver, sender, own, state } = await begun()
    const directory = side === 'sender' ? state : own
    for (const name of readdirSync(directory)) if (name.startsWith('lock.')) rmSync(`${directory}/${name}`)
    const stopped = side === 'sender' ? sender : receiver
    const others = side === 'sender' ? [receiver] : [sender]
    if (side === 'sender') {
      await receiver.killed() // A sender records little: the next connection is what it has to.
      others.push(scene.receive())
    }
    expect(await stopped.code(), stopped.transcript).toBe(1)
    expect(stopped.last('exit')).toMatchObject({ resumable: true, error: { code: 'lock-lost' } })
    expect(stopped.stderr).toMatch(/lock in .* was removed or replaced/)
    await Promise.all(others.map((other) => other.killed()))
    await goOn(scene)
  })
})

describe('a part file that others touched between two runs', () => {
  it.each<[string, (part: string) => void]>([
    ['shortened', (part) => truncateSync(part, MiB)],
    [
      'replaced by a file of another content',
      (part) => {
        const bytes = readFileSync(part).fill(7)
        rmSync(part)
        writeFileSync(part, bytes, { mode: 0o600 })
      },
    ],
    ['removed', (part) => rmSync(part)],
  ])('R14: %s: what is not what was received is said, asked for again, and the file is whole', async (_, touch) => {
    const { scene, own } = await broken()
    touch(`${own}/parts/0`)
    const { receiver } = await goOn(scene)
    const { message } = receiver.all('warning').find(({ code }) => code === 'rolled-back')!
    expect(Number(/^(\d+) bytes/.exec(message)![1])).toBeGreaterThanOrEqual(MiB)
  })

  it('replaced by a link: refused by name, and what it leads to is as it was', async () => {
    const { scene, own } = await broken()
    writeFileSync(`${scene.path}/precious`, 'precious')
    rmSync(`${own}/parts/0`)
    symlinkSync(`${scene.path}/precious`, `${own}/parts/0`)
    const receiver = scene.receive()
    const sender = scene.as('sender', ['resume'])
    expect(await receiver.code(), receiver.transcript).toBe(1)
    expect(receiver.last('exit').error?.code).toBe('not-a-file')
    expect(readFileSync(`${scene.path}/precious`, 'utf8')).toBe('precious')
    await sender.killed()
  })
})

describe('a receiver whose disk was restored from an older copy', () => {
  it('R46: goes on from what it has, says how many bytes it had promised, and delivers the file whole', async () => {
    const { scene, receiver, sender, own } = await begun(2 * MiB)
    await receiver.killed()
    cpSync(own, `${scene.path}/copy`, { recursive: true, filter: (path) => !/lock\.\d+$/.test(path) })
    const again = scene.receive()
    await again.until('progress', ({ bytesDurable }) => bytesDurable > 12 * MiB)
    await again.killed()
    rmSync(own, { recursive: true })
    renameSync(`${scene.path}/copy`, own)
    const restored = scene.receive()
    const { message } = await sender.until('warning', ({ code }) => code === 'rolled-back')
    expect(Number(/(\d+) bytes/.exec(message)![1])).toBeGreaterThanOrEqual(4 * MiB)
    sender.hurry()
    await bothSucceed(restored, sender)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
    expectBalanced(sender)
  })
})

describe('a journal that does not belong where it lies', () => {
  it('of another folder: passed over by receive, refused by name by resume, not touched', async () => {
    const { scene, own, session } = await broken()
    const elsewhere = `${scene.path}/elsewhere`
    mkdirSync(elsewhere)
    const first = scene.as('receiver', ['receive', elsewhere, '--listen', '127.0.0.1:0'])
    await first.ticket()
    await first.killed()
    renameSync(own, `${elsewhere}/.carryon/${session}`)
    rmSync(`${scene.stateOf('receiver')}/targets/${session}`)
    const before = listing(`${elsewhere}/.carryon/${session}`)
    const receiver = scene.as('receiver', ['receive', elsewhere, '--listen', '127.0.0.1:0'])
    await receiver.ticket()
    expect(receiver.last('warning')).toMatchObject({ code: 'passed-over' })
    expect(receiver.stderr).toMatch(/passed over: .* is not the folder this session was received into/)
    await receiver.killed()
    const resume = scene.as('receiver', ['resume', session], { cwd: elsewhere })
    expect(await resume.code(), resume.transcript).toBe(7)
    expect(resume.last('exit').error?.code).toBe('root-mismatch')
    expect(listing(`${elsewhere}/.carryon/${session}`)).toEqual(before)
  })

  it.each<[string, Side, string, (journal: string) => void]>([
    ['another session', 'sender', 'journal-foreign', () => {}],
    [
      'no session at all',
      'sender',
      'journal-foreign',
      (journal) => writeFileSync(journal, 'shopping list: milk, bread, butter, and a good deal more than that'),
    ],
  ])('of %s: refused by name, not touched', async (_, side, code, touch) => {
    const { scene, state } = await broken()
    const other = 'ab'.repeat(16)
    renameSync(state, `${scene.stateOf(side)}/${other}`)
    touch(`${scene.stateOf(side)}/${other}/journal`)
    const before = listing(scene.stateOf(side))
    for (const command of ['resume', 'status']) {
      const asked = scene.as(side, [command, other])
      expect(await asked.code(), asked.transcript).toBe(12)
      expect(asked.last('exit').error?.code).toBe(code)
    }
    expect(listing(scene.stateOf(side))).toEqual(before)
    const again = scene.send('disk.img')
    await again.ticket()
    expect(again.last('warning')).toMatchObject({ code: 'passed-over' })
    expect(existsSync(`${scene.stateOf(side)}/${other}/journal`)).toBe(true)
  })
})

describe('a state directory that is not ours to trust', () => {
  it('a symbolic link: refused by name, whatever the command, and nothing is made where it leads', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(99) })
    const [real, state] = [`${scene.path}/real`, `${scene.path}/link`]
    mkdirSync(real, { mode: 0o700 })
    symlinkSync(real, state)
    for (const args of [
      ['send', `${scene.source}/disk.img`],
      ['receive', scene.target],
      ['ls'],
      ['discard', 'abcd', '--yes'],
    ]) {
      const command = scene.as('sender', [...args, '--state-dir', state])
      expect(await command.code(), command.transcript).toBe(2)
      expect(command.last('exit').error?.code).toBe('state-unsafe')
      expect(command.stderr).toMatch(/it is a symbolic link/)
    }
    expect(readdirSync(real)).toEqual([])
  })

  it.skipIf(process.getuid?.() !== 0)("somebody else's: refused by name (needs root)", async () => {
    const scene = new Scene({ uid: unprivileged })
    mkdirSync(`${scene.path}/theirs`, { mode: 0o777 })
    for (const args of [['send', scene.source], ['ls']]) {
      const command = scene.as('sender', [...args, '--state-dir', `${scene.path}/theirs`])
      expect(await command.code(), command.transcript).toBe(2)
      expect(command.last('exit').error).toMatchObject({ code: 'state-unsafe' })
      expect(command.stderr).toMatch(/it belongs to user 0/)
    }
  })
})

describe('what one run may use up', () => {
  it('--max-transfer: the sender stops within a frame, with code 8; the same command goes on, run after run', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive()
    const limit = ['--max-transfer', '10MiB'] as const
    const sender = scene.send('disk.img', '--to', await receiver.ticket(), ...limit)
    for (let run = 1, stopped = sender; run <= 2; run++, stopped = scene.as('sender', ['resume', ...limit])) {
      expect(await stopped.code(), stopped.transcript).toBe(8)
      expect(stopped.last('exit')).toMatchObject({
        name: 'transfer-limit',
        resumable: true,
        error: { code: 'transfer-limit' },
      })
      expect(stopped.last('session')).toMatchObject({ state: 'paused', reason: 'transfer-limit', who: 'self' })
      expect(stopped.last('session').bytesDurable).toBe(run * 10 * MiB) // All that crossed was made safe first.
      await receiver.until('session', ({ reason }) => reason === 'peer-signal')
    }
    const last = scene.as('sender', ['resume', ...limit])
    await bothSucceed(last, receiver)
    expectBalanced(last)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('--max-transfer of just the bytes there are is no limit', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(3 * MiB + 1), small: 'small' })
    const receiver = scene.receive()
    const sender = scene.send(
      ['disk.img', 'small'],
      '--to',
      await receiver.ticket(),
      '--max-transfer',
      `${3 * MiB + 6}`,
    )
    await bothSucceed(sender, receiver)
  })

  it('--max-transfer of a receiver: code 8, and it goes on', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const receiver = scene.receive('--max-transfer', '2MiB')
    const sender = scene.send('disk.img', '--to', await receiver.ticket(), ...slowly)
    expect(await receiver.code(), receiver.transcript).toBe(8)
    await sender.until('session', ({ reason }) => reason === 'peer-signal')
    sender.hurry()
    await bothSucceed(scene.receive(), sender)
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })

  it.each<[Side]>([['sender'], ['receiver']])('--max-duration of the %s: code 10, and it goes on', async (side) => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(size) })
    const limit = ['--max-duration', '2s']
    const receiver = scene.receive(...(side === 'receiver' ? limit : []))
    const sender = scene.send(
      'disk.img',
      '--to',
      await receiver.ticket(),
      ...slowly,
      ...(side === 'sender' ? limit : []),
    )
    const [stopped, other] = side === 'sender' ? [sender, receiver] : [receiver, sender]
    expect(await stopped.code(), stopped.transcript).toBe(10)
    expect(stopped.last('exit')).toMatchObject({ name: 'time-limit', resumable: true })
    expect(stopped.stderr).toMatch(/this run was allowed 2 s/)
    const stands = scene.as(side, ['ls', '--json'], { people: true })
    expect(await stands.code()).toBe(0)
    expect(JSON.parse(stands.stdout)).toMatchObject({ sessions: [{ state: 'paused', reason: 'time-limit' }] })
    other.hurry()
    await bothSucceed(scene.as(side, ['resume']), other)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('--max-duration before anybody came: code 10, nothing is left', async () => {
    const scene = new Scene()
    const receiver = scene.receive('--max-duration', '1s')
    expect(await receiver.code(), receiver.transcript).toBe(10)
  })
})

describe('resume --bwlimit', () => {
  it('changes the speed of a session that runs, and comes back at once', async () => {
    const { scene, sender, receiver, session } = await begun(1, ['--bwlimit', '1MiB'])
    const faster = scene.as('sender', ['resume', session, '--bwlimit', 'off'])
    expect(await faster.code(), faster.transcript).toBe(0)
    expect(faster.stderr).toMatch(/no bandwidth limit from now on/)
    expect(faster.last('session')).toMatchObject({ held: true, session })
    await bothSucceed(sender, receiver) // At 1 MiB/s it would take longer than anybody waits here.
    const late = scene.as('sender', ['resume', session, '--bwlimit', '1MiB'])
    expect(await late.code()).toBe(2)
    expect(late.last('exit').error?.code).toBe('session-not-found')
  })
})

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
    const { scene, receiver, sender, session } = await begun()
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
})
