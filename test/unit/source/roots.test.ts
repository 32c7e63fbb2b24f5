import { realpathSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { TransferError } from '../../../src/errors.ts'
import type { Disk } from '../../../src/model/disk.ts'
import { nodeDisk } from '../../../src/store/node-disk.ts'
import { resolveSources } from '../../../src/source/resolve.ts'
import { openRoots } from '../../../src/source/roots.ts'
import { counting, forbidding, link, Playground, type Tree } from './tree.ts'

const realPath = async (path: string): Promise<string | undefined> => {
  try {
    return realpathSync.native(path)
  } catch {
    return undefined
  }
}

describe('the arguments of send', () => {
  const tree: Tree = { photos: { 'a.jpg': '' }, 'notes.txt': '', album: link('photos'), sub: { photos: {} } }
  const resolved = async (paths: readonly string[], as?: string): Promise<string[]> => {
    using ground = new Playground(tree)
    const roots = await resolveSources(paths, { cwd: ground.path, as, realPath })
    return roots.map((root) => `${root.path.slice(ground.path.length) || '.'} as ${root.as || 'its contents'}`)
  }

  it.each([
    ['photos', '/photos as photos'],
    ['photos/', '/photos as photos'],
    ['photos//', '/photos as photos'],
    ['./photos', '/photos as photos'],
    ['sub/../photos', '/photos as photos'],
    ['photos/.', '/photos as its contents'],
    ['photos/./', '/photos as its contents'],
    ['.', '. as its contents'],
    ['sub/..', '. as its contents'],
    ['notes.txt', '/notes.txt as notes.txt'],
    ['album', '/photos as album'],
  ])('%s is %s', async (path, root) => {
    expect(await resolved([path])).toEqual([root])
  })

  it('may be absolute, up to the top of everything', async () => {
    expect(await resolveSources(['/'], { cwd: '/x', realPath })).toEqual([{ path: '/', as: '' }])
  })

  it('keep their order', async () => {
    expect(await resolved(['photos', 'notes.txt', 'sub/.'])).toEqual([
      '/photos as photos',
      '/notes.txt as notes.txt',
      '/sub as its contents',
    ])
  })

  it('refuse two that land on one name', async () => {
    const details = { name: 'photos', first: 'photos/', second: 'sub/photos' }
    await expect(resolved(['photos/', 'sub/photos'])).rejects.toMatchObject({ code: 'same-name', details })
  })

  it.each(['nothing', 'notes.txt/.', ''])('refuse "%s", which is not there', async (path) => {
    await expect(resolved([path])).rejects.toMatchObject({ code: 'no-such-path', details: { path } })
  })

  it('land under another name with --as', async () => {
    expect(await resolved(['photos'], 'holiday')).toEqual(['/photos as holiday'])
    expect(await resolved(['photos/.'], 'holiday')).toEqual(['/photos as holiday'])
  })

  it.each(['', '..', 'a/b', 'x'.repeat(256)])('refuse --as "%s"', async (as) => {
    await expect(resolved(['photos'], as)).rejects.toMatchObject({ code: 'usage' })
  })

  it('refuse --as for two', async () => {
    await expect(resolved(['photos', 'notes.txt'], 'x')).rejects.toMatchObject({ code: 'usage' })
  })
})

describe('roots', () => {
  it('tell a directory from a single file', async () => {
    using ground = new Playground({ d: {}, f: '' })
    const sources = [
      { path: ground.at('d'), as: 'd' },
      { path: ground.at('f'), as: 'f' },
    ]
    await using roots = await openRoots(nodeDisk, sources)
    expect(roots.all.map(({ path, file }) => [path, file])).toEqual([
      [ground.at('d'), undefined],
      [ground.path, 'f'],
    ])
  })

  it('find the root an entry begins in', async () => {
    using ground = new Playground({ d: {}, f: '', one: { x: '' }, two: { y: '' } })
    const sources = [
      { path: ground.at('d'), as: 'd' },
      { path: ground.at('f'), as: 'landed' },
      { path: ground.at('one'), as: '' },
      { path: ground.at('two'), as: '' },
    ]
    await using roots = await openRoots(nodeDisk, sources)
    const found = async (...path: string[]): Promise<unknown> => {
      const { root, below } = await roots.find(path)
      return [root.path.slice(ground.path.length), ...below]
    }
    expect(await found('d', 'a', 'b')).toEqual(['/d', 'a', 'b'])
    expect(await found('landed')).toEqual(['', 'f'])
    expect(await found('x', 'a')).toEqual(['/one', 'x', 'a'])
    expect(await found('y')).toEqual(['/two', 'y'])
    await expect(found('z')).rejects.toMatchObject({ code: 'source-vanished' })
    await expect(found('landed', 'below')).rejects.toMatchObject({ code: 'source-vanished' })
  })

  it('that may not be read are refused by name', async () => {
    using ground = new Playground({ d: {} })
    const disk = { openRoot: async () => (await forbidding(['d']).openRoot(ground.path)).openDirectory('d') }
    const sources = [{ path: ground.at('d'), as: 'd' }]
    await expect(openRoots(disk, sources)).rejects.toMatchObject({ code: 'permission-denied' })
  })

  it.each(['gone', 'gone/deeper'])('that are gone say so: %s', async (path) => {
    using ground = new Playground()
    const counts = counting()
    const sources = [
      { path: ground.path, as: 'first' },
      { path: ground.at(path), as: 'second' },
    ]
    await expect(openRoots(counts.disk, sources)).rejects.toMatchObject({ code: 'source-gone' })
    expect(counts.open).toBe(0)
  })

  it('R68, R91: whose contents are sent are folders: in place of a file, its neighbours would be sent', async () => {
    using ground = new Playground({ f: '', neighbour: '' })
    const spilled = [{ path: ground.at('f'), as: '' }]
    await expect(openRoots(nodeDisk, spilled)).rejects.toMatchObject({ code: 'source-gone' })
  })

  it('that come back between two looks are no files', async () => {
    using ground = new Playground({ d: {} })
    let looks = 0
    const disk: Disk = {
      openRoot: async (path) => {
        if (looks++ > 0) return nodeDisk.openRoot(path)
        throw new TransferError('not-found', { path })
      },
    }
    await expect(openRoots(disk, [{ path: ground.at('d'), as: 'd' }])).rejects.toMatchObject({ code: 'source-gone' })
    expect(looks).toBe(2)
  })
})
