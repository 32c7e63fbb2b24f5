// A local attacker swaps directories and links at full speed while files arrive, and while files are read (flipper.mjs). What
// is called here is all that a receiver ever does to its folder, and all that a sender does to its source; a naive
// implementation under the very same calls shows that they would lead outside.

import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { isTransferError } from '../../src/errors.ts'
import type { Random } from '../../src/model/clock.ts'
import type { Directory, Disk, DiskFile } from '../../src/model/disk.ts'
import type { Path } from '../../src/model/names.ts'
import { openRoots } from '../../src/source/roots.ts'
import { SourceFiles } from '../../src/source/source-files.ts'
import { walk } from '../../src/source/walk.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'
import { openTarget, type Target } from '../../src/store/target.ts'
import { seeded } from '../support/chance.ts'
import { fastestPlace } from './evil.ts'
import { naiveDisk } from './naive-directory.ts'

const operations = 1_000_000
const meetingsMin = 10_000
const looksEvery = 2_000 // Operations between two looks at what lies outside.
const reads = 100_000
const readMeetingsMin = 1_000
const naiveMs = 10_000
const patienceMs = 900_000 // A million operations take two minutes of a machine with more to do.

const tops = Array.from({ length: 12 }, (_, i) => `top${i}`) // More than are kept pinned: each is opened again and again.
const swapped = tops.flatMap((top) => [top, `${top}/in`, `${top}/in/here!`])
const secret = 'lies outside'
const harmless = 'lies  inside' // Of the same length, so that only what it is tells it from the other.

/** A folder that is attacked, and beside it one of the same shape that nobody may change or read. */
class Ground {
  readonly path = fs.mkdtempSync(join(fastestPlace(), 'carryon-swapped-'))
  readonly inside = join(this.path, 'inside')
  readonly outside = join(this.path, 'outside')
  readonly seed = Math.floor(Math.random() * 2 ** 31)
  readonly chance: () => number = seeded(this.seed)
  swaps = 0

  constructor() {
    onTestFinished(() => fs.rmSync(this.path, { recursive: true, force: true }))
    for (const top of tops) {
      for (const place of [this.inside, this.outside]) fs.mkdirSync(join(place, top, 'in'), { recursive: true })
      fs.writeFileSync(join(this.outside, top, 'in', 'here'), secret)
      for (const name of ['here', 'there']) fs.writeFileSync(join(this.inside, top, 'in', name), harmless)
    }
  }

  attack(): void {
    const flipper = new URL('flipper.mjs', import.meta.url).pathname
    const process_ = spawn(process.execPath, [flipper, this.inside, this.outside, ...swapped])
    process_.stdout.on('data', (text: Buffer) => (this.swaps = Number(text.toString().trim().split('\n').at(-1))))
    onTestFinished(async () => {
      process_.kill('SIGKILL')
      await new Promise((resolve) => process_.once('close', resolve))
    })
  }

  readonly pick = <T>(from: readonly T[]): T => from[Math.floor(this.chance() * from.length)]!

  /** Everything outside that an operation could change, as text. */
  seenOutside(): string {
    return fs
      .readdirSync(this.outside, { recursive: true, encoding: 'utf8' })
      .concat('.')
      .toSorted()
      .map((name) => {
        const { ino, mode, size, nlink, mtimeNs, ctimeNs } = fs.lstatSync(join(this.outside, name), { bigint: true })
        return [name, ino, mode, size, nlink, mtimeNs, ctimeNs].join(' ')
      })
      .join('\n')
  }
}

const random: Random = { bytes: (count) => new Uint8Array(count).fill(7), fraction: () => 0.5 }

const answers: readonly string[] = [
  'not-a-directory',
  'not-a-file',
  'not-found',
  'already-exists',
  'source-vanished',
  'source-changed',
]

/** Counts what was called, and how often a component was not what it had been. */
class Tally {
  count = 0
  met = 0
  /** Codes that are no answer to a swap. */
  readonly unforeseen = new Set<string>()
  /** How often bytes from outside were read. */
  leaked = 0

