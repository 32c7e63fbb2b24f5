import { describe, expect, it } from 'vitest'
import { networkOf } from '../../../src/transport/addresses.ts'
import { FailedProofs } from '../../../src/transport/failed-proofs.ts'

describe('R87: failed proofs', () => {
  it('are counted by network, and forgiven as time goes by', () => {
    let now = 0
    const failures = new FailedProofs(20, () => now)
    for (let i = 0; i < 20; i++) {
      expect(failures.areTooMany('192.0.2.1')).toBe(false)
      failures.note('192.0.2.1')
    }
    expect(failures.areTooMany('192.0.2.1')).toBe(true)
    expect(failures.areTooMany('192.0.2.2')).toBe(false)
    now += 3_000 // One of twenty a minute.
    expect(failures.areTooMany('192.0.2.1')).toBe(false)
    failures.note('192.0.2.1')
    expect(failures.areTooMany('192.0.2.1')).toBe(true)
  })

  it('are remembered of a bounded number of networks, the latest', () => {
    const failures = new FailedProofs(1, () => 0)
    for (let i = 0; i < 10_000; i++) failures.note(`network ${i}`)
    expect(failures.areTooMany('network 0')).toBe(false)
    expect(failures.areTooMany('network 9999')).toBe(true)
  })
})

describe('a network', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['', ''],
    ['gone', ''],
  ])('of %j is %j', (address, network) => {
    expect(networkOf(address)).toBe(network)
  })
})
