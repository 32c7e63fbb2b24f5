// `status --watch`: another process looks on, changes nothing, and comes to the same end.

import { describe, expect, it } from 'vitest'
import type { SessionStatus } from '../../src/index.ts'
import { leisurely, Scene, type Side } from '../support/scene.ts'
import { canOpen, Terminal } from '../support/terminal.ts'
import { MiB, noise, plant } from '../support/trees.ts'

const size = 24 * MiB
const sides = ['sender', 'receiver'] as const

/** A slow transfer, of which a bit is safe. */
async function begun() {
  const scene = new Scene()
  plant(scene.source, { 'photos/disk.img': noise(size), 'photos/taken': 'ours' })
  plant(scene.target, { 'photos/taken': 'theirs, and longer' })
  const receiver = scene.receive()
  const sender = scene.send('photos', '--to', await receiver.ticket(), ...leisurely)
  const { session } = await sender.until('progress', ({ bytesDurable }) => bytesDurable > 0)
  const watch = (side: Side, ...flags: readonly string[]) =>
    scene.as(side, ['status', session!.slice(0, 8), '--watch', ...flags])
  return { scene, receiver, sender, session: session!, watch }
}

describe('status --watch', () => {
  it('follows either side to its last line, and ends with the same summary and the same code', async () => {
    const { sender, receiver, watch } = await begun()
    const watchers = sides.map((side) => watch(side))
    for (const watcher of watchers) await watcher.until('progress', ({ bytesDurable }) => bytesDurable > 0)
    sender.hurry()
    for (const [i, worker] of [sender, receiver].entries()) {
      const watcher = watchers[i]!
      expect([await worker.code(), await watcher.code()]).toEqual([13, 13])
      const { code, name, resumable } = worker.last('exit')
      expect(watcher.last('exit')).toMatchObject({ code, name, resumable })
      expect(watcher.events.at(-2)).toEqual({
        ...worker.last('summary'),
        time: expect.any(String),
        durationMs: expect.any(Number),
      })
      expect(watcher.events.filter(({ type }) => type === 'summary' || type === 'exit')).toHaveLength(2)
      expect(watcher.stderr.trimEnd().split('\n').at(-1)).toMatch(/conflict/)
    }
  })

  it('begins with where it stands', async () => {
    const { sender, watch } = await begun()
    const watcher = watch('sender')
    const { bytesDurable, bytesTotal, state } = await watcher.until('session')
    expect(state).toBe('transferring')
    expect(bytesTotal).toBe(size)
    expect(bytesDurable).toBeGreaterThan(0)
    sender.kill('SIGKILL')
  })

  it('of a session that is paused ends with code 5, and says the command that goes on with it', async () => {
    const { scene, session, watch } = await begun()
    const watcher = watch('receiver')
    await watcher.until('progress')
    expect(await scene.as('receiver', ['pause', session]).code()).toBe(0)
    expect(await watcher.code()).toBe(5)
    expect(watcher.last('exit')).toMatchObject({ resumable: true, resumeCommand: `carryon receive ${scene.target}` })
  })

  it('of a process that is killed ends with code 5, and says so', async () => {
    const { sender, watch } = await begun()
    const watcher = watch('sender')
    await watcher.until('progress')
    await sender.killed()
    expect(await watcher.code()).toBe(5)
    expect(watcher.stderr).toContain('The process that worked on the session has ended.')
  })

  it('of one that nobody works on is the page of status, and a word', async () => {
    const { scene, sender, session } = await begun()
    await sender.killed()
    const watcher = scene.as('sender', ['status', session, '--watch'], { people: true })
    expect(await watcher.code()).toBe(0)
    expect(watcher.stdout).toMatch(new RegExp(`^Session: +${session}$`, 'm'))
    expect(watcher.stderr).toBe('No process here works on it: there is nothing to watch.\n')
    const { session: status } = await scene.document<{ session: SessionStatus }>('sender', 'status', session, '--watch')
    expect(status).toMatchObject({ id: session, held: false })
  })

  it.skipIf(!canOpen)('draws the screen that the process has which works; Ctrl-C leaves that one alone', async () => {
    const { scene, sender, receiver, session } = await begun()
    const environment = { cwd: scene.path, env: { XDG_STATE_HOME: `${scene.stateOf('sender')}/..`, HOME: scene.path } }
    const watcher = await Terminal.open(['status', '--watch', session], { columns: 80, ...environment })
    await watcher.until('a bar', ({ bars }) => bars.length > 2)
    watcher.type('\u0003')
    expect((await watcher.ended).signal).toBe(2)
    expect(watcher.lines.join('\n')).toContain('The transfer goes on in the other process.')
    sender.hurry()
    expect([await sender.code(), await receiver.code()]).toEqual([13, 13])
  })
})
