import { describe, expect, it } from 'vitest'
import type { World } from '../../../../../src/engine/context.ts'
import { type GivenLimits, withLimits } from '../../../../../src/engine/life/running/with-limits.ts'
import { defaultLimits, type Limits } from '../../../../../src/model/limits.ts'

const MiB = 1024 * 1024

describe('limits that a run was given', () => {
  it.each<[GivenLimits, Partial<Limits>]>([
    [{}, {}],
    [{ windowBytes: 32 * MiB }, { windowBytes: 32 * MiB }],
    [{ windowBytes: 1 }, { windowBytes: 2 * MiB }],
    [{ windowBytes: Infinity }, {}],
    [{ windowBytes: 2 ** 50 }, { windowBytes: 1024 * MiB }],
    [{ chunkBytes: 128 * 1024 }, { chunkBytes: 128 * 1024 }],
    [{ chunkBytes: 1 }, { chunkBytes: 64 * 1024 }],
    [{ chunkBytes: 2 * MiB }, { chunkBytes: MiB }],
    [{ lanes: 'auto' }, { lanes: 'auto' }],
    [{ lanes: 0 }, { lanes: 1 }],
    [{ lanes: 99 }, { lanes: 16 }],
    [{ lanesMax: 0 }, { lanesMax: 1 }],
    [{ lanesMax: 99 }, { lanesMax: 16 }],
    [{ deadAfterMs: 1 }, { deadAfterMs: 3_000, pingIdleMs: 1_000 }],
    [{ deadAfterMs: 30_000 }, { deadAfterMs: 30_000, pingIdleMs: 10_000 }],
  ])('%j stay within their ranges', (given, changed) => {
    expect(withLimits({ limits: defaultLimits } as World, given).limits).toEqual({ ...defaultLimits, ...changed })
  })
})
