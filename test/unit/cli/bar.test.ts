// The line of progress as text: what it says at each width, and that it never takes more columns than it may.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Event } from '../../../src/index.ts'
import { progressLine } from '../../../src/cli/report/bar.ts'
import { styleOf, type Style } from '../../../src/cli/report/style.ts'
import { newView, viewAfter, type View } from '../../../src/cli/report/view.ts'
import { cut, widthOf } from '../../../src/cli/report/width.ts'
import { display } from '../../../src/model/display.ts'
import { at, progress, type Body } from '../../support/scripted-session.ts'
import { Sink } from '../../support/test-shell.ts'

const nowMs = Date.parse('2026-11-23T12:00:00.000Z')
const utf8 = styleOf(new Sink({ isTTY: true }), 'never', { LANG: 'C.UTF-8' })
const ascii = styleOf(new Sink({ isTTY: true }), 'never', { LANG: 'C' })

describe('a transfer', () => {
  const view = seen('disk.img', [at({ bytesTotal: progress().bytesTotal! }), progress()])

  it.each([
    [100, '↑ disk.img  71% ━━━━━━━━━━━━━━━━━━━━━━━━━━━━───┄┄┄┄┄┄┄┄┄  8.3/11.7 GiB  104 MiB/s  0:33 left'],
    [80, '↑ disk.img  71% ━━━━━━━━━━━━━━━━━───┄┄┄┄┄  8.3/11.7 GiB  104 MiB/s  0:33 left'],
    [60, '↑ disk.img  71% ━━━━━──┄  8.3/11.7 GiB  104 MiB/s  0:33 left'],
    [40, '↑ disk.img  71%  104 MiB/s  0:33 left'],
    [30, '↑ disk.img  71%  0:33 left'],
    [20, '↑ disk.img  71%'],
    [12, '↑ 71%'],
    [3, '↑ 7'],
  ])('in %i columns', (columns, line) => expect(progressLine(view, utf8, columns, nowMs)).toBe(line))

  it('keeps to ASCII where the locale says so', () => {
    const line = progressLine(seen('a-name-that-is-much-too-long-to-be-shown-whole', [progress()]), ascii, 80, nowMs)
    expect(line).toMatch(/^> a-name-that-is[a-z-]*\.\.\. {2}71% =+-+\.+ {2}/)
    // eslint-disable-next-line no-control-regex
    expect(line).toMatch(/^[\u0020-\u007e]*$/)
  })

  it('has the same width in colour', () => {
    const colour = styleOf(new Sink(), 'always', { LANG: 'C.UTF-8' })
    const line = progressLine(view, colour, 80, nowMs)
    expect(line).toContain('\u001b[32m')
    expect(uncoloured(line)).toBe(progressLine(view, utf8, 80, nowMs))
  })

  it('is received with the other arrow', () => {
    expect(progressLine({ ...view, role: 'receiver' }, utf8, 80, nowMs)).toMatch(/^↓/)
  })

  it('says what is done instead of a rate', () => {
    const verifying = seen('disk.img', [progress({ phase: 'verifying' })])
    expect(progressLine(verifying, utf8, 60, nowMs)).toMatch(/ {2}verifying$/)
  })
})

describe('percent', () => {
  it('rounds down, and is 100 only once released', () => {
    const total = 1000
    const almost = [at({ bytesTotal: total }), progress({ bytesTotal: total, bytesDurable: 999, bytesSent: total })]
    expect(progressLine(seen('a', almost), utf8, 60, nowMs)).toContain(' 99% ')
    const all = [at({ bytesTotal: total }), progress({ bytesTotal: total, bytesDurable: total, bytesSent: total })]
    expect(progressLine(seen('a', all), utf8, 60, nowMs)).toContain(' 99% ')
    expect(
      progressLine(seen('a', [...all, at({ state: 'released', bytesDurable: total })]), utf8, 60, nowMs),
    ).toContain(' 100% ')
  })

  it('of nothing is no division', () => {
    const empty = progress({ bytesTotal: 0, bytesFound: 0, bytesSent: 0, bytesReceived: 0, bytesDurable: 0 })
    expect(progressLine(seen('a', [empty]), utf8, 60, nowMs)).toMatch(/^↑ a {2}0% ┄+ /)
  })

  it('is not shown before the total is known', () => {
    const scanning = seen('photos', [
      progress({ phase: 'scanning', bytesTotal: null, filesTotal: 12_408, bytesFound: 3.15 * 1024 ** 4 }),
    ])
    expect(progressLine(scanning, utf8, 80, nowMs)).toBe('↑ photos   scanning… 12 408 files, 3.1 TiB so far')
    expect(progressLine(scanning, utf8, 20, nowMs)).toBe('↑ photos ')
  })
})

