// Power cuts on a real ext4 (T4 of the promises). Driven by run.mjs, which has a mount namespace made for it and says what
// is missing where that cannot be.

import { mkdtempSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Role } from '../../src/model/session.ts'
import { seeded } from '../support/chance.ts'
import { compile } from '../support/native.ts'
import { CutCrossing, type Tally } from './cut-crossing.ts'
import { Cutter, Volume } from './volume.ts'

const cuts = Number(process.env['CARRYON_CUTS'] ?? 0)
const seed = Number(process.env['CARRYON_CUT_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const minutes = 2 + cuts / 15

describe.skipIf(process.env['CARRYON_CUTS'] === undefined)('power cuts (npm run test:powercut)', () => {
  let folder: string
  let volumes: Record<Role, Volume>
  let cutter: Cutter

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'carryon-powercut-'))
    cutter = new Cutter(compile('../powercut/cutter.c', join(folder, 'cutter')))
    volumes = { sender: new Volume(folder, 'sender'), receiver: new Volume(folder, 'receiver') }
  })
  afterAll(() => {
    cutter.close()
    for (const volume of Object.values(volumes)) volume.unmount()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Stops at the first problem. */
  async function suffer(count: number): Promise<Tally> {
    const cutsOf = { sender: 0, receiver: 0 }
    const tally: Tally = { cuts: 0, crossings: 0, behindPromises: 0, promises: 0, cutsOf, problems: [] }
    const chance = seeded(seed)
    while (tally.cuts < count && tally.problems.length === 0)
      await new CutCrossing(volumes, cutter, chance, tally).run(count)
    return tally
  }

  it.each([
    ['fdatasync', 20],
    ['fsync', 20],
    ['dirsync', 60], // Other syncs of ext4 often take names along.
  ])(
    'cost what was promised, where %s does nothing, within %i of them: this test can fail',
    { timeout: 300_000 },
    async (call, within) => {
      readlinkSync(`/carryon-shim/arm ${call} 1 skip 1000000000 ${folder}`)
      const { cuts: needed, problems } = await suffer(within).finally(() => readlinkSync('/carryon-shim/disarm'))
      console.log(`where ${call} does nothing, cut ${needed} cost something: ${problems[0]?.slice(0, 200)}`)
      expect(problems).not.toEqual([])
    },
  )

  it.runIf(cuts > 0)(
    `${cuts} of them cost nothing that was acknowledged, and no name is seen half (R1, R3, R4, R5, R41, R45, R115)`,
    { timeout: minutes * 60_000 },
    async () => {
      const { problems, cutsOf, ...tally } = await suffer(cuts)
      console.log(
        `${tally.cuts} power cuts (receiver ${cutsOf.receiver}, sender ${cutsOf.sender}) in ${tally.crossings} transfers, ` +
          `${tally.behindPromises} of them within 5 ms behind a promise; ${tally.promises} promises, ` +
          `${problems.length} broken. npm run test:powercut -- --cuts ${cuts} --seed ${seed}`,
      )
      expect(problems).toEqual([])
    },
  )
})
