// `STATE/sent/<session>.json`: what a delivered session of a sender was about, so that the same command knows that its work
// is done once the session itself is gone. Layout: docs/journal.md.

import type { Directory } from '../model/disk.ts'
import type { SessionId, Tally } from '../model/session.ts'
import { readFile, replaceFile } from './whole-file.ts'

const directoryName = 'sent'
const sentMaxBytes = 8 * 1024 * 1024

export interface Sent {
  readonly version: 1
  readonly session: SessionId
  /** What made "the same command"; compared as text. */
  readonly identity: string
  /** Absolute paths, for showing. */
  readonly sources: readonly string[]
  /** Absent: the receipt alone tells. */
  readonly tally?: Tally
}

/** Keeps it, 0600 in 0700; durable on return. The same again changes nothing. */
export async function writeSent(state: Directory, sent: Sent): Promise<void> {
  if (await state.makeDirectory(directoryName, 0o700)) await state.sync()
  const directory = await state.openDirectory(directoryName)
  try {
    await replaceFile(directory, `${sent.session}.json`, Buffer.from(`${JSON.stringify(sent)}\n`))
  } finally {
    await directory.close()
  }
}

/** What a session was about; undefined if this machine did not send it, or it cannot be read. */
export async function readSent(state: Directory, session: SessionId): Promise<Sent | undefined> {
  if ((await state.stat(directoryName)) === undefined) return undefined
  const directory = await state.openDirectory(directoryName)
  try {
    const bytes = await readFile(directory, `${session}.json`, sentMaxBytes)
    return bytes === undefined ? undefined : sentFrom(Buffer.from(bytes).toString(), session)
  } finally {
    await directory.close()
  }
}

/** Whether this is what was written: counts of entries. */
export function isTally(value: unknown): value is Tally {
  const { integrity, conflicts, omissions, vanished } = (value ?? {}) as Partial<Tally>
  return [integrity, conflicts, omissions, vanished].every((count) => Number.isSafeInteger(count))
}

function sentFrom(text: string, session: SessionId): Sent | undefined {
  try {
    const { version, session: id, identity, sources, tally } = JSON.parse(text) as Partial<Sent>
    if (version !== 1 || id !== session || typeof identity !== 'string' || !Array.isArray(sources)) return undefined
    return { version, session, identity, sources: sources.map(String), ...(isTally(tally) ? { tally } : {}) }
  } catch {
    return undefined
  }
}
