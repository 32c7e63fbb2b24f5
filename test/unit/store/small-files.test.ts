// Hints, the manifest file and files that are replaced whole.

import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadHash } from '../../../src/hash/xxh64.ts'
import type { Directory } from '../../../src/model/disk.ts'
import type { Hash64 } from '../../../src/model/hash.ts'
import { openHints, readHints, type Hint } from '../../../src/store/hints.ts'
import { createManifest, openManifest } from '../../../src/store/manifest-file.ts'
import { MemoryDisk } from '../../../src/store/memory-disk.ts'
import { readFile, replaceFile } from '../../../src/store/whole-file.ts'
import { TransferError } from '../../../src/errors.ts'
import { expectCode } from '../../conformance/disk-suite.ts'
import { overridden } from '../../support/overridden.ts'

let hash: Hash64
beforeAll(async () => void (hash = await loadHash()))

const hint = (chunk: number): Hint => ({
  entry: 2 ** 22,
  revision: 0xfe01,
  chunk,
  hash: 0xf102_0304_0506_0708n,
  isHole: chunk % 2 === 1,
})
const hintsIn = async (directory: Directory): Promise<Hint[]> => {
  const hints: Hint[] = []
  for await (const it of readHints(directory, { hash })) hints.push(it)
  return hints
}
const fresh = async () => {
  const disk = new MemoryDisk()
  return { disk, directory: await disk.openRoot('/s') }
}

describe('hints', () => {
  it('are read in the order of their notes, flushed ones only', async () => {
    const { directory } = await fresh()
    expect(await hintsIn(directory)).toEqual([])
    const hints = await openHints(directory, { hash })
    hints.note(hint(0))
    await hints.flush()
    hints.note(hint(2 ** 32 - 1))
    await hints.flush()
    hints.note(hint(7))
    expect(await hintsIn(directory)).toEqual([hint(0), hint(2 ** 32 - 1)])
    await hints.close()
    const again = await openHints(directory, { hash })
    again.note(hint(3))
    await again.flush()
    expect(await hintsIn(directory)).toEqual([hint(0), hint(2 ** 32 - 1), hint(3)])
  })

  it('that are on their way when the file is closed or emptied come first', async () => {
    const { directory } = await fresh()
    const hints = await openHints(directory, { hash })
    hints.note(hint(1))
    const flushed = hints.flush()
    const emptied = hints.reset([hint(2)])
    await Promise.all([flushed, emptied, hints.flush(), hints.close()])
    expect(await hintsIn(directory)).toEqual([hint(2)])
  })

  it('that could not be written are written with the next ones, at the same place', async () => {
    const { directory } = await fresh()
    let isFull = true
    const openFile: typeof directory.openFile = async (name, mode) => {
      const file = await directory.openFile(name, mode)
      const write: typeof file.write = async (bytes, position) => {
        if (isFull) throw new TransferError('disk-full', { path: name, neededBytes: 0, freeBytes: 0 })
        return file.write(bytes, position)
      }
      return overridden(file, { write })
    }
    const hints = await openHints(overridden(directory, { openFile }), { hash })
    hints.note(hint(1))
    await expectCode('disk-full', hints.flush())
    isFull = false
    hints.note(hint(2))
    await hints.flush()
    expect(await hintsIn(directory)).toEqual([hint(1), hint(2)])
  })

  it('that cannot be opened say why', async () => {
    const { directory } = await fresh()
    await directory.makeDirectory('hints', 0o700)
    await expectCode('not-a-file', openHints(directory, { hash }))
  })

  it('are forgotten by a reset, but those it keeps', async () => {
    const { directory } = await fresh()
    const hints = await openHints(directory, { hash })
    for (const chunk of [1, 2, 3]) hints.note(hint(chunk))
    await hints.flush()
    hints.note(hint(4))
    await hints.reset([hint(3)])
    expect(await hintsIn(directory)).toEqual([])
    await hints.flush()
    expect(await hintsIn(directory)).toEqual([hint(3)])
  })

  it('R115: pass over whatever is torn or flipped, and never give a hint that was not noted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(200), fc.nat(199), fc.integer({ min: 1, max: 255 }), async (length, at, flip) => {
        const { directory } = await fresh()
        const hints = await openHints(directory, { hash })
        const noted = [0, 1, 2, 3, 4, 5].map(hint)
        noted.forEach((each) => hints.note(each))
        await hints.flush()
        const file = await directory.openFile('hints', 'update')
        const byte = new Uint8Array(1)
        await file.read(byte, at % 192)
        await file.write(Uint8Array.of(byte[0]! ^ flip), at % 192)
        await file.truncate(length)
        const expected = noted.filter((_, i) => (i + 1) * 32 <= length && i !== Math.floor((at % 192) / 32))
        expect(await hintsIn(directory)).toEqual(expected)
      }),
    )
  })
})

describe('the manifest file', () => {
  it('gives back each text by the place it was told', async () => {
    const { directory } = await fresh()
    await createManifest(directory)
    const manifest = await openManifest(directory)
    const texts = ['["ä"]', '', 'x'.repeat(100_000)]
    const places = await Promise.all(texts.map((text) => manifest.append(text)))
    await manifest.sync()
    await manifest.close()
    const again = await openManifest(directory)
    for (const [i, { offset, length }] of places.entries()) expect(await again.read(offset, length)).toBe(texts[i])
    await again.truncate(places[1]!.offset)
    expect(await again.append('next')).toEqual({ offset: places[1]!.offset, length: 4 })
    await expectCode('disk-failed', again.read(places[2]!.offset, 100))
    await expectCode('disk-failed', again.read(0, 2 ** 40))
  })

  it('puts the next page in the place of one that found no room', async () => {
    const { disk, directory } = await fresh()
    await createManifest(directory)
    const manifest = await openManifest(directory)
    await manifest.append('first')
    disk.failNext('write', 'ENOSPC')
    await expectCode('disk-full', manifest.append('second'))
    expect(await manifest.append('third')).toEqual({ offset: 5, length: 5 })
  })
})

describe('a file that is replaced whole', () => {
  it('is old or new, whatever step the power is cut at', async () => {
    for (let step = 0; ; step++) {
      const { disk, directory } = await fresh()
      await replaceFile(directory, 'a', Buffer.from('old'))
      disk.cutPowerAfter(step)
      const isDone = await replaceFile(directory, 'a', Buffer.from('new')).then(
        () => true,
        () => false,
      )
      for (const random of [undefined, () => 0.1]) {
        const after = await disk.crash(random).openRoot('/s')
        const text = Buffer.from((await readFile(after, 'a', 10))!).toString()
        expect(isDone ? ['new'] : ['old', 'new']).toContain(text)
        await replaceFile(after, 'a', Buffer.from('again'))
      }
      if (isDone) break
    }
  })

  it('has a bound', async () => {
    const { directory } = await fresh()
    await replaceFile(directory, 'a', new Uint8Array(11))
    await expectCode('limit', readFile(directory, 'a', 10))
    expect(await readFile(directory, 'b', 10)).toBeUndefined()
  })
})
