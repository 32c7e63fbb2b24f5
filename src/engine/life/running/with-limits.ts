// A world with the limits that a run or a server was given, each within its range whoever asked for it.

import type { Millis } from '../../../model/clock.ts'
import {
  chunkBytesRange,
  clamp,
  deadAfterMsRange,
  lanesRange,
  type Limits,
  windowBytesRange,
} from '../../../model/limits.ts'
import type { World } from '../../context.ts'

/** Absent: as it was. */
export interface GivenLimits {
  readonly deadAfterMs?: Millis | undefined
  readonly chunkBytes?: number | undefined
  readonly windowBytes?: number | undefined
  readonly lanes?: number | 'auto' | undefined
  /** What the other side may ask for at most. */
  readonly lanesMax?: number | undefined
}

export function withLimits({ limits, ...world }: World, given: GivenLimits): World {
  const deadAfterMs = clamp(given.deadAfterMs ?? NaN, deadAfterMsRange, limits.deadAfterMs)
  return {
    ...world,
    limits: {
      ...limits,
      ...(given.deadAfterMs === undefined ? {} : { deadAfterMs, pingIdleMs: Math.floor(deadAfterMs / 3) }),
      chunkBytes: clamp(given.chunkBytes ?? NaN, chunkBytesRange, limits.chunkBytes),
      windowBytes: clamp(given.windowBytes ?? NaN, windowBytesRange, limits.windowBytes),
      lanes: lanesOf(given.lanes) ?? limits.lanes,
      lanesMax: clamp(given.lanesMax ?? NaN, lanesRange, limits.lanesMax),
    },
  }
}

function lanesOf(lanes: GivenLimits['lanes']): Limits['lanes'] | undefined {
  return typeof lanes === 'number' ? clamp(lanes, lanesRange, 1) : lanes
}
