// R33 with shipping runners on both sides: a receiver whose disk hangs answers pings and gets nowhere. It is named, its
// connection is replaced, and once the disk is back all arrives.

import { expect, it } from 'vitest'
import { Compaction } from '../../../src/core/compact.ts'
import { nodeWorld } from '../../../src/engine/life/running/node-world.ts'
import { openRunner } from '../../../src/engine/open-runner.ts'
import type { Runner, RunnerEvent } from '../../../src/engine/runner.ts'
import type { Disk } from '../../../src/model/disk.ts'
import type { Role } from '../../../src/model/session.ts'
import { MemoryDisk } from '../../../src/store/memory-disk.ts'
import { createSession } from '../../../src/store/session-directory.ts'
import { openTarget } from '../../../src/store/target.ts'
import { memoryPair } from '../../../src/transport/memory.ts'
import { ProcessDisk, type Gate } from '../../simulation/process-disk.ts'
import { scenarioOf } from '../../simulation/scenario.ts'
import { answer, headerOf } from '../../simulation/session.ts'
import { gate } from '../../support/overridden.ts'

const session = '5'.repeat(32)
const content = Uint8Array.from({ length: 40_000 }, (_, i) => (i * 7) % 251)
const real = await nodeWorld()
const limits = { ...real.limits, chunkBytes: 4096, windowBytes: 65_536, syncEveryBytes: 16_384, syncEveryMs: 50 }
const quick = { ...limits, pingIdleMs: 50, deadAfterMs: 30_000, watchdogMs: 400 }
const scenario = { ...scenarioOf(1), dialer: 'sender' as const, checksum: false, isSpilled: true }

/** The disk of a process whose syncs of part files hang until `isBack`. */
function hanging(disk: Disk, isBack: Promise<void>): Disk {
  const hangs: Gate = {
    handles: new Set(),
    pass: async ({ kind, path }, act) => {
      if (kind === 'sync-file' && path.includes('/parts/')) await isBack
      return act()
    },
  }
  return new ProcessDisk(disk, hangs)
}

it('R33: a receiver that answers and gets nowhere is named, and its connection replaced', async () => {
  const { passed: isBack, open: comeBack } = gate()
  const disks = { sender: new MemoryDisk(), receiver: new MemoryDisk() }
  const lost: string[] = []
  const hear = (role: Role, event: RunnerEvent): void => {
    if (event.kind !== 'disconnected') return
    if (role === 'receiver') return
    lost.push(event.reason)
    connect()
    if (lost.length === 2) comeBack() // Replacing it cures no disk: it happens again.
  }
  const source = await disks.sender.openRoot('/src')
  const file = await source.openFile('f', 'create')
  await file.write(content, 0)
  await file.close()
  const make = async (role: Role, base: Parameters<typeof createSession>[0], root: string): Promise<void> => {
    const locker = (directory: Parameters<MemoryDisk['takeLock']>[0]) => disks[role].takeLock(directory)
    const records = [headerOf(scenario, session, role, root)]
    const tools = { hash: real.hash, compact: () => new Compaction() }
    const held = await createSession(base, session, {
      records,
      tools,
      withParts: role === 'receiver',
      parents: [],
      locker,
    })
    await held.close()
  }
  const state = await disks.sender.openRoot('/state')
  await make('sender', state, '')
  const slow = hanging(disks.receiver, isBack)
  await make('receiver', (await openTarget(disks.receiver, '/dst', real.random)).own, '')
  const target = await openTarget(slow, '/dst', real.random)
  const common = { session, instance: 'a'.repeat(16), receipts: undefined }
  const sender = await openRunner({
    ...common,
    world: { ...real, disk: disks.sender, limits: quick },
    directory: await state.openDirectory(session),
    walk: { exclude: [], links: 'keep' },
    observer: (event) => hear('sender', event),
  })
  const receiver: Runner = await openRunner({
    ...common,
    world: { ...real, disk: slow, limits: quick },
    directory: await target.own.openDirectory(session),
    receive: { target, maxBytes: Infinity, maxFiles: Infinity },
    observer: (event) => hear('receiver', event),
  })
  function connect(): void {
    const [near, far] = memoryPair()
    answer(far, receiver)
    sender.connected(near)
  }
  connect()
  expect(await sender.ended).toMatchObject({ how: 'released' })
  expect(new Set(lost)).toEqual(new Set(['no-progress']))
  const landed = await (await disks.receiver.openRoot('/dst')).openFile('f', 'read')
  const bytes = new Uint8Array(content.length + 1)
  expect(await landed.read(bytes, 0)).toBe(content.length)
  expect(bytes.subarray(0, -1)).toEqual(content)
  await receiver.stop()
})
