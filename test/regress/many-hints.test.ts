// Below `--durability checkpoint` hints alone say what was acknowledged, and their file only grows. Found by reading: no more
// than 1,048,576 of them were read, so that behind a TiB a kill of the receiver cost what it had promised to keep.

import { expect, it } from 'vitest'
import { loadHash } from '../../src/hash/xxh64.ts'
import { openHints, readHints } from '../../src/store/hints.ts'
import { MemoryDisk } from '../../src/store/memory-disk.ts'

it('R20: all hints are read, however many there are', async () => {
  const hash = await loadHash()
  const directory = await new MemoryDisk().openRoot('/s')
  const hints = await openHints(directory, { hash })
  const count = 1_048_576 + 1
  for (let chunk = 0; chunk < count; chunk++) hints.note({ entry: 0, revision: 0, chunk, hash: 7n, isHole: false })
  await hints.flush()
  await hints.close()
  let next = 0
  for await (const { chunk } of readHints(directory, { hash })) next += chunk === next ? 1 : 0
  expect(next).toBe(count)
})
