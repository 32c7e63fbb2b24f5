// The types of events as model/events.ts declares them, read from its text: what a schema could forget.

import { textOf } from './source-code.ts'

/** The `type` of every event that is declared, in order. */
export function declaredEventTypes(): readonly string[] {
  return [...textOf('src/model/events.ts').matchAll(/^ {2}readonly type: '(\w+)'$/gm)].map((match) => match[1]!)
}
