// carryon doctor: what it finds on a machine that is well, on one that is not, and what it tells of the last break.

import { chmodSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { Diagnosis } from '../../src/index.ts'
import { Scene, slowly } from '../support/scene.ts'
import { MiB, noise, plant } from '../support/trees.ts'

async function examined(scene: Scene, ...args: readonly string[]) {
  const people = scene.as('receiver', ['doctor', '--root', scene.target, ...args], { people: true })
  const code = await people.code()
  expect(people.stderr).toBe('')
  const machine = scene.as('receiver', ['doctor', '--root', scene.target, '--json', ...args], { people: true })
  expect(await machine.code()).toBe(code)
  const { diagnosis } = JSON.parse(machine.stdout) as { readonly diagnosis: Diagnosis }
  return { code, text: people.stdout, diagnosis }
}

describe('doctor', () => {
  it('finds nothing on a machine that is well, and leaves nothing behind', async () => {
    const scene = new Scene()
    chmodSync(scene.stateOf('receiver'), 0o700)
    const { code, text, diagnosis } = await examined(scene)
    expect(code, text).toBe(0)
    expect(text).not.toMatch(/^bad/m)
    expect(diagnosis.clock.isBehind).toBe(false)
    expect(diagnosis.folders.map(({ kind, problem }) => [kind, problem])).toEqual([
      ['state', null],
      ['folder', null],
    ])
    for (const folder of diagnosis.folders) {
      expect(folder.freeBytes).toBeGreaterThan(0)
      expect(folder.syncMs).toBeGreaterThanOrEqual(0)
      expect(folder.hasLinks).toBe(true)
    }
    expect(diagnosis).toMatchObject({ ports: { canListen: true }, stale: [], passedOver: [], lastBreak: null })
    expect([...readdirSync(scene.target), ...readdirSync(scene.stateOf('receiver'))]).toEqual([])
  })

  it('names a state directory that others may write into, or that is a link: code 1', async () => {
    const scene = new Scene()
    mkdirSync(`${scene.path}/open`)
    chmodSync(`${scene.path}/open`, 0o777)
    symlinkSync(scene.stateOf('receiver'), `${scene.path}/link`)
    for (const [name, why] of [
      ['open', /^bad +State directory .*others may write into it/m],
      ['link', /^bad +State directory .*it is a symbolic link/m],
    ] as const) {
      const { code, text } = await examined(scene, '--state-dir', `${scene.path}/${name}`)
      expect(code).toBe(1)
      expect(text).toMatch(why)
    }
  })

  it('tells in one sentence why the last session stands still: its process died, or the other side did not come', async () => {
    const scene = new Scene()
    plant(scene.source, { 'disk.img': noise(24 * MiB) })
    const receiver = scene.receive('--retry-for', '1s')
    const sender = scene.send('disk.img', '--to', await receiver.ticket(), ...slowly)
    const { session } = await receiver.until('progress', ({ bytesDurable }) => bytesDurable > 0)
    await sender.killed()
    expect(await receiver.code()).toBe(5)
    const alone = await examined(scene)
    expect(alone.diagnosis.lastBreak).toMatchObject({ id: session, reason: 'retry-over' })
    expect(alone.text).toMatch(/^note +Last break: session [0-9a-f]{8} .* safe; .*no connection within --retry-for/m)

    const again = scene.receive()
    await again.until('listening')
    await again.killed()
    const back = scene.receive()
    const resumed = scene.as('sender', ['resume', ...slowly])
    await back.until('session', ({ state }) => state === 'transferring')
    await Promise.all([back.killed(), resumed.killed()])
    const died = await examined(scene)
    expect(died.diagnosis.lastBreak).toMatchObject({ id: session, reason: 'crash' })
    expect(died.text).toMatch(/its process died\. To go on: carryon receive /)
  })

  it('notes that the usual port is taken', async () => {
    const scene = new Scene()
    const server = createServer()
    const isOurs = await new Promise((resolve) => {
      server.once('error', () => resolve(false)) // Somebody else has it: all the better.
      server.listen(22_779, () => resolve(true))
    })
    const { text, diagnosis } = await examined(scene)
    expect(diagnosis.ports).toEqual({ canListen: true, isUsualFree: false })
    expect(text).toMatch(/^note +Ports: .*22779 is taken/m)
    if (isOurs === true) server.close()
  })
})
