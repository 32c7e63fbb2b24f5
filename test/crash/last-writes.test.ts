// A process that dies at each of its last calls that change a file system (T3 of the promises): real processes, each killed
// once, and the same command once more. The windows between two such calls are met one by one, which random kills do by luck.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileShim, hasCompiler } from '../support/native.ts'
import { type Lived, Session, Slots, type Spot } from './last-writes.ts'

const abreast = 4 // Sessions: processes that wait for each other leave room for others.

/** Who is killed, and who dials. Those that may leave the other side waiting for a deadline come first. */
const ways: readonly Pick<Spot, 'side' | 'dialer'>[] = [
  { side: 'sender', dialer: 'sender' },
  { side: 'sender', dialer: 'receiver' },
  { side: 'receiver', dialer: 'sender' },
  { side: 'receiver', dialer: 'receiver' },
]

describe.skipIf(!hasCompiler())('kill -9 at each of the last writes (needs Linux and a C compiler)', () => {
  let folder: string
  let shim: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'carryon-last-writes-'))
    shim = compileShim(folder, 'last-writes.c')
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it(
    'of either side, whoever dials: the same command is code 0, and nothing is lost, delivered twice or left (R41)',
    { timeout: 1_500_000 }, // Some minutes on two cores; whoever waits for a deadline of a peer takes long besides.
    async () => {
      const slots = new Slots(abreast)
      const live = (spot: Spot): Promise<Lived> => new Session(spot, shim, slots).live()
      const calm = await Promise.all(ways.map((way) => live({ ...way, when: 'before', k: 0 })))
      expect(calm.filter(({ problem }) => problem !== undefined)).toEqual([])
      const lived = await Promise.all(calm.flatMap(spotsOf).map(live))
      const killed = lived.filter(({ isKilled }) => isKilled)
      console.log(
        `${killed.length} of ${lived.length} killed; ${calm.map(({ calls }) => calls.length).join(', ')} calls`,
      )
      expect(lived.flatMap((it) => (it.problem === undefined ? [] : [told(it)])).join('\n\n')).toBe('')
      // Which calls there are differs a little from run to run: who had fewer than the calm one just ended.
      expect(killed.length).toBeGreaterThan(lived.length * 0.9)
    },
  )
})

/** Before each call; and behind those after which the other side may hear of something before the next one. */
function spotsOf({ spot, calls }: Lived): readonly Spot[] {
  return calls.flatMap((call, i): Spot[] => {
    const before = { ...spot, k: i + 1 }
    return /sync/.test(call) && spot.dialer === 'sender' ? [before, { ...before, when: 'after' }] : [before]
  })
}

function told({ spot, calls, problem }: Lived): string {
  return `${spot.side}, the ${spot.dialer} dials, ${spot.when} ${calls.at(-1)}: ${problem}`
}
