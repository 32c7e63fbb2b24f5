// What becomes of a session whose files are touched by others between its runs or under its hands: nothing is trusted,
// nothing is deleted, and what is said has a name.

import { execFileSync } from 'node:child_process'
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Receipt, SessionStatus } from '../../src/index.ts'
import { addRecords, begun, broken, goOn, size } from '../support/broken-session.ts'
import { bothSucceed, expectBalanced, leisurely, Scene, slowly, unprivileged, type Side } from '../support/scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

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

describe('a sender that is killed', () => {
  it('remembers what it had heard acknowledged: ls shows it', async () => {
    const { scene, sender, session } = await begun(1, leisurely)
    await sender.until('checkpoint', ({ bytesDurable }) => bytesDurable > 0 && sender.all('checkpoint').length >= 3)
    await sender.killed()
    const heard = sender.all('checkpoint').at(-2)!.bytesDurable // The last one may have come with the kill.
    expect(heard).toBeGreaterThan(0)
    const [listed] = await scene.listed('sender')
    expect(listed).toMatchObject({ id: session, state: 'interrupted', reason: 'crash' })
    expect(listed!.bytesDurable).toBeGreaterThanOrEqual(heard)
  })
})

describe('a ticket whose session is delivered', () => {
  it.each<[Side]>([['sender'], ['receiver']])(
    'R41: the same command of the %s is code 0 with the same receipt, and says when; nothing crosses',
    async (side) => {
      const scene = new Scene()
      plant(scene.source, { 'disk.img': noise(MiB), other: 'other' })
      const disk = `${scene.source}/disk.img`
      const listens = side === 'sender' ? scene.receive() : scene.send('disk.img')
      const ticket = await listens.ticket()
      const [same, another] =
        side === 'sender'
          ? [
              ['send', disk, '--to', ticket],
              ['send', `${scene.source}/other`, '--to', ticket],
            ]
          : [
              ['receive', scene.target, '--from', ticket],
              ['receive', `${scene.path}/elsewhere`, '--from', ticket],
            ]
      const first = scene.as(side, same)
      await bothSucceed(first, listens)
      const id = first.last('summary').session!
      for (const args of [same, ['resume', id.slice(0, 8)]]) {
        const again = scene.as(side, args)
        expect(await again.code(), again.transcript).toBe(0)
        const { receipt, digest, bytes } = first.last('summary')
        expect(again.last('summary')).toMatchObject({ session: id, receipt, digest, bytes, bytesSentThisRun: 0 })
        expect(again.last('hint')).toMatchObject({ code: 'delivered-before' })
        expect(again.stderr).toMatch(/This was delivered at 2.*what has changed since was not looked at/)
        expectBalanced(again)
      }
      const wrong = scene.as(side, another)
      expect(await wrong.code(), wrong.transcript).toBe(4)
      expect(wrong.last('exit').error?.code).toBe('ticket-spent')
      scene.expectClean()
    },
  )

  it('is known by the sender that was killed before it had noted what it was about', async () => {
    // Its journal said that it was over, and nothing else what it was: the same command was code 4, its ticket spent.
    const { scene, receiver, sender, session, state } = await begun()
    const early = `${scene.path}/early`
    cpSync(state, early, { recursive: true, filter: (path) => !path.includes('/lock.') })
    sender.hurry()
    await bothSucceed(sender, receiver)
    cpSync(early, state, { recursive: true })
    const receipt = JSON.parse(readFileSync(`${scene.stateOf('sender')}/receipts/${session}.json`, 'utf8')) as Receipt
    await addRecords(state, [
      { kind: 'receipt', receipt },
      { kind: 'ended', how: 'released', by: 'peer', at: Date.now() },
    ])
    rmSync(`${scene.stateOf('sender')}/sent/${session}.json`)
    // And to `resume` it was a session that the other side does not know, to be begun again.
    const resumed = scene.as('sender', ['resume', session])
    await resumed.ended
    expect(scene.leftovers('sender')).toEqual([])
    const again = scene.send('disk.img', '--to', await receiver.ticket())
    for (const command of [resumed, again]) {
      expect(await command.code(), command.transcript).toBe(0)
      expect(command.last('hint').code).toBe('delivered-before')
      expect(command.last('summary')).toMatchObject({ session, digest: receipt.digest, bytesSentThisRun: 0 })
    }
    const another = scene.send('.', '--to', await receiver.ticket())
    expect(await another.code(), another.transcript).toBe(4)
  })

  it('is listed by ls --all on both sides, with what it was about; status shows its receipt', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(MiB) })
    const receiver = scene.receive()
    const sender = scene.send('disk.img', '--to', await receiver.ticket())
    await bothSucceed(sender, receiver)
    const id = sender.last('summary').session!
    for (const side of ['sender', 'receiver'] as const) {
      expect(await scene.listed(side)).toEqual([])
      const subject = side === 'sender' ? { sources: [`${scene.source}/disk.img`] } : { directory: scene.target }
      const delivered = { id, role: side, state: 'released', bytesTotal: MiB, resumeCommand: null, ...subject }
      expect(await scene.listed(side, '--all')).toEqual([expect.objectContaining(delivered)])
      const { session } = await scene.document<{ readonly session: SessionStatus }>(side, 'status', id.slice(0, 6))
      expect(session).toMatchObject({ ...delivered, receipt: `${scene.stateOf(side)}/receipts/${id}.json` })
    }
  })
})

