// Directories that are kept open: which ones, when they are closed, and that what was made in them is synced before.

import { beforeEach, describe, expect, it } from 'vitest'
import { TransferError } from '../../../src/errors.ts'
import type { Directory } from '../../../src/model/disk.ts'
import type { Path } from '../../../src/model/names.ts'
import { MemoryDisk } from '../../../src/store/memory-disk.ts'
import { Pins, type PinnedDirectory } from '../../../src/store/pins.ts'
import { gate, overridden } from '../../support/overridden.ts'

/** What is done to directories, by their path below the root. */
let log: string[]
let disk: MemoryDisk
let root: Directory
let pins: Pins
/** Asked before a directory is synced; says whether it can be. */
let onSync: (path: string) => Promise<boolean>

function watched(directory: Directory, path: string): Directory {
  const below = (name: string): string => (path === '' ? name : `${path}/${name}`)
  return overridden(directory, {
    openDirectory: async (name) => {
      log.push(`open ${below(name)}`)
      return watched(await directory.openDirectory(name), below(name))
    },
    makeDirectory: (name, mode) => {
      log.push(`make ${below(name)} ${mode.toString(8)}`)
      return directory.makeDirectory(name, mode)
    },
    sync: async () => {
      log.push(`sync ${path}`)
      const isPossible = await onSync(path)
      return (await directory.sync()) && isPossible
    },
    close: () => {
      log.push(`close ${path}`)
      return directory.close()
    },
  })
}

beforeEach(async () => {
  log = []
  onSync = async () => true
  disk = new MemoryDisk()
  root = await disk.openRoot('/dst')
  for (let i = 0; i < 12; i++) await root.makeDirectory(`d${i}`, 0o700)
  pins = new Pins(watched(root, ''))
})

const nothing = async (): Promise<void> => {}
const touching = async ({ touch }: PinnedDirectory): Promise<void> => touch()
const visit = (...path: Path): Promise<unknown> => pins.within(path, false, nothing)
const touch = (...path: Path): Promise<unknown> => pins.within(path, false, touching)
const make = (...path: Path): Promise<unknown> => pins.within(path, true, nothing)
async function visitAll(first: number, last: number): Promise<void> {
  for (let i = first; i <= last; i++) await visit(`d${i}`)
}
/** Since it was asked last. */
const done = (...kinds: string[]): string[] => log.splice(0).filter((line) => kinds.includes(line.split(' ')[0]!))
/** Works in a directory until it is told to end. */
function worksIn(...path: Path): { readonly begun: Promise<void>; end(): Promise<unknown> } {
  const [began, mayEnd] = [gate(), gate()]
  const working = pins.within(path, false, async () => {
    began.open()
    await mayEnd.passed
  })
  const end = (): Promise<unknown> => {
    mayEnd.open()
    return working
  }
  return { begun: began.passed, end }
}
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

it('a directory made by a process that died keeps its name once something in it is promised', async () => {
  await root.makeDirectory('deep', 0o700) // Not synced: its process died here.
  await pins.within(['deep'], false, async ({ directory }) => directory.stat('f')) // A survey opens it first.
  await pins.within(['deep'], true, async (pin) => {
    await pin.directory.openFile('f', 'create')
    pin.touch()
  })
  await pins.syncAll()
  const after = await disk.crash().openRoot('/dst')
  expect(await after.list()).toContain('deep')
  expect(await (await after.openDirectory('deep')).list()).toEqual(['f'])
})

describe('a directory', () => {
  it('is opened once, name by name, and made once', async () => {
    for (let i = 0; i < 3; i++) await make('a', 'b')
    expect(done('open', 'make', 'close')).toEqual(['make a 700', 'open a', 'make a/b 700', 'open a/b'])
    for (let i = 0; i < 3; i++) await visit('d0')
    expect(done('open', 'make', 'close')).toEqual(['open d0'])
  })

  it('that is not there is none, and made only if that was asked for', async () => {
    expect(await visit('none')).toBeUndefined()
    expect(await visit('d0', 'none')).toBeUndefined()
    expect(done('make')).toEqual([])
    expect(await pins.within(['none', 'deeper'], true, async ({ directory }) => directory.label)).toBe(
      '/dst/none/deeper',
    )
  })

  it('that somebody removed is made anew', async () => {
    await make('x')
    await visitAll(0, 7) // It is open no more.
    await root.removeDirectory('x')
    expect(await visit('x')).toBeUndefined()
    done()
    expect(await pins.within(['x'], true, async ({ directory }) => directory.list())).toEqual([])
    expect(done('make', 'open')).toEqual(['open x', 'make x 700', 'open x'])
  })

  it('that cannot be opened is told as such, and keeps nothing open', async () => {
    await root.makeLink('link', 'd0')
    await expect(visit('link')).rejects.toMatchObject({ code: 'not-a-directory' })
    await expect(pins.within(['d0', 'x'], true, () => Promise.reject(new Error('act')))).rejects.toThrow('act')
    done()
    await visitAll(1, 8)
    expect(done('close')).toEqual(['close d0', 'close d0/x'])
  })

  it('that two open at once is kept once', async () => {
    await Promise.all([visit('d0'), visit('d0')])
    expect(done('open', 'close')).toEqual(['open d0', 'open d0', 'close d0'])
    await visit('d0')
    await visitAll(1, 8)
    expect(done('open', 'close').filter((line) => line.endsWith('d0'))).toEqual(['close d0'])
  })
})

