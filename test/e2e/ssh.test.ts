// The road people already trust: pushed and pulled over a real sshd, cut, killed, carried on over WebSocket and back, and what
// is said where there is no way. The far machine is this one, with a home and a state of its own.

import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Command } from '../support/command.ts'
import { FarMachine, sshMissing, type FarMachineOptions } from '../support/far-machine.ts'
import { expectBalanced, leisurely, narrow, Scene, slowly, windowBytes } from '../support/scene.ts'
import { canOpen, Terminal } from '../support/terminal.ts'
import { file, listing, MiB, noise, plant, type Tree } from '../support/trees.ts'

const missing = sshMissing()
if (missing !== undefined) console.log(`SKIPPED: tests over ssh: ${missing}`)

const size = 24 * MiB + 77
const tree: Tree = {
  'photos/a.jpg': noise(3 * MiB + 1, 1),
  'photos/sub/c.txt': file('hello', 0o600, 1_700_000_000.123456),
  'photos/empty': '',
}

/** A scene with a far machine; `near` runs a command at this end. */
async function overSsh(options: FarMachineOptions = {}) {
  const scene = new Scene()
  const far = await FarMachine.start(options)
  const near = (...args: readonly string[]): Command => scene.as('sender', args, { env: far.env })
  /** At the far end, by hand. */
  const atFar = { env: { XDG_STATE_HOME: far.stateHome, HOME: far.home }, cwd: far.home }
  const there = (...args: readonly string[]): Command => scene.as('receiver', args, atFar)
  /** The same, of a command that has one document to say. */
  const document = async (...args: readonly string[]): Promise<unknown> => {
    const command = scene.as('receiver', [...args, '--json'], { ...atFar, people: true })
    await succeeds(command)
    return JSON.parse(command.stdout)
  }
  return { scene, far, near, there, document }
}

async function succeeds(command: Command): Promise<void> {
  const code = await command.code()
  expect(code, command.transcript).toBe(0)
}

/** Until then the far side may be putting its session away. */
async function expectNoProcesses(far: FarMachine): Promise<void> {
  await expect.poll(() => far.processes, { timeout: 60_000 }).toEqual([])
}

