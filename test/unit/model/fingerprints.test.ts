import { describe, expect, it } from 'vitest'
import { Fingerprints } from '../../../src/model/fingerprints.ts'
import { memoryKept } from '../../support/memory-kept.ts'

const near = 2n ** 32n - 1n
const far = near + 1n

describe('fingerprints in columns', () => {
  it('come out as they went in, whatever a disk can say', () => {
    const least = { size: 0, mtimeNs: -(2n ** 63n), ctimeNs: -1n, inode: 0n }
    const most = { size: 2 ** 52, mtimeNs: 2n ** 63n - 1n, ctimeNs: 0n, inode: 2n ** 64n - 1n }
    const list = [least, null, most]
    const columns = new Fingerprints(list)
    expect(list.map((_, i) => columns.at(i))).toEqual(list)
    const asText = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)
    expect(JSON.stringify(columns)).toBe(JSON.stringify(list, asText))
    expect(columns).not.toEqual(new Fingerprints([least, null, { ...most, inode: 1n }])) // Or no test would see a difference.
  })

  it.each([
    ['as far apart as four bytes can say', near],
    ['one further apart', far],
  ])('come out as they went in, %s', (_, span) => {
    const least = { size: 1, mtimeNs: -5n, ctimeNs: 2n ** 60n, inode: 7n }
    const most = { size: 2, mtimeNs: least.mtimeNs + span, ctimeNs: least.ctimeNs + span, inode: least.inode + span }
    const list = [null, most, least, null, most]
    expect([...new Fingerprints(list)]).toEqual(list)
  })

  it.each([
    ['20 where all are as close together as four bytes can say', near, near, 20],
    ['4 more where one kind of number is further apart', near, far, 24],
    ['32 where all are', far, far, 32],
  ])('take so many bytes an entry: %s', (_, ofTimes, ofInodes, bytes) => {
    const most = { size: 1, mtimeNs: 2n ** 60n, ctimeNs: 2n ** 60n, inode: 2n ** 40n }
    const least = {
      size: 1,
      mtimeNs: most.mtimeNs - ofTimes,
      ctimeNs: most.ctimeNs - ofTimes,
      inode: most.inode - ofInodes,
    }
    const list = [least, ...Array.from({ length: 19_999 }, () => most)]
    expect(memoryKept(() => new Fingerprints(list)).columns / list.length).toBeCloseTo(bytes)
  })
})