describe('R24: eight are kept open', () => {
  it('those that were used last', async () => {
    await visitAll(0, 7)
    await visit('d0')
    expect(done('close')).toEqual([])
    await visit('d8')
    expect(done('close')).toEqual(['close d1'])
    await visitAll(9, 10)
    expect(done('close')).toEqual(['close d2', 'close d3'])
  })

  it('and those that are worked in, however many', async () => {
    const working = Array.from({ length: 9 }, (_, i) => worksIn(`d${i}`))
    for (const { begun } of working) await begun
    await visitAll(9, 10)
    expect(done('close')).toEqual(['close d9', 'close d10'])
    await working[3]!.end()
    expect(done('close')).toEqual(['close d3'])
    for (const { end } of working) await end()
    await visitAll(9, 11)
    expect(done('close')).toEqual(['close d0', 'close d1', 'close d2'])
  })

  it('a folder on the way as any other', async () => {
    await make('a', 'b', 'c')
    await visitAll(0, 7)
    expect(done('close')).toEqual(['close a', 'close a/b', 'close a/b/c'])
  })

  it('and all are closed in the end, but the root', async () => {
    await visitAll(0, 2)
    await pins.close()
    expect(done('close')).toEqual(['close d0', 'close d1', 'close d2'])
  })
})

describe('names that were made', () => {
  it('are synced with the directory they are in, and no other is', async () => {
    await visitAll(0, 2)
    await touch('d1')
    expect(await pins.syncAll()).toBe(true)
    await pins.syncAll()
    expect(done('sync')).toEqual(['sync d1'])
    await make('new', 'er')
    await pins.syncAll()
    expect(done('sync')).toEqual(['sync ', 'sync new'])
  })

  it('are synced before their directory is closed', async () => {
    await touch('d0')
    await visitAll(1, 8)
    expect(done('sync', 'close')).toEqual(['sync d0', 'close d0'])
  })

  it('... and another one is closed, if more were made meanwhile', async () => {
    await touch('d0')
    onSync = async () => {
      onSync = async () => true
      await touch('d0')
      return true
    }
    await visitAll(1, 8)
    expect(done('sync', 'close')).toEqual(['sync d0', 'close d1'])
    await pins.syncAll()
    expect(done('sync')).toEqual(['sync d0'])
  })

  it('... and another one is closed, if somebody works in it by then', async () => {
    await touch('d0')
    let work: ReturnType<typeof worksIn> | undefined
    onSync = async () => {
      work = worksIn('d0')
      await work.begun
      return true
    }
    await visitAll(1, 8)
    expect(done('sync', 'close')).toEqual(['sync d0', 'close d1'])
    await work!.end()
  })

  it('are on the disk when `syncAll` returns, also where a sync was under way that did not know them', async () => {
    const hold = gate()
    onSync = async () => {
      await hold.passed
      return true
    }
    await touch('d0')
    const first = pins.syncAll()
    await touch('d0')
    const second = pins.syncAll()
    await settled()
    expect(done('sync')).toEqual(['sync d0'])
    hold.open()
    await Promise.all([first, second])
    expect(done('sync')).toEqual(['sync d0'])
  })

  it('keep their directory open while they are synced, and no longer', async () => {
    const hold = gate()
    onSync = async () => {
      await hold.passed
      return true
    }
    await touch('d0')
    const syncing = pins.syncAll()
    await visitAll(1, 8)
    expect(done('close')).toEqual(['close d1'])
    hold.open()
    await syncing
    await visitAll(9, 9)
    expect(done('close')).toEqual(['close d0'])
  })

  it('of directories alone are what `syncMade` is for', async () => {
    await touch('d0')
    await pins.syncMade()
    expect(done('sync')).toEqual([])
    await make('new')
    await pins.syncMade()
    expect(done('sync')).toEqual(['sync ', 'sync d0'])
    await touch('d0')
    await pins.syncMade()
    expect(done('sync')).toEqual([])
  })

  it('R16: are not taken as durable after a sync that failed, whoever met the fault', async () => {
    const fault = new TransferError('disk-failed', { path: '/dst/d0', operation: 'sync', cause: 'EIO' })
    onSync = async (path) => {
      if (path === 'd0') throw fault
      return true
    }
    await touch('d0')
    await visitAll(1, 8) // It is closed on the way.
    await expect(pins.syncAll()).rejects.toBe(fault)
    expect(await pins.syncAll()).toBe(true)
  })

  it('R7: where directories cannot be synced that is said once', async () => {
    onSync = async () => false
    await touch('d0')
    expect([await pins.syncAll(), await pins.syncAll()]).toEqual([false, true])
    await touch('d0')
    expect(await pins.syncAll()).toBe(false)
  })

  it('are remembered of ten thousand directories: one that was forgotten is made, and synced, again', async () => {
    for (let i = 0; i < 10_000; i++) await make(`many${i}`)
    done()
    await make('many0')
    expect(done('make')).toEqual([])
    await make('one more')
    await make('many0')
    expect(done('make')).toEqual(['make one more 700', 'make many0 700'])
    await make('many0')
    expect(done('make')).toEqual([])
  })
})

describe('a directory that somebody removed', () => {
  it('is forgotten with those on the way to it, after what was made in them is synced', async () => {
    await make('a', 'b')
    await touch('a')
    done()
    await pins.forget(['a', 'b', 'c'])
    expect(done('sync', 'close')).toEqual(['sync a', 'close a', 'close a/b'])
    await make('a', 'b')
    expect(done('make', 'open')).toEqual(['make a 700', 'open a', 'make a/b 700', 'open a/b'])
  })

  it('is closed by the last who works in it', async () => {
    const [one, other] = [worksIn('d0'), worksIn('d0')]
    await Promise.all([one.begun, other.begun])
    done()
    await pins.forget(['d0'])
    await one.end()
    expect(done('close')).toEqual([])
    await other.end()
    expect(done('close')).toEqual(['close d0'])
    await visit('d0')
    expect(done('open')).toEqual(['open d0'])
  })
})