describe.skipIf(missing !== undefined)('over ssh', () => {
  it('a folder is sent, lands in the folder that was named, and nothing is left but receipts', async () => {
    const { scene, far, near } = await overSsh()
    plant(scene.source, tree)
    const sender = near('send', `${scene.source}/photos`, '--to', `far:${far.home}/in put`)
    await succeeds(sender)
    expectBalanced(sender)
    await expectNoProcesses(far)
    expect(listing(join(far.home, 'in put'))).toEqual(listing(scene.source))
    expect(existsSync(join(far.home, 'in put', '.carryon'))).toBe(false)
    expect(readdirSync(join(far.stateHome, 'carryon/receipts'))).toEqual(scene.receipts('sender'))
    expect(scene.leftovers('sender')).toEqual([])
  })

  it('a sender that was paused is what the far side says it waits for', async () => {
    const { scene, far, near, document } = await overSsh()
    plant(scene.source, { 'disk.img': noise(size) })
    const sender = near('send', `${scene.source}/disk.img`, '--to', `far:${far.folder('in')}`, ...slowly)
    await sender.until('checkpoint')
    sender.kill('SIGINT')
    await sender.ended
    await expectNoProcesses(far)
    const listed = await document('ls', '--root', far.folder('in'))
    expect(listed).toMatchObject({ sessions: [{ state: 'paused', reason: 'peer-user', who: 'peer' }] })
  })

  it('a folder is fetched, by a path that begins at the home folder', async () => {
    const { scene, far, near } = await overSsh()
    plant(far.home, tree)
    const receiver = near('receive', scene.target, '--from', 'far:~/photos')
    await succeeds(receiver)
    expect(listing(scene.target)).toEqual(listing(far.home))
    await expectNoProcesses(far)
  })

  it('no path is read by a shell', async () => {
    const { scene, far, near } = await overSsh()
    plant(scene.source, { a: 'a' })
    const name = '$(touch oops) `touch oops`; "touch" oops \'*\' --x'
    await succeeds(near('send', `${scene.source}/a`, '--to', `far:~/${name}`))
    await expectNoProcesses(far)
    expect(readdirSync(far.home)).toEqual([name])
    expect(readdirSync(join(far.home, name))).toEqual(['a'])
  })

  it('the same command carries on after either side was killed', async () => {
    const { scene, far, near } = await overSsh()
    plant(scene.source, { 'disk.img': noise(size) })
    const words = ['send', `${scene.source}/disk.img`, '--to', `far:${far.folder('in')}`]
    const first = near(...words, ...leisurely)
    await first.until('checkpoint')
    await first.killed()
    await expectNoProcesses(far)
    const second = near(...words, ...leisurely, ...narrow)
    const { bytesDurableAtStart } = await second.until('progress', (event) => event.bytesDurableAtStart > 0)
    await second.until('progress', ({ bytesDurable }) => bytesDurable > bytesDurableAtStart)
    for (const pid of far.processes) process.kill(pid, 'SIGKILL')
    await second.until('reconnecting')
    second.hurry()
    await succeeds(second)
    expectBalanced(second)
    expect(second.last('summary')).toMatchObject({ reconnects: 1 })
    expect(second.last('summary').bytesResent).toBeLessThanOrEqual(windowBytes)
    await expectNoProcesses(far)
    expect(listing(join(far.home, 'in'))).toEqual(listing(scene.source))
    expect(scene.receipts('sender')).toHaveLength(1)
  })

  it('a session that began over WebSocket carries on over ssh, and back; there is one receipt', async () => {
    const { scene, far, near, there } = await overSsh()
    plant(scene.source, { 'disk.img': noise(size) })
    const target = far.folder('in')
    const path = `${scene.source}/disk.img`
    const listener = there('receive', target, '--listen', '127.0.0.1:0')
    const first = near('send', path, '--to', await listener.ticket(), ...leisurely)
    await first.until('checkpoint')
    await Promise.all([first.killed(), listener.killed()])

    const second = near('send', path, '--to', `far:${target}`, ...leisurely)
    const over = await second.until('session', ({ state }) => state === 'transferring')
    expect(over).toMatchObject({ resumed: true, epoch: 2 })
    const { bytesDurableAtStart } = await second.until('progress', (event) => event.bytesDurableAtStart > 0)
    await second.until('progress', ({ bytesDurable }) => bytesDurable > bytesDurableAtStart)
    await second.killed()
    await expectNoProcesses(far)

    const back = there('receive', target, '--listen', '127.0.0.1:0')
    const third = near('send', path, '--to', await back.ticket())
    await succeeds(third)
    await succeeds(back)
    expect(third.last('session')).toMatchObject({ resumed: true, epoch: 3 })
    expect(new Set([first, second, third].map((command) => command.last('session').session)).size).toBe(1)
    expect(scene.receipts('sender')).toHaveLength(1)
    expect(readdirSync(join(far.stateHome, 'carryon/receipts'))).toEqual(scene.receipts('sender'))
    expect(listing(target)).toEqual(listing(scene.source))
  })

  it('R39: a session that a live process holds goes on there, and that one gets the pipe', async () => {
    const { scene, far, near, there } = await overSsh()
    plant(scene.source, { 'disk.img': noise(size) })
    const target = far.folder('in')
    const path = `${scene.source}/disk.img`
    const listener = there('receive', target, '--listen', '127.0.0.1:0')
    const first = near('send', path, '--to', await listener.ticket(), ...slowly)
    await first.until('checkpoint')
    await first.killed()
    const second = near('send', path, '--to', `far:${target}`)
    await succeeds(second)
    await succeeds(listener)
    expect(listener.last('session').session).toBe(second.last('session').session)
    expect(listener.last('summary')).toMatchObject({ reconnects: 1 })
    expect(listing(target)).toEqual(listing(scene.source))
    await expectNoProcesses(far)
  })

  it('a session of a served folder goes on over ssh, through the server that holds it', async () => {
    const { scene, far, near, there, document } = await overSsh()
    plant(scene.source, { 'disk.img': noise(size) })
    const target = far.folder('in')
    const path = `${scene.source}/disk.img`
    const server = there('serve', target, '--allow-root', '--listen', '127.0.0.1:0')
    await server.until('listening')
    const ticket = join(scene.path, 'ticket')
    await document('ticket', 'new', '--root', target, '--for', 'send', '--file', ticket)
    const first = near('send', path, '--to', `@${ticket}`, ...slowly)
    await first.until('checkpoint')
    await first.killed()
    const second = near('send', path, '--to', `far:${target}`)
    await succeeds(second)
    expect(second.last('session').session).toBe(first.last('session').session)
    await server.until(
      'session',
      ({ session, state }) => session === second.last('session').session && state === 'released',
    )
    await expectNoProcesses(far)
    server.kill('SIGTERM')
    await server.ended // Until then it may be putting the session away.
    expect(listing(target)).toMatchObject(listing(scene.source))
  })

  it('a session is discarded on both sides by one command', async () => {
    const { scene, far, near, document } = await overSsh()
    plant(scene.source, { 'disk.img': noise(size) })
    const first = near('send', `${scene.source}/disk.img`, '--to', `far:${far.folder('in')}`, ...slowly)
    await first.until('checkpoint')
    await first.killed()
    await expectNoProcesses(far)
    const discard = scene.as('sender', ['discard', '--yes', first.last('session').session!], {
      env: far.env,
      people: true,
    })
    await succeeds(discard)
    await expectNoProcesses(far)
    expect(await document('ls')).toMatchObject({ sessions: [] })
    const again = near('send', `${scene.source}/disk.img`, '--to', `far:${far.home}/in`)
    await succeeds(again)
    expect(again.last('session').session).not.toBe(first.last('session').session)
  })

  it('Ctrl-C, which ssh hears too, pauses in good order; the far side ends, and the same command goes on', async () => {
    const { scene, far, near } = await overSsh()
    plant(scene.source, { 'disk.img': noise(size) })
    const words = ['send', `${scene.source}/disk.img`, '--to', `far:${far.folder('in')}`]
    const first = near(...words, ...slowly)
    await first.until('checkpoint')
    const children = readFileSync(`/proc/${first.pid}/task/${first.pid}/children`, 'utf8').trim().split(' ')
    for (const pid of children) process.kill(Number(pid), 'SIGINT')
    first.kill('SIGINT')
    expect((await first.ended).signal).toBe('SIGINT')
    expect(first.last('session')).toMatchObject({ state: 'paused', reason: 'user' })
    expect(first.all('reconnecting')).toEqual([])
    await expectNoProcesses(far)
    const second = near(...words)
    await succeeds(second)
    expectBalanced(second)
    expect(second.last('summary')).toMatchObject({ bytesResent: 0, reconnects: 0 })
    await expectNoProcesses(far)
    expect(listing(join(far.home, 'in'))).toEqual(listing(scene.source))
  })

  it('a folder in authorized_keys confines what can be named, both ways', async () => {
    const scene = new Scene()
    const inside = join(scene.path, 'served')
    mkdirSync(inside)
    const far = await FarMachine.start({ command: `carryon serve --stdio ${inside}` })
    const near = (...args: readonly string[]): Command => scene.as('sender', args, { env: far.env })
    plant(scene.source, tree)
    await succeeds(near('send', `${scene.source}/photos`, '--to', 'far:a/b'))
    await expectNoProcesses(far)
    expect(listing(join(inside, 'a/b'))).toEqual(listing(scene.source))
    await succeeds(near('receive', scene.target, '--from', 'far:a/b/.'))
    expect(listing(scene.target)).toEqual(listing(scene.source))

    writeFileSync(join(scene.path, 'secret'), 'secret')
    symlinkSync(scene.path, join(inside, 'out'))
    const into = (path: string): Command => near('send', `${scene.source}/photos`, '--to', `far:${path}`)
    const from = (path: string): Command => near('receive', scene.target, '--from', `far:${path}`)
    for (const command of [into('/tmp'), into('../x'), into('a/../../x'), from('/etc/passwd'), from('../secret')])
      expect([await command.code(), command.last('exit').error?.code]).toEqual([7, 'scope'])
    const missing = from('a/not-there')
    expect(await missing.code()).toBe(2)
    expect(missing.transcript).not.toContain(inside)
    expect(await into('out/x').code()).not.toBe(0)
    expect(await from('out/secret').code()).not.toBe(0)
    expect(readdirSync(scene.path)).not.toContain('x')
    expect(readdirSync(scene.target)).not.toContain('secret')
  })
})

