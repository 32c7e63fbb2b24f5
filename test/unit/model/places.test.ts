// Chunks of files, and sets of them compared with a plain Set.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChunkSet, chunkCount, chunkLength, placeRuns, type Run } from '../../../src/model/places.ts'

const MiB = 2 ** 20

describe('chunks of a file', () => {
  it.each([
    [0, 1],
    [1, 1],
    [MiB, 1],
    [MiB + 1, 2],
    [2 ** 32, 4096],
    [2 ** 32 + 1, 4097],
    [2 ** 52, 2 ** 32],
  ])('R57: %i bytes are %i', (size, chunks) => {
    expect(chunkCount(size, MiB)).toBe(chunks)
  })

  it('R57: their lengths add up to the size, and only the last may be short', () => {
    fc.assert(
      fc.property(fc.nat(5000), fc.integer({ min: 1, max: 700 }), (size, chunkBytes) => {
        const lengths = Array.from({ length: chunkCount(size, chunkBytes) }, (_, i) => chunkLength(size, chunkBytes, i))
        expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(size)
        expect(lengths.slice(0, -1).every((length) => length === chunkBytes)).toBe(true)
        expect(chunkLength(size, chunkBytes, lengths.length)).toBe(0)
      }),
    )
  })
})

describe('a set of chunks', () => {
  type Step = { readonly does: 'add' | 'remove' | 'addRun'; readonly at: number; readonly count: number }
  const sizes = fc.constantFrom(1, 2, 31, 32, 33, 63, 64, 65, 200)
  const steps = fc.array(
    fc.record({
      does: fc.constantFrom('add' as const, 'remove' as const, 'addRun' as const),
      at: fc.nat(199),
      count: fc.integer({ min: 1, max: 70 }),
    }),
    { maxLength: 12 },
  )

  it('does what a plain Set does', () => {
    fc.assert(
      fc.property(sizes, steps, (size, list) => {
        const set = new ChunkSet(size)
        const plain = new Set<number>()
        for (const step of list) {
          apply(set, plain, step, size)
          compare(set, plain, size)
        }
      }),
      { numRuns: 400 },
    )
  })

  it('is compared with another one as plain Sets are', () => {
    fc.assert(
      fc.property(sizes, steps, steps, (size, list, others) => {
        const [[set, plain], [other, otherPlain]] = [list, others].map((all) => {
          const pair = [new ChunkSet(size), new Set<number>()] as const
          for (const step of all) apply(...pair, step, size)
          return pair
        }) as [readonly [ChunkSet, Set<number>], readonly [ChunkSet, Set<number>]]
        const rest = new Set([...plain].filter((chunk) => !otherPlain.has(chunk)))
        expect(set.exceeds(other)).toBe(rest.size > 0)
        compare(set.without(other), rest, size)
      }),
    )
  })

  it('comes back from its runs', () => {
    fc.assert(
      fc.property(sizes, steps, (size, list) => {
        const set = new ChunkSet(size)
        for (const step of list) apply(set, new Set(), step, size)
        expect(ChunkSet.of(size, set.runs()).runs()).toEqual(set.runs())
      }),
    )
  })

  it('of no chunks is full', () => {
    expect(new ChunkSet(0)).toMatchObject({ isFull: true, count: 0 })
    expect(new ChunkSet(0).nextMissing(0)).toBe(0)
  })

  function apply(set: ChunkSet, plain: Set<number>, { does, at, count }: Step, size: number): void {
    const first = at % size
    const chunks = Array.from({ length: Math.min(count, size - first) }, (_, i) => first + i)
    if (does === 'add') {
      const isNew = !set.has(first)
      plain.add(first)
      expect(set.add(first)).toBe(isNew)
    } else if (does === 'remove') {
      const wasThere = set.has(first)
      plain.delete(first)
      expect(set.remove(first)).toBe(wasThere)
    } else {
      chunks.forEach((chunk) => plain.add(chunk))
      set.addRun(first, chunks.length)
    }
  }

  function compare(set: ChunkSet, plain: ReadonlySet<number>, size: number): void {
    const all = Array.from({ length: size }, (_, chunk) => chunk)
    expect(all.filter((chunk) => set.has(chunk))).toEqual(all.filter((chunk) => plain.has(chunk)))
    expect(set.count).toBe(plain.size)
    expect(set.isFull).toBe(plain.size === size)
    for (const from of [0, 1, 31, 32, size - 1, size])
      expect(set.nextMissing(from)).toBe(all.find((chunk) => chunk >= from && !plain.has(chunk)) ?? size)
    const runs = set.runs()
    expect(runs.flatMap(([first, count]) => all.slice(first, first + count))).toEqual(all.filter((c) => plain.has(c)))
    expect(runs.every(([first], i) => i === 0 || first > end(runs[i - 1]!))).toBe(true)
  }

  const end = ([first, count]: Run) => first + count
})

describe('runs of places', () => {
  const place = fc.record({ entry: fc.nat(3), revision: fc.nat(1), chunk: fc.nat(12) })
  const places = fc.uniqueArray(place, { selector: ({ entry, revision, chunk }) => `${entry} ${revision} ${chunk}` })

  it('name each place once, in order, and leave the list as it was', () => {
    fc.assert(
      fc.property(places, (list) => {
        const before = structuredClone(list)
        const runs = placeRuns(list)
        const named = runs.flatMap(({ entry, revision, first, count }) =>
          Array.from({ length: count }, (_, i) => ({ entry, revision, chunk: first + i })),
        )
        const inOrder = list.toSorted((a, b) => a.entry - b.entry || a.revision - b.revision || a.chunk - b.chunk)
        expect(named).toEqual(inOrder.map((value) => ({ ...value })))
        expect(list).toEqual(before)
      }),
    )
  })

  it('are as few as can be', () => {
    const at = (entry: number, revision: number, chunk: number) => ({ entry, revision, chunk })
    expect(placeRuns([at(1, 0, 2), at(0, 0, 1), at(1, 0, 1), at(1, 1, 3), at(1, 0, 4)])).toEqual([
      { entry: 0, revision: 0, first: 1, count: 1 },
      { entry: 1, revision: 0, first: 1, count: 2 },
      { entry: 1, revision: 0, first: 4, count: 1 },
      { entry: 1, revision: 1, first: 3, count: 1 },
    ])
  })
})
