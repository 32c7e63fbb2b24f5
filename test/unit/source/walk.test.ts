import { chmodSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasCode } from '../../../src/errors.ts'
import { depthMax, nameMaxBytes, pageEntriesMax } from '../../../src/model/limits.ts'
import type { Entry } from '../../../src/model/manifest.ts'
import { compareNames, pathFault, type Path } from '../../../src/model/names.ts'
import type { SourceRoot } from '../../../src/model/records.ts'
import { nodeDisk } from '../../../src/store/node-disk.ts'
import { openRoots } from '../../../src/source/roots.ts'
import { walk } from '../../../src/source/walk.ts'
import {
  change,
  counting,
  defaults,
  entriesOf,
  forbidding,
  link,
  pagesOf,
  Playground,
  told,
  type Tree,
} from './tree.ts'

const spill = (path: string): SourceRoot => ({ path, as: '' })

describe('order', () => {
  it('lists depth first, by bytes, a directory before its contents', async () => {
    using ground = new Playground({
      b: { z: '', a: { '1': '' } },
      'b-': '',
      B: '',
      é: '',
      '~': '',
      '\udcff': '',
      '💾': '',
    })
    const names = told(await entriesOf([spill(ground.path)]))
    expect(names).toEqual(['B', 'b/', 'b/a/', 'b/a/1', 'b/z', 'b-', '~', 'é', '💾', '\udcff'])
  })

  it('lands a directory and a file under the names of their roots, in the order of these', async () => {
    using ground = new Playground({ photos: { 'a.jpg': '' }, 'notes.txt': 'hi' })
    const sources = [
      { path: ground.at('photos'), as: 'photos' },
      { path: ground.at('notes.txt'), as: 'first.txt' },
    ]
    expect(told(await entriesOf(sources))).toEqual(['first.txt', 'photos/', 'photos/a.jpg'])
  })

  it('merges what several roots spill', async () => {
    using ground = new Playground({ one: { a: '', d: { x: '' } }, two: { b: '', e: '' }, c: {} })
    const sources = [spill(ground.at('two')), { path: ground.at('c'), as: 'c' }, spill(ground.at('one'))]
    expect(told(await entriesOf(sources))).toEqual(['a', 'b', 'c/', 'd/', 'd/x', 'e'])
  })

  it('refuses two roots that would land on one name, before the first page', async () => {
    using ground = new Playground({ one: { a: '', same: '' }, two: { same: '' } })
    const sources = [spill(ground.at('one')), spill(ground.at('two'))]
    const first = ground.at('one')
    await expect(entriesOf(sources)).rejects.toMatchObject({ code: 'same-name', details: { name: 'same', first } })
    expect(told(await entriesOf(sources, { exclude: ['same'] }))).toEqual(['a'])
  })
})

describe('entries', () => {
  it('carry the nine mode bits, microseconds rounded down, and a fingerprint', async () => {
    using ground = new Playground({ 'a.txt': 'abc' })
    chmodSync(ground.at('a.txt'), 0o4751)
    utimesSync(ground.at('a.txt'), new Date(-1500), new Date(-1500))
    const [page] = await pagesOf([spill(ground.path)])
    expect(page!.entries).toEqual([{ kind: 'file', path: ['a.txt'], size: 3, mtimeUs: -1_500_000, mode: 0o751 }])
    expect(page!.fingerprints).toEqual([
      { size: 3, mtimeNs: -1_500_000_000n, ctimeNs: expect.any(BigInt), inode: expect.any(BigInt) },
    ])
  })

  it('have no fingerprint where there is no file', async () => {
    using ground = new Playground({ d: {}, l: link('d') })
    const [page] = await pagesOf([spill(ground.path)])
    expect(page!.fingerprints).toEqual([null, null])
  })

  it('carry a digest with checksum, made of the file itself', async () => {
    using ground = new Playground({ 'a.txt': 'abc', empty: '' })
    const entries = await entriesOf([spill(ground.path)], {
      digestOf: async (file, size) => {
        const bytes = Buffer.alloc(size)
        await file.read(bytes, 0)
        return bytes.toString('hex')
      },
    })
    expect(entries.map((entry) => entry.kind === 'file' && entry.digest)).toEqual(['616263', ''])
  })

  it('R63: keep names that are not UTF-8, byte for byte', async () => {
    using ground = new Playground({ '\udcff\udc80': { 'caf\udce9': 'x' } })
    expect(told(await entriesOf([spill(ground.path)]))).toEqual(['\udcff\udc80/', '\udcff\udc80/caf\udce9'])
  })
})

