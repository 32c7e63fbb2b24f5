// Stopping on purpose: by Ctrl-C, by a signal of the system, from a third process. What is said, what is kept, what the
// other side does, and the commands that manage sessions.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Command } from '../support/command.ts'
import { bothSucceed, expectBalanced, leisurely, Scene, type Side } from '../support/scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'
import type { SessionStatus } from '../../src/index.ts'

const size = 24 * MiB + 99
const stopMs = 2_000 // The promise (R100); deadlines get three times as much.

/** A transfer under way: the receiver listens, the sender is slow. */
async function begun() {
  const scene = new Scene()
  plant(scene.source, { "it's a disk.img": noise(size) })
  const receiver = scene.receive()
  const sender = scene.send("it's a disk.img", '--to', await receiver.ticket(), ...leisurely)
  const { session } = await sender.until('progress', ({ bytesDurable }) => bytesDurable > 0)
  return { scene, receiver, sender, session: session!, of: (side: Side) => (side === 'sender' ? sender : receiver) }
}

const other = (side: Side): Side => (side === 'sender' ? 'receiver' : 'sender')

/** The command that a stopped one told people to run. */
function resumeCommand(stopped: Command): readonly string[] {
  const [, line] = /^To go on: {2}(.*)$/m.exec(stopped.stderr)!
  expect(line).toBe(stopped.last('exit').resumeCommand)
  return Command.argumentsOf(line!)
}

describe.each(['sender', 'receiver'] as const)('Ctrl-C of the %s', (side) => {
  it('R100: keeps what arrived, says the command that goes on, dies by the signal; that command finishes', async () => {
    const { scene, of } = await begun()
    const stopped = of(side)
    stopped.kill('SIGINT')
    expect(await stopped.ended).toEqual({ code: null, signal: 'SIGINT' })
    expect(stopped.diedAfterMs).toBeLessThan(3 * stopMs)
    expect(stopped.stderr).toMatch(
      side === 'sender' ? /^Paused at \d+%: .* is safe on the other side\.$/m : /^Paused at \d+%: .* is safe here\.$/m,
    )
    expect(stopped.last('exit')).toMatchObject({ code: 130, name: 'signal', resumable: true })
    expect(stopped.last('session')).toMatchObject({ state: 'paused', reason: 'user', who: 'self' })

    const waiting = of(other(side))
    expect(await waiting.until('session', ({ state }) => state === 'paused')).toMatchObject({
      reason: 'peer-user',
      who: 'peer',
    })
    await waiting.untilSaid(/other side/)
    expect(waiting.isRunning).toBe(true)

    const { bytesDurable } = stopped.last('progress')
    const again = scene.as(side, resumeCommand(stopped))
    waiting.hurry()
    await bothSucceed(again, waiting)
    expect(again.last('summary').bytesSentThisRun).toBeLessThanOrEqual(size - bytesDurable)
    expectBalanced(again)
    expectBalanced(waiting)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('twice leaves at once, and the same command goes on', async () => {
    const { scene, of, sender } = await begun()
    const stopped = of(side)
    stopped.kill('SIGINT')
    stopped.kill('SIGINT')
    expect((await stopped.ended).signal).toBe('SIGINT')
    const again = scene.as(side, ['resume'])
    sender.hurry()
    await bothSucceed(again, of(other(side)))
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })
})

describe('SIGTERM', () => {
  it('does the same, and the other side hears that no person did it', async () => {
    const { scene, sender, receiver } = await begun()
    sender.kill('SIGTERM')
    expect(await sender.ended).toEqual({ code: null, signal: 'SIGTERM' })
    expect(sender.last('exit')).toMatchObject({ code: 143, resumable: true })
    expect(await receiver.until('session', ({ state }) => state === 'paused')).toMatchObject({ reason: 'peer-signal' })
    await bothSucceed(scene.as('sender', resumeCommand(sender)), receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })
})

describe('a third process', () => {
  it('pauses a session, which ends its command with code 5; resume goes on', async () => {
    const { scene, sender, receiver, session } = await begun()
    const pause = scene.as('sender', ['pause', session.slice(0, 6)])
    expect(await pause.code(), pause.transcript).toBe(0)
    expect(await sender.code()).toBe(5)
    expect(sender.last('exit')).toMatchObject({ resumable: true, error: { code: 'paused' } })
    await receiver.until('session', ({ reason }) => reason === 'peer-user')
    await bothSucceed(scene.as('sender', ['resume', session.slice(0, 4)]), receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('sees the session in ls and status, running and stopped', async () => {
    const { scene, sender, receiver, session } = await begun()
    for (const side of ['sender', 'receiver'] as const) {
      const [running, ...others] = await scene.listed(side)
      expect(others).toEqual([])
      expect(running).toMatchObject({ id: session, role: side, state: 'transferring', held: true, bytesTotal: size })
      const { session: status } = await scene.document<{ readonly session: SessionStatus }>(side, 'status', session)
      expect(status.live?.rateBytesPerSecond).toBeGreaterThan(0)
      expect(status.other?.state).toBe('transferring')
    }
    await Promise.all([sender.killed(), receiver.killed()])
    const [stopped] = await scene.listed('sender')
    expect(stopped).toMatchObject({ id: session, state: 'interrupted', reason: 'crash', held: false })
    const people = scene.as('receiver', ['ls'], { people: true })
    expect(await people.code()).toBe(0)
    expect(people.stdout).toContain(session.slice(0, 8))
    expect(people.stdout).toMatch(/\d+%/)
  })

  it('discards on both sides: nothing is left, both end with code 7, and late callers hear of it', async () => {
    const { scene, sender, receiver, session } = await begun()
    const discard = scene.as('sender', ['discard', session, '--yes'])
    expect(await discard.code(), discard.transcript).toBe(0)
    expect([await sender.code(), await receiver.code()]).toEqual([7, 7])
    expect(receiver.last('exit')).toMatchObject({ resumable: false, error: { code: 'discarded' } })
    expect(listing(scene.target)).not.toHaveProperty("it's a disk.img")
    expect(await scene.listed('receiver')).toEqual([])
    const again = scene.as('sender', ['resume', session])
    expect(await again.code()).not.toBe(0)
  })

  it('is asked before it discards, and without a terminal must say --yes', async () => {
    const { scene, sender, session } = await begun()
    const discard = scene.as('sender', ['discard', session])
    expect(await discard.code()).toBe(2)
    expect(discard.stderr).toContain('--yes')
    expect(sender.isRunning).toBe(true)
  })

  it('gets code 11 for the same command while it runs; with --wait it goes on afterwards', async () => {
    const { scene, sender, receiver } = await begun()
    const busy = scene.as('sender', ['resume'])
    expect(await busy.code()).toBe(11)
    expect(busy.last('exit')).toMatchObject({ name: 'busy', resumable: true })
    expect(busy.stderr).toMatch(/^It goes on there: `carryon status --watch` shows it, `carryon pause` stops it/m)
    expect(busy.stderr).not.toContain('To go on:')
    sender.hurry()
    await bothSucceed(sender, receiver)
  })
})

describe('receipts', () => {
  it('are the same on both sides, readable by their owner alone, and hold no secret', async () => {
    const { scene, sender, receiver, session } = await begun()
    sender.hurry()
    await bothSucceed(sender, receiver)
    const texts = (['sender', 'receiver'] as const).map((side) =>
      readFileSync(`${scene.stateOf(side)}/receipts/${session}.json`, 'utf8'),
    )
    expect(texts[0]).toBe(texts[1])
    expect(JSON.parse(texts[0]!)).toMatchObject({ session, files: 1, bytes: size })
  })
})
