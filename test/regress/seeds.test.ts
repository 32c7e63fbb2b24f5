// Seeds of the simulation that once showed a bug. A seed keeps its history only as long as the simulator draws the same;
// what each one showed has a reproduction of its own beside this file, or in the tests of the part that was mended.

import { it } from 'vitest'
import { scenarioOf } from '../simulation/scenario.ts'
import { simulate } from '../simulation/world.ts'

it.each([
  [9, 'what was acknowledged while the disk was full is not sent again'],
  [17, 'a source is checked only once data may flow'],
  [56, 'a change is announced once'],
  [537, 'directories are promised with their names'],
  [2953, 'a file that is one hole is on the disk before its intent'],
])('seed %i: %s', async (seed) => {
  await simulate(scenarioOf(seed))
})
