// What is big, and what is many: files of more than 4 GiB, 20,000 small files, this project's own node_modules. All arrive
// byte for byte, and neither side ever holds more than 150 MiB in memory (R74).

import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, statfsSync, writeSync } from 'node:fs'
import { readFileSync, readlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { Command } from '../support/command.ts'
import { bothSucceed, Scene } from '../support/scene.ts'
import { MiB, noise, plant, type Node, type Tree } from '../support/trees.ts'

const GiB = 1024 * MiB
const residentMaxBytes = 150 * MiB
const spreadBytes = 16 * MiB // Between two runs of the same: when the collector runs makes that much.
const filesEach = 1_000 // Of a folder.
const fewEntries = 20_000
const manyEntries = Number(process.env['CARRYON_TEST_ENTRIES'] ?? 150_000)
const patienceMs = 300_000
const nodeModules = fileURLToPath(new URL('../../node_modules', import.meta.url))

describe('what is big', () => {
  it('a file with holes and bytes on both sides of 2^32 arrives', { timeout: patienceMs }, async () => {
    const islands = [0, 1 * GiB - 7, 2 ** 32 - 5, 2 ** 32 + 3 * MiB + 1, 5 * GiB - 3 * MiB]
    const at = islands.map((offset, i) => [offset, noise(2 * MiB + i, i)] as const)
    const scene = new Scene()
    plant(scene.source, { 'holed.img': { kind: 'sparse', size: 5 * GiB, at } })
    await cross(scene, 'holed.img')
    expectSameBytes(join(scene.source, 'holed.img'), join(scene.target, 'holed.img'))
  })

  it.skipIf(freeBytes() < 12 * GiB)(
    'a file of 4 GiB and a byte, without holes, arrives (needs 12 GiB of disk)',
    { timeout: patienceMs },
    async () => {
      const scene = new Scene()
      fill(join(scene.source, 'disk.img'), 4 * GiB + 1)
      await cross(scene, 'disk.img')
      expectSameBytes(join(scene.source, 'disk.img'), join(scene.target, 'disk.img'))
    },
  )
})

describe('what is many', () => {
  it('20,000 small files arrive', { timeout: patienceMs }, async () => {
    const scene = new Scene()
    plant(scene.source, smallFiles(20_000))
    await cross(scene, 'many')
    expect(expectSameTree(scene.source, scene.target)).toBe(20_000)
  })

  it(
    'R76: an entry takes both sides at most 200 bytes of memory',
    { timeout: manyEntries * 6 + patienceMs },
    async () => {
      const base = await memoryFor(fewEntries)
      const mostBytes = (manyEntries - fewEntries) * 200 + spreadBytes
      const isWithin = (all: Residents): boolean =>
        all.sent - base.sent <= mostBytes && all.received - base.received <= mostBytes
      let all = await memoryFor(manyEntries)
      // On a busy machine the collector comes late, which only ever takes more: what is needed is the least of three runs.
      for (let run = 2; run <= 3 && !isWithin(all); run++) all = leastOf(all, await memoryFor(manyEntries))
      expect(all.sent - base.sent).toBeLessThanOrEqual(mostBytes)
      expect(all.received - base.received).toBeLessThanOrEqual(mostBytes)
    },
  )

  it("this project's node_modules arrives", { timeout: patienceMs }, async () => {
    const scene = new Scene()
    await cross(scene, `${nodeModules}/.`, '--exclude', '/.*') // Where tools keep what they change at any time.
    expect(expectSameTree(nodeModules, scene.target, (name) => name.startsWith('.'))).toBeGreaterThan(1000)
  })
})

/** The most memory of each side, bytes. */
interface Residents {
  readonly sent: number
  readonly received: number
}

const leastOf = (a: Residents, b: Residents): Residents => ({
  sent: Math.min(a.sent, b.sent),
  received: Math.min(a.received, b.received),
})

/** Sends a path, and has both sides end well within their memory. */
async function cross(scene: Scene, path: string, ...flags: readonly string[]): Promise<void> {
  const { sent, received } = await residentsOf(scene, path, ...flags)
  expect(sent).toBeLessThanOrEqual(residentMaxBytes)
  expect(received).toBeLessThanOrEqual(residentMaxBytes)
}

/** What both sides take at most to send so many empty files, none of them synced: that takes time, and no memory. */
async function memoryFor(files: number): Promise<Residents> {
  const scene = new Scene()
  for (let first = 0; first < files; first += filesEach) {
    const folder = join(scene.source, 'many', String(first))
    mkdirSync(folder, { recursive: true })
    for (let i = first; i < first + filesEach; i++) closeSync(openSync(join(folder, String(i)), 'w'))
  }
  return residentsOf(scene, 'many', '--durability', 'none')
}

/** Sends a path, and looks at how much memory both sides have at most. */
async function residentsOf(scene: Scene, path: string, ...flags: readonly string[]): Promise<Residents> {
  const receiver = scene.receive()
  const sender = scene.send(path, '--to', await receiver.ticket(), ...flags)
  const residents = Promise.all([residentOf(sender), residentOf(receiver)])
  await Promise.all([sender.ended, receiver.ended])
  await bothSucceed(sender, receiver)
  const [sent, received] = await residents
  console.log(`${path}: resident memory ${mib(sent)} to send, ${mib(received)} to receive`)
  scene.expectClean()
  return { sent, received }
}

/** The most memory a command ever had, as of its last progress event: bytes. */
async function residentOf(command: Command): Promise<number> {
  let most = 0
  let isOver = false
  void command.ended.then(() => (isOver = true))
  while (!isOver) {
    await Promise.race([command.ended, command.untilNext('progress').catch(() => undefined)])
    most = Math.max(most, highWaterOf(command.pid) ?? 0)
  }
  return most
}

function highWaterOf(pid: number): number | undefined {
  try {
    const kib = /^VmHWM:\s*([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kib === undefined ? undefined : Number(kib) * 1024
  } catch {
    return undefined // It is gone.
  }
}

function smallFiles(count: number): Tree {
  const bytes = noise(count + 4096)
  const file = (i: number): readonly [string, Node] => [
    `many/${Math.floor(i / 200)}/${i}`,
    { kind: 'file', content: bytes.subarray(i, i + 4096) },
  ]
  return Object.fromEntries(Array.from({ length: count }, (_, i) => file(i)))
}

function fill(path: string, size: number): void {
  mkdirSync(join(path, '..'), { recursive: true })
  const fd = openSync(path, 'w')
  for (let at = 0; at < size; at += 64 * MiB) writeSync(fd, noise(Math.min(64 * MiB, size - at), at / MiB))
  closeSync(fd)
}

/** Compares names, kinds and bytes. @returns how many files there are */
function expectSameTree(left: string, right: string, isLeftOut: (name: string) => boolean = () => false): number {
  const entries = readdirSync(left, { withFileTypes: true }).filter(({ name }) => !isLeftOut(name))
  expect(readdirSync(right).toSorted()).toEqual(entries.map(({ name }) => name).toSorted())
  let files = 0
  for (const entry of entries) {
    const [a, b] = [join(left, entry.name), join(right, entry.name)]
    if (entry.isDirectory()) files += expectSameTree(a, b)
    else if (entry.isSymbolicLink()) expect(readlinkSync(b)).toBe(readlinkSync(a))
    else {
      expectSameBytes(a, b)
      files++
    }
  }
  return files
}

function expectSameBytes(left: string, right: string): void {
  const [a, b] = [openSync(left, 'r'), openSync(right, 'r')]
  const [bytesA, bytesB] = [Buffer.alloc(4 * MiB), Buffer.alloc(4 * MiB)]
  const { size } = fstatSync(a)
  expect(fstatSync(b).size, right).toBe(size)
  for (let at = 0; at < size; at += bytesA.length) {
    const read = readSync(a, bytesA, 0, bytesA.length, at)
    const same = readSync(b, bytesB, 0, bytesB.length, at) === read && bytesA.compare(bytesB, 0, read, 0, read) === 0
    expect(same, `${right} at ${at}`).toBe(true)
  }
  closeSync(a)
  closeSync(b)
}

function freeBytes(): number {
  const { bavail, bsize } = statfsSync(tmpdir())
  return bavail * bsize
}

function mib(bytes: number): string {
  return `${Math.round(bytes / MiB)} MiB`
}
