// The directory received into: what lands there, what never does, and what is durable when.

import * as fs from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Directory } from '../../../src/model/disk.ts'
import type { Random } from '../../../src/model/clock.ts'
import { nodeDisk } from '../../../src/store/node-disk.ts'
import { MemoryDisk } from '../../../src/store/memory-disk.ts'
import { openTarget, type Target } from '../../../src/store/target.ts'
import { expectCode, floorUs } from '../../conformance/disk-suite.ts'
import { seeded } from '../../support/chance.ts'
import { scratchPath } from '../../support/scratch.ts'

let bytesGiven = 0
const random: Random = { bytes: (count) => new Uint8Array(count).fill(++bytesGiven), fraction: () => 0.5 }

describe('a target', () => {
  it('R47: keeps its random id for ever, and takes .carryon away when nothing is left in it', async () => {
    const path = scratchPath()
    const first = await openTarget(nodeDisk, path, random)
    expect(first.rootId).toMatch(/^[0-9a-f]{32}$/)
    await first.own.makeDirectory('0'.repeat(32), 0o700)
    await close(first)
    const second = await openTarget(nodeDisk, path, random)
    expect(second.rootId).toBe(first.rootId)
    expect(fs.statSync(join(path, '.carryon')).mode & 0o777).toBe(0o700)
    await second.own.removeDirectory('0'.repeat(32))
    await close(second)
    expect(fs.readdirSync(path)).toEqual([])
  })

  it('R66: is refused where .carryon is a link, or open to others', async () => {
    const path = scratchPath()
    fs.mkdirSync(join(path, 'elsewhere'))
    fs.symlinkSync('elsewhere', join(path, '.carryon'))
    await expectCode('not-a-directory', openTarget(nodeDisk, path, random))
    fs.unlinkSync(join(path, '.carryon'))
    fs.mkdirSync(join(path, '.carryon'))
    fs.chmodSync(join(path, '.carryon'), 0o777)
    await expectCode('state-unsafe', openTarget(nodeDisk, path, random))
  })

  it('surveys without following a link', async () => {
    const { path, target } = await real()
    fs.mkdirSync(join(path, 'd'))
    fs.writeFileSync(join(path, 'd', 'f'), 'abc')
    fs.symlinkSync('d', join(path, 'l'))
    expect(await target.survey(['d', 'f'])).toMatchObject({ kind: 'file', size: 3 })
    expect(await target.survey(['d', 'g'])).toBeUndefined()
    expect(await target.survey(['none', 'deeper', 'f'])).toBeUndefined()
    expect(await target.survey(['l'])).toMatchObject({ kind: 'link' })
    await expectCode('not-a-directory', target.survey(['l', 'f']))
    await expectCode('not-a-directory', target.survey(['d', 'f', 'x']))
  })

  it('surveys many names of one folder as one by one', async () => {
    const { path, target } = await real()
    fs.mkdirSync(join(path, 'd'))
    fs.writeFileSync(join(path, 'd', 'f'), 'abc')
    fs.symlinkSync('d', join(path, 'l'))
    const found = (await target.surveyEach(['d'], ['f', 'g', 'f']))!
    expect(found.map((stat) => stat?.kind)).toEqual(['file', undefined, 'file'])
    expect((await target.surveyEach([], ['d', 'l']))?.map((stat) => stat?.kind)).toEqual(['directory', 'link'])
    expect(await target.surveyEach(['none', 'deeper'], ['f'])).toBeUndefined()
    await expectCode('not-a-directory', target.surveyEach(['l'], ['f']))
  })

  it('finds the first free name, with the number before the extension', async () => {
    const { path, target } = await real()
    for (const name of ['a.jpg', 'a (2).jpg', '.bashrc', 'x'.repeat(255)]) fs.writeFileSync(join(path, name), '')
    expect(await target.freeName(['a.jpg'])).toBe('a (3).jpg')
    expect(await target.freeName(['.bashrc'])).toBe('.bashrc (2)')
    expect(await target.freeName(['x'.repeat(255)])).toBe(`${'x'.repeat(251)} (2)`)
    expect(await target.freeName(['ä.'.padEnd(200, 'ö')])).toMatch(/ \(2\)$/)
  })
})

