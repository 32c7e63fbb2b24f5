import { describe, expect, it } from 'vitest'
import { Part } from '../../../src/core/part.ts'

const chunkBytes = 10

/** A file of four chunks, the last of which has 5 bytes. */
const partOf = (): Part => new Part(7, 2, 35, chunkBytes)

describe('a part', () => {
  it('is complete when each chunk is held and none is being written', () => {
    const part = partOf()
    for (let chunk = 0; chunk < 3; chunk++) part.hold(chunk, 1n, false)
    expect(part.isComplete).toBe(false)
    part.hold(3, 1n, false)
    expect(part.isComplete).toBe(true)
    part.writing.add(2)
    expect(part.isComplete).toBe(false)
  })

  it('counts how often a chunk came damaged, each for itself', () => {
    const part = partOf()
    expect([part.damaged(1), part.damaged(2), part.damaged(1), part.damaged(1)]).toEqual([1, 1, 2, 3])
  })

  it('R28: may have a hole only where nobody ever wrote', () => {
    const part = partOf()
    expect([0, 1].map((chunk) => part.isFresh(chunk))).toEqual([true, true])
    part.damaged(1)
    expect([0, 1].map((chunk) => part.isFresh(chunk))).toEqual([true, false])
    part.restored()
    expect(part.isFresh(0)).toBe(false)
    expect(partOf().revised(3, 35, chunkBytes, []).isFresh(0)).toBe(false)
  })

  it('knows a hole until bytes come in its place, and then no more', () => {
    const part = partOf()
    part.hold(1, 0n, true)
    expect(part.holes.runs()).toEqual([[1, 1]])
    part.hold(1, 5n, false)
    expect(part.holes.runs()).toEqual([])
    expect(part.hashes[1]).toBe(5n)
  })

  it('takes what its journal vouches for as held and durable', () => {
    const part = partOf()
    part.restore(2, BigUint64Array.of(9n), true)
    expect([part.held, part.durable, part.holes].map((set) => set.runs())).toEqual([[[2, 1]], [[2, 1]], [[2, 1]]])
    expect(part.hashes[2]).toBe(9n)
  })

  it('takes neighbours together, the later word for each, and nothing behind the end of the file', () => {
    const part = partOf()
    part.restore(0, BigUint64Array.of(1n, 2n, 3n), true)
    part.restore(1, BigUint64Array.of(12n, 13n, 14n, 15n, 16n), false)
    part.restore(6, BigUint64Array.of(17n), true)
    expect([...part.hashes]).toEqual([1n, 12n, 13n, 14n])
    expect([part.held, part.durable, part.holes].map((set) => set.runs())).toEqual([[[0, 4]], [[0, 4]], [[0, 1]]])
  })

  it('counts a last chunk that is shorter as what it is, held or durable', () => {
    const part = partOf()
    part.restore(0, BigUint64Array.of(1n), false)
    part.hold(1, 1n, false)
    expect([part.durableBytes(chunkBytes), part.heldBytes(chunkBytes)]).toEqual([10, 20])
    part.hold(3, 1n, false)
    expect([part.durableBytes(chunkBytes), part.heldBytes(chunkBytes)]).toEqual([10, 25])
    part.durable.add(3)
    expect(part.durableBytes(chunkBytes)).toBe(15)
  })
})

describe('a part in its next revision', () => {
  function revised(size = 35) {
    const part = partOf()
    part.restore(0, BigUint64Array.of(10n), false)
    part.restore(1, BigUint64Array.of(11n), true)
    part.hold(3, 13n, false)
    return part.revised(3, size, chunkBytes, [
      [1, 1],
      [2, 9],
    ])
  }

  it('keeps what is held of what it may keep: hash, hole and durability', () => {
    const next = revised()
    expect(next).toMatchObject({ entry: 7, revision: 3, size: 35, chunks: 4 })
    expect(next.held.runs()).toEqual([
      [1, 1],
      [3, 1],
    ])
    expect(next.durable.runs()).toEqual([[1, 1]])
    expect(next.holes.runs()).toEqual([[1, 1]])
    expect([...next.hashes]).toEqual([0n, 11n, 0n, 13n])
  })

  it('keeps nothing behind its new end', () => {
    const next = revised(15)
    expect(next).toMatchObject({ size: 15, chunks: 2 })
    expect(next.held.runs()).toEqual([[1, 1]])
  })
})
