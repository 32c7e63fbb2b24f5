// The real World: this machine's clocks, chance and disk. The only file of the engine that touches them; everything else
// takes a World, so that the simulator can pass its own.

import { randomBytes } from 'node:crypto'
import { loadHash } from '../../../hash/xxh64.ts'
import type { Clock, Random } from '../../../model/clock.ts'
import { defaultLimits } from '../../../model/limits.ts'
import { nodeDisk } from '../../../store/node-disk.ts'
import type { World } from '../../context.ts'

export async function nodeWorld(): Promise<World> {
  return { clock, random, disk: nodeDisk, hash: await loadHash(), limits: defaultLimits }
}

const timerMaxMs = 2 ** 31 - 1 // Node fires a longer timer at once.

const clock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(delayMs, callback) {
    const dueAt = performance.now() + delayMs
    let timer: NodeJS.Timeout | undefined
    const arm = (): void => {
      const leftMs = dueAt - performance.now()
      timer = setTimeout(leftMs > timerMaxMs ? arm : callback, Math.min(Math.max(leftMs, 0), timerMaxMs))
    }
    arm()
    return () => clearTimeout(timer)
  },
}

const fractionBits = 2 ** 32

const random: Random = {
  bytes: (count) => new Uint8Array(randomBytes(count)),
  fraction: () => randomBytes(4).readUInt32LE() / fractionBits,
}