describe('publishing', () => {
  it('R6: gives many parts their names in one folder and clobbers none, up to the first part that is lost', async () => {
    const { path, target, parts } = await real()
    for (const name of ['0', '1', '2', '4']) await part(parts, name, `part ${name}`)
    fs.mkdirSync(join(path, 'a'))
    fs.writeFileSync(join(path, 'a', 'f1'), 'theirs')
    const files = ['0', '1', '2', '3', '4'].map((partName) => {
      return { partName, path: ['a', `f${partName}`], targetName: `f${partName}` }
    })
    expect(await target.publishEach(parts, files)).toEqual(['placed', 'exists', 'placed'])
    expect(fs.readdirSync(join(path, 'a'))).toEqual(['f0', 'f1', 'f2'])
    expect(fs.readFileSync(join(path, 'a', 'f1'), 'utf8')).toBe('theirs')
    expect(fs.readFileSync(join(path, 'a', 'f2'), 'utf8')).toBe('part 2')
  })

  it('R4: names given together are durable after syncDirectories, new parents included', async () => {
    const disk = new MemoryDisk()
    const target = await openTarget(disk, '/dst', random)
    const parts = await disk.openRoot('/parts')
    for (const name of ['0', '1']) await part(parts, name, name)
    await parts.sync()
    const files = ['0', '1'].map((partName) => ({ partName, path: ['new', 'deep', partName], targetName: partName }))
    expect(await target.publishEach(parts, files)).toEqual(['placed', 'placed'])
    await target.syncDirectories()
    const after = await disk.crash().openRoot('/dst/new/deep')
    expect(await after.list()).toEqual(['0', '1'])
  })

  it('R6: never clobbers, and makes parents closed to others', async () => {
    const { path, target, parts } = await real()
    await part(parts, '0', 'new')
    expect(await target.publish(parts, '0', ['a', 'b', 'f'], 'f', 'link')).toBe('placed')
    expect(fs.readFileSync(join(path, 'a/b/f'), 'utf8')).toBe('new')
    expect(fs.statSync(join(path, 'a/b')).mode & 0o777).toBe(0o700)
    await part(parts, '1', 'other')
    expect(await target.publish(parts, '1', ['a', 'b', 'f'], 'f', 'link')).toBe('exists')
    expect(fs.readFileSync(join(path, 'a/b/f'), 'utf8')).toBe('new')
    expect(await target.publish(parts, '1', ['a', 'b', 'f'], 'f (2)', 'link')).toBe('placed')
    expect(await parts.list()).toEqual(['0', '1'])
  })

  it.each(['link', 'replace'] as const)(
    'by %s makes a folder again that somebody has removed meanwhile',
    async (method) => {
      const { path, target, parts } = await real()
      for (const name of ['0', '1']) {
        await part(parts, name, `part ${name}`)
        expect(await target.publish(parts, name, ['a', 'b', 'f'], 'f', method)).toBe('placed')
        expect(await target.syncDirectories()).toBe(true)
        expect(fs.readFileSync(join(path, 'a/b/f'), 'utf8')).toBe(`part ${name}`)
        fs.rmSync(join(path, 'a'), { recursive: true })
      }
      await expectCode('not-found', target.publish(parts, '2', ['a', 'b', 'f'], 'f', method)) // There is no such part.
    },
  )

  it.each([true, false])('R6: has one winner in every race for a name (links: %s)', async (hasLinks) => {
    const disk = new MemoryDisk({ hasLinks })
    const target = await openTarget(disk, '/in', random)
    const parts = await disk.openRoot('/parts')
    for (let round = 0; round < 50; round++) {
      const racers = Array.from({ length: 8 }, (_, i) => `${round * 8 + i}`)
      for (const name of racers) await part(parts, name, name)
      const ends = await Promise.all(
        racers.map((name) => target.publish(parts, name, [`f${round}`], `f${round}`, 'link')),
      )
      expect(ends.filter((end) => end === 'placed')).toHaveLength(1)
      expect(await textOf(target.root, `f${round}`)).toBe(racers[ends.indexOf('placed')])
    }
    expect(await target.hasLinks()).toBe(hasLinks)
  })

  it('R45: gives a name back that it had reserved and could not use', async () => {
    const disk = new MemoryDisk({ hasLinks: false })
    const target = await openTarget(disk, '/in', random)
    const parts = await disk.openRoot('/parts')
    await part(parts, '0', 'new')
    disk.failNext('rename', 'EIO')
    await expectCode('disk-failed', target.publish(parts, '0', ['f'], 'f', 'link'))
    expect(await target.publish(parts, '0', ['f'], 'f', 'link')).toBe('placed')
    expect(await textOf(target.root, 'f')).toBe('new')
  })

  it.each(['link', 'replace'] as const)(
    'R1: never moves a part into a directory that may be lost (%s)',
    async (method) => {
      const disk = new MemoryDisk({ hasLinks: false })
      const target = await openTarget(disk, '/in', random)
      const parts = await disk.openRoot('/parts')
      await part(parts, '0', 'new')
      await parts.sync()
      expect(await target.publish(parts, '0', ['d', 'e', 'f'], 'f', method)).toBe('placed')
      for (let seed = 1; seed < 100; seed++) {
        const image = disk.image(seeded(seed))
        const isKept = [image.durableBytes('/parts/0'), image.durableBytes('/in/d/e/f')].some(
          (bytes) => bytes?.length === 3,
        )
        expect(isKept, `seed ${seed}`).toBe(true)
      }
    },
  )

  it('replaces what is there but a directory', async () => {
    const { path, target, parts } = await real()
    fs.writeFileSync(join(path, 'f'), 'old')
    fs.mkdirSync(join(path, 'd'))
    await part(parts, '0', 'new')
    expect(await target.publish(parts, '0', ['d'], 'd', 'replace')).toBe('exists')
    expect(await target.publish(parts, '0', ['f'], 'f', 'replace')).toBe('placed')
    expect(fs.readFileSync(join(path, 'f'), 'utf8')).toBe('new')
    expect(await parts.list()).toEqual([])
  })

  it('R59: puts nothing outside while a parent is a link, or becomes one', async () => {
    const { path, target, parts } = await real()
    const outside = scratchPath()
    await part(parts, '0', 'x')
    fs.symlinkSync(outside, join(path, 'l'))
    await expectCode('not-a-directory', target.publish(parts, '0', ['l', 'f'], 'f', 'link'))
    await target.makeDirectory(['d', 'e'])
    for (let i = 0; i < 50; i++) {
      fs.renameSync(join(path, 'd'), join(path, 'aside'))
      fs.symlinkSync(outside, join(path, 'd'))
      await part(parts, `${i + 1}`, 'x')
      const end = await target.publish(parts, `${i + 1}`, ['d', 'e', `f${i}`], `f${i}`, 'link').catch(() => 'refused')
      expect(['placed', 'refused']).toContain(end)
      fs.unlinkSync(join(path, 'd'))
      fs.renameSync(join(path, 'aside'), join(path, 'd'))
    }
    expect(fs.readdirSync(outside)).toEqual([])
  })

  it('R4: is durable after syncDirectories, new parents included, however many directories are touched', async () => {
    const disk = new MemoryDisk()
    const target = await openTarget(disk, '/in', random)
    const parts = await disk.openRoot('/in/.carryon/parts')
    const paths = Array.from({ length: 40 }, (_, i) => [`a${i % 13}`, `b${i % 7}`, `c${i}`, 'f'])
    for (const [i, path] of paths.entries()) {
      await part(parts, `${i}`, `${i}`)
      await target.publish(parts, `${i}`, path, 'f', 'link')
    }
    expect(await target.syncDirectories()).toBe(true)
    const before = disk.operations.length
    await target.syncDirectories()
    expect(disk.operations.length).toBe(before)
    const after = await openTarget(disk.crash(), '/in', random)
    for (const path of paths) expect((await after.survey(path))?.kind, path.join('/')).toBe('file')
  })

  it('R4: a directory found by a process that follows a crash is synced into its parent, too', async () => {
    const disk = new MemoryDisk()
    const first = await openTarget(disk, '/in', random)
    await first.makeDirectory(['a', 'b']) // Never synced: this process dies here, the machine lives.
    const second = await openTarget(disk, '/in', random)
    const parts = await disk.openRoot('/in/.carryon/parts')
    await part(parts, '0', 'x')
    await second.publish(parts, '0', ['a', 'b', 'f'], 'f', 'link')
    await second.syncDirectories()
    const after = await openTarget(disk.crash(), '/in', random)
    expect((await after.survey(['a', 'b', 'f']))?.kind).toBe('file')
  })

  it('R16: a directory sync that failed anywhere fails the next syncDirectories', async () => {
    const disk = new MemoryDisk()
    const target = await openTarget(disk, '/in', random)
    disk.failNext('sync-directory', 'EIO')
    for (let i = 0; i < 20; i++) await target.makeLink([`d${i}`, 'l'], 'x', 0)
    await expectCode('disk-failed', target.syncDirectories())
  })
})

