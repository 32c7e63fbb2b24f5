// What a session needs of the world, gathered once and handed down: clock, chance, hash, disk, and where things lie.

import type { Clock, Random } from '../model/clock.ts'
import type { Disk } from '../model/disk.ts'
import type { Hash64 } from '../model/hash.ts'
import type { Limits } from '../model/limits.ts'

/** The rim: one real set for the shipping program, another for the simulator. */
export interface World {
  readonly clock: Clock
  readonly random: Random
  readonly disk: Disk
  readonly hash: Hash64
  readonly limits: Limits
}
