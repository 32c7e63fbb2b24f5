// The one line of progress on a terminal: what is dropped, shortened or cut so that it is never wider than asked. Pure.

import { formatBytesOf } from '../quantities.ts'
import { pace, scanning, stalled } from '../sentences.ts'
import type { Style, Tone } from './style.ts'
import { percentOf, type View } from './view.ts'
import { cut, widthOf } from './width.ts'

const barColumnsMin = 8
const barColumnsMax = 40
const titleColumnsMin = 6
const titleColumnsMax = 32
const tailColumnsUsual = '10.5/11.7 GiB  1023 MiB/s  10:33 left'.length
const fixedColumns = '> 100%  '.length

interface Piece {
  readonly tone: Tone
  readonly text: string
}

/** The line, at most `columns` wide once its colours are taken away. */
export function progressLine(view: View, style: Style, columns: number, wallMs: number): string {
  const arrow = view.role === 'sender' ? style.signs.up : style.signs.down
  for (const layout of layoutsOf(view, style, columns, wallMs)) {
    const line = fitted(view, style, columns, arrow, layout)
    if (line !== undefined) return line
  }
  return cut(`${arrow} ${fixedOf(view)}`, columns, '')
}

interface Layout {
  readonly withBar: boolean
  readonly withTitle: boolean
  readonly tail: readonly string[]
}

/** From the richest to the poorest. */
function layoutsOf(view: View, style: Style, columns: number, wallMs: number): readonly Layout[] {
  const { progress, stalled: why } = view
  if (percentOf(view) === null && why === null) return [bare([scanningText(view, style)]), bare([])]
  const sizes = view.bytesTotal === null ? [] : [formatBytesOf(view.bytesKept, view.bytesTotal)]
  if (why !== null) {
    const text = stalled(why, view, wallMs)
    return [
      { withBar: true, withTitle: true, tail: [...sizes, text] },
      { withBar: false, withTitle: true, tail: [...sizes, text] },
      bare([text]),
      { withBar: false, withTitle: false, tail: [cut(text, columns - fixedColumns, style.signs.ellipsis)] },
      bare([]),
    ]
  }
  const [rate, left] = progress === null ? [] : pace(progress.phase, progress.rateBytesPerSecond, progress.etaSeconds)
  const present = (...parts: readonly (string | undefined)[]): string[] => parts.filter((part) => part !== undefined)
  return [
    { withBar: true, withTitle: true, tail: present(...sizes, rate, left) },
    { withBar: true, withTitle: true, tail: present(rate, left) },
    bare(present(...sizes, rate, left)),
    bare(present(rate, left)),
    bare(present(left ?? rate)),
    bare([]),
    { withBar: false, withTitle: false, tail: [] },
  ]
}

function bare(tail: readonly string[]): Layout {
  return { withBar: false, withTitle: true, tail }
}

function scanningText({ progress, state }: View, style: Style): string {
  if (progress === null) return state === 'listening' ? 'waiting for the other side' : 'starting'
  return scanning(progress.filesTotal, progress.bytesFound, style.signs.ellipsis)
}

/** What every layout has: the percentage. */
function fixedOf(view: View): string {
  const percent = percentOf(view)
  return percent === null ? '' : `${percent}%`
}

function fitted(view: View, style: Style, columns: number, arrow: string, layout: Layout): string | undefined {
  const percent = fixedOf(view)
  const tail = layout.tail.join('  ')
  const fixed = [arrow, percent === '' ? '' : ` ${percent}`, tail === '' ? '' : `  ${tail}`]
  const room = columns - fixed.reduce((sum, part) => sum + widthOf(part), 0)
  const titleWidth = layout.withTitle ? Math.min(widthOf(view.title), titleColumnsMax) : 0
  const barLeast = layout.withBar ? barColumnsMin + 1 : 0
  const titleRoom = layout.withTitle ? Math.min(titleWidth, room - barLeast - 2) : 0
  if (layout.withTitle ? titleRoom < Math.min(titleWidth, titleColumnsMin) : room < 0) return undefined
  const title = layout.withTitle ? cut(view.title, titleRoom, style.signs.ellipsis) : ''
  const used = title === '' ? 0 : widthOf(title) + 2
  const barColumns = layout.withBar ? barColumnsIn(room - used - 1, widthOf(tail)) : 0
  const pieces: Piece[] = [
    { tone: 'plain', text: title === '' ? arrow : `${arrow} ${title} ` },
    { tone: 'plain', text: percent === '' ? '' : ` ${percent}` },
    ...(barColumns > 0 ? [{ tone: 'plain', text: ' ' } as const, ...barOf(view, style, barColumns)] : []),
    { tone: view.stalled === null ? 'plain' : 'warning', text: tail === '' ? '' : `  ${tail}` },
  ]
  return pieces.map(({ tone, text }) => (text === '' ? '' : style.paint(tone, text))).join('')
}

/** Leaves room for the usual tail where it can, so that the bar does not dance with every digit of the rate. */
function barColumnsIn(room: number, tailColumns: number): number {
  const steady = room - Math.max(0, tailColumnsUsual - tailColumns)
  return Math.min(barColumnsMax, steady >= barColumnsMin ? steady : room)
}

/** Two parts: what is kept, usually on disk for good, and what is on the way there. */
function barOf(view: View, style: Style, columns: number): readonly Piece[] {
  const total = Math.max(1, view.bytesTotal ?? 1)
  const reached = Math.max(view.bytesKept, view.progress?.bytesSent ?? 0, view.progress?.bytesReceived ?? 0)
  const kept = Math.min(columns, Math.floor((view.bytesKept / total) * columns))
  const onTheWay = Math.min(columns, Math.ceil((reached / total) * columns)) - kept
  return [
    { tone: 'good', text: style.signs.durable.repeat(kept) },
    { tone: 'good', text: style.signs.onTheWay.repeat(Math.max(0, onTheWay)) },
    { tone: 'faint', text: style.signs.missing.repeat(columns - kept - Math.max(0, onTheWay)) },
  ]
}
