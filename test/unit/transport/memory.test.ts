// What the memory pair offers beyond a Connection: little room, cuts, a clock.

import { expect, it } from 'vitest'
import { memoryPair } from '../../../src/transport/memory.ts'
import { bytesOf, connectionSuite, record } from '../../conformance/connection-suite.ts'
import { ManualClock } from '../../support/manual-clock.ts'

connectionSuite('memory, little room', () => Promise.resolve(memoryPair({ capacityBytes: 1024 })))

it('cutAfter loses the frame it breaks in and delivers those before', async () => {
  const [left, right] = memoryPair()
  const [atLeft, atRight] = [record(left), record(right)]
  left.cutAfter(2_500)
  const sent = [1, 2, 3, 4].map((seed) =>
    left.sendData(bytesOf(1000, seed)).then(
      () => 'taken',
      () => 'lost',
    ),
  )
  left.sendText('never heard')
  expect(await atRight.end()).toMatchObject({ kind: 'lost', code: 1006 })
  await atLeft.end()
  expect(atRight.told).toHaveLength(2)
  expect(right.heardBytes).toBe(2_500)
  expect((await Promise.all(sent)).slice(2)).toEqual(['lost', 'lost'])
})

it('delivers by the clock it is given', async () => {
  const clock = new ManualClock()
  const [left, right] = memoryPair({ schedule: (task) => void clock.after(20, task) })
  record(left)
  const atRight = record(right)
  left.sendText('slowly')
  clock.advance(19)
  expect(atRight.told).toEqual([])
  clock.advance(1)
  expect(atRight.told).toEqual(['slowly'])
})
