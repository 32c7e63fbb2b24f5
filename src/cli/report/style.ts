// Colour and signs: decided once per stream, from the flag, the terminal and the locale. Nobody else writes an escape.

import type { Output, Shell } from '../shell.ts'

export type Tone = 'plain' | 'good' | 'warning' | 'bad' | 'faint'

export interface Style {
  /** Text in the colour of its tone, or as it is. */
  paint(tone: Tone, text: string): string
  readonly signs: Signs
}

export interface Signs {
  readonly up: string
  readonly down: string
  readonly done: string
  readonly attention: string
  readonly failed: string
  readonly ellipsis: string
  readonly durable: string
  readonly onTheWay: string
  readonly missing: string
}

const unicodeSigns: Signs = {
  up: '↑',
  down: '↓',
  done: '✓',
  attention: '!',
  failed: '✗',
  ellipsis: '…',
  durable: '━',
  onTheWay: '─',
  missing: '┄',
}

const asciiSigns: Signs = {
  up: '>',
  down: '<',
  done: 'ok',
  attention: '!',
  failed: 'x',
  ellipsis: '...',
  durable: '=',
  onTheWay: '-',
  missing: '.',
}

const sgr: Readonly<Record<Exclude<Tone, 'plain'>, readonly [on: number, off: number]>> = {
  good: [32, 39],
  warning: [33, 39],
  bad: [31, 39],
  faint: [2, 22],
}

/** The style of a stream. `util.styleText` is not asked: an empty FORCE_COLOR makes it colour a pipe. */
export function styleOf(stream: Output, color: 'auto' | 'always' | 'never', env: Shell['env']): Style {
  const coloured = color === 'always' || (color === 'auto' && mayColour(stream, env))
  return {
    paint: (tone, text) =>
      coloured && tone !== 'plain' ? `\u001b[${sgr[tone][0]}m${text}\u001b[${sgr[tone][1]}m` : text,
    signs: isUtf8(env) ? unicodeSigns : asciiSigns,
  }
}

function mayColour(stream: Output, env: Shell['env']): boolean {
  return stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
}

/** By the first of the three variables that says something, as setlocale(3) goes. */
function isUtf8(env: Shell['env']): boolean {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || ''
  return /utf-?8/i.test(locale)
}
