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
    links: Number(stats.nlink),
  }
}

function kindOf(stats: BigIntStats): FileKind {
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'directory'
  return stats.isSymbolicLink() ? 'link' : 'other'
}

/**
 * A time for `fs.futimes` and its kin: seconds. A double may lie just below the microsecond it means, so half of one is
 * added: newer libuv stores that too, and rounding down gives the microsecond; older ones cut it off again, towards zero.
 * A negative one as text, because Node takes a negative number for "now".
 */
export function toSystemTime(mtimeUs: number): string | number {
  const half = mtimeUs < 0 && !keepsNanoseconds ? -0.5 : 0.5
  const seconds = (mtimeUs + half) / 1e6
  return seconds < 0 ? String(seconds) : seconds
}

/** libuv 1.46 and 1.51 (Node 20, 22) cut times to microseconds, 1.52 (Node 24) does not; measured. */
const keepsNanoseconds = Number(/^1\.(\d+)/.exec(process.versions.uv)?.[1] ?? Infinity) >= 52
