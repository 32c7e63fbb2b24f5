// What a name means to other disks and to programs, letter by letter. Whole trees of them: unit/engine/name-rules.test.ts.

import { describe, expect, it } from 'vitest'
import { foldName, homeFault, isOwnName, windowsFault } from '../../../src/model/foreign-names.ts'

describe('names that fold to one text', () => {
  it.each([
    ['A.TXT', 'a.txt'],
    ['a', 'a.', 'a . .', 'a  '],
    [`${'A'.repeat(240)}`, 'a'.repeat(240)],
    [`${'A'.repeat(250)}. `, 'a'.repeat(250)],
    ['Straße', 'STRASSE', 'strasse'],
    ['\u00c9. ', 'e\u0301', '\u00e9'],
    ['a\u200b', '\u200ba', 'A\u200b\u2060'],
    ['ﬁ', 'fi'],
  ])('%j', (...names: readonly string[]) => {
    expect(new Set(names.map(foldName)).size).toBe(1)
  })

  it.each([
    ['a', 'b'],
    ['a.b', 'ab'],
    ['.a', 'a'],
    [' a', 'a'],
    ['a. .b', 'ab'],
    ['é. b', 'éb'],
    ['é', 'e'],
  ])('%j and %j do not', (one, other) => {
    expect(foldName(one)).not.toBe(foldName(other))
  })
})

it('names that may be carryon’s own are all that some disk takes for it', () => {
  for (const name of ['.carryon', '.CarryOn', '.carryon. ', 'CARRYO~1', 'carryo~9']) expect(isOwnName(name)).toBe(true)
  for (const name of ['carryon', '.carryon2', 'x.carryon', 'carryo~', 'carryo~12', 'xcarryo~1', 'carryo~a'])
    expect(isOwnName(name)).toBe(false)
})

describe('what Windows has not', () => {
  const [letters, ends, device] = [
    'this disk has no names with such characters',
    'this disk has no names that begin with a space, or end in one or in a dot',
    'this disk takes that name for a device',
  ]

  it.each([
    [letters, ['\u0000', '\u001f', 'a<', 'a>b', ':', '"', '\\', 'a|', '?', '*']],
    [ends, [' a', 'a ', 'a.', '.', ' ']],
    [device, ['con', 'PRN', 'aux.txt', 'NUL  .x', 'conin$', 'CONOUT$', 'com0', 'COM9.a', 'com¹', 'lpt3', 'LPT²']],
    [
      undefined,
      ['a', 'a b', '.a', 'con a', 'xcon', 'console', 'com', 'lpt', 'com10', 'comx', 'conin', '\u007f', 'a.b c'],
    ],
  ])('%s: %j', (why, names) => {
    expect(names.map(windowsFault)).toEqual(names.map(() => why))
  })
})

describe('what programs obey in a home folder', () => {
  const why = 'programs obey what lies there: receive it into another folder and move it'

  it.each([
    '.ssh',
    '.ssh/authorized_keys',
    '.Bash_Profile',
    '.zshenv',
    '.config/systemd/user/x.service',
    '.config/fish',
    '.local/bin/ls',
    '.local/state/carryon',
    '.local/share/applications/x.desktop',
    'Library/LaunchDaemons/x.plist',
    '.git/hooks/pre-commit',
    'a/b/.git/hooks',
  ])('%s', (path) => {
    expect(homeFault(path.split('/'))).toBe(why)
  })

  it.each([
    'a/.ssh',
    '.config',
    '.config/other',
    '.local/share/x',
    'hooks',
    'a/hooks',
    '.git/x/hooks',
    '.git/config',
    'x.bashrc',
  ])('not %s', (path) => {
    expect(homeFault(path.split('/'))).toBeUndefined()
  })
})
