// Bugs found by failing system calls under a whole transfer (test/crash/system-faults.test.ts), each in its shortest form.

import { describe, expect, it } from 'vitest'
import { inParallel } from '../../src/engine/in-parallel.ts'
import { createJournal } from '../../src/store/journal.ts'
import { MemoryDisk } from '../../src/store/memory-disk.ts'
import { PartFiles } from '../../src/store/part-files.ts'
import { openTarget } from '../../src/store/target.ts'
import { expectCode } from '../conformance/disk-suite.ts'
import { fresh, header, note, tools } from '../support/journals.ts'
import { gate } from '../support/overridden.ts'

describe('a sync for which there is no room', () => {
  it.each(['ENOSPC', 'EDQUOT'])(
    '%s has lost data: it is no full disk that one waits for and tries again (R16)',
    async (code) => {
      // It parked, and synced once more when there was room. That succeeded, for the kernel had marked the pages clean: what
      // they should have held was acknowledged, and files were published with holes in them.
      const disk = new MemoryDisk()
      const parts = new PartFiles(await disk.openRoot('/parts'))
      await parts.write(1, 0, Buffer.from('lost'))
      disk.failNext('sync-file', code)
      await expectCode('disk-failed', parts.datasync([1]))
      disk.failNext('sync-directory', code)
      await expectCode('disk-failed', parts.directory.sync())
    },
  )
})

describe('a journal after a failed sync', () => {
  it('refuses every further record at once (R16)', async () => {
    // The second refusal left it believing that a write was under way: all that came later waited for it, for ever.
    const { disk, directory } = await fresh()
    const journal = await createJournal(directory, [header], tools)
    disk.failNext('sync-file', 'EIO')
    for (let i = 1; i <= 4; i++) await expectCode('disk-failed', journal.commit([note(i)]))
    await journal.close()
  })
})

describe('work in parallel', () => {
  it('is over when it has failed', async () => {
    // A run ended, and let go of its session, while other parts were still being finished: their descriptors stayed open,
    // and the next process could meet the old one's writes.
    const { passed, open } = gate()
    let isDone = false
    const work = inParallel(2, ['fails', 'takes long'], async (what) => {
      if (what === 'fails') throw new Error(what)
      await passed
      isDone = true
    })
    setImmediate(open)
    await expect(work).rejects.toThrow('fails')
    expect(isDone).toBe(true)
  })
})

describe('the folder received into', () => {
  it('gets rid of .carryon although a process died while it made a symbolic link', async () => {
    // Its half-made link stayed there for ever, and `.carryon` with it.
    const disk = new MemoryDisk()
    const random = { bytes: (count: number) => new Uint8Array(count), fraction: () => 0.5 }
    const target = await openTarget(disk, '/target', random)
    await target.own.makeLink('link-4711-0', 'anywhere')
    await target.close()
    expect(await target.root.list()).toEqual([])
  })
})
