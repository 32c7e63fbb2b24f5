import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { describe, expect, it } from 'vitest'
import { InternalError } from '../../../src/errors.ts'
import type { Disk } from '../../../src/model/disk.ts'
import type { Fingerprint } from '../../../src/model/manifest.ts'
import { pathText, type Path } from '../../../src/model/names.ts'
import type { SourceRoot } from '../../../src/model/records.ts'
import type { LinkPolicy } from '../../../src/model/session.ts'
import { openRoots, type Roots } from '../../../src/source/roots.ts'
import { SourceFiles } from '../../../src/source/source-files.ts'
import { walk } from '../../../src/source/walk.ts'
import { nodeDisk } from '../../../src/store/node-disk.ts'
import { counting, defaults, forbidding, link, Playground, rerouted, type Tree } from './tree.ts'

/** A walked source: its files by path, ready to be read. */
class Walked implements AsyncDisposable {
  readonly files: SourceFiles
  readonly fingerprints = new Map<string, Fingerprint>()
  readonly #roots: Roots

  private constructor(roots: Roots, links: LinkPolicy) {
    this.#roots = roots
    this.files = new SourceFiles(roots, { links })
  }

  static async of(sources: readonly SourceRoot[], links: LinkPolicy = 'keep', disk: Disk = nodeDisk): Promise<Walked> {
    const roots = await openRoots(disk, sources)
    const walked = new Walked(roots, links)
    for await (const { entries, fingerprints } of walk(roots, { ...defaults, links })) {
      for (const [i, { path }] of entries.entries()) {
        const fingerprint = fingerprints[i]
        if (fingerprint) walked.fingerprints.set(pathText(path), fingerprint)
      }
    }
    return walked
  }

  fingerprint(path: Path): Fingerprint {
    return this.fingerprints.get(pathText(path))!
  }

  open(entry: number, ...path: string[]): Promise<void> {
    return this.files.open(entry, path, this.fingerprint(path))
  }

  async read(entry: number, position: number, length: number): Promise<string> {
    const target = Buffer.alloc(length, '?')
    await this.files.read(entry, target, position)
    return target.toString()
  }

  async readSmall(...path: string[]): Promise<string> {
    const target = Buffer.alloc(this.fingerprint(path).size, '?')
    const answer = await this.files.readSmall(path, this.fingerprint(path), target)
    return answer === 'same' ? target.toString() : `now ${answer.fingerprint.size} bytes`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.files.close()
    await this.#roots.close()
  }
}

const root = (path: string): SourceRoot[] => [{ path, as: 'root' }]
const tree: Tree = { 'a.txt': 'hello world', sub: { deep: { 'b.txt': 'below' } }, empty: '' }

