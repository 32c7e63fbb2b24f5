// The digest of a whole file, for `--checksum`: both sides compute it the same way.

import type { DiskFile } from '../model/disk.ts'
import type { Hash64 } from '../model/hash.ts'
import { chunkCount, chunkLength } from '../model/places.ts'
import { fileDigest } from '../hash/xxh64.ts'

/** Makes a function that reads a file of `size` bytes and returns its digest, 16 hex digits. A shorter file's differs. */
export function digestOfFile(
  chunkBytes: number,
  hash: Hash64,
): (file: Pick<DiskFile, 'read'>, size: number) => Promise<string> {
  const buffer = new Uint8Array(chunkBytes)
  return async (file, size) => {
    const hashes = new BigUint64Array(chunkCount(size, chunkBytes))
    for (let chunk = 0; chunk < hashes.length; chunk++) {
      const view = buffer.subarray(0, chunkLength(size, chunkBytes, chunk))
      const bytes = await file.read(view, chunk * chunkBytes)
      hashes[chunk] = hash(view.subarray(0, bytes))
    }
    return fileDigest(hashes, size, hash)
  }
}