describe.skipIf(missing !== undefined || !canOpen)('over ssh, in a terminal', () => {
  it('ssh may ask for a passphrase there; Ctrl-C, which all in the terminal hear, pauses in good order', async () => {
    const { scene, far, near } = await overSsh()
    plant(scene.source, { 'disk.img': noise(size) })
    const asks = `printf 'passphrase? ' >/dev/tty; read word </dev/tty; [ "$word" = sesame ] || exit 255`
    far.pretend(`case "$*" in *BatchMode=no*) ${asks};; esac; ${far.ssh}`)
    const words = ['send', `${scene.source}/disk.img`, '--to', `far:${far.folder('in')}`]
    const env = { XDG_STATE_HOME: `${scene.stateOf('sender')}/..`, HOME: scene.path, ...far.env }
    const terminal = await Terminal.open([...words, ...slowly], { columns: 200, cwd: scene.path, env })
    await terminal.until('the question', ({ lines }) => lines.some((line) => line.includes('passphrase?')))
    terminal.type('sesame\r')
    await terminal.until('a bar', ({ bars }) => bars.some((bar) => / [1-9]\d?%/.test(bar)))
    terminal.type('\u0003')
    await terminal.ended
    expect(terminal.lines.join('\n')).toMatch(/Paused at \d+%/)
    await expectNoProcesses(far)
    const again = near(...words)
    await succeeds(again)
    expect(again.last('summary')).toMatchObject({ bytesResent: 0 })
    await expectNoProcesses(far)
    expect(listing(join(far.home, 'in'))).toEqual(listing(scene.source))
  })
})

