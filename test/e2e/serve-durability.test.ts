// What a served folder promises to who asks for less.

import { expect, it } from 'vitest'
import { bothSucceed } from '../support/scene.ts'
import { ServeScene } from '../support/serve-scene.ts'
import { MiB, noise, plant } from '../support/trees.ts'

it.each([
  ['does as the sender asks', [], 'none'],
  ['insists on its own --durability where that is more', ['--durability', 'file'], 'file'],
])('R20: a server %s', async (_what, flags, level) => {
  const scene = new ServeScene()
  await scene.serve(...flags)
  const { file } = await scene.ticket()
  plant(scene.homeOf('ann'), { 'ann.img': noise(3 * MiB, 1) })
  const sender = scene.send('ann', 'ann.img', '--to', `@${file}`, '--durability', 'none')
  await bothSucceed(sender)
  expect(sender.last('checkpoint')).toMatchObject({ level })
})
