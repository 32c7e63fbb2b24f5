// How V8 collects garbage in this process. Each read from a socket is 64 KiB outside the heap that soon is garbage; left to
// itself, V8 takes that for a heap that grows, and marks all of it again and again, or lets the garbage pile up.

import { setFlagsFromString } from 'node:v8'

/**
 * Leaves what was read and written to the collector of the young generation. Before the first byte comes; a process of its
 * own may do that, a library in somebody else's may not.
 *
 * Measured at a receiver of 1 GiB. Node 20: 101 full collections became 1, both sides together took 3.6 CPU seconds instead
 * of 5.0. Node 24: 63 became 1, at 121 instead of 189 MiB of resident memory.
 */
export function collectOften(): void {
  setFlagsFromString('--heap-growing-percent=300') // To four times what lives: the most that V8 takes by itself.
  // From Node 24 on V8 would wait for 128 MiB of it (nodejs/node#61967).
  if (nodeMajor() >= 24) setFlagsFromString('--scavenger-max-new-space-capacity-mb=4')
}

function nodeMajor(): number {
  return Number.parseInt(process.versions.node, 10)
}