describe.skipIf(missing !== undefined)('where there is no way over ssh, the sentence says why', () => {
  /** A send that gets nowhere: its code, its error, and nothing left of a session. */
  async function refused({ scene, near }: Awaited<ReturnType<typeof overSsh>>, target = 'far:in') {
    plant(scene.source, { a: 'a' })
    const command = near('send', `${scene.source}/a`, '--to', target, '--connect-for', '0s')
    const code = await command.code()
    expect(scene.leftovers('sender'), command.transcript).toEqual([])
    const { error } = command.last('exit')
    return { command, said: `${code} ${error?.code}: ${error?.message} ${error?.hint}` }
  }

  it('far side without carryon, or with another program of that name', async () => {
    const stage = await overSsh()
    stage.far.replaceCarryon(undefined)
    expect((await refused(stage)).said).toMatch(/^7 no-carryon: .*far has no carryon.*not found.*Install it there/)
    const older = await overSsh()
    older.far.replaceCarryon('echo "carryon serve has no flag --stdio." >&2; exit 2')
    expect((await refused(older)).said).toMatch(/^7 no-carryon: .*has no flag --stdio/)
  })

  it('another version of the protocol', async () => {
    const stage = await overSsh()
    stage.far.replaceCarryon(`echo "carryon.v2 ${'0'.repeat(32)}"; cat`)
    expect((await refused(stage)).said).toMatch(/^7 version: .*here 1, there 2.*Install the same major version/)
  })

  it('what a shell says first is no answer and does no harm', async () => {
    const { scene, far, near } = await overSsh()
    plant(scene.source, { a: 'a' })
    far.pretend(`echo "Welcome to far"; ${far.ssh}`)
    await succeeds(near('send', `${scene.source}/a`, '--to', 'far:~/in'))
    await expectNoProcesses(far)
  })

  it('a password where nobody can be asked; a host key that has changed', async () => {
    const stage = await overSsh()
    const { said } = await refused(stage, 'nobody@far:in')
    expect(said).toMatch(/^4 ssh-refused: .*Permission denied/)
    const moved = await overSsh()
    await moved.far.changeHostKey()
    const changed = await refused(moved)
    expect(changed.said).toMatch(/^4 ssh-refused: .*Host key verification failed/)
    const warnings = changed.command.all('warning').map(({ code, message }) => `${code}: ${message}`)
    expect(warnings.join('\n')).toMatch(/ssh: .*REMOTE HOST IDENTIFICATION HAS CHANGED/)
  })

  it('no ssh; nobody there; a path that is not there', async () => {
    const stage = await overSsh()
    plant(stage.scene.source, { a: 'a' })
    const words = ['send', `${stage.scene.source}/a`, '--to', 'far:in', '--connect-for', '0s']
    const without = stage.scene.as('sender', words, { env: { PATH: '/nowhere' } })
    expect([await without.code(), without.last('exit').error?.message]).toEqual([
      2,
      'There is no ssh on this machine, and far is reached over it.',
    ])
    await stage.far.stop()
    expect((await refused(stage)).said).toMatch(/^5 peer-unreachable: .*ssh:far.*Connection refused/)
    const third = await overSsh()
    const pull = third.near('receive', third.scene.target, '--from', 'far:~/nothing')
    expect([await pull.code(), pull.last('exit').error?.code]).toEqual([2, 'no-such-path'])
  })

  it('ssh is given a list of words that never changes, asks nothing without a terminal, and the destination last', async () => {
    const { scene, far } = await overSsh()
    plant(scene.source, { a: 'a' })
    const words = join(scene.path, 'words')
    far.pretend(`printf '%s\\n' "$@" > ${words}; exit 255`)
    const command = scene.as(
      'sender',
      ['send', `${scene.source}/a`, '--to', 'me@far:a b; $(id)', '--connect-for', '0s'],
      {
        env: far.env,
      },
    )
    expect(await command.code()).toBe(5)
    const [said, after] = readFileSync(words, 'utf8').split('\n--\n')
    expect(said!.split('\n')).toContain('-oBatchMode=yes')
    expect(after).toBe('me@far\ncarryon\nserve\n--stdio\n')
  })

  it('what ssh calls a warning is called one once', async () => {
    const { scene, far } = await overSsh()
    plant(scene.source, { a: 'a' })
    far.pretend(`printf 'Warning: added to the known hosts\\n' >&2; exit 255`)
    const words = ['send', `${scene.source}/a`, '--to', 'far:in', '--connect-for', '0s']
    const command = scene.as('sender', words, { env: far.env, people: true })
    expect(await command.code()).toBe(5)
    expect(command.stderr).toMatch(/^Warning: added to the known hosts$/m)
  })

  it('what ssh says is shown with nothing in it that moves a cursor', async () => {
    const { scene, far } = await overSsh()
    plant(scene.source, { a: 'a' })
    far.pretend(`printf 'evil \\033[2J\\007 text\\n' >&2; exit 255`)
    const words = ['send', `${scene.source}/a`, '--to', 'far:in', '--connect-for', '0s']
    const command = scene.as('sender', words, { env: far.env, people: true })
    expect(await command.code()).toBe(5)
    expect(command.stderr).toContain('evil \\x1b[2J\\x07 text')
    for (const byte of ['\u001b', '\u0007']) expect(command.stderr).not.toContain(byte)
  })
})
