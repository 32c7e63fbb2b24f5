import { describe, expect, it } from 'vitest'
import { networkOf } from '../../../src/transport/addresses.ts'
import { FailedProofs } from '../../../src/transport/failed-proofs.ts'

const who = '192.0.2.1'
const other = '192.0.2.2'
const key = 't.of somebody'

/** One who fails `times` times at a key, each of them allowed. */
function fail(failures: FailedProofs, network: string, identity: string, times: number): void {
  for (let i = 0; i < times; i++) failures.note(network, identity, !failures.isClosed(network, identity))
}

describe('R87: failed proofs', () => {
  it('are counted by network, and forgiven as time goes by', () => {
    let now = 0
    const failures = new FailedProofs({ perNetworkMax: 20, perIdentityMax: 5 }, () => now)
    for (let i = 0; i < 20; i++) {
      expect(failures.areTooMany(who)).toBe(false)
      fail(failures, who, `key ${i}`, 1)
    }
    expect(failures.areTooMany(who)).toBe(true)
    expect(failures.areTooMany(other)).toBe(false)
    now += 3_000 // One of twenty a minute.
    expect(failures.areTooMany(who)).toBe(false)
    fail(failures, who, 'key', 1)
    expect(failures.areTooMany(who)).toBe(true)
  })

  it('are counted by key, which is closed to those who failed it and to nobody else', () => {
    let now = 0
    const failures = new FailedProofs({ perNetworkMax: 20, perIdentityMax: 5 }, () => now)
    for (let i = 0; i < 5; i++) {
      expect(failures.isClosed(who, key)).toBe(false)
      fail(failures, i < 4 ? who : other, key, 1)
    }
    expect([who, other, '192.0.2.3'].map((network) => failures.isClosed(network, key))).toEqual([true, true, false])
    expect(failures.isClosed(who, 'another key')).toBe(false)
    now += 12_000 // One of five a minute.
    expect(failures.isClosed(who, key)).toBe(false)
  })

  it('do not count for a key while it is closed: knocking on keeps it closed no longer', () => {
    let now = 0
    const failures = new FailedProofs({ perNetworkMax: 100, perIdentityMax: 5 }, () => now)
    fail(failures, who, key, 50)
    expect(failures.isClosed(who, key)).toBe(true)
    now += 12_000
    expect(failures.isClosed(who, key)).toBe(false)
    expect(failures.areTooMany(who)).toBe(false)
    fail(failures, who, 'key', 71)
    expect(failures.areTooMany(who)).toBe(true)
  })

  it('are remembered of a bounded number of networks, the latest', () => {
    const failures = new FailedProofs({ perNetworkMax: 1, perIdentityMax: 1 }, () => 0)
    for (let i = 0; i < 10_000; i++) fail(failures, `network ${i}`, `key ${i}`, 1)
    expect(failures.areTooMany('network 0')).toBe(false)
    expect(failures.areTooMany('network 9999')).toBe(true)
    expect(failures.isClosed('network 0', 'key 0')).toBe(false)
    expect(failures.isClosed('network 9999', 'key 9999')).toBe(true)
    const [latest, forgotten] = [10_000 - 4_096, 10_000 - 4_097].map((number) => `network ${number}`)
    expect([failures.areTooMany(latest!), failures.areTooMany(forgotten!)]).toEqual([true, false])
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
