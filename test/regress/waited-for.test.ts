// A command that waits until another process lets go of a session.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { entomb, findSession, readCatalog } from '../../src/engine/life/known/catalog.ts'
import { TransferError } from '../../src/errors.ts'
import { holdOrFail } from '../../src/engine/life/roads/contention.ts'
import { senderHome } from '../../src/engine/life/known/home.ts'
import { nodeWorld } from '../../src/engine/life/running/node-world.ts'
import type { Plan } from '../../src/engine/life/running/plan.ts'
import { takeLock } from '../../src/store/lock.ts'
import { createSession, holdSession } from '../../src/store/session-directory.ts'
import type { Directory } from '../../src/model/disk.ts'
import { headerOf, sessionId } from '../unit/engine/life/header.ts'
import { asTheyWere } from '../support/journals.ts'

it('a session that ended and left a tombstone while it was waited for is gone, not gone on with', async () => {
  // The waiting command took the tombstone for the session, found no manifest in it, and ended with code 1.
  const world = await nodeWorld()
  const base = mkdtempSync(join(tmpdir(), 'carryon-test-'))
  const home = await senderHome(world, base)
  const locker = (directory: Directory) => takeLock(directory, async () => null)
  const held = await createSession(home.base, sessionId, {
    records: [headerOf()],
    tools: { hash: world.hash, compact: asTheyWere },
    withParts: false,
    parents: [],
    locker,
  })
  const found = (await findSession(world, home.base, sessionId))!
  const context = { locker, stop: new AbortController().signal, reporter: { stand: waits } }
  const plan = { tools: { context, world, home }, options: { wait: true } } as unknown as Plan

  await expect(holdOrFail(plan, found)).rejects.toMatchObject({ code: 'session-not-found' })
  const free = await holdSession(home.base, sessionId, locker)
  expect(free).toBeDefined()
  await free!.close()
  await home.close()
  rmSync(base, { recursive: true })

  function waits(): void {
    const ended = { kind: 'ended', how: 'released', by: 'self', at: world.clock.wall() } as const
    void entomb(world, home, held, { ...found.checkpoint, ended }).then(() => held.close())
  }
})

it('a session that another process removes while sessions are listed is no fault of the disk', async () => {
  // Listing opened its directory a second time to see when it was written, and ended with code 1.
  const world = await nodeWorld()
  const base = mkdtempSync(join(tmpdir(), 'carryon-test-'))
  const home = await senderHome(world, base)
  const held = await createSession(home.base, sessionId, {
    records: [headerOf()],
    tools: { hash: world.hash, compact: asTheyWere },
    withParts: false,
    parents: [],
    locker: (directory) => takeLock(directory, async () => null),
  })
  await held.close()

  let opened = 0
  const vanishing = {
    list: () => home.base.list(),
    stat: (name: string) => home.base.stat(name),
    openDirectory: async (name: string) => {
      if (opened++ > 0) throw new TransferError('not-found', { path: name })
      return home.base.openDirectory(name)
    },
  } as unknown as Directory
  expect((await readCatalog(world, vanishing)).passedOver).toEqual([])
  expect(opened).toBeGreaterThan(1)
  expect(await findSession(world, vanishing, sessionId)).toBeUndefined()
  await home.close()
  rmSync(base, { recursive: true })
})
