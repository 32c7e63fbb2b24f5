import { describe, expect, it } from 'vitest'
import { TransferError } from '../../../src/errors.ts'
import { Room } from '../../../src/engine/room.ts'
import { MemoryDisk } from '../../../src/store/memory-disk.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { expectCode } from '../../conformance/disk-suite.ts'

const MiB = 1024 * 1024
const full = new TransferError('disk-full', { path: 'x', neededBytes: 100, freeBytes: 0 })

/** A disk that is full until told, and what was said of it. */
async function stage() {
  const clock = new ManualClock()
  const disk = new MemoryDisk()
  const directory = await disk.openRoot('/')
  disk.capacityBytes = disk.usedBytes
  const told: string[] = []
  const observer = {
    full: (needed: number, free: number) => told.push(`full, ${needed} needed, ${free} free`),
    cleared: () => told.push('cleared'),
  }
  const room = new Room(clock, directory, () => 777, observer)
  let tries = 0
  const act = async (): Promise<string> => {
    tries++
    if (disk.capacityBytes <= disk.usedBytes) throw full
    return 'done'
  }
  const look = async (): Promise<void> => {
    await settled() // Until it waits.
    clock.advance(1_000)
    await settled()
  }
  return { clock, disk, room, told, act, look, tries: () => tries }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('R22: work that met a full disk', () => {
  it('waits, says once what is needed and free, and is done when there is room', async () => {
    const { disk, room, told, act, look, tries } = await stage()
    const both = Promise.all([room.use(act), room.use(act)])
    await look()
    await look()
    expect(told).toEqual(['full, 777 needed, 0 free'])
    expect(tries()).toBe(2)
    disk.capacityBytes = disk.usedBytes + 2 * MiB
    await look()
    expect(await both).toEqual(['done', 'done'])
    expect(told).toEqual(['full, 777 needed, 0 free', 'cleared'])
  })

  it('is tried now and then where free bytes tell nothing: a quota', async () => {
    const { disk, room, act, look, tries } = await stage()
    const done = room.use(async () => {
      await act()
    })
    await look()
    disk.capacityBytes = disk.usedBytes + 1 // Never enough to believe in, and yet there is room.
    for (let looks = 0; looks < 4; looks++) await look()
    await done
    expect(tries()).toBe(2)
  })

  it('fails with its fault once nobody may wait any more, and leaves no alarm behind', async () => {
    const { clock, room, act, look } = await stage()
    const done = expectCode('disk-full', room.use(act))
    await look()
    room.stop()
    await done
    expect(clock.alarmCount).toBe(0)
    await expectCode('disk-full', room.use(act))
  })

  it('passes any other fault on at once', async () => {
    const { room, told } = await stage()
    const broken = new TransferError('disk-failed', { path: 'x', operation: 'write', cause: 'EIO' })
    await expectCode(
      'disk-failed',
      room.use(() => Promise.reject(broken)),
    )
    expect(told).toEqual([])
  })
})
