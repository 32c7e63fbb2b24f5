// Owns stderr: whole lines that stay, and on a terminal one line at the bottom that is drawn again ten times a second. All
// who have something to say to a person say it here, so that nothing is ever written into the middle of the bar.
//
// cli-progress draws that bottom line and nothing else: the text comes from us at each of its ticks, its own estimates,
// signals and log are unused. It is stopped before every line that stays, and at the end, because it changes the
// terminal's cursor and wrapping and its timer keeps the process alive.

import type { SingleBar } from 'cli-progress'
import type { Output } from '../shell.ts'

/** Shows the cursor and wraps lines again; for a process that is about to die. */
export const mended = '\u001b[?25h\u001b[?7h'

export interface Screen {
  /** A line that stays. Holds no newline. */
  say(line: string): void
  /** Draws the bottom line now, if there is one. */
  refresh(): void
  /** Takes the bottom line away for good. What is said after it still comes out. */
  stop(): void
}

/** Lines only: for logs, pipes and files. */
export function openLines(stream: Output): Screen {
  return { say: (line) => void stream.write(`${line}\n`), refresh: () => {}, stop: () => {} }
}

/**
 * Lines above a bottom line.
 * @param draw the bottom line, at most `columns` wide without its escape sequences
 */
export async function openBar(stream: Output, draw: (columns: number) => string): Promise<Screen> {
  const { default: cliProgress } = await import('cli-progress')
  const bar: SingleBar = new cliProgress.SingleBar({
    stream,
    fps: 10,
    hideCursor: true,
    clearOnComplete: true,
    synchronousUpdate: false,
    // The last column stays free: erasing behind a character there would take the character too.
    format: (_options, params) => draw(Math.max(1, widthFrom(params) - 1)),
  })
  let isRunning = true
  bar.start(1, 0)
  return {
    say: (line) => {
      if (isRunning) bar.stop()
      stream.write(`${line}\n`)
      if (isRunning) bar.start(1, 0)
    },
    refresh: () => {
      if (isRunning) bar.render()
    },
    stop: () => {
      if (isRunning) bar.stop()
      isRunning = false
    },
  }
}

/** cli-progress hands its terminal's width over, but its types don't say so. */
function widthFrom(params: object): number {
  return (params as { readonly maxWidth: number }).maxWidth
}
