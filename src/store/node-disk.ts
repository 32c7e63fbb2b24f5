// The door to the real file system.

import { existsSync } from 'node:fs'
import type { Disk } from '../model/disk.ts'
import { NodeDirectory, type PinWay } from './node-directory.ts'

/** The real file system, its directories pinned in one way or the other (node-directory.ts). */
export function makeNodeDisk(way: PinWay): Disk {
  return { openRoot: (path) => NodeDirectory.openRoot(path, way) }
}

/** The real file system, in the safest way this platform has. */
export const nodeDisk: Disk = makeNodeDisk(existsSync('/proc/self/fd') ? 'proc' : 'path')
