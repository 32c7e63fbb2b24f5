// `STATE/delivered/<session>`: what a receiver was given, file by file, so that `verify` can read it again once the session
// itself is gone. One JSON text a line: a head, then a file each. Layout: docs/journal.md.

import { TransferError } from '../errors.ts'
import type { Directory, DiskFile } from '../model/disk.ts'
import { pathFault, type Path } from '../model/names.ts'
import type { SessionId, Tally } from '../model/session.ts'
import { LineReader } from './lines.ts'
import { isTally } from './sent.ts'
import { isSessionId } from './session-directory.ts'

export const deliveredName = 'delivered'
const lineMaxBytes = 64 * 1024
const blockBytes = 256 * 1024

/** What the files have in common. */
export interface DeliveredHead {
  readonly version: 1
  readonly session: SessionId
  /** Absolute path of the folder received into. */
  readonly folder: string
  readonly chunkBytes: number
  /** RFC 3339. */
  readonly finishedAt: string
  /** Absent: the receipt alone tells. */
  readonly tally?: Tally
}

export interface DeliveredFile {
  readonly path: Path
  readonly size: number
  /** 16 hex digits; null where it was there before and not read. */
  readonly digest: string | null
}

/**
 * Keeps a list, which comes in groups of a thousand or so; durable on return.
 * 1. Write and sync it under `.new-<session>`.   A crash leaves: no list, and a leftover that the next call removes.
 * 2. Rename it, sync the directory.              No list, or the list.
 */
export async function writeDelivered(
  state: Directory,
  head: DeliveredHead,
  groups: AsyncIterable<readonly DeliveredFile[]>,
): Promise<void> {
  if (await state.makeDirectory(deliveredName, 0o700)) await state.sync()
  const directory = await state.openDirectory(deliveredName)
  const fresh = `.new-${head.session}`
  try {
    await directory.unlink(fresh)
    const file = await directory.openFile(fresh, 'create')
    try {
      await writeLines(file, head, groups)
      await file.sync()
    } finally {
      await file.close()
    }
    await directory.rename(fresh, directory, head.session)
    await directory.sync()
  } finally {
    await directory.close()
  }
}

async function writeLines(
  file: DiskFile,
  head: DeliveredHead,
  groups: AsyncIterable<readonly DeliveredFile[]>,
): Promise<void> {
  let position = 0
  let text = `${JSON.stringify(head)}\n`
  const flush = async (): Promise<void> => {
    const bytes = Buffer.from(text)
    text = ''
    await file.write(bytes, position)
    position += bytes.length
  }
  for await (const files of groups) {
    for (const { path, size, digest } of files) text += `${JSON.stringify([path, size, digest])}\n`
    if (text.length >= blockBytes) await flush()
  }
  await flush()
}

/** The heads of all lists that can be read, or of one. */
export async function listDelivered(state: Directory, only?: SessionId): Promise<DeliveredHead[]> {
  if ((await state.stat(deliveredName)) === undefined) return []
  const directory = await state.openDirectory(deliveredName)
  try {
    const heads: DeliveredHead[] = []
    for (const id of await directory.list()) {
      if (!isSessionId(id) || (only !== undefined && id !== only)) continue
      for await (const line of linesOf(directory, id)) {
        const head = headFrom(line, id)
        if (head !== undefined) heads.push(head)
        break
      }
    }
    return heads
  } finally {
    await directory.close()
  }
}

/** The files of one list, in the order of the manifest. @throws TransferError `disk-failed` if it is not as it was written */
export async function* readDelivered(state: Directory, session: SessionId): AsyncGenerator<DeliveredFile> {
  const directory = await state.openDirectory(deliveredName)
  try {
    let isHead = true
    for await (const line of linesOf(directory, session)) {
      if (!isHead) yield fileFrom(line, `${directory.label}/${session}`)
      isHead = false
    }
  } finally {
    await directory.close()
  }
}

async function* linesOf(directory: Directory, session: SessionId): AsyncGenerator<string> {
  const file = await directory.openFile(session, 'read')
  try {
    const reader = new LineReader(lineMaxBytes)
    const block = Buffer.alloc(blockBytes)
    for (let position = 0; ;) {
      const count = await file.read(block, position)
      if (count === 0) return
      position += count
      yield* reader.lines(block.subarray(0, count))
    }
  } finally {
    await file.close()
  }
}

function headFrom(line: string, session: SessionId): DeliveredHead | undefined {
  const head = parsed(line) as Partial<DeliveredHead> | null | undefined
  const { version, folder, chunkBytes, finishedAt, tally } = head ?? {}
  if (version !== 1 || head?.session !== session || typeof folder !== 'string' || !folder.startsWith('/'))
    return undefined
  if (!Number.isSafeInteger(chunkBytes) || chunkBytes! <= 0 || typeof finishedAt !== 'string') return undefined
  const known = { version, session, folder, chunkBytes: chunkBytes!, finishedAt }
  return isTally(tally) ? { ...known, tally } : known
}

function fileFrom(line: string, label: string): DeliveredFile {
  const [path, size, digest] = (parsed(line) ?? []) as [unknown?, unknown?, unknown?]
  const isPath = Array.isArray(path) && path.every((name) => typeof name === 'string') && pathFault(path) === undefined
  const isDigest = digest === null || (typeof digest === 'string' && /^[0-9a-f]{16}$/.test(digest))
  if (isPath && isDigest && Number.isSafeInteger(size)) return { path: path as Path, size: size as number, digest }
  throw new TransferError('disk-failed', { path: label, operation: 'read', cause: 'a line is not as it was written' })
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
