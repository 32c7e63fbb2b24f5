// JSON of a stranger.

import { refusal } from './refusal.ts'

/** @throws TransferError `protocol` and nothing else, whatever the text. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw refusal('a message is not JSON') // The cause would quote the peer's text.
  }
}