  look(bytes: Uint8Array): void {
    if (Buffer.from(bytes).includes(secret)) this.leaked++
  }

  async of(act: () => Promise<unknown>): Promise<void> {
    this.count++
    try {
      await act()
    } catch (error) {
      if (!isTransferError(error)) throw error
      if (!answers.includes(error.code)) this.unforeseen.add(error.code)
      if (error.code !== 'already-exists') this.met++
    }
  }
}

type Act = () => Promise<unknown>

/** One of everything a receiver does below its root. */
function receiverActs({ pick, chance }: Ground, target: Target, tally: Tally): readonly Act[] {
  const name = (): string => `new${Math.floor(chance() * 20)}`
  const place = (): Path =>
    pick<Path>([
      [pick(tops), 'in', name()],
      [pick(tops), name()],
      [pick(tops), 'in', 'here'],
    ])
  const part = async (): Promise<void> => {
    await target.own.unlink('part')
    const file = await target.own.openFile('part', 'create')
    await file.write(Buffer.from('arrived'), 0)
    await file.close()
  }
  return [
    () => target.survey(place()),
    () => target.survey([pick(tops), 'in', 'here']),
    async () => {
      const file = await target.openExisting([pick(tops), 'in', pick(['here', 'there'])])
      const bytes = Buffer.alloc(32)
      const count = await file.read(bytes, 0)
      await file.close()
      tally.look(bytes.subarray(0, count))
    },
    () => target.makeDirectory([pick(tops), 'in', 'deeper', pick(['a', 'b'])]),
    async () => {
      await part()
      const path = place()
      await target.publish(target.own, 'part', path, path.at(-1)!, pick(['link', 'replace']))
    },
    () => target.surveyEach([pick(tops), 'in'], ['here', name(), 'there']),
    async () => {
      await part()
      const parent = place().slice(0, -1)
      const names = [name(), 'here', name()]
      await target.publishEach(
        target.own,
        names.map((targetName) => ({ partName: 'part', path: [...parent, targetName], targetName })),
      )
    },
    () => target.makeLink(place(), '../elsewhere', 1_700_000_000_000_000, pick(['link', 'replace'])),
    () => target.finishDirectory([pick(tops), 'in'], 0o755, 1_700_000_000_000_000),
    () => target.freeName([pick(tops), 'in', 'there']),
    () => target.touch([pick(tops), 'in', name()]),
    () => below(target.root, [pick(tops), 'in'], tidyUp),
  ]

  /** What only discarding does, and what keeps this folder small. */
  async function tidyUp(directory: Directory): Promise<void> {
    const victim = name()
    await directory.unlink(victim)
    await directory.removeDirectory(victim)
    await directory.rename('there', directory, 'there')
    await directory.list()
    await directory.setTimes(1_600_000_000_000_000)
  }
}

async function below(root: Directory, path: Path, act: (directory: Directory) => Promise<void>): Promise<void> {
  const [first, ...rest] = path
  if (first === undefined) return act(root)
  const next = await root.openDirectory(first)
  try {
    await below(next, rest, act)
  } finally {
    await next.close()
  }
}

/** Receives under attack until `isOver` says so, looking outside now and then; what it saw there at the end. */
async function receiveUnderAttack(disk: Disk, ground: Ground, isOver: (tally: Tally, changed: boolean) => boolean) {
  const before = ground.seenOutside()
  const target = await openTarget(disk, ground.inside, random)
  const tally = new Tally()
  const acts = receiverActs(ground, target, tally)
  ground.attack()
  for (let changed = false; !isOver(tally, changed); changed = ground.seenOutside() !== before) {
    for (let i = 0; i < looksEvery; i++) await tally.of(ground.pick(acts))
  }
  const after = ground.seenOutside()
  return { tally, before, after }
}

