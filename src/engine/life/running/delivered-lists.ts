// The lists of what was received, for who asks by a session or by a path: which one tells of it, and what earlier ones know of
// files that it found in place and did not read.

import type { Directory } from '../../../model/disk.ts'
import { pathText } from '../../../model/names.ts'
import { type DeliveredFile, type DeliveredHead, readDelivered } from '../../../store/delivered.ts'

export interface KnownFile extends DeliveredFile {
  /** When a file with this digest was received, ms; undefined: by this session, or without a digest. */
  readonly receivedAt?: number
}

/** The first list, of those that have it at all, that tells of a file at or below an absolute path; or else of its folder. */
export async function listWith(
  state: Directory,
  heads: readonly DeliveredHead[],
  path: string,
): Promise<DeliveredHead | undefined> {
  for (const head of heads.filter(({ folder }) => isWithin(path, folder)))
    for await (const _ of filesBelow(state, head, path)) return head
  return heads.find(({ folder }) => folder === path)
}

/** Files of a list at or below an absolute path. */
async function* filesBelow(state: Directory, head: DeliveredHead, path: string): AsyncGenerator<DeliveredFile> {
  const prefix = head.folder === '/' ? '' : head.folder
  for await (const file of readDelivered(state, head.session))
    if (isWithin(`${prefix}/${file.path.join('/')}`, path)) yield file
}

/**
 * The files of a list, with the digests that earlier ones have.
 * @param heads all lists, the newest first
 * @param path absolute: only what is at or below it
 */
export async function* knownFiles(
  state: Directory,
  heads: readonly DeliveredHead[],
  head: DeliveredHead,
  path: string,
): AsyncGenerator<KnownFile> {
  const earlier = heads.slice(heads.indexOf(head) + 1)
  const alike = earlier.filter(({ folder, chunkBytes }) => folder === head.folder && chunkBytes === head.chunkBytes)
  const found = await digestsIn(state, alike, filesBelow(state, head, path))
  for await (const file of filesBelow(state, head, path))
    yield file.digest === null ? { ...file, ...found.get(pathText(file.path)) } : file
}

type Digest = Required<Pick<KnownFile, 'digest' | 'receivedAt'>>

/** What the newest list that read it says of each file without a digest. */
async function digestsIn(
  state: Directory,
  heads: readonly DeliveredHead[],
  files: AsyncIterable<DeliveredFile>,
): Promise<ReadonlyMap<string, Digest>> {
  const found = new Map<string, Digest>()
  const sought = new Map<string, number>()
  for await (const { path, size, digest } of files) if (digest === null) sought.set(pathText(path), size)
  for (const { session, finishedAt } of heads) {
    if (sought.size === 0) break
    for await (const { path, size, digest } of readDelivered(state, session)) {
      const name = pathText(path)
      if (digest === null || !sought.has(name)) continue
      if (sought.get(name) === size) found.set(name, { digest, receivedAt: Date.parse(finishedAt) })
      sought.delete(name)
    }
  }
  return found
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)
}
