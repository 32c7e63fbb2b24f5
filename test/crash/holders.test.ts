// Who holds a session: one process, however many want it, until it lets go or is killed; a stopped one holds on (R42, R43).

import { describe, expect, it, onTestFinished } from 'vitest'
import type { Command } from '../support/command.ts'
import { bothSucceed, Scene, slowly } from '../support/scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'

const size = 16 * MiB + 5
const manyMs = 150_000 // So long may a crowd of processes take on a busy machine.
const retakenMs = 1_000
const slack = 3

async function begun() {
  const scene = new Scene()
  plant(scene.source, { 'disk.img': noise(size) })
  const receiver = scene.receive()
  const ticket = await receiver.ticket()
  return { scene, receiver, ticket }
}

/** Waits until all but one have ended, and that one is at work. @returns it */
async function theOneLeft(crowd: readonly Command[]): Promise<Command> {
  const left = new Set(crowd)
  await new Promise<void>((resolve) => {
    for (const command of crowd)
      void command.ended.then(() => {
        left.delete(command)
        if (left.size === 1) resolve()
      })
  })
  return [...left][0]!
}

/** All others of a crowd have ended, for one reason. */
function expectBusy(crowd: readonly Command[], winner: Command): void {
  for (const loser of crowd) {
    if (loser === winner) continue
    expect(loser.last('exit'), loser.transcript).toMatchObject({ code: 11, name: 'busy', error: { code: 'busy' } })
  }
}

const flowing = (command: Command) => command.until('session', ({ state }) => state === 'transferring')

describe('a session that many want', () => {
  it('R42: goes to one of 50 senders; 49 hear that it is busy, with code 11', { timeout: manyMs }, async () => {
    const { scene, receiver, ticket } = await begun()
    const crowd = Array.from({ length: 50 }, () => scene.send('disk.img', '--to', ticket, '--bwlimit', '64KiB'))
    const winner = await theOneLeft(crowd)
    expectBusy(crowd, winner)
    winner.hurry()
    await bothSucceed(winner, receiver)
    expect(winner.last('summary')).toMatchObject({ reconnects: 0 })
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })

  it('R43: goes to one of 20 that start at once when its holder was killed', { timeout: manyMs }, async () => {
    const { scene, receiver, ticket } = await begun()
    const holder = scene.send('disk.img', '--to', ticket, ...slowly)
    await holder.until('checkpoint')
    await holder.killed()
    const crowd = Array.from({ length: 20 }, () => scene.send('disk.img', '--to', ticket, '--bwlimit', '64KiB'))
    const winner = await theOneLeft(crowd)
    expectBusy(crowd, winner)
    winner.hurry()
    await bothSucceed(winner, receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })
})

describe('a holder', () => {
  it('R43: that was killed is replaced at once', async () => {
    const { scene, receiver, ticket } = await begun()
    const holder = scene.send('disk.img', '--to', ticket, ...slowly)
    await holder.until('checkpoint')
    await holder.killed()
    const startedAt = Date.now()
    const next = scene.send('disk.img', '--to', ticket, ...slowly)
    const heldMs = Date.parse((await next.until('session')).time) - startedAt
    await flowing(next)
    console.log(`held again ${heldMs} ms after the start of its process`)
    expect(heldMs).toBeLessThan(retakenMs * slack + 2_000) // The start of a process among others, too.
    next.hurry()
    await bothSucceed(next, receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
  })

  it('R43: that is stopped holds on: another one hears that it is busy', async () => {
    const { scene, receiver, ticket } = await begun()
    const holder = scene.send('disk.img', '--to', ticket, ...slowly)
    await holder.until('checkpoint')
    holder.kill('SIGSTOP')
    onTestFinished(() => holder.kill('SIGCONT'))
    const other = scene.send('disk.img', '--to', ticket)
    expect(await other.code(), other.transcript).toBe(11)
    holder.kill('SIGCONT')
    holder.hurry()
    await bothSucceed(holder, receiver)
    expect(listing(scene.target)).toEqual(listing(scene.source))
    scene.expectClean()
  })
})