it(
  `R59, R65: ${operations} operations of a receiver, at least ${meetingsMin} of them on what is being swapped, change nothing outside`,
  async () => {
    const ground = new Ground()
    const began = performance.now()
    const { tally, before, after } = await receiveUnderAttack(
      nodeDisk,
      ground,
      ({ count, met }) => count >= operations && met >= meetingsMin,
    )
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    console.log(
      `${tally.count} operations, ${tally.met} met a swap, ${ground.swaps} swaps, ${seconds} s, seed ${ground.seed}`,
    )
    expect([...tally.unforeseen]).toEqual([])
    expect(tally.leaked).toBe(0)
    expect(after).toBe(before)
  },
  patienceMs,
)

it('R59: the same operations without pins lead outside', async () => {
  const ground = new Ground()
  const began = performance.now()
  const { tally, before, after } = await receiveUnderAttack(
    naiveDisk,
    ground,
    (_, changed) => changed || performance.now() - began > 3 * naiveMs,
  )
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(`without pins: outside after ${tally.count} operations, ${seconds} s, seed ${ground.seed}`)
  expect(after).not.toBe(before)
})

/** Walks and reads the source under attack until `isOver` says so; how often bytes from outside were read. */
async function sendUnderAttack(disk: Disk, ground: Ground, isOver: (tally: Tally, leaked: number) => boolean) {
  const tally = new Tally()
  let leaked = 0
  const look = (bytes: Uint8Array): void => void (Buffer.from(bytes).includes(secret) && leaked++)
  const roots = await openRoots(disk, [{ path: ground.inside, as: 'inside' }])
  const files = new SourceFiles(roots, { links: 'keep' })
  ground.attack()
  const readAll = async (): Promise<void> => {
    const digestOf = async (file: DiskFile, size: number): Promise<string> => {
      const bytes = Buffer.alloc(size)
      await file.read(bytes, 0)
      look(bytes)
      return '0'.repeat(16)
    }
    for await (const { entries, fingerprints } of walk(roots, { exclude: [], links: 'keep', digestOf })) {
      for (const [i, entry] of entries.entries()) {
        const fingerprint = fingerprints[i]
        if (entry.kind === 'omitted') tally.met++ // It was a directory a moment ago, or it is a link that leads outside.
        if (entry.kind !== 'file' || !fingerprint) continue
        const bytes = Buffer.alloc(fingerprint.size)
        await tally.of(async () => {
          if ((await files.readSmall(entry.path, fingerprint, bytes)) === 'same') look(bytes)
        })
        await tally.of(async () => {
          if ((await files.readSmallEach([{ path: entry.path, fingerprint, target: bytes }])) === 1) look(bytes)
        })
        await tally.of(async () => {
          await files.open(i, entry.path, fingerprint)
          await files.read(i, bytes, 0)
          look(bytes)
        })
      }
    }
  }
  const isNaive = disk === naiveDisk // It may meet anything, such as a link that is none any more.
  while (!isOver(tally, leaked)) await readAll().catch((error) => isNaive || Promise.reject(error))
  await files.close()
  await roots.close()
  return { tally, leaked }
}

it(
  `R68: ${reads} reads of a sender while its source is being swapped never reach outside`,
  async () => {
    const ground = new Ground()
    const began = performance.now()
    const isOver = ({ count, met }: Tally): boolean => count >= reads && met >= readMeetingsMin
    const { tally, leaked } = await sendUnderAttack(nodeDisk, ground, isOver)
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    console.log(`${tally.count} reads, ${tally.met} met a swap, ${ground.swaps} swaps, ${seconds} s`)
    expect([...tally.unforeseen]).toEqual([])
    expect(leaked).toBe(0)
  },
  patienceMs,
)

it('R68: the same reads without pins bring out what lies outside', async () => {
  const ground = new Ground()
  const began = performance.now()
  const isOver = (_: Tally, leaked: number): boolean => leaked > 0 || performance.now() - began > 3 * naiveMs
  const { tally, leaked } = await sendUnderAttack(naiveDisk, ground, isOver)
  console.log(`without pins: read from outside after ${tally.count} reads, ${performance.now() - began} ms`)
  expect(leaked).toBeGreaterThan(0)
})
