// The real file system is a Disk.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeDisk } from '../../src/store/node-disk.ts'
import { diskSuite } from './disk-suite.ts'

diskSuite('node disk', async () => {
  const path = mkdtempSync(join(tmpdir(), 'carryon-disk-'))
  const root = await nodeDisk.openRoot(path)
  const close = async () => {
    await root.close()
    rmSync(path, { recursive: true })
  }
  return { root, close }
})
