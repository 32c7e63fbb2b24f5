import { describe, expect, it } from 'vitest'
import type { Stat } from '../../../src/model/disk.ts'
import { Fingerprints } from '../../../src/model/fingerprints.ts'
import { fingerprintOf, isSameVersion, modeOf, mtimeUsOf } from '../../../src/source/fingerprint.ts'

const stat: Stat = {
  kind: 'file',
  size: 5,
  mode: 0o7654,
  mtimeNs: 1_700_000_000_123_456_789n,
  ctimeNs: 1_700_000_000_987_654_321n,
  inode: 2n ** 60n + 1n,
  device: 1n,
  owner: 0,
  allocatedBytes: 4096,
  links: 1,
}

describe('R51: a version', () => {
  it.each<[string, Partial<Stat>]>([
    ['size', { size: 6 }],
    ['modification time', { mtimeNs: stat.mtimeNs + 1n }],
    ['change time, which touch -r does not reach', { ctimeNs: stat.ctimeNs + 1n }],
    ['inode', { inode: stat.inode + 1n }],
  ])('is another one with another %s', (_, change) => {
    expect(isSameVersion(fingerprintOf(stat), fingerprintOf(stat))).toBe(true)
    expect(isSameVersion(fingerprintOf(stat), fingerprintOf({ ...stat, ...change }))).toBe(false)
  })

  it('is the same whoever owns it, wherever its disk is mounted', () => {
    const elsewhere = { ...stat, device: 2n, owner: 7, allocatedBytes: 0 }
    expect(isSameVersion(fingerprintOf(stat), fingerprintOf(elsewhere))).toBe(true)
  })
})

it.each([
  [1_999n, 1],
  [1_000n, 1],
  [999n, 0],
  [0n, 0],
  [-1n, -1],
  [-1_000n, -1],
  [-1_001n, -2],
])('%i ns are %i us', (mtimeNs, us) => {
  expect(mtimeUsOf({ ...stat, mtimeNs })).toBe(us)
})

describe('a time that no message can say', () => {
  const second = 1_000_000_000n
  it.each([
    [16_725_225_600n * second, 9_007_199_254_000_000],
    [2n ** 63n * second, 9_007_199_254_000_000],
    [-11_676_096_000n * second, -9_007_199_254_000_000],
  ])('%i ns are the nearest one that can be said', (mtimeNs, us) => {
    expect(mtimeUsOf({ mtimeNs })).toBe(us)
    expect(mtimeUsOf(fingerprintOf({ ...stat, mtimeNs }))).toBe(us)
  })

  it('is the same version as long as it is kept in columns, and its change time tells it from others', () => {
    const far = { ...stat, mtimeNs: 16_725_225_600n * second }
    const kept = new Fingerprints([fingerprintOf(far)]).at(0)!
    expect(isSameVersion(far, kept)).toBe(true)
    expect(isSameVersion({ ...far, ctimeNs: far.ctimeNs + 1n }, kept)).toBe(false)
    expect(isSameVersion(stat, kept)).toBe(false)
  })
})

it('R56: setuid, setgid and sticky are never sent', () => {
  expect(modeOf(stat)).toBe(0o654)
})
