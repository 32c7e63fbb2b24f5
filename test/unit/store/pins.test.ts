import { expect, it } from 'vitest'
import { MemoryDisk } from '../../../src/store/memory-disk.ts'
import { Pins } from '../../../src/store/pins.ts'

it('a directory made by a process that died keeps its name once something in it is promised', async () => {
  const disk = new MemoryDisk()
  const root = await disk.openRoot('/dst')
  await root.makeDirectory('deep', 0o700) // Not synced: its process died here.
  const pins = new Pins(root)
  await pins.within(['deep'], false, async ({ directory }) => directory.stat('f')) // A survey opens it first.
  await pins.within(['deep'], true, async ({ directory, touch }) => {
    await directory.openFile('f', 'create')
    touch()
  })
  await pins.syncAll()
  const after = await disk.crash().openRoot('/dst')
  expect(await after.list()).toEqual(['deep'])
  expect(await (await after.openDirectory('deep')).list()).toEqual(['f'])
})
