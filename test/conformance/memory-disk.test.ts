// The memory disk is a Disk.

import { MemoryDisk } from '../../src/store/memory-disk.ts'
import { diskSuite } from './disk-suite.ts'

diskSuite('memory disk', async () => {
  const root = await new MemoryDisk().openRoot('/')
  return { root, close: () => root.close() }
})
