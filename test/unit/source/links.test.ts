import { describe, expect, it } from 'vitest'
import { nodeDisk } from '../../../src/store/node-disk.ts'
import { joinPath, splitPath, staysInside, type Tops } from '../../../src/source/links.ts'
import { counting, entriesOf, link, Playground, told, type Tree } from './tree.ts'

const named: Tops = { names: new Set(['photos', 'other']), isSpilled: false }
const spilled: Tops = { names: new Set(['']), isSpilled: true }

describe('R64: a link stays inside what is sent', () => {
  it.each([
    ['photos/a', 'b', true],
    ['photos/a', './/b/./c/', true],
    ['photos/a', '.', true],
    ['photos/x/a', '..', true],
    ['photos/x/a', '../../other/b', true],
    ['photos/a', '..', false], // The folder it is received into: not sent.
    ['photos/a', '../stranger', false],
    ['photos/a', '../../etc/passwd', false],
    ['photos/a', '/etc/passwd', false],
    ['photos/a', '//etc', false],
    ['photos/a', 'x/../b', false], // x may be a link itself.
    ['photos/a', './../b', false],
    ['photos/a', '../photos/..', false],
    ['photos/a', '..b', true],
    ['photos/a', '...', true],
    ['photos', 'photos/x', true],
    ['photos', 'stranger', false],
    ['photos', '', false],
  ])('%s -> %s: %s', (path, target, isInside) => {
    expect(staysInside(path.split('/'), target, named)).toBe(isInside)
  })

  it.each([
    ['a', '.', true],
    ['x/a', '..', true],
    ['x/a', '../y', true],
    ['x/a', '../..', false],
    ['a', '..', false],
  ])('spilled: %s -> %s: %s', (path, target, isInside) => {
    expect(staysInside(path.split('/'), target, spilled)).toBe(isInside)
  })
})

describe('--links', () => {
  const tree: Tree = {
    secret: 'not sent',
    far: { 'deep.txt': 'far' },
    sent: {
      'a.txt': 'a',
      d: { up: link('../a.txt'), out: link('../../secret') },
      absolute: link('/etc/hostname'),
      dangling: link('nowhere'),
      loop: link('loop'),
      folder: link('../far'),
      self: link('.'),
    },
  }
  const listed = async (links: 'keep' | 'keep-all' | 'follow' | 'skip', more = {}): Promise<string[]> => {
    using ground = new Playground(tree)
    const counts = counting(nodeDisk)
    const entries = await entriesOf([{ path: ground.at('sent'), as: 'sent' }], { links, ...more }, counts.disk)
    expect(counts.open, 'directories left open').toBe(0)
    return told(entries)
  }

  it('keep: keeps what stays inside, lists the others', async () => {
    expect(await listed('keep')).toEqual(
      [
        'sent/',
        'sent/a.txt',
        'sent/absolute (link-outside)',
        'sent/d/',
        'sent/d/out (link-outside)',
        'sent/d/up -> ../a.txt',
        'sent/dangling -> nowhere',
        'sent/folder (link-outside)',
        'sent/loop -> loop',
        'sent/self -> .',
      ].toSorted(),
    )
  })

  it('keep-all: keeps any text', async () => {
    expect(await listed('keep-all')).toEqual(
      expect.arrayContaining(['sent/absolute -> /etc/hostname', 'sent/d/out -> ../../secret', 'sent/folder -> ../far']),
    )
  })

  it('skip: lists them all', async () => {
    const links = (await listed('skip')).filter((entry) => entry.endsWith('(link-skipped)'))
    expect(links).toHaveLength(7)
  })

  it('follow: sends what they lead to; circles and dead ends are listed', async () => {
    expect(await listed('follow')).toEqual([
      'sent/',
      'sent/a.txt',
      'sent/absolute',
      'sent/d/',
      'sent/d/out',
      'sent/d/up',
      'sent/dangling (unreadable)',
      'sent/folder/',
      'sent/folder/deep.txt',
      'sent/loop (unreadable)',
      'sent/self (link-skipped)',
    ])
  })

  it('follow: filters see what a link leads to', async () => {
    expect(await listed('follow', { exclude: ['folder/', 'd/'] })).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/folder|sent\/d\//)]),
    )
  })

  it.each([
    [
      'two folders that link to each other',
      { a: { to: link('../b') }, b: { to: link('../a') } },
      'a/to/to (link-skipped)',
    ],
    ['a link to the folder above the root', { a: { up: link('../..') } }, /^a\/up\/.*\(link-skipped\)$/],
    ['a link to the root', { a: { top: link('..') } }, 'a/top (link-skipped)'],
  ])('follow: comes to an end with %s', async (_, content, expected) => {
    using ground = new Playground({ root: content })
    const entries = told(await entriesOf([{ path: ground.at('root'), as: '' }], { links: 'follow' }))
    expect(entries.length).toBeLessThan(20)
    expect(entries).toContainEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected))
  })

  it('follow: goes on behind an entry below a link', async () => {
    using ground = new Playground({ far: { a: '', b: '', c: {} }, sent: { x: link('../far'), y: '' } })
    const sources = [{ path: ground.at('sent'), as: '' }]
    const all = await entriesOf(sources, { links: 'follow' })
    expect(told(all)).toEqual(['x/', 'x/a', 'x/b', 'x/c/', 'y'])
    for (const [i, behind] of all.entries()) {
      expect(await entriesOf(sources, { links: 'follow', behind })).toEqual(all.slice(i + 1))
    }
  })

  it('follow: never opens a special file behind a link', async () => {
    using ground = new Playground({ sent: { x: link('../pipe') } })
    ground.fifo('pipe')
    const options = { links: 'follow' as const, digestOf: async () => 'read' }
    expect(told(await entriesOf([{ path: ground.at('sent'), as: '' }], options))).toEqual(['x (special)'])
  })
})

it.each([
  ['/a/b', '/a', 'b'],
  ['/a//b//', '/a/', 'b'],
  ['/b', '/', 'b'],
  ['/', '/', undefined],
  ['/a/.', '/a/.', undefined],
  ['/a/..', '/a/..', undefined],
])('the last name of %s', (path, parent, last) => {
  expect(splitPath(path)).toEqual([parent, last])
})

it.each([
  ['/a', 'b', '/a/b'],
  ['/', 'b', '/b'],
  ['/a', '/b', '/b'],
])('%s and %s', (from, to, joined) => {
  expect(joinPath(from, to)).toBe(joined)
})
