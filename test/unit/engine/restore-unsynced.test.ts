// What a crash may leave where nothing was synced, and what then becomes of it.

import { describe, expect, it } from 'vitest'
import { fileDigest } from '../../../src/hash/xxh64.ts'
import type { IntentFile, JournalRecord } from '../../../src/model/records.ts'
import type { Shape } from '../../../src/model/session.ts'
import { openJournal } from '../../../src/store/journal.ts'

import { hash, chunkBytes, tools, content, hashes, Scene } from '../../support/restored.ts'

describe('R20: with --durability none', () => {
  const level = { durability: 'none' } as const
  const size = 6 * chunkBytes
  const digest = fileDigest(hashes(0, 6), size, hash)
  const outcome: JournalRecord = {
    kind: 'outcome',
    serial: 1,
    outcomes: [{ entry: 0, outcome: 'delivered', bytes: size, digest }],
  }
  const other = content(6).fill(9, size - 1)

  async function placed(bytes: Uint8Array | undefined, given: Pick<Shape, 'durability'> = level): Promise<Scene> {
    const scene = await Scene.with([outcome], undefined, [], undefined, given)
    if (bytes === undefined) return scene
    const file = await (await scene.disk.openRoot('/dst')).openFile('a', 'create')
    await file.write(bytes, 0)
    return scene
  }

  it('a file in its place is read again, and is delivered if it is what it was', async () => {
    expect(await (await placed(content(6))).restore()).toMatchObject({ outcome: 'delivered', bytesBad: 0 })
  })

  it.each([
    ['shorter', content(5)],
    ['of the same size, with other bytes', other],
    ['empty', new Uint8Array(0)],
  ])('one that is %s has failed, for good, and is left as it is', async (_, bytes) => {
    const scene = await placed(bytes)
    for (const bytesBad of [size, 0]) expect(await scene.restore()).toMatchObject({ outcome: 'failed', bytesBad })
    const file = await (await scene.disk.openRoot('/dst')).openFile('a', 'read')
    const found = new Uint8Array(bytes.length)
    await file.read(found, 0)
    expect([(await file.stat()).size, found]).toEqual([bytes.length, Uint8Array.from(bytes)])
  })

  it('one that is gone is wanted again, now and ever after', async () => {
    const scene = await placed(undefined)
    expect(await scene.restore()).toMatchObject({ outcome: undefined, bytesBad: size })
    expect(await scene.restore()).toMatchObject({ outcome: undefined, bytesBad: 0 })
  })

  it.each([{}, { durability: 'file' }] as const)(
    'and with no other level (%o): there the record stands for it',
    async (given) => {
      expect(await (await placed(other, given)).restore()).toMatchObject({ outcome: 'delivered', bytesBad: 0 })
    },
  )

  describe('a publish that was cut short', () => {
    async function intended(bytes: Uint8Array): Promise<Scene> {
      const scene = await Scene.with([], undefined, [], undefined, level)
      const { directory, parts } = await scene.open()
      await parts.write(0, 0, bytes)
      await parts.finish(0, { mode: 0o644, mtimeUs: 1_000, size })
      const file: IntentFile = {
        entry: 0,
        revision: 0,
        digest,
        size,
        mtimeUs: 1_000,
        inode: await scene.inodeOf(),
        target: 'a',
        method: 'link',
        outcome: 'delivered',
      }
      const { journal } = await openJournal(directory, tools)
      await journal.commit([{ kind: 'intent', files: [file] }])
      await journal.close()
      return scene
    }

    const publish = async (scene: Scene): Promise<void> => {
      const { target, parts } = await scene.open()
      await target.publish(parts.directory, '0', ['a'], 'a', 'link')
    }

    it.each([
      ['whole', content(6), 'delivered'],
      ['torn', other, undefined],
    ])('before the name was there, of a part that is %s', async (_, bytes, became) => {
      const scene = await intended(bytes)
      expect((await scene.restore()).outcome).toBe(became)
      const there = await (await scene.disk.openRoot('/dst')).stat('a')
      expect(there?.size).toBe(became === undefined ? undefined : size)
    })

    it.each([
      ['whole', content(6), 'delivered'],
      ['torn', other, 'failed'],
    ])('behind it, of a file that is %s', async (_, bytes, became) => {
      const scene = await intended(bytes)
      await publish(scene)
      expect((await scene.restore()).outcome).toBe(became)
      expect((await scene.restore()).outcome).toBe(became)
    })
  })
})
