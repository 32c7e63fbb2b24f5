// Every list, text and number of a message at its edges: the least and the most it may be, and one beyond (R72).

import { describe, expect, it } from 'vitest'
import * as limits from '../../../src/model/limits.ts'
import type { Acknowledge, Message, ReceiptMessage } from '../../../src/model/messages.ts'
import { decodeMessage, encodeMessage } from '../../../src/wire/messages.ts'
import { changed, golden } from '../../support/golden-messages.ts'
import { codeOf } from '../../support/rejection.ts'

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
      [[], Array(512).fill([0, 'kept', 0]), [[0, 'kept', 0, null, null, null]]],
      [
        Array(513).fill([0, 'kept', 0]),
        [[0, 'gone', 0]],
        [[0, 'kept']],
        [[0, 'kept', 0, 'x']],
        [[0, 'kept', 0, null, 5]],
        [[0, 'kept', 0, null, null, 'x'.repeat(1001)]],
        [[0, 'kept', 0, null, null, null, null]],
      ],
    ],
    ['acknowledge', 'serial', [0, 1, max], [max + 1, -1, '1']],
    ['acknowledge', 'level', ['checkpoint', 'file', 'none'], ['all', '']],
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
    ['hashes.ask', 'first', [0, 2 ** 32 - 3], [2 ** 32 - 2, 2 ** 32]],
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
        [{ need: 'again', from: 0, revision: 0, chunks: Array.from({ length: 8193 }, (_, i) => [i * 2, 1]) }],
        [{ need: 'part', from: 0, revision: 0, durable: [[0, 1]] }],
      ],
    ],
    ['turn', 'freeBytes', [null, 0, max], [max + 1, -1, '1']],
    ['exception', 'entry', [null, 0, limits.entriesMax - 1], [limits.entriesMax]],
    ['exception', 'outcome', [null, 'failed'], ['burnt', '']],
    ['hashes.answer', 'first', [0, 2 ** 32 - 1], [2 ** 32]],
    ['end', 'manifest', ['0'.repeat(16)], ['0'.repeat(15), `x${'0'.repeat(16)}`, `${'0'.repeat(16)}x`, 0]],
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

  it.each<[string, readonly unknown[], readonly unknown[]]>([
    ['digest', [`xxh64c:${'f'.repeat(16)}`], [`_xxh64c:${'f'.repeat(16)}`, `xxh64c:${'f'.repeat(17)}`, 'f'.repeat(16)]],
    [
      'finishedAt',
      ['2026-11-23T21:09:00Z', '2026-11-23T21:09:00.123456789Z'],
      ['12026-11-23T21:09:00Z', '2026-11-23T21:09:00Z.', '2026-11-23T21:09:00.Z', '2026-11-23'],
    ],
    ['degraded', [true, undefined], [false, null]],
  ])('R72: %s of a receipt holds at its edges', (field, good, bad) => {
    const taken = (value: unknown): string => {
      const { receipt } = golden['receipt'] as ReceiptMessage
      return codeOf(() => decodeMessage(changed('receipt', { receipt: { ...receipt, [field]: value } })))
    }
    expect(good.map(taken)).toEqual(good.map(() => 'returned'))
    expect(bad.map(taken)).toEqual(bad.map(() => 'protocol'))
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
    const outcomes = Array.from({ length: 512 }, (_, entry) => ({
      entry,
      outcome: 'conflict' as const,
      bytes: 0,
      target: '\x01'.repeat(255),
      reason: '\x01'.repeat(1000),
    }))
    const sent: Message = { kind: 'acknowledge', serial: 1, places: [], outcomes, level: 'checkpoint', syncMs: 1 }
    expect(codeOf(() => encodeMessage(sent))).toBe('limit')
  })

  it('a sentence that is too long is cut between characters, not refused', () => {
    for (const [long, shown] of [
      ['x'.repeat(1000), 'x'.repeat(1000)],
      ['x'.repeat(1001), `${'x'.repeat(999)}…`],
      ['💾'.repeat(600), `${'💾'.repeat(499)}…`],
    ] as const) {
      const sent: Message = { kind: 'abort', code: 'disk-failed', sentence: long }
      expect(decodeMessage(encodeMessage(sent))).toStrictEqual({ ...sent, sentence: shown })
      const outcomes = [{ entry: 0, outcome: 'failed', bytes: 0, reason: long }] as const
      const failed: Message = { ...(golden['acknowledge'] as Acknowledge), outcomes }
      expect(decodeMessage(encodeMessage(failed))).toMatchObject({ outcomes: [{ reason: shown }] })
    }
  })

  it('a list of ours beyond its bound is a bug, found before it is sent', () => {
    const acknowledge = { kind: 'acknowledge', serial: 1, level: 'checkpoint', syncMs: 1 } as const
    const outcomes = Array(513).fill({ entry: 0, outcome: 'kept', bytes: 0 })
    const places = Array(8193).fill({ entry: 0, revision: 0, first: 0, count: 1 })
    const entries = Array(2001).fill({ kind: 'directory', path: ['a'], mtimeUs: 0, mode: 0 })
    expect(() => encodeMessage({ ...acknowledge, places: [], outcomes })).toThrow('bug')
    expect(() => encodeMessage({ ...acknowledge, places, outcomes: [] })).toThrow('bug')
    expect(() => encodeMessage({ kind: 'manifest', page: 0, first: 0, entries, digest: '' })).toThrow('bug')
  })
})
