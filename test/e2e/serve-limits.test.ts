// What a server lets its peers have: so many lanes, and so much silence.

import { expect, it } from 'vitest'
import { bothSucceed, slowly } from '../support/scene.ts'
import { ServeScene } from '../support/serve-scene.ts'
import { MiB, noise, plant } from '../support/trees.ts'

async function served(...flags: readonly string[]) {
  const scene = new ServeScene()
  const server = await scene.serve(...flags)
  const { file } = await scene.ticket()
  plant(scene.homeOf('ann'), { 'disk.img': noise(24 * MiB) })
  return { server, send: (...more: readonly string[]) => scene.send('ann', 'disk.img', '--to', `@${file}`, ...more) }
}

it('a peer that asks for more lanes than serve --lanes allows gets those', async () => {
  const { send } = await served('--lanes', '2')
  const sender = send('--lanes', '8', ...slowly)
  await sender.until('progress', ({ lanes }) => lanes === 2)
  sender.hurry()
  await bothSucceed(sender)
  expect(Math.max(...sender.all('progress').map(({ lanes }) => lanes))).toBe(2)
})

it('serve --dead-after says how long the peers of its sessions may be silent', async () => {
  const { server, send } = await served('--dead-after', '3s')
  const sender = send(...slowly)
  await sender.until('progress', ({ bytesSent }) => bytesSent > 0)
  const stoppedAt = performance.now()
  sender.kill('SIGSTOP')
  await server.until('session', ({ reason }) => reason === 'peer-silent')
  expect(performance.now() - stoppedAt).toBeLessThan(3 * 3_000) // Of the 15 s that go by without the flag.
  sender.kill('SIGCONT')
  sender.hurry()
  await bothSucceed(sender)
})