describe('reading', () => {
  it('fills the target from any position', async () => {
    using ground = new Playground(tree)
    await using walked = await Walked.of(root(ground.path))
    await walked.open(0, 'root', 'a.txt')
    await walked.open(1, 'root', 'sub', 'deep', 'b.txt')
    await walked.open(2, 'root', 'empty')
    expect(await walked.read(0, 6, 5)).toBe('world')
    expect(await walked.read(0, 0, 5)).toBe('hello')
    expect(await walked.read(1, 0, 5)).toBe('below')
    expect(await walked.read(2, 0, 0)).toBe('')
  })

  it('reads small files whole, empty and single ones included', async () => {
    using ground = new Playground(tree)
    await using walked = await Walked.of([
      ...root(ground.at('sub')),
      { path: ground.at('a.txt'), as: 'single' },
      { path: ground.at('empty'), as: 'none' },
    ])
    expect(await walked.readSmall('root', 'deep', 'b.txt')).toBe('below')
    expect(await walked.readSmall('single')).toBe('hello world')
    expect(await walked.readSmall('none')).toBe('')
  })

  it('reads small files of one folder together, up to the first that is not what it was', async () => {
    using ground = new Playground({ sub: { a: 'one', b: '', c: 'three', d: 'four', e: 'five' } })
    await using walked = await Walked.of(root(ground.path))
    const wanted = ['a', 'b', 'c', 'd', 'e'].map((name) => {
      const path = ['root', 'sub', name]
      const fingerprint = walked.fingerprint(path)
      return { path, fingerprint, target: Buffer.alloc(fingerprint.size, '?') }
    })
    const read = async () => {
      for (const { target } of wanted) target.fill('?')
      const count = await walked.files.readSmallEach(wanted)
      return wanted.slice(0, count).map(({ target }) => String(target))
    }
    expect(await read()).toEqual(['one', '', 'three', 'four', 'five'])
    ground.write({ sub: { d: 'FOUR' } })
    expect(await read()).toEqual(['one', '', 'three'])
    rmSync(ground.at('sub/c'))
    symlinkSync('a', ground.at('sub/c'))
    expect(await read()).toEqual(['one', ''])
    renameSync(ground.at('sub'), ground.at('elsewhere'))
    ground.write({ sub: { a: 'one' } })
    await using again = await Walked.of(root(ground.path)) // Pins nothing of the folder that was moved.
    expect(await again.files.readSmallEach(wanted)).toBe(0)
  })

  it('R53: reads no small file together with others that is shorter or longer than it was', async () => {
    using ground = new Playground({ sub: { a: 'one', b: 'two' } })
    await using walked = await Walked.of(root(ground.path))
    const wanted = ['a', 'b'].map((name) => {
      const path = ['root', 'sub', name]
      const fingerprint = walked.fingerprint(path)
      return { path, fingerprint, target: Buffer.alloc(fingerprint.size) }
    })
    truncateSync(ground.at('sub/b'), 2)
    expect(await walked.files.readSmallEach(wanted)).toBe(1)
    appendFileSync(ground.at('sub/b'), 'oo')
    expect(await walked.files.readSmallEach(wanted)).toBe(1)
    rmSync(ground.at('sub'), { recursive: true })
    expect(await walked.files.readSmallEach(wanted)).toBe(0)
  })

  it('reads many files in turn with few descriptors', async () => {
    using ground = new Playground()
    const names = Array.from({ length: 40 }, (_, i) => `${i}`)
    for (const name of names) ground.write({ [name]: { x: `content ${name}` } })
    const counts = counting()
    {
      await using walked = await Walked.of(root(ground.path), 'keep', counts.disk)
      for (const [i, name] of names.entries()) await walked.open(i, 'root', name, 'x')
      const contents = await Promise.all(names.map((name, i) => walked.read(i, 8, name.length)))
      expect(contents).toEqual(names)
      expect(counts.open).toBeLessThanOrEqual(8 + 1)
    }
    expect(counts.open).toBe(0)
  })

  it('R68: reads nothing that was not opened by entry', async () => {
    using ground = new Playground(tree)
    await using walked = await Walked.of(root(ground.path))
    await walked.open(0, 'root', 'a.txt')
    await walked.files.forget(0)
    await expect(walked.read(0, 0, 1)).rejects.toBeInstanceOf(InternalError)
    await expect(walked.files.check(1)).rejects.toBeInstanceOf(InternalError)
  })
})

