// Writes what was asked for to stdout and waits until it has left this process. A reader that has gone is no failure.

import { jsonText } from './json.ts'
import type { Output } from './shell.ts'

export function printLines(stream: Output, lines: readonly string[]): Promise<void> {
  return print(stream, lines.map((line) => `${line}\n`).join(''))
}

/** One document. */
export function printJson(stream: Output, document: object): Promise<void> {
  return print(stream, `${jsonText(document, 2)}\n`)
}

export function print(stream: Output, text: string): Promise<void> {
  return new Promise((resolve) => stream.write(text, () => resolve()))
}
