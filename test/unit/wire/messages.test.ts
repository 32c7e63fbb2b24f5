// Messages: every kind comes back as it went, every bound holds at its edge, and no text of a stranger gets past with
// anything but a message or one of three typed errors.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as limits from '../../../src/model/limits.ts'
import type { Message } from '../../../src/model/messages.ts'
import { decodeHello, decodeMessage, encodeMessage } from '../../../src/wire/messages.ts'
import { kinds, message, messageOf } from '../../support/arbitrary.ts'
import { golden } from '../../support/golden-messages.ts'
import { codeOf } from '../../support/rejection.ts'

const typed = ['returned', 'protocol', 'bad-name', 'version']

/** The JSON of a golden message with some fields replaced. */
function changed(name: string, fields: Record<string, unknown>): string {
  return JSON.stringify({ ...(JSON.parse(encodeMessage(golden[name]!)) as object), ...fields })
}

describe('round trip', () => {
  it.each(kinds)('any %s comes back as it went', (kind) => {
    fc.assert(
      fc.property(messageOf(kind), (sent) => {
        expect(decodeMessage(encodeMessage(sent))).toStrictEqual(sent)
      }),
      { numRuns: 150 },
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

describe('bounds', () => {
  const max = Number.MAX_SAFE_INTEGER
  type Edge = readonly [message: string, field: string, good: readonly unknown[], bad: readonly unknown[]]
  const edges: readonly Edge[] = [
    [
      'hello',
      'versions',
      [[1], Array.from({ length: 16 }, (_, i) => i + 1)],
      [Array.from({ length: 17 }, (_, i) => i + 1), [0, 1]],
    ],
    ['hello', 'lane', [0, 1, 16], [17, -1]],
    ['hello', 'epoch', [0, 2 ** 32 - 1], [2 ** 32]],
    ['hello', 'session', ['0'.repeat(32)], ['', '0'.repeat(31), '0'.repeat(33), 'A'.repeat(32), `${'0'.repeat(32)}\n`]],
    ['hello', 'capabilities', [[], Array(32).fill('a')], [Array(33).fill('a'), ['A'], [''], ['a'.repeat(65)]]],
    ['hello', 'attempt', [1, max], [0, max + 1]],
    [
      'welcome',
      'agreed',
      [{ chunkBytes: 2 ** 20, windowBytes: 2 ** 30, lanes: 16 }],
      [
        { chunkBytes: 0, windowBytes: 1, lanes: 1 },
        { chunkBytes: 2 ** 20 + 1, windowBytes: 1, lanes: 1 },
        { chunkBytes: 1, windowBytes: 2 ** 30 + 1, lanes: 1 },
        { chunkBytes: 1, windowBytes: 1, lanes: 17 },
      ],
    ],
    ['refuse', 'sentence', ['', 'x'.repeat(1000)], ['x'.repeat(1001), null]],
    ['refuse', 'code', ['disk-full', 'x'.repeat(64)], ['', 'x'.repeat(65), 'Disk', 'a b']],
    ['manifest', 'first', [0, limits.entriesMax], [limits.entriesMax + 1, -1, 0.5]],
    [
      'manifest.last',
      'last',
      [
        { entries: 0, bytes: 0 },
        { entries: limits.entriesMax, bytes: max },
      ],
      [{ entries: limits.entriesMax + 1, bytes: 0 }, { entries: 1, bytes: max + 1 }, null],
    ],
    [
      'acknowledge',
      'places',
      [
        [],
        [[0, 0, 0, 1]],
        [[limits.entriesMax - 1, 65_535, 2 ** 32 - 1, 1]],
        [[0, 0, 0, 2 ** 32]],
        Array(8192).fill([0, 0, 0, 1]),
      ],
      [
        Array(8193).fill([0, 0, 0, 1]),
        [[0, 0, 0, 0]],
        [[limits.entriesMax, 0, 0, 1]],
        [[0, 65_536, 0, 1]],
        [[0, 0, 2 ** 32, 1]],
        [[0, 0, 1, 2 ** 32]],
        [[0, 0, 0]],
        [[0, 0, 0, 1, 0]],
      ],
    ],
    [
      'acknowledge',
      'outcomes',
      [[], Array(1024).fill([0, 'kept', 0]), [[0, 'kept', 0, null, null, null]]],
      [
        Array(1025).fill([0, 'kept', 0]),
        [[0, 'gone', 0]],
        [[0, 'kept']],
        [[0, 'kept', 0, 'x']],
        [[0, 'kept', 0, null, 5]],
        [[0, 'kept', 0, null, null, 'x'.repeat(1001)]],
        [[0, 'kept', 0, null, null, null, null]],
      ],
    ],
    ['acknowledge', 'serial', [0, 1, max], [max + 1, -1, '1']],
    ['acknowledge', 'level', ['checkpoint'], ['none', '']],
    [
      'sync.major',
      'files',
      [[], Array(8192).fill([0, 0, '0'.repeat(16)])],
      [Array(8193).fill([0, 0, '0'.repeat(16)]), [[0, 0, '0']]],
    ],
    [
      'resync',
      'keep',
      [
        [],
        [[0, 1]],
        [
          [0, 1],
          [2, 1],
        ],
        [[0, 2 ** 32]],
      ],
      [
        [[0, 0]],
        [
          [0, 1],
          [1, 1],
        ],
        [
          [5, 1],
          [0, 1],
        ],
        [[0, 2 ** 32 + 1]],
        [[2 ** 32, 1]],
      ],
    ],
    ['resync', 'mode', [0, 0o777], [0o1000, -1]],
    ['resync', 'size', [0, 2 ** 52], [2 ** 52 + 1]],
    ['resync', 'mtimeUs', [0, -max, max], [max + 1, 0.5]],
    ['hashes.ask', 'count', [1, 32_768], [0, 32_769]],
    ['hashes.ask', 'first', [0, 2 ** 32 - 4], [2 ** 32]],
    ['hashes.answer', 'hashes', ['', 'f'.repeat(16 * 32_768)], ['f', 'g'.repeat(16), 'f'.repeat(16 * 32_769)]],
    [
      'want.all',
      'wants',
      [
        [],
        [{ need: 'later', from: limits.entriesMax - 1, count: 1 }],
        Array(8192).fill({ need: 'later', from: 0, count: 1 }),
      ],
      [
        Array(8193).fill({ need: 'later', from: 0, count: 1 }),
        [{ need: 'later', from: 0, count: 0 }],
        [{ need: 'later', from: 1, count: limits.entriesMax }],
        [{ need: 'most', from: 0, count: 1 }],
        Array(8193).fill({ need: 'again', from: 0, revision: 0, chunks: [[0, 1]] }),
        [{ need: 'part', from: 0, revision: 0, durable: [[0, 1]] }],
      ],
    ],
    ['turn', 'freeBytes', [null, 0, max], [max + 1, -1, '1']],
    ['exception', 'entry', [null, 0, limits.entriesMax - 1], [limits.entriesMax]],
    ['exception', 'outcome', [null, 'failed'], ['burnt', '']],
    ['end', 'manifest', ['0'.repeat(16)], ['0'.repeat(15), 0]],
    ['ping', 'number', [0, 1, max], [max + 1, -1, null, '1', 1e300]],
  ]

  it.each(edges)('R72: %s %s holds at its edges', (name, field, good, bad) => {
    for (const value of good) expect(codeOf(() => decodeMessage(changed(name, { [field]: value })))).toBe('returned')
    for (const value of bad)
      expect(
        codeOf(() => decodeMessage(changed(name, { [field]: value }))),
        JSON.stringify(value)?.slice(0, 80),
      ).toBe('protocol')
  })

  it('counts the runs of all wants together', () => {
    const half = Array.from({ length: 4096 }, (_, i) => [i * 2, 1])
    const part = (from: number, received: unknown) => ({ need: 'part', from, revision: 0, durable: half, received })
    expect(codeOf(() => decodeMessage(changed('want.all', { wants: [part(0, half)] })))).toBe('returned')
    expect(codeOf(() => decodeMessage(changed('want.all', { wants: [part(0, half), part(1, [])] })))).toBe('protocol')
  })

  it('every field that is no option must be there', () => {
    const optional = ['last']
    for (const [name, sent] of Object.entries(golden)) {
      if (sent.kind === 'skippable') continue
      for (const key of Object.keys(sent)) {
        if (optional.includes(key) && sent.kind === 'manifest') continue
        const text = changed(name, { [key]: undefined })
        expect(
          codeOf(() => decodeMessage(text)),
          `${name} without ${key}`,
        ).toBe('protocol')
      }
    }
  })

  it('takes a message of controlMaxBytes and none longer, counted in bytes', () => {
    const padded = (bytes: number, filler: string) => {
      const frame = '{"kind":"release","x":""}'
      return frame.replace('""', `"${filler.repeat(Math.floor((bytes - frame.length) / Buffer.byteLength(filler)))}"`)
    }
    expect(codeOf(() => decodeMessage(padded(limits.controlMaxBytes, 'x')))).toBe('returned')
    expect(codeOf(() => decodeMessage(padded(limits.controlMaxBytes + 1, 'x')))).toBe('protocol')
    expect(codeOf(() => decodeMessage(padded(limits.controlMaxBytes - 3, '한')))).toBe('returned')
    expect(codeOf(() => decodeMessage(padded(limits.controlMaxBytes + 3, '한')))).toBe('protocol')
  })

  it('sends no message longer than that either', () => {
    const outcomes = Array.from({ length: 1024 }, (_, entry) => ({
      entry,
      outcome: 'conflict' as const,
      bytes: 0,
      target: '\x01'.repeat(255),
    }))
    const sent: Message = { kind: 'acknowledge', serial: 1, places: [], outcomes, level: 'checkpoint', syncMs: 1 }
    expect(codeOf(() => encodeMessage(sent))).toBe('limit')
  })
})

describe('greeting', () => {
  it('takes a hello of helloMaxBytes and none longer', () => {
    const hello = encodeMessage(golden['hello']!)
    const padded = (bytes: number) => hello.replace('{', `{"x":"${'x'.repeat(bytes - hello.length - 7)}",`)
    expect(padded(limits.helloMaxBytes)).toHaveLength(limits.helloMaxBytes)
    expect(decodeHello(padded(limits.helloMaxBytes))).toStrictEqual(golden['hello'])
    expect(codeOf(() => decodeHello(padded(limits.helloMaxBytes + 1)))).toBe('protocol')
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