describe('what is left out', () => {
  it('is our own .carryon at the top of a root, unlisted, and there only', async () => {
    using ground = new Playground({ '.carryon': { x: '' }, sub: { '.carryon': { y: '' } } })
    expect(told(await entriesOf([spill(ground.path)]))).toEqual(['sub/', 'sub/.carryon/', 'sub/.carryon/y'])
  })

  it('R67: lists special files and never opens one', async () => {
    using ground = new Playground({ a: '' })
    ground.fifo('pipe')
    await using _server = await ground.socket('socket')
    const digestOf = async (): Promise<string> => 'read'
    expect(told(await entriesOf([spill(ground.path)], { digestOf }))).toEqual([
      'a',
      'pipe (special)',
      'socket (special)',
    ])
  })

  it('R54: lists what may not be read, and goes on', async () => {
    using ground = new Playground({ a: '', closed: { x: '' }, hidden: '', z: '' })
    const entries = await entriesOf([spill(ground.path)], {}, forbidding(['closed', 'hidden?']))
    expect(told(entries)).toEqual(['a', 'closed (unreadable)', 'hidden (unreadable)', 'z'])
  })

  it('lists an unreadable file where it has to be read', async () => {
    using ground = new Playground({ a: '', b: '' })
    const entries = await entriesOf([spill(ground.path)], { digestOf: async () => '' }, forbidding(['a']))
    expect(told(entries)).toEqual(['a (unreadable)', 'b'])
  })

  it('R60: omits a directory whose contents are too deep to be named, and nothing else', async () => {
    using ground = new Playground()
    const deep = (levels: number): string => Array.from({ length: levels }, () => 'd').join('/')
    mkdirSync(ground.at(deep(depthMax + 3)), { recursive: true })
    mkdirSync(ground.at('e', deep(depthMax - 1)), { recursive: true })
    const entries = await entriesOf([spill(ground.path)])
    const omitted = entries.filter((entry) => entry.kind === 'omitted')
    expect(omitted).toEqual([{ kind: 'omitted', path: deep(depthMax).split('/'), reason: 'bad-name' }])
    expect(entries.at(-1)).toMatchObject({ kind: 'directory', path: ['e', ...deep(depthMax - 1).split('/')] })
    expect(entries.filter((entry) => pathFault(entry.path) !== undefined)).toEqual([])
  })

  it('lists a name of too many bytes by its beginning, in its place', async () => {
    using ground = new Playground({ a: '', z: '' })
    const disk = withNames(['長'.repeat(90), `${'長'.repeat(85)}${'x'}`])
    const entries = await entriesOf([spill(ground.path)], {}, disk)
    expect(told(entries)).toEqual(['a', 'z', `${'長'.repeat(nameMaxBytes / 3)} (bad-name)`])
  })

  it('is not there if it went away between list and look', async () => {
    using ground = new Playground({ a: '' })
    expect(told(await entriesOf([spill(ground.path)], {}, withNames(['gone'])))).toEqual(['a'])
  })

  it('lists a single file that went away', async () => {
    using ground = new Playground({ a: '' })
    await using roots = await openRoots(nodeDisk, [{ path: ground.at('a'), as: 'a' }])
    ground[Symbol.dispose]()
    const pages = []
    for await (const page of walk(roots, defaults)) pages.push(...page.entries)
    expect(told(pages)).toEqual(['a (vanished)'])
  })
})

describe('pages', () => {
  it('are cut by number of entries and by length of names', async () => {
    using ground = new Playground({ many: {}, long: {} })
    for (let i = 0; i < pageEntriesMax + 10; i++) writeFileSync(ground.at('many', `${i}`), '')
    const many = await pagesOf([spill(ground.at('many'))])
    expect(many.map((page) => page.entries.length)).toEqual([pageEntriesMax, 10])
    for (let i = 0; i < 600; i++)
      writeFileSync(ground.at('long', `${String(i).padStart(4, '0')}${'\u0001'.repeat(240)}`), '')
    const long = await pagesOf([spill(ground.at('long'))])
    expect(long.length).toBe(2)
    for (const page of long) expect(Buffer.byteLength(JSON.stringify(page.entries))).toBeLessThan(520 * 1024)
  })

  it('close what was open when the reader leaves early', async () => {
    using ground = new Playground({ a: { b: { c: { d: '' } } } })
    for (let i = 0; i < pageEntriesMax; i++) writeFileSync(ground.at('a', 'b', 'c', `${i}`), '')
    const counts = counting()
    {
      await using roots = await openRoots(counts.disk, [spill(ground.path)])
      for await (const _ of walk(roots, defaults)) break
    }
    expect(counts).toMatchObject({ open: 0, most: expect.any(Number) })
  })

  it('need few descriptors for many roots', async () => {
    using ground = new Playground()
    const names = Array.from({ length: 60 }, (_, i) => `d${i}`)
    for (const name of names) ground.write({ [name]: { x: '' }, [`${name}.txt`]: '' })
    const sources = names.flatMap((name) => [
      { path: ground.at(name), as: name },
      { path: ground.at(`${name}.txt`), as: `${name}.txt` },
    ])
    const counts = counting()
    expect(await entriesOf(sources, {}, counts.disk)).toHaveLength(180)
    expect(counts.open).toBe(0)
    expect(counts.most).toBeLessThan(16)
  })
})

