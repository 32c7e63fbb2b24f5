import { expect, it } from 'vitest'
import { Filter } from '../../../src/source/filter.ts'
import { entriesOf, Playground, told, type Tree } from './tree.ts'

const tree: Tree = {
  'a.log': '',
  'keep.log': '',
  build: { out: '', 'keep.log': '' },
  src: { build: '', 'B.LOG': '', deep: { 'x.log': '', '#notes': '' } },
}

it.each([
  ['nothing', [], ['a.log', 'build/', 'build/keep.log', 'build/out', 'keep.log']],
  ['a name at any depth', ['*.log'], ['build/', 'build/out', 'src/B.LOG']],
  ['a negation', ['*.log', '!keep.log'], ['build/keep.log', 'keep.log', 'src/B.LOG']],
  ['directories alone', ['build/'], ['a.log', 'src/build']],
  ['an anchored pattern', ['/build'], ['src/build', 'a.log']],
  ['a path', ['src/deep'], ['src/', 'src/build']],
  ['two stars', ['src/**/*.log'], ['a.log', 'src/deep/', 'src/deep/#notes']],
  ['comments, blanks and escapes', ['# a.log', '', '\\#notes'], ['a.log', 'src/deep/x.log']],
])('leaves out %s', async (_, exclude, kept) => {
  using ground = new Playground(tree)
  const entries = told(await entriesOf([{ path: ground.path, as: 'top' }], { exclude }))
  expect(entries).toEqual(expect.arrayContaining(kept.map((path) => `top/${path}`)))
  const filter = new Filter(exclude)
  expect(
    entries.filter((path) =>
      filter.excludes(path.slice('top/'.length).replace(/\/$/, '') || 'top', path.endsWith('/')),
    ),
  ).toEqual([])
})

it('takes nothing back in from below what is left out', async () => {
  using ground = new Playground(tree)
  const entries = told(await entriesOf([{ path: ground.path, as: '' }], { exclude: ['/build', '!build/keep.log'] }))
  expect(entries.filter((path) => path.startsWith('build'))).toEqual([])
})

it('matches a single file by the name it lands under, and names no directory that was named outright', async () => {
  using ground = new Playground({ 'a.log': '', logs: { x: '' } })
  const sources = [
    { path: ground.at('a.log'), as: 'a.log' },
    { path: ground.at('logs'), as: 'logs' },
  ]
  expect(told(await entriesOf(sources, { exclude: ['*.log', 'logs'] }))).toEqual(['logs/', 'logs/x'])
})

it('answers the same after any number of questions', () => {
  const filter = new Filter(['*.log'])
  for (let i = 0; i < 25_000; i++) {
    if (!filter.excludes(`${i}.log`, false) || filter.excludes(`${i}.txt`, false)) expect.fail(`question ${i}`)
  }
})

it('meets names that are not UTF-8 and names that look like patterns', () => {
  const filter = new Filter(['a*', '[b]'])
  expect(filter.excludes('a\udcff', false)).toBe(true)
  expect(filter.excludes('\udcff', false)).toBe(false)
  expect(filter.excludes('[b]', false)).toBe(false)
})