describe('R51: a source that changed', () => {
  const sameTimes = (path: string, change: () => void): void => {
    writeFileSync(`${path}.times`, '')
    execFileSync('touch', ['-r', path, `${path}.times`])
    change()
    execFileSync('touch', ['-r', `${path}.times`, path])
  }
  it.each<[string, (path: string) => void]>([
    ['grown', (path) => appendFileSync(path, '!')],
    ['shortened', (path) => truncateSync(path, 3)],
    ['edited in place', (path) => writeFileSync(path, 'HELLO WORLD', { flag: 'r+' })],
    ['edited and touched back', (path) => sameTimes(path, () => writeFileSync(path, 'HELLO WORLD', { flag: 'r+' }))],
    ['replaced by a copy', (path) => sameTimes(path, () => replace(path, 'hello world'))],
    ['replaced by another', (path) => replace(path, 'another one')],
  ])('is found when it was %s', async (_, change) => {
    using ground = new Playground(tree)
    await using walked = await Walked.of(root(ground.path))
    await walked.open(0, 'root', 'a.txt')
    expect(await walked.files.check(0)).toBe('same')
    change(ground.at('a.txt'))
    const { size, mtimeMs } = statSync(ground.at('a.txt'))
    const now = await walked.files.check(0)
    expect(now).toMatchObject({ fingerprint: { size }, mode: 0o644 })
    expect(now === 'same' ? 0 : now.mtimeUs / 1000).toBeCloseTo(mtimeMs, 2)
    expect(await walked.readSmall('root', 'a.txt')).toBe(`now ${size} bytes`)
    await expect(walked.open(1, 'root', 'a.txt')).rejects.toMatchObject({ code: 'source-changed' })
  })

  it('is read in its new version once it is opened by it', async () => {
    using ground = new Playground(tree)
    await using walked = await Walked.of(root(ground.path))
    await walked.open(0, 'root', 'a.txt')
    replace(ground.at('a.txt'), 'HELLO WORLD')
    expect(await walked.read(0, 0, 5), 'the descriptor stays with what was opened').toBe('hello')
    const change = await walked.files.check(0)
    if (change === 'same') expect.fail('the change was not found')
    await walked.files.open(0, ['root', 'a.txt'], change.fingerprint)
    expect(await walked.read(0, 0, 5)).toBe('HELLO')
    expect(await walked.files.check(0)).toBe('same')
  })

  it('is found where a folder above it was put in place of another', async () => {
    using ground = new Playground(tree)
    await using walked = await Walked.of(root(ground.path))
    await walked.open(0, 'root', 'sub', 'deep', 'b.txt')
    renameSync(ground.at('sub'), ground.at('old'))
    ground.write({ sub: { deep: { 'b.txt': 'other' } } })
    expect(await walked.files.check(0)).toMatchObject({ fingerprint: { size: 5 } })
  })

  it('is found where the root itself was put in place of another, and then read there', async () => {
    using ground = new Playground({ now: { x: 'one', y: 'one' } })
    await using walked = await Walked.of(root(ground.at('now')))
    await walked.open(0, 'root', 'x')
    rmSync(ground.at('now'), { recursive: true })
    ground.write({ now: { x: 'three', y: 'three' } })
    const change = await walked.files.check(0)
    if (change === 'same') expect.fail('the change was not found')
    await walked.files.open(0, ['root', 'x'], change.fingerprint)
    expect(await walked.read(0, 0, 5)).toBe('three')
    expect(await walked.readSmall('root', 'y')).toBe('now 5 bytes')
  })

  it('is found when its descriptor had to be closed for others meanwhile', async () => {
    using ground = new Playground(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`${i}`, 'content'])))
    await using walked = await Walked.of(root(ground.path))
    for (let i = 0; i < 20; i++) await walked.open(i, 'root', `${i}`)
    writeFileSync(ground.at('0'), 'CONTENT', { flag: 'r+' })
    await expect(walked.read(0, 0, 7)).rejects.toMatchObject({ code: 'source-changed' })
  })
})

describe('R53: a source shorter than promised', () => {
  it('is an error of the read that meets its end', async () => {
    using ground = new Playground(tree)
    await using walked = await Walked.of(root(ground.path))
    await walked.open(0, 'root', 'a.txt')
    truncateSync(ground.at('a.txt'), 8)
    expect(await walked.read(0, 0, 8)).toBe('hello wo')
    await expect(walked.read(0, 6, 5)).rejects.toMatchObject({ code: 'source-changed' })
    await expect(walked.read(0, 8, 1)).rejects.toMatchObject({ code: 'source-changed' })
  })
})

