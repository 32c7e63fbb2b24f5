// Sizes, rates and durations as INTERFACE section 2.8 promises them.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  counted,
  formatBytes,
  formatBytesOf,
  formatClock,
  formatDuration,
  parseCount,
  parseDuration,
  parseRate,
  parseSize,
} from '../../../src/cli/quantities.ts'
import { codeOf } from '../../support/rejection.ts'

const MiB = 1024 ** 2

describe('sizes', () => {
  it.each([
    ['64K', 65_536],
    ['64KiB', 65_536],
    ['64kib', 65_536],
    ['64KB', 64_000],
    ['4096', 4096],
    ['1.5GiB', 1.5 * 1024 ** 3],
    ['2 TB', 2e12],
    ['17b', 17],
  ])('%s is %i bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes))

  it.each(['', '0', '0K', '-1', '1e3', '64Q', '64KiBB', 'K', '9999999999P', '1,5G', 'off', '0.2', 'Infinity'])(
    'refuses "%s"',
    (text) => expect(codeOf(() => parseSize(text))).toBe('usage'),
  )
})

describe('rates', () => {
  it.each([
    ['4MiB', 4 * MiB],
    ['4MiB/s', 4 * MiB],
    ['100Mbit', 12_500_000],
    ['100mbit/s', 12_500_000],
    ['off', Infinity],
  ])('%s is %d bytes a second', (text, rate) => expect(parseRate(text)).toBe(rate))

  it.each(['0', '0Mbit', 'forever', '4MiB/h', ''])('refuses "%s"', (text) =>
    expect(codeOf(() => parseRate(text))).toBe('usage'),
  )
})

describe('durations', () => {
  it.each([
    ['90s', 90_000],
    ['15m', 900_000],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['500ms', 500],
    ['1.5h', 5_400_000],
    ['0s', 0],
    ['forever', Infinity],
  ])('%s is %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms))

  it.each(['90', '', 's', '-1s', '1y', '1h 30', '0', 'off', '1hm'])('refuses "%s"', (text) =>
    expect(codeOf(() => parseDuration(text))).toBe('usage'),
  )
})

describe('counts', () => {
  it('are digits, and 0 is no limit at all', () => {
    expect(parseCount('12')).toBe(12)
    for (const text of ['0', '-1', '1.5', '', 'many', '99999999999999999999'])
      expect(codeOf(() => parseCount(text))).toBe('usage')
  })
})

describe('shown', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [8.31 * 1024 ** 3, '8.3 GiB'],
    [104.7 * MiB, '104 MiB'],
    [1024 ** 3 - 1, '1023 MiB'],
  ])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

  it('a part has the unit of its whole, and never looks like it', () => {
    expect(formatBytesOf(8.31 * 1024 ** 3, 11.7 * 1024 ** 3 + 1)).toBe('8.3/11.7 GiB')
    expect(formatBytesOf(10 * 1024 ** 3 - 1, 10 * 1024 ** 3)).toBe('9.9/10 GiB')
  })

  it('bytes never grow by being shown', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (bytes) => {
        const text = formatBytes(bytes)
        expect(parseSize(text)).toBeLessThanOrEqual(bytes)
        expect(parseSize(text)).toBeGreaterThan(bytes * 0.9 - 1)
      }),
    )
  })

  it.each([
    [400, '400 ms'],
    [33_000, '33 s'],
    [250_000, '4 min 10 s'],
    [240_000, '4 min'],
    [7_500_000, '2 h 5 min'],
    [86_400_000, '24 h'],
    [172_800_000, '2 d'],
    [530_000_000, '6 d 3 h'],
    [Infinity, 'forever'],
  ])('%d ms are %s', (ms, text) => expect(formatDuration(ms)).toBe(text))

  it.each([
    [33, '0:33'],
    [62.2, '1:03'],
    [3723, '1:02:03'],
    [300_000, '3 d'],
  ])('%d s left are %s', (seconds, text) => expect(formatClock(seconds)).toBe(text))

  it('counts have their thousands apart', () => {
    expect(counted(1, 'file')).toBe('1 file')
    expect(counted(12_408, 'file')).toBe('12 408 files')
  })
})