describe('links and directories', () => {
  it('makes a link in one step, also where files have one name only', async () => {
    const disk = new MemoryDisk({ hasLinks: false })
    const target = await openTarget(disk, '/in', random)
    const before = disk.operations.length
    expect(await target.makeLink(['l'], 'x', 0)).toBe('placed')
    expect(disk.operations.slice(before).map(({ kind }) => kind)).toEqual(['make-link', 'metadata'])
  })

  it('makes links for two sessions of one process in one folder, each with its own text', async () => {
    const path = scratchPath()
    const targets = [await openTarget(nodeDisk, path, random), await openTarget(nodeDisk, path, random)]
    const names = Array.from({ length: 50 }, (_, i) => `${i}`)
    const made = targets.flatMap((target, who) =>
      names.map((name) => target.makeLink([`${who}-${name}`], `to ${who}`, 0)),
    )
    expect(new Set(await Promise.all(made))).toEqual(new Set(['placed']))
    for (const who of [0, 1])
      for (const name of names) expect(fs.readlinkSync(join(path, `${who}-${name}`))).toBe(`to ${who}`)
    for (const target of targets) await close(target)
  })

  it('makes a link once, never over another thing unless told', async () => {
    const { path, target } = await real()
    expect(await target.makeLink(['d', 'l'], '../x\udcff', 1_000_003)).toBe('placed')
    expect(await target.makeLink(['d', 'l'], '../x\udcff', 1_000_003)).toBe('placed')
    expect(floorUs((await target.survey(['d', 'l']))!.mtimeNs)).toBe(1_000_003n)
    expect(await target.readLink(['d', 'l'])).toBe('../x\udcff')
    expect(await target.makeLink(['d', 'l'], 'y', 0)).toBe('exists')
    expect(await target.makeLink(['d', 'l'], 'y', 0, 'replace')).toBe('placed')
    expect(await target.makeLink(['d'], 'y', 0, 'replace')).toBe('exists')
    expect(fs.readlinkSync(join(path, 'd/l'))).toBe('y')
    expect(fs.readdirSync(join(path, '.carryon'))).toEqual(['root'])
  })

  it('R116: finishes a directory as often as asked', async () => {
    const { path, target } = await real()
    expect(await target.makeDirectory(['d', 'e'])).toBe(true)
    expect(await target.makeDirectory(['d', 'e'])).toBe(false)
    for (let i = 0; i < 2; i++) {
      await target.finishDirectory(['d', 'e'], 0o555, 1_234_567)
      await target.finishDirectory(['d'], 0o511, -7_000_000)
    }
    expect(fs.statSync(join(path, 'd/e')).mode & 0o777).toBe(0o555)
    expect(floorUs((await target.survey(['d']))!.mtimeNs)).toBe(-7_000_000n)
    await expectCode('not-found', target.finishDirectory(['none'], 0o755, 0))
    fs.chmodSync(join(path, 'd'), 0o755)
    fs.chmodSync(join(path, 'd/e'), 0o755)
  })
})

async function real() {
  const path = scratchPath()
  const target = await openTarget(nodeDisk, path, random)
  await target.own.makeDirectory('parts', 0o700)
  const parts = await target.own.openDirectory('parts')
  onTestFinished(async () => {
    await parts.close()
    await close(target)
  })
  // Session directories hold parts; the check that .carryon is left clean looks past this one.
  fs.renameSync(join(path, '.carryon', 'parts'), join(scratchPath(), 'parts'))
  return { path, target, parts }
}

async function close(target: Target): Promise<void> {
  await target.close()
  await target.root.close()
}

async function part(parts: Directory, name: string, text: string): Promise<void> {
  const file = await parts.openFile(name, 'create')
  await file.write(Buffer.from(text), 0)
  await file.sync()
  await file.close()
}

async function textOf(directory: Directory, name: string): Promise<string> {
  const file = await directory.openFile(name, 'read')
  const bytes = new Uint8Array(100)
  const count = await file.read(bytes, 0)
  await file.close()
  return Buffer.from(bytes.subarray(0, count)).toString()
}
