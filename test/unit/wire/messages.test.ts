// Messages: every kind comes back as it went, every bound holds at its edge, and no text of a stranger gets past with
// anything but a message or one of three typed errors.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { helloMaxBytes } from '../../../src/model/limits.ts'
import type { ManifestMessage } from '../../../src/model/messages.ts'
import { decodeHello, decodeMessage, encodeMessage, encodePage } from '../../../src/wire/messages.ts'
import { encodeEntries } from '../../../src/wire/manifest.ts'
import { kinds, message, messageOf } from '../../support/arbitrary.ts'
import { changed, golden } from '../../support/golden-messages.ts'
import { codeOf } from '../../support/rejection.ts'

const typed = ['returned', 'protocol', 'bad-name', 'version']

describe('round trip', () => {
  it.each(kinds)('any %s comes back as it went', (kind) => {
    fc.assert(
      fc.property(messageOf(kind), (sent) => {
        expect(decodeMessage(encodeMessage(sent))).toStrictEqual(sent)
      }),
      { numRuns: 150 },
    )
  })

  it('a page says the same, whether its entries or their text are at hand', () => {
    fc.assert(
      fc.property(messageOf('manifest'), (sent) => {
        expect(
          decodeMessage(encodePage(sent as ManifestMessage, encodeEntries((sent as ManifestMessage).entries))),
        ).toStrictEqual(sent)
      }),
      { numRuns: 50 },
    )
  })

  it('is the same text again after a journey', () => {
    fc.assert(
      fc.property(message, (sent) => {
        const text = encodeMessage(decodeMessage(encodeMessage(sent)))
        expect(encodeMessage(decodeMessage(text))).toBe(text)
      }),
    )
  })

  it('R63: never puts half a character on the wire, and U+FFFD only where a name has it', () => {
    fc.assert(
      fc.property(messageOf('manifest'), (sent) => {
        const text = encodeMessage(sent)
        expect(text).not.toMatch(/[\ud800-\udfff]/u)
        expect(text.includes('\ufffd')).toBe(JSON.stringify(sent).includes('\ufffd'))
      }),
    )
  })

  it('drops what it does not know', () => {
    const known = golden['ping']!
    expect(decodeMessage(changed('ping', { later: 1, ['__proto__']: { number: 9 } }))).toStrictEqual(known)
    expect(decodeMessage('{"kind":"release","__proto__":{"kind":"abort"},"constructor":1}')).toStrictEqual({
      kind: 'release',
    })
    expect(Object.hasOwn(Object.prototype, 'number')).toBe(false)
  })
})

describe('kinds', () => {
  it('skips an unknown kind that its sender marked', () => {
    expect(decodeMessage('{"kind":"preview","skippable":true,"x":[1]}')).toStrictEqual({
      kind: 'skippable',
      name: 'preview',
    })
  })

  it.each([
    ['{"kind":"preview"}', 'preview'],
    ['{"kind":"preview","skippable":1}', 'preview'],
    ['{"kind":"skippable"}', 'skippable'],
    ['{"kind":"toString"}', 'toString'],
    ['{"kind":"__proto__"}', '__proto__'],
    ['{"kind":"\\u001b[2J","skippable":true}', '\\x1b[2J'],
  ])('refuses %s by name', (text, shown) => {
    expect(codeOf(() => decodeMessage(text))).toBe('protocol')
    expect(() => decodeMessage(text)).toThrow(`unknown kind "${shown}"`)
  })

  it('shows no more of an unknown kind than a line', () => {
    const text = JSON.stringify({ kind: 'k'.repeat(100_000) })
    expect(() => decodeMessage(text)).toThrow(/^.{1,400}$/)
  })
})

