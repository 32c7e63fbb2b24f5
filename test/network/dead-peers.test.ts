// R31: the cable is pulled or goes deaf one way, while data flows or nothing does. Both sides notice in time, come back by
// themselves when it is whole again, and send little twice.

import { describe, expect, it } from 'vitest'
import type { Command } from '../support/command.ts'
import { networksMissing, type Loss, type Networks } from '../support/networks.ts'
import { bothSucceed, narrow, slowly, windowBytes } from '../support/scene.ts'
import { listing, MiB, noise, plant } from '../support/trees.ts'
import { CableScene, saidAt } from './scene.ts'

const missing = networksMissing()
if (missing !== undefined) console.log(`SKIPPED: tests in network namespaces: ${missing}`)

const size = 24 * MiB + 77
const slack = 3

/** One frame goes, and then the line is idle until `hurry`. */
const idly: readonly string[] = ['--bwlimit', '1KiB']

interface Breakage {
  readonly name: string
  readonly break: (networks: Networks) => void
  readonly mend: (networks: Networks) => void
}

const loses = (way: Loss): Breakage => ({
  name: way === 'both' ? 'both ways are deaf' : `the way ${way} is deaf`,
  break: (networks) => networks.lose(way),
  mend: (networks) => networks.heal(),
})

const pulled: Breakage = {
  name: 'the cable is pulled',
  break: (networks) => networks.pull(),
  mend: (networks) => networks.plug(),
}

/** A transfer that flows, or has begun and is idle. */
async function begun(pace: readonly string[], deadAfter: readonly string[]) {
  const scene = new CableScene()
  plant(scene.source, { 'disk.img': noise(size) })
  const receiver = scene.receive(...deadAfter)
  const sender = scene.send('disk.img', '--to', await receiver.ticket(), ...pace, ...narrow, ...deadAfter)
  await sender.until('progress', ({ bytesDurable }) => bytesDurable > 0)
  return { scene, sender, receiver }
}

const lost = (command: Command) => command.untilNext('session', ({ state }) => state === 'interrupted')

/** Breaks the cable and waits until both sides have noticed. @returns after how many ms each did: sender, receiver */
async function noticed({ scene, sender, receiver }: Awaited<ReturnType<typeof begun>>, breakage: Breakage) {
  const notices = [lost(sender), lost(receiver)]
  const brokenAt = Date.now()
  breakage.break(scene.networks)
  return (await Promise.all(notices)).map((event) => saidAt(event) - brokenAt)
}

async function expectCarriedOn({ scene, sender, receiver }: Awaited<ReturnType<typeof begun>>) {
  sender.hurry()
  await bothSucceed(sender, receiver)
  expect(listing(scene.target)).toEqual(listing(scene.source))
  const { bytesResent, reconnects } = sender.last('summary')
  expect(reconnects).toBe(1)
  expect(bytesResent).toBeLessThanOrEqual(windowBytes)
}

describe.skipIf(missing !== undefined)('a dead peer', () => {
  const breakages = [pulled, loses('up'), loses('down'), loses('both')]
  const cases = breakages.flatMap((breakage) => [
    { ...breakage, when: 'while data flows', pace: slowly },
    { ...breakage, when: 'while nothing does', pace: idly },
  ])
  it.each(cases)(
    'R31: is noticed by both sides when $name $when; then they carry on',
    async ({ pace, ...breakage }) => {
      const transfer = await begun(pace, ['--dead-after', '3s'])
      const afterMs = await noticed(transfer, breakage)
      expect(Math.max(...afterMs)).toBeLessThan((3_000 + 1_000) * slack)
      const reasons = [transfer.sender, transfer.receiver].map((it) => it.last('session').reason)
      expect(reasons).toContain('peer-silent') // The other side may hear of it from the kernel.
      const back = transfer.sender.untilNext('session', ({ state }) => state === 'transferring')
      const mendedAt = Date.now()
      breakage.mend(transfer.scene.networks)
      const backMs = saidAt(await back) - mendedAt
      console.log(`noticed after ${afterMs.join(' and ')} ms (sender, receiver), going again after ${backMs} ms`)
      await expectCarriedOn(transfer)
    },
  )

  it('R31: is noticed by both sides within 15 s where nothing else was asked for', async () => {
    const transfer = await begun(slowly, [])
    const afterMs = await noticed(transfer, pulled)
    expect(Math.max(...afterMs)).toBeLessThan((15_000 + 1_000) * slack)
    console.log(`noticed after ${afterMs.join(' and ')} ms (sender, receiver)`)
    pulled.mend(transfer.scene.networks)
    await expectCarriedOn(transfer)
  })

  it.each(['near', 'far'] as const)(
    'is noticed at once when the kernel ends its connection (ss -K, %s)',
    async (end) => {
      const transfer = await begun(slowly, [])
      const afterMs = await noticed(transfer, { ...pulled, break: (networks) => networks.killSockets(end) })
      console.log(`noticed after ${afterMs.join(' and ')} ms (sender, receiver)`)
      await expectCarriedOn(transfer)
    },
  )
})
