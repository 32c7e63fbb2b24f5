// How V8 collects garbage in this process. Each read from a socket is 64 KiB outside the heap that soon is garbage; left to
// itself, V8 takes that for a heap that grows, and marks all of it again and again, or lets the garbage pile up.

import { setFlagsFromString } from 'node:v8'

const roomyBytes = 90 * 1024 * 1024 // Of resident memory: up to here garbage may pile up, for less work. 1 GiB takes 75 to 95.
const lookEveryMs = 100
const roomy = '--heap-growing-percent=300' // To four times what lives: the most that V8 takes by itself.
const tight = '--heap-growing-percent=30'
const smallNursery = '--semi-space-growth-factor=1' // It stays as it begins, at 1 MiB, instead of growing to 16.

/**
 * Leaves what was read and written to the collector of the young generation. Before the first byte comes; a process of its
 * own may do that, a library in somebody else's may not.
 *
 * Measured at a receiver of 1 GiB. Node 20: 101 full collections became 1, both sides together took 3.6 CPU seconds instead
 * of 5.0. Node 24: 63 became 1, at 121 instead of 189 MiB of resident memory. At a receiver of 20,000 files of 4 KiB, where
 * much outlives its generation, the second, tighter rule (R74) keeps 145 instead of 185 MiB, and a young generation that
 * does not grow 112 instead of 130, at the same cost. Of 1,000,000 empty files, where most is taken in the first seconds,
 * the receiver takes 144 MiB and not 157 if the tighter rule begins at 90 MiB and not at 105, the sender 135 and not 158.
 */
export function collectOften(): void {
  setFlagsFromString(roomy)
  setFlagsFromString(smallNursery)
  // From Node 24 on V8 would wait for 128 MiB of it (nodejs/node#61967).
  if (nodeMajor() >= 24) setFlagsFromString('--scavenger-max-new-space-capacity-mb=4')
  let isRoomy = true
  const look = (): void => {
    const wasRoomy = isRoomy
    isRoomy = process.memoryUsage.rss() < roomyBytes
    if (isRoomy !== wasRoomy) setFlagsFromString(isRoomy ? roomy : tight)
  }
  setInterval(look, lookEveryMs).unref()
}

function nodeMajor(): number {
  return Number.parseInt(process.versions.node, 10)
}
