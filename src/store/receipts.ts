// `STATE/receipts/<session>.json`: what was delivered, for people and scripts, after the session itself is gone.

import type { Directory } from '../model/disk.ts'
import type { Receipt, SessionId } from '../model/session.ts'
import { recordFrom } from './record-schema.ts'
import { readFile, replaceFile } from './whole-file.ts'

const directoryName = 'receipts'
const receiptMaxBytes = 64 * 1024

/** Keeps a receipt below `state`, 0600 in 0700; durable on return. The same again changes nothing. */
export async function writeReceipt(state: Directory, receipt: Receipt): Promise<void> {
  if (await state.makeDirectory(directoryName, 0o700)) await state.sync()
  const directory = await state.openDirectory(directoryName)
  try {
    await replaceFile(directory, `${receipt.session}.json`, Buffer.from(`${JSON.stringify(receipt, undefined, 2)}\n`))
  } finally {
    await directory.close()
  }
}

/** The receipt of a session; undefined if there is none, or it is not one. */
export async function readReceipt(state: Directory, session: SessionId): Promise<Receipt | undefined> {
  if ((await state.stat(directoryName)) === undefined) return undefined
  const directory = await state.openDirectory(directoryName)
  try {
    const bytes = await readFile(directory, `${session}.json`, receiptMaxBytes)
    return bytes === undefined ? undefined : parseReceipt(Buffer.from(bytes).toString(), session)
  } finally {
    await directory.close()
  }
}

/** The sessions that have one. */
export async function listReceipts(state: Directory): Promise<readonly SessionId[]> {
  if ((await state.stat(directoryName)) === undefined) return []
  const directory = await state.openDirectory(directoryName)
  try {
    return (await directory.list()).flatMap((name) => /^([0-9a-f]{32})\.json$/.exec(name)?.[1] ?? [])
  } finally {
    await directory.close()
  }
}

function parseReceipt(text: string, session: SessionId): Receipt | undefined {
  try {
    const record = recordFrom('receipt', `{"receipt":${text}}`)
    return record.kind === 'receipt' && record.receipt.session === session ? record.receipt : undefined
  } catch {
    return undefined // A person edited it; the journal has the one that counts.
  }
}
