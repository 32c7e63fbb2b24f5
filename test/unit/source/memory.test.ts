import { expect, it } from 'vitest'
import { openRoots } from '../../../src/source/roots.ts'
import { SourceFiles } from '../../../src/source/source-files.ts'
import { walk } from '../../../src/source/walk.ts'
import { MemoryDisk } from '../../../src/store/memory-disk.ts'
import { defaults, told } from './tree.ts'

it('walks and reads a disk in memory like a real one', async () => {
  const disk = new MemoryDisk()
  const top = await disk.openRoot('/home/photos')
  await top.makeDirectory('d', 0o755)
  await top.makeLink('l', 'a')
  const file = await top.openFile('a', 'create')
  await file.write(Buffer.from('hello'), 0)
  await using roots = await openRoots(disk, [{ path: '/home/photos', as: 'photos' }])
  await using files = new SourceFiles(roots, { links: 'keep' })
  const pages = []
  for await (const page of walk(roots, defaults)) pages.push(page)
  expect(told(pages.flatMap((page) => page.entries))).toEqual(['photos/', 'photos/a', 'photos/d/', 'photos/l -> a'])
  await files.open(1, ['photos', 'a'], pages[0]!.fingerprints[1]!)
  const target = Buffer.alloc(4)
  await files.read(1, target, 1)
  expect(target.toString()).toBe('ello')
  expect(await files.check(1)).toBe('same')
  await file.write(Buffer.from('H'), 0)
  expect(await files.check(1)).toMatchObject({ fingerprint: { size: 5 } })
})
