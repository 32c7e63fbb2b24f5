// The door to the real file system.

import type { Directory, Disk } from '../model/disk.ts'
import { NodeDirectory } from './node-directory.ts'

export const nodeDisk: Disk = {
  openRoot: (path: string): Promise<Directory> => NodeDirectory.openRoot(path),
}