describe('R58: a cut walk', () => {
  const leaf = fc.constantFrom<Tree[string]>('', 'x', link('a'), link('../..'), {})
  const names = fc.constantFrom('a', 'b', 'a-', 'a.b', 'é', '\udc80', '💾', 'Z', 'skip')
  const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.dictionary(names, fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, tie('tree')), {
      maxKeys: 5,
    }),
  }))

  it('goes on behind any entry with exactly the rest', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(tree, tree, async (one, two) => {
        using ground = new Playground({ one, two })
        const sources = [spill(ground.at('one')), { path: ground.at('two'), as: 'b-two' }]
        const options = { exclude: ['skip'] }
        const all = await entriesOf(sources, options)
        expect(all.map((entry) => entry.path)).toEqual(all.map((entry) => entry.path).toSorted(comparePaths))
        for (const [i, behind] of all.entries()) {
          expect(await entriesOf(sources, { ...options, behind })).toEqual(all.slice(i + 1))
        }
      }),
      { numRuns: 25 },
    )
  })

  it('goes on behind what is omitted, too', async () => {
    using ground = new Playground({ a: '', closed: {}, hidden: '', m: link('/outside'), z: { y: '' } })
    ground.fifo('b')
    ground.write({ deep: {} })
    mkdirSync(ground.at('deep', ...Array.from({ length: depthMax }, () => 'd')), { recursive: true })
    const walked = async (behind?: Entry): Promise<Entry[]> =>
      entriesOf([spill(ground.path)], { behind }, forbidding(['closed', 'hidden?']))
    const all = await walked()
    const omitted = all.filter((entry) => entry.kind === 'omitted').map((entry) => entry.reason)
    expect(omitted).toEqual(['special', 'unreadable', 'bad-name', 'unreadable', 'link-outside'])
    for (const [i, behind] of all.entries()) expect(await walked(behind)).toEqual(all.slice(i + 1))
  })

  it('finds its place again when the last entry is gone, and skips what is new before it', async () => {
    using ground = new Playground({ a: '', b: { x: '' }, d: '' })
    const behind: Entry = { kind: 'directory', path: ['b', 'w', 'gone'], mtimeUs: 0, mode: 0o755 }
    expect(told(await entriesOf([spill(ground.path)], { behind }))).toEqual(['b/x', 'd'])
  })

  it('enters no directory that was listed as something else', async () => {
    using ground = new Playground({ b: { x: '' }, c: '' })
    const behind: Entry = { kind: 'omitted', path: ['b'], reason: 'unreadable' }
    expect(told(await entriesOf([spill(ground.path)], { behind }))).toEqual(['c'])
  })
})

it('a disk that fails stops the walk: nothing is omitted for it', async () => {
  using ground = new Playground({ a: {} })
  const failing = withNames([], async () => {
    throw new TypeError('a bug')
  })
  await expect(entriesOf([spill(ground.path)], {}, failing)).rejects.toThrow('a bug')
})

it('a root that is gone is no empty tree', async () => {
  using ground = new Playground({ a: {} })
  const gone = openRoots(nodeDisk, [spill(ground.at('nothing', 'here'))])
  await expect(gone).rejects.toSatisfy((error) => hasCode(error, 'source-gone'))
})

function comparePaths(a: Path, b: Path): number {
  for (const [i, name] of a.entries()) {
    if (b[i] === undefined) return 1
    const order = compareNames(name, b[i])
    if (order !== 0) return order
  }
  return a.length - b.length
}

/** The real disk, but its roots list further names, and may fail in their own way to look at one. */
function withNames(more: readonly string[], stat?: () => Promise<undefined>) {
  return {
    openRoot: async (path: string) => {
      const root = await nodeDisk.openRoot(path)
      const list = async (): Promise<string[]> => [...(await root.list()), ...more].toSorted(compareNames)
      return change(root, stat === undefined ? { list } : { list, stat })
    },
  }
}
