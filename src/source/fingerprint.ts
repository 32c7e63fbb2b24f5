// What an lstat becomes in the manifest: the fingerprint that later reads are held against, and times in the unit and
// rounding that both sides compare.

import type { Stat } from '../model/disk.ts'
import type { Fingerprint } from '../model/manifest.ts'

/** The identity of the version of a file that `stat` saw. */
export function fingerprintOf({ size, mtimeNs, ctimeNs, inode }: Stat): Fingerprint {
  return { size, mtimeNs, ctimeNs, inode }
}

/** Whether two fingerprints are of the same version. ctime tells what `touch -r` hides, the inode what `mv` does (R51). */
export function isSameVersion(a: Fingerprint, b: Fingerprint): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.inode === b.inode
}

/** Modification time in microseconds since 1970, rounded towards the past, also before 1970. */
export function mtimeUsOf(stat: Stat): number {
  const us = stat.mtimeNs / 1_000n
  return Number(stat.mtimeNs < 0n && us * 1_000n !== stat.mtimeNs ? us - 1n : us)
}

/** The nine permission bits: setuid, setgid and sticky are never sent (R56). */
export function modeOf(stat: Stat): number {
  return stat.mode & 0o777
}
