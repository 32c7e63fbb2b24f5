import { describe, expect, it } from 'vitest'
import { Fingerprints } from '../../../src/model/fingerprints.ts'

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
    ['as far apart as four bytes can say', 2n ** 32n - 1n],
    ['one further apart', 2n ** 32n],
  ])('come out as they went in, %s', (_, span) => {
    const near = { size: 1, mtimeNs: -5n, ctimeNs: 2n ** 60n, inode: 7n }
    const far = { size: 2, mtimeNs: near.mtimeNs + span, ctimeNs: near.ctimeNs + span, inode: near.inode + span }
    const list = [null, far, near, null, far]
    expect([...new Fingerprints(list)]).toEqual(list)
  })
})