describe('a receive that nobody has called yet', () => {
  it('is what status tells of, as long as there is nothing else; one more, and it takes a name', async () => {
    const scene = new Scene()
    const receiver = scene.receive()
    await receiver.ticket()
    const { session } = await scene.document<{ readonly session: SessionStatus }>('receiver', 'status')
    expect(session).toMatchObject({ role: 'receiver', state: 'listening', held: true, directory: scene.target })
    const other = scene.as('receiver', ['receive', scene.source, '--listen', '127.0.0.1:0'])
    await other.ticket()
    const status = scene.as('receiver', ['status'])
    expect(await status.code(), status.transcript).toBe(2)
    expect(status.last('exit').error?.code).toBe('session-ambiguous')
    for (const command of [receiver, other]) command.kill('SIGINT')
    await Promise.all([receiver.ended, other.ended])
  })
})

describe('a receive that is killed before anybody came', () => {
  it('leaves its ticket good: ls --all says so, and until when; ls does not list it', async () => {
    const scene = new Scene()
    const receiver = scene.receive()
    await receiver.ticket()
    await receiver.killed()
    expect(await scene.listed('receiver')).toEqual([])
    const all = scene.as('receiver', ['ls', '--all'], { people: true })
    expect(await all.code()).toBe(0)
    expect(all.stdout).toMatch(/^[0-9a-f]{8} {2}receive .*nobody has used its ticket, which is good for 2[34] h/)
  })
})

const hasFallocate = existsSync('/usr/bin/fallocate')
if (!hasFallocate) console.warn('Skipped: a part file that is punched (there is no fallocate).')

/** Takes the first mebibyte's blocks away; the length stays. */
function punch(part: string): void {
  execFileSync('/usr/bin/fallocate', ['--punch-hole', '--offset', '0', '--length', String(MiB), part])
}

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
    ...(hasFallocate ? [['punched', punch] as [string, typeof punch]] : []),
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

describe('a receiver that was rolled back to before a file was in place', () => {
  it('R46: gets that file again from the sender that saw it delivered', async () => {
    const scene = new Scene()
    plant(scene.source, { 'photos/a': noise(16 * MiB), 'photos/b': noise(size) })
    const receiver = scene.receive()
    const sender = scene.send('photos', '--to', await receiver.ticket(), ...slowly)
    const { session } = await receiver.until('progress', ({ bytesDurable }) => bytesDurable >= 2 * MiB)
    await receiver.killed()
    const own = `${scene.target}/.carryon/${session!}`
    rmSync(`${scene.target}/photos`, { recursive: true, force: true })
    cpSync(own, `${scene.path}/copy`, { recursive: true, filter: (path) => !/lock\.\d+$/.test(path) })
    const again = scene.receive()
    await sender.until('progress', ({ filesDone }) => filesDone >= 1)
    await again.killed()
    rmSync(own, { recursive: true })
    rmSync(`${scene.target}/photos`, { recursive: true, force: true })
    renameSync(`${scene.path}/copy`, own)
    const restored = scene.receive()
    await sender.until('warning', ({ code }) => code === 'rolled-back')
    sender.hurry()
    await bothSucceed(restored, sender)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
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
    ['this session, its first record damaged', 'sender', 'journal-foreign', (journal) => writeAt(journal, 40, 'XX')],
    ['this session, its first bytes damaged', 'sender', 'journal-foreign', (journal) => writeAt(journal, 2, 'XX')],
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
    const listed = scene.as(side, ['ls'], { people: true })
    expect(await listed.code()).toBe(0)
    expect(listed.stderr).toMatch(/^Session abababab is passed over: The journal .* does not belong here: /)
    const again = scene.send('disk.img')
    await again.ticket()
    expect(again.last('warning')).toMatchObject({ code: 'passed-over' })
    expect(existsSync(`${scene.stateOf(side)}/${other}/journal`)).toBe(true)
  })
})

function writeAt(path: string, position: number, text: string): void {
  const file = openSync(path, 'r+')
  writeSync(file, text, position)
  closeSync(file)
}

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
