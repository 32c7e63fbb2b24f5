// Places on other machines: what is one, what is nearly one, and that nothing of it can become a flag or a word of a shell.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasCode } from '../../../src/errors.ts'
import { parseSshTarget, sshAddress, targetMaxLength, targetOfAddress } from '../../../src/model/ssh-target.ts'

describe('a place over ssh', () => {
  it.each([
    ['nas:photos', 'nas', 'photos'],
    ['me@nas.example:/srv/in', 'me@nas.example', '/srv/in'],
    ['nas:', 'nas', ''],
    ['nas:~/a b', 'nas', '~/a b'],
    ['nas:C:\\x', 'nas', 'C:\\x'],
    ['c:/x', 'c', '/x'],
    ['[::1]:photos', '::1', 'photos'],
    ['me@[fe80::1%eth0]:', 'me@fe80::1%eth0', ''],
    ['me@work@nas:x', 'me@work@nas', 'x'],
    ['nas:$(rm -rf ~); `x`\n--', 'nas', '$(rm -rf ~); `x`\n--'],
  ])('%j is %s and the path %j', (text, destination, path) => {
    expect(parseSshTarget(text)).toEqual({ destination, path })
    expect(targetOfAddress(sshAddress(text))).toEqual({ destination, path })
  })

  it.each(['photos', './a:b', '/srv/a:b', 'a/b:c', ':photos', '', '@nas:x', 'nas'])('%j is none', (text) => {
    expect(parseSshTarget(text)).toBeUndefined()
  })

  it.each([
    '-oProxyCommand=x:y',
    '-l@nas:x',
    'me@-nas:x',
    'nas::module',
    'fe80::1:photos',
    'C:\\photos',
    'a b:x',
    'nas;id:x',
    '$(id)@nas:x',
    '[nas]:x',
    '[]:x',
    '@@nas:x',
    `nas:${'x'.repeat(targetMaxLength)}`,
  ])('%j is refused, and how it is written is said', (text) => {
    expect(() => parseSshTarget(text)).toThrow(
      expect.objectContaining({ code: 'usage', hint: expect.stringContaining('[user@]HOST:PATH') as string }) as Error,
    )
  })

  it('whatever stands before the colon, no flag and no word of a shell comes out', () => {
    const letters = fc.string({ unit: fc.constantFrom(...'-ab.:@[]%$`\'";|&<>(){}\\ \t\n*?~é'.split('')) })
    fc.assert(
      fc.property(letters, fc.string(), (head, path) => {
        const target = parsedOrRefused(`${head}:${path}`)
        if (target !== undefined) expect(target.destination).toMatch(/^[^-@][^\s$`'";|&<>(){}\\*?~]*$/)
      }),
    )
  })

  it('an address of another kind leads to no such place', () => {
    expect(targetOfAddress('192.0.2.1:22779')).toBeUndefined()
    expect(targetOfAddress(undefined)).toBeUndefined()
  })
})

function parsedOrRefused(text: string): ReturnType<typeof parseSshTarget> {
  try {
    return parseSshTarget(text)
  } catch (error) {
    if (hasCode(error, 'usage')) return undefined
    throw error
  }
}
