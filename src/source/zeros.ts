// Finds the chunks that need no payload. Node has no SEEK_HOLE, so the holes of a sparse file are found like any other
// zeros: by reading them, which the kernel answers without touching the disk.

// Memcmp against a block that stays in the cache: 44 GiB/s warm, where a loop over a BigUint64Array reached 4.5 GiB/s and
// blocks of 4 KiB and 1 MiB 19 and 34 (Node 20, x64). A chunk of ordinary data costs its first byte.
const zeroBlock = new Uint8Array(64 * 1024)

/** Whether all bytes are zero; true for none at all. */
export function isZeros(bytes: Uint8Array): boolean {
  if (bytes.length > 0 && bytes[0] !== 0) return false
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let start = 0; start < view.length; start += zeroBlock.length) {
    const end = Math.min(view.length, start + zeroBlock.length)
    if (view.compare(zeroBlock, 0, end - start, start, end) !== 0) return false
  }
  return true
}
