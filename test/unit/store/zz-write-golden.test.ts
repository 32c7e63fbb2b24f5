// x
import { mkdirSync, writeFileSync } from 'node:fs'
import { it } from 'vitest'
import { loadHash } from '../../../src/hash/xxh64.ts'
import { createJournal, readJournal } from '../../../src/store/journal.ts'
import { MemoryDisk } from '../../../src/store/memory-disk.ts'
import { encodeRecord } from '../../../src/store/record-codec.ts'
import { goldenPlace, goldenRecords } from '../../support/golden-records.ts'
it('writes', async () => {
  const hash = await loadHash()
  mkdirSync('fixtures/journal/v1', { recursive: true })
  for (const r of goldenRecords)
    writeFileSync(`fixtures/journal/v1/${r.kind}.record`, encodeRecord(r, goldenPlace, hash).bytes)
  const directory = await new MemoryDisk().openRoot('/s')
  await createJournal(directory, goldenRecords, { hash, compact: (x) => [...x] })
  const { validBytes } = await readJournal(directory, { hash })
  const bytes = new Uint8Array(validBytes + 64)
  await (await directory.openFile('journal', 'read')).read(bytes, 0)
  writeFileSync('fixtures/journal/v1/session.journal', bytes)
})
