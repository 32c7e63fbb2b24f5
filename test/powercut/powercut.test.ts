// Power cuts on a real ext4 (T4 of the promises). Driven by run.mjs, which has a mount namespace made for it and says what
// is missing where that cannot be.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Disk } from '../../src/model/disk.ts'
import type { Role } from '../../src/model/session.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'
import { ProcessDisk } from '../simulation/process-disk.ts'
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

  /** Stops at a problem that fits. */
  async function suffer(count: number, disk: Disk, fits: RegExp = /./): Promise<Tally> {
    const tally: Tally = {
      cuts: 0,
      crossings: 0,
      behindPromises: 0,
      promises: 0,
      cutsOf: { sender: 0, receiver: 0 },
      problems: [],
    }
    const chance = seeded(seed)
    while (tally.cuts < count && !tally.problems.some((why) => fits.test(why)))
      await new CutCrossing(disk, volumes, cutter, chance, tally).run(count)
    return tally
  }

  /** The same file system, whose fdatasync returns at once and has done nothing. */
  const lazy = new ProcessDisk(nodeDisk, async (what, act) => (what === 'datasync' ? (undefined as never) : act()))

  it(
    'cost acknowledged bytes within 20 of them where syncs do nothing: this test can fail',
    { timeout: 300_000 },
    async () => {
      const { cuts: needed, problems } = await suffer(20, lazy, /R1$/)
      console.log(`with syncs that do nothing, cut ${needed} cost something: ${problems.at(-1)}`)
      expect(problems.at(-1)).toMatch(/was acknowledged and is not.*: R1$/)
    },
  )

  it.runIf(cuts > 0)(
    `${cuts} of them cost nothing that was acknowledged, and no name is seen half (R1, R3, R4, R5, R41, R45, R115)`,
    { timeout: minutes * 60_000 },
    async () => {
      const { problems, cutsOf, ...tally } = await suffer(cuts, nodeDisk)
      console.log(
        `${tally.cuts} power cuts (receiver ${cutsOf.receiver}, sender ${cutsOf.sender}) in ${tally.crossings} transfers; ` +
          `${tally.behindPromises} of them within 5 ms behind one of ${tally.promises} promises; ` +
          `acknowledgements lost 0 and partial files seen 0 unless said below. npm run test:powercut -- --cuts ${cuts} --seed ${seed}`,
      )
      expect(problems).toEqual([])
    },
  )
})
