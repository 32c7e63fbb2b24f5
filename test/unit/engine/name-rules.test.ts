import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NameRules } from '../../../src/engine/name-rules.ts'
import { foldName, windowsFault } from '../../../src/model/foreign-names.ts'
import { compareNames, type Path } from '../../../src/model/names.ts'

const nowhere = { folds: false, isWindows: false, isHome: false }

/** The entries that are left out, of a manifest in walk order; others that are said to be like another one go to `alike`. */
function leftOut(traits: Partial<typeof nowhere>, paths: readonly Path[], alike: string[] = []): string[] {
  const rules = new NameRules({ ...nowhere, ...traits }, (path, first) => alike.push(`${path.join('/')} like ${first}`))
  return paths.filter((path) => rules.fault(path) !== undefined).map((path) => path.join('/'))
}

describe('R60: carryon’s own name at the root', () => {
  it.each([
    '.carryon',
    '.CARRYON',
    '.Carryon',
    '.carryon.',
    '.carryon ',
    '.carr\u200cyon',
    '.ｃａｒｒｙｏｎ',
    'CARRYO~1',
  ])('%j is left out', (name) => {
    expect(leftOut({}, [[name], [name, 'root']])).toHaveLength(2)
  })

  it('is left out with that reason', () => {
    const rules = new NameRules(nowhere, () => {})
    expect(rules.fault(['.carryon'])).toBe('carryon keeps its own state under that name')
    expect(rules.fault(['other'])).toBeUndefined()
  })

  it('is anybody’s further down', () => {
    expect(leftOut({}, [['a', '.carryon'], ['carryon'], ['.carryon2'], ['carryo~']])).toEqual([])
  })
})

describe('R62: names that a folding disk takes for one', () => {
  it.each([
    ['A', 'a'],
    ['MASSE', 'maße'],
    ['caf\u0065\u0301', 'caf\u00e9'],
    ['Ⅳ', 'iv'],
    ['ﬁle', 'file'],
    ['Σας', 'σασ'],
    ['a\u200b', 'a'],
    ['a', 'a.'],
    ['ＣＯＮ', 'con'],
  ])('%j and %j: the second is left out, with all that is below', (one, two) => {
    const [first, second] = [one, two].toSorted(compareNames) as [string, string]
    const paths = [[first], [first, 'x'], [second], [second, 'x'], [second, 'y']]
    expect(leftOut({ folds: true }, paths)).toEqual([second, `${second}/x`, `${second}/y`])
    const alike: string[] = []
    expect(leftOut({}, paths, alike)).toEqual([])
    expect(alike, 'elsewhere they are said, once').toEqual([`${second} like ${first}`])
  })

  it('are none of one name, though it is asked for again', () => {
    expect(leftOut({ folds: true }, [['a'], ['a'], ['a', 'b'], ['a', 'b']])).toEqual([])
  })

  it('are none of one name that a manifest out of order comes back to', () => {
    expect(leftOut({ folds: true }, [['a', 'x'], ['b'], ['a', 'y']])).toEqual([])
  })

  it('are told by the name that came first', () => {
    const alike: string[] = []
    leftOut({}, [['FOO'], ['Foo'], ['foo']], alike)
    expect(alike).toEqual(['Foo like FOO', 'foo like FOO'])
    const rules = new NameRules({ ...nowhere, folds: true }, () => {})
    expect([['d'], ['d', 'A'], ['d', 'a', 'x']].map((path) => rules.fault(path))).toEqual([
      undefined,
      undefined,
      'this disk takes its name and "A" for the same',
    ])
  })

  it('are said of a few only, and looked for in directories of some size', () => {
    const alike: string[] = []
    const paths = Array.from({ length: 40 }, (_, i) => [`${i < 20 ? 'A' : 'a'}${i % 20}`])
    expect(leftOut({}, paths, alike)).toEqual([])
    expect(alike).toHaveLength(10)
    const late: string[] = []
    const many = Array.from({ length: 10_000 }, (_, i) => [`${i}`])
    expect(leftOut({}, [...many, ['B'], ['b']], late)).toEqual([])
    expect(late).toEqual([])
    expect(leftOut({ folds: true }, [...many, ['B'], ['b']])).toEqual(['b'])
  })

  it('are told from names in other directories', () => {
    const paths = [['A'], ['A', 'b'], ['b'], ['b', 'a'], ['b', 'b'], ['c', 'B']]
    expect(leftOut({ folds: true }, paths)).toEqual([])
  })

  it('are found wherever they are, and only they: what is left has no two of them in a directory', () => {
    const name = fc.constantFrom('a', 'A', 'b', 'B', 'ß', 'ss', 'SS', 'é', 'e\u0301')
    fc.assert(
      fc.property(fc.array(fc.array(name, { minLength: 1, maxLength: 4 })), (found) => {
        const paths = [...new Map(found.map((path) => [path.join('/'), path])).values()].toSorted(comparePaths)
        const out = new Set(leftOut({ folds: true }, paths))
        const kept = paths.filter((path) => !out.has(path.join('/')))
        const spelt = new Map<string, string>()
        for (const path of kept)
          for (let depth = 1; depth <= path.length; depth++) {
            const [exact, folded] = [path.slice(0, depth).join('/'), path.slice(0, depth).map(foldName).join('/')]
            expect(spelt.get(folded) ?? exact).toBe(exact)
            spelt.set(folded, exact)
          }
      }),
    )
  })
})

function comparePaths(a: Path, b: Path): number {
  const at = a.findIndex((name, i) => name !== b[i])
  return at === -1 || b[at] === undefined ? a.length - b.length : compareNames(a[at]!, b[at]!)
}

describe('R60: names that Windows has not', () => {
  it.each([
    'a:b',
    'a\\b',
    'a*',
    '<',
    'a|',
    '"',
    'a?',
    'a\u0001',
    ' a',
    'a ',
    'a.',
    'CON',
    'nul.txt',
    'COM¹',
    'lpt9 .x',
    'aux:',
  ])('%j', (name) => {
    expect(windowsFault(name)).toEqual(expect.any(String))
    expect(leftOut({ isWindows: true }, [['d', name]])).toHaveLength(1)
    expect(leftOut({}, [['d', name]])).toEqual([])
  })

  it.each(['.bashrc', 'console', 'com', 'com10', 'a b', 'a.b', 'ä', 'nulls', '~'])('%j is none of them', (name) => {
    expect(windowsFault(name)).toBeUndefined()
  })
})

describe('R69: places that programs obey, in a home folder', () => {
  it.each<[Path]>([
    [['.ssh']],
    [['.ssh', 'authorized_keys']],
    [['.SSH', 'rc']],
    [['.bashrc']],
    [['.config', 'autostart', 'x.desktop']],
    [['.local', 'state', 'carryon', 'x']],
    [['src', 'repo', '.git', 'hooks', 'pre-commit']],
    [['Library', 'LaunchAgents', 'x.plist']],
  ])('%j', (path) => {
    expect(leftOut({ isHome: true }, [path])).toHaveLength(1)
    expect(leftOut({}, [path])).toEqual([])
  })

  it('and no others', () => {
    expect(
      leftOut({ isHome: true }, [['photos', '.ssh'], ['.config', 'x'], ['ssh'], ['.git', 'x'], ['hooks']]),
    ).toEqual([])
  })
})