describe('standing still', () => {
  const reconnecting: Body = {
    type: 'reconnecting',
    attempt: 2,
    reason: 'network',
    delayMs: 4000,
    retryUntil: null,
    bytesAtRisk: 0,
  }
  const parked: Body = {
    type: 'waiting',
    reason: 'disk-full',
    who: 'peer',
    since: '2026-11-23T12:00:00.000Z',
    bytesNeeded: 3 * 1024 ** 3,
    bytesFree: 1024 ** 3,
    hint: 'Make room there.',
  }

  it('counts down to the next attempt', () => {
    const view = seen('disk.img', [progress(), reconnecting])
    expect(progressLine(view, utf8, 100, nowMs)).toMatch(/the connection is gone; trying again in 4 s$/)
    expect(progressLine(view, utf8, 100, nowMs + 3500)).toMatch(/trying again in 1 s$/)
    expect(progressLine(view, utf8, 100, nowMs + 9999)).toMatch(/trying again now$/)
  })

  it('says who waits for what, with numbers', () => {
    const view = seen('disk.img', [progress(), parked])
    expect(progressLine(view, utf8, 100, nowMs)).toMatch(
      /waiting for the other side: the disk is full, 3 GiB needed, 1 GiB free$/,
    )
    expect(progressLine(view, utf8, 40, nowMs)).toBe('↑ 71%  waiting for the other side: the…')
  })

  it('ends when bytes move again, and not before', () => {
    const still = seen('disk.img', [progress(), parked, progress()])
    expect(still.stalled).not.toBeNull()
    expect(viewAfter(still, stamped(progress({ bytesSent: progress().bytesSent + 1 }))).stalled).toBeNull()
    expect(viewAfter(still, stamped(at({ state: 'interrupted' }))).stalled).not.toBeNull()
    expect(viewAfter(still, stamped(at({ state: 'transferring' }))).stalled).toBeNull()
  })
})

describe('width', () => {
  it.each([
    ['abc', 3],
    ['ä', 1],
    ['a\u0301', 1],
    ['漢字', 4],
    ['한', 2],
    ['🎉', 2],
    ['ｗ', 2],
    ['❤\ufe0f', 2],
    ['…━┄↑✓', 5],
  ])('of %s is %i', (text, columns) => expect(widthOf(text)).toBe(columns))

  it('cuts before a wide character that would stick out', () => {
    expect(cut('漢字漢字', 5, '…')).toBe('漢字…')
    expect(cut('漢字漢字', 4, '…')).toBe('漢…')
    expect(cut('漢字', 4, '…')).toBe('漢字')
    expect(cut('abc', 0, '…')).toBe('')
  })

  it('is never more than asked for, whatever the name and the numbers', () => {
    const title = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('漢', '🎉', 'a', '\u0301') }),
    )
    const step = fc.oneof(
      fc
        .record({
          bytesDurable: fc.maxSafeNat(),
          bytesTotal: fc.option(fc.maxSafeNat()),
          rateBytesPerSecond: fc.double({ min: 0, max: 1e12, noNaN: true }),
        })
        .map((fields) => progress(fields)),
      fc.constant(at({ state: 'released' })),
      fc.constant<Body>({
        type: 'reconnecting',
        attempt: 1,
        reason: 'peer-silent',
        delayMs: 60_000,
        retryUntil: null,
        bytesAtRisk: 9,
      }),
    )
    fc.assert(
      fc.property(
        title,
        fc.array(step, { maxLength: 4 }),
        fc.integer({ min: 1, max: 200 }),
        fc.boolean(),
        (name, steps, columns, plain) => {
          const view = seen(display(name), steps)
          const line = uncoloured(progressLine(view, plain ? ascii : coloured, columns, nowMs))
          expect(widthOf(line)).toBeLessThanOrEqual(columns)
          // eslint-disable-next-line no-control-regex
          expect(line).not.toMatch(/[\u0000-\u001f\u007f]/)
        },
      ),
      { numRuns: 500 },
    )
  })
})

const coloured: Style = styleOf(new Sink(), 'always', { LANG: 'C.UTF-8' })

function seen(title: string, bodies: readonly Body[]): View {
  return bodies.reduce((view, body) => viewAfter(view, stamped(body)), newView(title, 'sender'))
}

function stamped(body: Body): Event {
  return { v: 1, time: new Date(nowMs).toISOString(), session: null, role: 'sender', ...body }
}

function uncoloured(line: string): string {
  // eslint-disable-next-line no-control-regex
  return line.replace(/\u001b\[\d+m/g, '')
}