describe('R54: a source that', () => {
  it.each<[string, (ground: Playground) => void]>([
    ['was deleted', (ground) => rmSync(ground.at('sub', 'deep', 'b.txt'))],
    ['lost its folder', (ground) => rmSync(ground.at('sub'), { recursive: true })],
    ['became a folder', (ground) => (rmSync(ground.at('sub/deep/b.txt')), mkdirSync(ground.at('sub/deep/b.txt')))],
    ['became a pipe', (ground) => (rmSync(ground.at('sub/deep/b.txt')), ground.fifo('sub/deep/b.txt'))],
    [
      'became a link',
      (ground) => (rmSync(ground.at('sub/deep/b.txt')), symlinkSync('../../a.txt', ground.at('sub/deep/b.txt'))),
    ],
    [
      'lies behind a link now',
      (ground) => (renameSync(ground.at('sub'), ground.at('s')), symlinkSync('s', ground.at('sub'))),
    ],
  ])('%s is gone, and the others go on', async (_, change) => {
    using ground = new Playground(tree)
    await using walked = await Walked.of(root(ground.path))
    await walked.open(0, 'root', 'sub', 'deep', 'b.txt')
    change(ground)
    const path = 'root/sub/deep/b.txt'
    await expect(walked.files.check(0)).rejects.toMatchObject({ code: 'source-vanished', details: { path } })
    expect(await walked.readSmall('root', 'a.txt')).toBe('hello world')
  })

  it('was deleted before it was opened is gone', async () => {
    using ground = new Playground(tree)
    await using walked = await Walked.of(root(ground.path))
    rmSync(ground.at('a.txt'))
    await expect(walked.open(0, 'root', 'a.txt')).rejects.toMatchObject({ code: 'source-vanished' })
    await expect(walked.readSmall('root', 'a.txt')).rejects.toMatchObject({ code: 'source-vanished' })
  })

  it('may not be read fails alone', async () => {
    using ground = new Playground(tree)
    await using walked = await Walked.of(root(ground.path), 'keep', forbidding(['a.txt']))
    await expect(walked.open(0, 'root', 'a.txt')).rejects.toMatchObject({ code: 'permission-denied' })
    expect(await walked.readSmall('root', 'sub', 'deep', 'b.txt')).toBe('below')
  })
})

describe('a root that is gone', () => {
  it('is told from deleted files, and read on from when it is back', async () => {
    using ground = new Playground({ disk: tree })
    await using walked = await Walked.of(root(ground.at('disk')))
    const path = ground.at('disk')
    renameSync(path, ground.at('unplugged'))
    await walked.open(0, 'root', 'a.txt') // Through the pin: nothing is lost yet.
    await expect(walked.files.check(0)).rejects.toMatchObject({ code: 'source-gone', details: { path } })
    renameSync(ground.at('unplugged'), path)
    expect(await walked.files.check(0)).toBe('same')
    expect(await walked.read(0, 0, 5)).toBe('hello')
  })

  it('is no empty mount point: one file system in place of another is not all files deleted', async () => {
    using ground = new Playground({ disk: tree, mountpoint: {} })
    const path = '/media/stick'
    const [stick, nothing] = [ground.at('disk'), ground.at('mountpoint')]
    const routes = new Map([[path, { path: stick, device: 7n }]])
    await using walked = await Walked.of(root(path), 'keep', rerouted(routes))
    await walked.open(0, 'root', 'a.txt')
    routes.set(path, { path: nothing, device: 1n })
    await expect(walked.files.check(0)).rejects.toMatchObject({ code: 'source-gone', details: { path } })
    await expect(walked.files.check(0), 'and stays so').rejects.toMatchObject({ code: 'source-gone' })
    routes.set(path, { path: stick, device: 8n })
    expect(await walked.files.check(0)).toBe('same')
    rmSync(ground.at('disk', 'a.txt'))
    await expect(walked.files.check(0)).rejects.toMatchObject({ code: 'source-vanished' })
  })
})

describe('--links follow', () => {
  it('reads and checks what links lead to', async () => {
    using ground = new Playground({ far: { x: 'one' }, f: 'file', sent: { d: link('../far'), l: link('../f') } })
    await using walked = await Walked.of(root(ground.at('sent')), 'follow')
    await walked.open(0, 'root', 'd', 'x')
    await walked.open(1, 'root', 'l')
    expect([await walked.read(0, 0, 3), await walked.read(1, 0, 4)]).toEqual(['one', 'file'])
    expect([await walked.files.check(0), await walked.files.check(1)]).toEqual(['same', 'same'])
    appendFileSync(ground.at('far', 'x'), '!')
    replace(ground.at('f'), 'FILE')
    expect(await walked.files.check(0)).toMatchObject({ fingerprint: { size: 4 } })
    expect(await walked.files.check(1)).toMatchObject({ fingerprint: { size: 4 } })
    rmSync(ground.at('far'), { recursive: true })
    await expect(walked.files.check(0)).rejects.toMatchObject({ code: 'source-vanished' })
  })
})

function replace(path: string, content: string): void {
  writeFileSync(`${path}.new`, content)
  renameSync(`${path}.new`, path)
  expect(readFileSync(path, 'utf8')).toBe(content)
}
