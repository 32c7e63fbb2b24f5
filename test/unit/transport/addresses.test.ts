// How people write addresses, and which ones a ticket names.

import type { NetworkInterfaceInfo } from 'node:os'
import { describe, expect, it } from 'vitest'
import {
  formatAddress,
  isLoopback,
  ownAddresses,
  parseAddress,
  withoutMapping,
  type Interfaces,
} from '../../../src/transport/addresses.ts'

describe('parseAddress', () => {
  it.each([
    ['nas:22779', { host: 'nas', port: 22779 }],
    ['192.168.1.7:1', { host: '192.168.1.7', port: 1 }],
    ['[::1]:65535', { host: '::1', port: 65535 }],
    ['my-nas.example.org:0', { host: 'my-nas.example.org', port: 0 }],
  ])('reads %s, and formatAddress writes it back', (text, address) => {
    expect(parseAddress(text)).toEqual(address)
    expect(formatAddress(address)).toBe(text)
  })

  it('fills in the half that is missing where there is a default for it', () => {
    expect(parseAddress(':22779', { host: '' })).toEqual({ host: '', port: 22779 })
    expect(parseAddress('nas', { port: 22779 })).toEqual({ host: 'nas', port: 22779 })
    expect(parseAddress('[fd00::1]', { port: 22779 })).toEqual({ host: 'fd00::1', port: 22779 })
  })

  it.each([
    '',
    'nas',
    ':22779',
    'nas:',
    'nas:65536',
    'nas:-1',
    'nas:1e3',
    '::1',
    '::1:80',
    '[::1',
    '[nas]:80',
    '[]:80',
    'a/b:80',
    'a b:80',
    'wss://nas:80',
    'nas:80/x',
  ])('refuses "%s" with a usage error', (text) =>
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'usage' })),
  )
})

it('isLoopback knows this machine from others', () => {
  const here = ['127.0.0.1', '127.8.9.10', '::1', 'localhost', '::ffff:127.0.0.1']
  const elsewhere = ['', '0.0.0.0', '::', '128.0.0.1', '10.0.0.1', 'localhost.example', 'example', '::2']
  expect(here.filter((host) => !isLoopback(host))).toEqual([])
  expect(elsewhere.filter(isLoopback)).toEqual([])
})

it('withoutMapping shows IPv4 peers of an IPv6 socket as IPv4', () => {
  expect(withoutMapping('::ffff:192.168.1.7')).toBe('192.168.1.7')
  expect(withoutMapping('fd00::1')).toBe('fd00::1')
})

describe('ownAddresses', () => {
  const info = (address: string, family: 'IPv4' | 'IPv6', internal = false) =>
    ({ address, family, internal }) as NetworkInterfaceInfo

  it('puts reachable addresses first, loopback last, and leaves link-local and doubles out', () => {
    const interfaces: Interfaces = {
      lo: [info('127.0.0.1', 'IPv4', true), info('::1', 'IPv6', true)],
      eth0: [info('fd00::7', 'IPv6'), info('192.168.1.7', 'IPv4'), info('fe80::1', 'IPv6')],
      eth1: [info('169.254.3.4', 'IPv4'), info('192.168.1.7', 'IPv4'), info('10.0.0.1', 'IPv4')],
    }
    expect(ownAddresses(interfaces)).toEqual(['192.168.1.7', '10.0.0.1', 'fd00::7', '127.0.0.1', '::1'])
  })

  it('works on this machine', () => expect(ownAddresses()).toContain('127.0.0.1'))
})
