// The real file system is a Disk, on a platform with /proc and on one without.

import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'vitest'
import { makeNodeDisk, nodeDisk } from '../../src/store/node-disk.ts'
import type { Disk } from '../../src/model/disk.ts'
import { scratchPath } from '../support/scratch.ts'
import { diskSuite, expectCode } from './disk-suite.ts'

const rootOf = (disk: Disk) => async () => {
  const path = mkdtempSync(join(tmpdir(), 'carryon-disk-'))
  const root = await disk.openRoot(path)
  const close = async () => {
    await root.close()
    rmSync(path, { recursive: true })
  }
  return { root, close }
}

const pathDisk = makeNodeDisk('path')

diskSuite('node disk', rootOf(nodeDisk))
diskSuite('node disk without /proc', rootOf(pathDisk), false)

it('R65: without /proc, a directory that was swapped for another is refused', async () => {
  const path = scratchPath()
  mkdirSync(join(path, 'd'))
  const root = await pathDisk.openRoot(path)
  const below = await root.openDirectory('d')
  renameSync(join(path, 'd'), join(path, 'moved'))
  mkdirSync(join(path, 'd'))
  await expectCode('not-a-directory', below.openFile('f', 'create'))
  await expectCode('not-a-directory', below.list())
  await below.close()
  await root.close()
})
