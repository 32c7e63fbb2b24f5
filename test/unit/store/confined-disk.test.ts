// A disk that ends at a folder: nothing outside is opened, whatever is asked for and whatever stands in the way.

import * as fs from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { confinedDisk } from '../../../src/store/confined-disk.ts'
import { nodeDisk } from '../../../src/store/node-disk.ts'
import { expectCode } from '../../conformance/disk-suite.ts'
import { overridden } from '../../support/overridden.ts'
import { scratchPath } from '../../support/scratch.ts'

async function confined() {
  const top = scratchPath()
  const path = join(top, 'served')
  fs.mkdirSync(join(path, 'deep/er'), { recursive: true })
  fs.mkdirSync(join(top, 'outside/er'), { recursive: true })
  const root = await nodeDisk.openRoot(path)
  onTestFinished(() => root.close())
  const disk = confinedDisk(nodeDisk, path, root)
  const inodeOf = async (asked: string): Promise<bigint> => {
    const directory = await disk.openRoot(asked)
    try {
      return (await directory.statSelf()).inode
    } finally {
      await directory.close()
    }
  }
  return { top, path, root, disk, inodeOf }
}

const inode = (path: string): bigint => fs.statSync(path, { bigint: true }).ino

describe('R91: a confined disk', () => {
  it('says what was asked for, and which folder it is that is not the one it was', async () => {
    const { top, path, disk } = await confined()
    await expect(disk.openRoot('/etc')).rejects.toMatchObject({ details: { path: '/etc', operation: 'open' } })
    fs.renameSync(path, join(top, 'moved'))
    fs.mkdirSync(path)
    await expect(disk.openRoot(path)).rejects.toMatchObject({ details: { directory: path } })
  })

  it('opens nothing of another disk that has the same number there', async () => {
    const { path, root } = await confined()
    const elsewhere = overridden(root, { statSelf: async () => ({ ...(await root.statSelf()), device: 0n }) })
    await expectCode('root-mismatch', confinedDisk(nodeDisk, path, elsewhere).openRoot(path))
  })

  it('keeps open what was asked for, and nothing on the way there', async () => {
    const { path, disk } = await confined()
    const open = (): number => fs.readdirSync('/proc/self/fd').length
    const before = open()
    const directory = await disk.openRoot(`${path}/deep/er`)
    expect(open()).toBe(before + 1)
    await directory.close()
    await expectCode('not-found', disk.openRoot(`${path}/deep/no`))
    await expectCode('permission-denied', disk.openRoot('/'))
    expect(open()).toBe(before)
  })

  it('opens the folder and what is below, as it is written', async () => {
    const { path, inodeOf } = await confined()
    for (const below of ['', '/', '/deep', '/deep/er', '//deep/./er/'])
      expect(await inodeOf(path + below)).toBe(inode(path + below))
  })

  it('opens nothing else', async () => {
    const { top, path, disk } = await confined()
    const others = [top, '/', '', join(top, 'outside'), `${path}er`, `${path}/..`, `${path}/deep/../../outside`]
    for (const other of others) await expectCode('permission-denied', disk.openRoot(other))
    await expectCode('not-found', disk.openRoot(`${path}/no`))
  })

  it('R65: follows no link, not even one that leads back inside', async () => {
    const { top, path, disk } = await confined()
    fs.symlinkSync(join(top, 'outside'), join(path, 'out'))
    fs.symlinkSync('deep', join(path, 'in'))
    for (const name of ['out', 'out/er', 'in', 'in/er'])
      await expectCode('not-a-directory', disk.openRoot(`${path}/${name}`))
  })

  it('opens nothing any more once its path leads to another folder', async () => {
    const { top, path, disk } = await confined()
    fs.renameSync(path, join(top, 'moved'))
    fs.symlinkSync(join(top, 'outside'), path)
    await expectCode('root-mismatch', disk.openRoot(`${path}/er`))
    fs.unlinkSync(path)
    fs.mkdirSync(join(path, 'er'), { recursive: true })
    await expectCode('root-mismatch', disk.openRoot(`${path}/er`))
  })
})