describe('hostile text', () => {
  const nothing = [
    '',
    ' ',
    '{',
    'null',
    'true',
    '1',
    '"hello"',
    '[]',
    '[{"kind":"release"}]',
    '{}',
    '{"kind":null}',
    '{"kind":["release"]}',
    '{"kind":{"toString":"release"}}',
    '{"Kind":"release"}',
    '{"__proto__":{"kind":"release"}}',
    '\ufeff{"kind":"release"}',
    '{"kind":"release"}{"kind":"release"}',
    "{'kind':'release'}",
    '{"kind":"release",}',
    'NaN',
    '\0',
  ]
  it.each(nothing)('refuses %j', (text) => {
    expect(codeOf(() => decodeMessage(text))).toBe('protocol')
  })

  it('takes the last of doubled keys', () => {
    expect(decodeMessage('{"kind":"abort","kind":"release"}')).toStrictEqual({ kind: 'release' })
  })

  it('survives any depth', () => {
    const depth = 300_000
    const deep = '['.repeat(depth) + ']'.repeat(depth)
    expect(codeOf(() => decodeMessage(deep))).toBe('protocol')
    expect(decodeMessage(`{"kind":"release","x":${deep}}`)).toStrictEqual({ kind: 'release' })
    expect(codeOf(() => decodeMessage(changed('want.all', { wants: [JSON.parse('[[[[[]]]]]')] })))).toBe('protocol')
    expect(codeOf(() => decodeMessage(`{"kind":"refuse","code":${deep},"sentence":"","retry":false}`))).toBe('protocol')
    expect(codeOf(() => decodeMessage('{"a":'.repeat(150_000)))).toBe('protocol')
  })

  it('measures a list before it looks at its items', () => {
    const junk = `[${'0,'.repeat(500_000)}0]`
    const fields = { sync: 'files', want: 'wants', acknowledge: 'places', manifest: 'entries', hello: 'capabilities' }
    for (const [kind, field] of Object.entries(fields)) {
      const text = `{"kind":"${kind}","grade":"major","versions":[1],"${field}":${junk}}`
      expect(() => decodeMessage(text), kind).toThrow(/more than \d+ (items|entries)/)
    }
    const row = `{"kind":"acknowledge","serial":1,"places":[${junk}],"outcomes":[],"level":"checkpoint","syncMs":1}`
    expect(codeOf(() => decodeMessage(row))).toBe('protocol')
  })

  it('R70: any text gives a message or a typed error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.jsonValue().map((value) => JSON.stringify(value)),
        ),
        (text) => {
          expect(typed).toContain(codeOf(() => decodeMessage(text)))
        },
      ),
      { numRuns: 500 },
    )
  })

  it('R70: a message with any one value replaced gives a message or a typed error', () => {
    const nasty = fc.oneof(
      fc.constantFrom<unknown>(null, -1, 0, 1.5, 2 ** 53, 1e308, '', '\ud800', [], {}, [[]], true, '..', 'a/b', {
        base64: '',
      }),
      fc.jsonValue(),
    )
    fc.assert(
      fc.property(message, nasty, fc.nat(), (sent, value, where) => {
        const tree = JSON.parse(encodeMessage(sent)) as object
        const slots = slotsOf(tree)
        const [parent, key] = slots[where % slots.length]!
        parent[key] = value
        expect(typed).toContain(codeOf(() => decodeMessage(JSON.stringify(tree))))
      }),
      { numRuns: 1500 },
    )
  })

  it.each(Object.keys(golden))('%s cut at any character is refused', (name) => {
    const text = encodeMessage(golden[name]!)
    for (let length = 0; length < text.length; length++)
      expect(codeOf(() => decodeMessage(text.slice(0, length)))).toBe('protocol')
  })
})

describe('greeting', () => {
  it('takes a hello of helloMaxBytes and none longer', () => {
    const hello = encodeMessage(golden['hello']!)
    const padded = (bytes: number) => hello.replace('{', `{"x":"${'x'.repeat(bytes - hello.length - 7)}",`)
    expect(padded(helloMaxBytes)).toHaveLength(helloMaxBytes)
    expect(decodeHello(padded(helloMaxBytes))).toStrictEqual(golden['hello'])
    expect(codeOf(() => decodeHello(padded(helloMaxBytes + 1)))).toBe('protocol')
  })

  it('begins with hello and nothing else', () => {
    expect(() => decodeHello(encodeMessage(golden['ping']!))).toThrow('began with "ping"')
  })

  it('names versions that do not meet, even if the rest is of another shape', () => {
    expect(() => decodeMessage('{"kind":"hello","versions":[3,2],"new":1}')).toThrow('here v1, there v3, v2')
    expect(codeOf(() => decodeMessage('{"kind":"hello","versions":[3,2],"new":1}'))).toBe('version')
    expect(codeOf(() => decodeMessage('{"kind":"hello","versions":[]}'))).toBe('version')
    expect(codeOf(() => decodeMessage('{"kind":"welcome","version":2}'))).toBe('version')
    expect(codeOf(() => decodeMessage('{"kind":"hello","versions":[2,1]}'))).toBe('protocol')
    expect(codeOf(() => decodeMessage('{"kind":"hello","versions":["1"]}'))).toBe('protocol')
    expect(codeOf(() => decodeMessage('{"kind":"welcome"}'))).toBe('protocol')
  })
})

/** Every place in a tree that holds a value. */
function slotsOf(tree: object): [parent: Record<string, unknown>, key: string][] {
  return Object.entries(tree).flatMap(([key, value]: [string, unknown]) => [
    [tree as Record<string, unknown>, key] as [Record<string, unknown>, string],
    ...(typeof value === 'object' && value !== null ? slotsOf(value) : []),
  ])
}
