// Node's stat and times in our terms.

import type { BigIntStats } from 'node:fs'
import type { FileKind, Stat } from '../model/disk.ts'

const blockBytes = 512 // Unit of st_blocks, whatever the file system's own block is.

export function statOf(stats: BigIntStats): Stat {
  return {
    kind: kindOf(stats),
    size: Number(stats.size),
    mode: Number(stats.mode) & 0o7777,
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    inode: stats.ino,
    device: stats.dev,
    owner: Number(stats.uid),
    allocatedBytes: Number(stats.blocks) * blockBytes,
  }
}

function kindOf(stats: BigIntStats): FileKind {
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'directory'
  return stats.isSymbolicLink() ? 'link' : 'other'
}

/**
 * A time for `fs.futimes` and its kin: seconds. libuv cuts towards zero to whole microseconds, and a double may lie just
 * below one, so half a microsecond is added away from zero. As text, because Node takes a negative number for "now".
 */
export function toSystemTime(mtimeUs: number): string {
  return String((mtimeUs + (mtimeUs < 0 ? -0.5 : 0.5)) / 1e6)
}
