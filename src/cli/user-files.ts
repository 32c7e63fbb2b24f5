// Reads the small files that the command line names: a ticket, a list of patterns, a certificate. They are the user's own, given by path
// as to any tool, and nothing of a peer ever decides on them; so this one file of cli reads paths as they are.

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

const smallFileBytesMax = 1024 * 1024 // Far more than a ticket or a list of patterns has.

export interface UserFile {
  readonly text: string
  /** Whether its group or others may read it. */
  readonly isShared: boolean
}

/**
 * The text of a file. Rejects with an Error whose message is a clause: "it is a folder".
 * @param isPrivate refuse one that group or others may read
 */
export async function readSmallFile(path: string, isPrivate: boolean): Promise<string> {
  const { text, isShared } = await readUserFile(path)
  if (isPrivate && isShared) throw new Error('its group or others may read it')
  return text
}

/** The same, and who may read it. */
export async function readUserFile(path: string): Promise<UserFile> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(asClause)
  try {
    const { mode, size } = await file.stat()
    if (size > smallFileBytesMax) throw new Error('it is larger than 1 MiB')
    return { text: await file.readFile('utf8').catch(asClause), isShared: (mode & 0o077) !== 0 }
  } finally {
    await file.close()
  }
}

const clauses: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it is not yours to read',
  EISDIR: 'it is a folder',
}

function asClause(error: NodeJS.ErrnoException): never {
  throw new Error(clauses[error.code ?? ''] ?? error.message, { cause: error })
}
