// Reads the small files that the command line names: a ticket, a list of patterns. They are the user's own, given by path
// as to any tool, and nothing of a peer ever decides on them; so this one file of cli reads paths as they are.

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

const smallFileBytesMax = 1024 * 1024 // Far more than a ticket or a list of patterns has.

/**
 * The text of a file. Rejects with an Error whose message is a clause: "it is readable by others".
 * @param isPrivate refuse one that group or others may read
 */
export async function readSmallFile(path: string, isPrivate: boolean): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(asClause)
  try {
    const { mode, size } = await file.stat()
    if (isPrivate && (mode & 0o077) !== 0) throw new Error('its group or others may read it')
    if (size > smallFileBytesMax) throw new Error('it is larger than 1 MiB')
    return await file.readFile('utf8').catch(asClause)
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
