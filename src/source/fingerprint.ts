// What an lstat becomes in the manifest: the fingerprint that later reads are held against, and times in the unit and
// rounding that both sides compare.

import type { Stat } from '../model/disk.ts'
import type { Fingerprint } from '../model/manifest.ts'

const nsMax = BigInt(Math.floor(Number.MAX_SAFE_INTEGER / 1e6)) * 1_000_000_000n // June 2255: what a message can say in microseconds, in whole seconds.

/** The identity of the version of a file that `stat` saw. */
export function fingerprintOf({ size, mtimeNs, ctimeNs, inode }: Stat): Fingerprint {
  return { size, mtimeNs: sayable(mtimeNs), ctimeNs, inode }
}

/** Whether two fingerprints, or what was just seen of them, are of the same version. ctime tells what `touch -r` hides, the inode what `mv` does (R51). */
export function isSameVersion(a: Fingerprint, b: Fingerprint): boolean {
  const isSameTime = a.mtimeNs === b.mtimeNs || sayable(a.mtimeNs) === sayable(b.mtimeNs)
  return isSameTime && a.size === b.size && a.ctimeNs === b.ctimeNs && a.inode === b.inode
}

/** Modification time in microseconds since 1970, rounded towards the past, also before 1970. */
export function mtimeUsOf(stat: Pick<Stat, 'mtimeNs'>): number {
  const ns = sayable(stat.mtimeNs)
  const us = ns / 1_000n
  return Number(ns < 0n && us * 1_000n !== ns ? us - 1n : us)
}

/** A time that somebody made up is the nearest one that can be said: no reason to leave a file behind, and all others with it. */
function sayable(ns: bigint): bigint {
  if (ns > nsMax) return nsMax
  return ns < -nsMax ? -nsMax : ns
}

/** The nine permission bits: setuid, setgid and sticky are never sent (R56). */
export function modeOf(stat: Stat): number {
  return stat.mode & 0o777
}
