// Tickets: what goes in comes out, and a damaged text is found out offline, with a reason that gives nothing away.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasCode } from '../../../src/errors.ts'
import { encodeBase64 } from '../../../src/model/base64.ts'
import {
  crc32,
  decodeTicket,
  encodeTicket,
  isByCertificate,
  isTicketAddress,
  isTicketText,
  type Ticket,
  type Trust,
} from '../../../src/model/ticket.ts'
import { hex, record } from '../../support/arbitrary.ts'
import { goldenTicket } from '../../support/golden-frames.ts'

const host = fc.oneof(
  fc.ipV4(),
  fc.ipV6().map((address) => `[${address}]`),
  fc.domain(),
  fc.constant('nas'),
)
const ticket: fc.Arbitrary<Ticket> = record({
  id: hex(32),
  secret: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  addresses: fc.array(
    fc
      .tuple(host, fc.integer({ min: 1, max: 65_535 }), fc.constantFrom('', '/', '/drop', '/a/b-c_d.e~'))
      .map(([name, port, path]) => `${name}:${port}${path}`),
    { minLength: 1, maxLength: 16 },
  ),
  role: fc.constantFrom('sender', 'receiver', 'both'),
  expiresAt: fc.nat(2 ** 40 - 1).map((seconds) => seconds * 1000),
  uses: fc.constantFrom(1, 'many'),
  tls: fc.oneof(
    fc.constantFrom('psk', 'plain', 'public', 'proxied'),
    hex(64).map((pin) => `pin:${pin}`),
  ),
}).filter(({ addresses }) => addresses.every(isTicketAddress)) as fc.Arbitrary<Ticket>

const text = encodeTicket(goldenTicket)
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Why the text is refused; anything but `ticket-damaged` fails the test. */
function why(damaged: string): string {
  try {
    decodeTicket(damaged)
    return 'accepted'
  } catch (error) {
    if (!hasCode(error, 'ticket-damaged')) throw error
    return error.details.why
  }
}

/** A ticket with its bytes changed and its checksum made right again. */
function forged(change: (bytes: number[]) => void): string {
  const bytes = [...Buffer.from(text.slice('carryon1:'.length), 'base64url')].slice(0, -4)
  change(bytes)
  const sum = crc32(Uint8Array.from(bytes))
  const all = [...bytes, sum & 255, (sum >>> 8) & 255, (sum >>> 16) & 255, sum >>> 24]
  return `carryon1:${encodeBase64(Uint8Array.from(all), 'url')}`
}

describe('round trip', () => {
  it('any ticket comes back, with white space around it or not', () => {
    fc.assert(
      fc.property(ticket, (sent) => {
        expect(decodeTicket(encodeTicket(sent))).toStrictEqual(sent)
        expect(decodeTicket(`\n  ${encodeTicket(sent)}\r\n`)).toStrictEqual(sent)
      }),
    )
  })

  it('is one word of letters, digits, - and _', () => {
    expect(text).toMatch(/^carryon1:[A-Za-z0-9_-]+$/)
  })

  it('expires in whole seconds, never earlier than asked', () => {
    expect(decodeTicket(encodeTicket({ ...goldenTicket, expiresAt: 1_000_000_001 })).expiresAt).toBe(1_000_001_000)
  })
})

describe('a ticket at its limits', () => {
  const address = `${'a'.repeat(247)}:65535/`

  it('holds 16 addresses of 255 characters, and time from its first second to its last', () => {
    const largest = {
      ...goldenTicket,
      addresses: Array<string>(16).fill(`${address}x`),
      expiresAt: 2 ** 40 * 1000 - 1000,
    }
    expect(`${address}x`).toHaveLength(255)
    for (const ticket of [largest, { ...largest, expiresAt: 0 }])
      expect(decodeTicket(encodeTicket(ticket))).toStrictEqual(ticket)
    expect([`${address}xy`, 'a:65536', 'a:0', 'a'].map(isTicketAddress)).toEqual([false, false, false, false])
  })

  it.each<readonly [string, Partial<Ticket>]>([
    ['a ticket has no whole id and secret', { id: `${goldenTicket.id}0` }],
    ['a ticket has no whole id and secret', { id: `x${goldenTicket.id}` }],
    ['a ticket has no whole id and secret', { secret: new Uint8Array(31) }],
    ['a ticket has too few or too many addresses', { addresses: [] }],
    ['a ticket has too few or too many addresses', { addresses: Array<string>(17).fill('a:1') }],
    ['a ticket has an address nobody can dial', { addresses: ['a:1', 'a'] }],
    ['a ticket says nothing of how it is proved', { tls: 'pin:' }],
    ['a ticket says nothing of how it is proved', { tls: 'xpsk' as Trust }],
    ['a ticket says nothing of how it is proved', { tls: `pin:${'0'.repeat(65)}` }],
    ['a ticket expires outside of what it can say', { expiresAt: 2 ** 40 * 1000 }],
    ['a ticket expires outside of what it can say', { expiresAt: -1000 }],
  ])('is a bug of ours beyond them: %s (%j)', (bug, over) => {
    expect(() => encodeTicket({ ...goldenTicket, ...over })).toThrow(bug)
  })
})

describe('a text', () => {
  it('means to be a ticket if it begins as one of any version does', () => {
    const tickets = ['carryon1:', ' carryon1:AA\n', 'carryon9999:x']
    const others = ['', 'nas:carryon1:', 'carryon:', 'carryonx:', 'carryon12345:', 'Carryon1:', 'carryon1']
    expect(tickets.map(isTicketText)).toEqual([true, true, true])
    expect(others.map(isTicketText)).toEqual(others.map(() => false))
  })
})

it('a certificate is shown where the ticket pins one, goes by its name, or by that of a proxy', () => {
  const trusts: readonly Trust[] = ['psk', 'plain', `pin:${'0'.repeat(64)}`, 'public', 'proxied']
  expect(trusts.map(isByCertificate)).toEqual([false, false, true, true, true])
})

describe('R85: a typo is found offline', () => {
  it('any single letter changed', () => {
    for (let i = 'carryon1:'.length; i < text.length; i++)
      for (const letter of letters)
        if (letter !== text[i])
          expect(why(text.slice(0, i) + letter + text.slice(i + 1)), `${i} ${letter}`).not.toBe('accepted')
  })

  it('any letter missing, any two swapped, any doubled, any length cut', () => {
    for (let i = 0; i < text.length; i++) {
      expect(why(text.slice(0, i) + text.slice(i + 1)), `without ${i}`).not.toBe('accepted')
      expect(why(text.slice(0, i)), `cut at ${i}`).not.toBe('accepted')
      const [a, b] = [text[i]!, text[i + 1]]
      if (b === undefined || a === b) continue
      expect(why(text.slice(0, i) + b + a + text.slice(i + 2)), `swapped at ${i}`).not.toBe('accepted')
      expect(why(text.slice(0, i) + a + text.slice(i)), `doubled at ${i}`).not.toBe('accepted')
    }
  })

  it.each([
    ['', 'it is empty'],
    ['   \n', 'it is empty'],
    ['hello', 'it does not begin with "carryon1:"'],
    ['Carryon1:AAAA', 'it does not begin with "carryon1:"'],
    ['carryon1', 'it does not begin with "carryon1:"'],
    ['carryon2:AAAA', 'it is of version 2, and this carryon reads version 1'],
    ['carryon2026:AAAA', 'it is of version 2026, and this carryon reads version 1'],
    ['my carryon2:AAAA', 'it does not begin with "carryon1:"'],
    ['carryon1:.AAA', 'there is a character that no ticket has at position 10'],
    [`carryon1:${encodeBase64(new Uint8Array(59), 'url')}`, 'most of it is missing'],
    ['carryon1:', 'most of it is missing'],
    ['carryon1:AAAA', 'most of it is missing'],
    ['carryon1:A', 'its end is missing, or its last letter is wrong'],
    [text.slice(0, -1), 'its end is missing, or its last letter is wrong'],
    [text.replace('AQEA', 'AQEB'), 'a letter of it is wrong, or its end is missing'],
    [`${text.slice(0, 30)} ${text.slice(30)}`, 'there is a space or line break at position 31'],
    [`${text.slice(0, 30)}\n${text.slice(30)}`, 'there is a space or line break at position 31'],
    [`${text}.`, `there is a character that no ticket has at position ${text.length + 1}`],
    [`${text}=`, `there is a character that no ticket has at position ${text.length + 1}`],
  ])('%j: %s', (damaged, reason) => {
    expect(why(damaged)).toBe(reason)
  })
})

describe('rightly summed nonsense', () => {
  it('is refused too', () => {
    const addressesAt = 2 + 16 + 32 + 5
    expect(why(forged(() => undefined))).toBe('accepted')
    expect(why(forged((bytes) => (bytes[0] = 2)))).toBe('it has format 2, and this carryon reads format 1')
    expect(why(forged((bytes) => (bytes[1] = 128)))).toBe('it asks for what only a newer carryon can do')
    expect(why(forged((bytes) => (bytes[1] = 9)))).toBe('it says two things of who receives')
    for (const two of [2 | 16, 16 | 32, 32 | 64, 2 | 64, 16 | 32 | 64])
      expect(why(forged((bytes) => (bytes[1] = two)))).toBe('it says two things of how it is proved')
    const pin = Array<number>(32).fill(7)
    expect(why(forged((bytes) => bytes.splice(1, 1, 16) && bytes.push(...pin)))).toBe('accepted')
    expect(why(forged((bytes) => bytes.push(...pin)))).toBe('there is something behind its last address')
    expect(why(forged((bytes) => bytes.splice(1, 1, 16) && bytes.splice(addressesAt + 1)))).toBe(
      'most of it is missing',
    )
    expect(why(forged((bytes) => (bytes[1] = 16)))).toBe('an address in it is cut')
    expect(why(forged((bytes) => (bytes[addressesAt] = 0)))).toBe('it has 0 addresses')
    expect(why(forged((bytes) => (bytes[addressesAt] = 17)))).toBe('it has 17 addresses')
    expect(why(forged((bytes) => (bytes[addressesAt] = 4)))).toBe('an address in it is cut')
    expect(why(forged((bytes) => (bytes[addressesAt] = 2)))).toBe('there is something behind its last address')
    expect(why(forged((bytes) => (bytes[addressesAt + 1] = 255)))).toBe('an address in it is cut')
    expect(why(forged((bytes) => (bytes[addressesAt + 2] = 0x1b)))).toBe('an address in it is none')
    expect(why(forged((bytes) => bytes.splice(addressesAt + 1)))).toBe('an address in it is cut')
    expect(why(forged((bytes) => bytes.splice(addressesAt)))).toBe('most of it is missing')
  })

  it('R70: any bytes are a ticket or damaged', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 150 }), fc.string(), (bytes, any) => {
        expect(why(`carryon1:${encodeBase64(bytes, 'url')}`)).toBeTypeOf('string')
        expect(why(forged((all) => all.splice(1, bytes.length, ...bytes)))).toBeTypeOf('string')
        expect(why(any)).not.toBe('accepted')
      }),
    )
  })

  it('R89: no reason repeats what the ticket holds', () => {
    for (let i = 9; i < text.length; i += 7)
      expect(why(`${text.slice(0, i)}%${text.slice(i + 1)}`)).not.toContain(text.slice(12, 16))
  })
})

describe('addresses', () => {
  it.each([
    '127.0.0.1:1',
    'localhost:65535',
    '[::1]:22779',
    '[2001:db8::7]:443',
    'alice.example:80',
    'my_nas:9',
    'x'.repeat(247) + ':1',
    'a:443/',
    'a:443/drop/of-1_2.x~',
    `a:1/${'x'.repeat(200)}`,
  ])('%s can be dialed', (address) => {
    expect(isTicketAddress(address)).toBe(true)
  })

  it.each([
    '',
    ':1',
    'a',
    'a:',
    'a:0',
    'a:65536',
    'a:01',
    'a:1 ',
    '::1:443',
    '[::1]',
    'a b:1',
    'a/b:1',
    'a@b:1',
    '.a:1',
    'é:1',
    'a:1\n',
    'x'.repeat(248) + ':1',
    'a:1/b c',
    'a:1/é',
    'a:1/b?c',
    'a:1/b#c',
    'a:1/%2e',
    'a:1b',
    `a:1/${'x'.repeat(201)}`,
    `${'x'.repeat(247)}:1/${'x'.repeat(20)}`,
  ])('%j cannot', (address) => {
    expect(isTicketAddress(address)).toBe(false)
  })

  it('a ticket that nobody could use is not written', () => {
    const wrong: Partial<Ticket>[] = [
      { addresses: [] },
      { addresses: Array<string>(17).fill('a:1') },
      { addresses: ['a'] },
      { id: 'A'.repeat(32) },
      { secret: new Uint8Array(31) },
      { expiresAt: -1000 },
      { expiresAt: 2 ** 40 * 1000 },
      { expiresAt: Number.NaN },
      { tls: 'pin:00' },
      { tls: `pin:${'G'.repeat(64)}` },
    ]
    for (const fields of wrong) expect(() => encodeTicket({ ...goldenTicket, ...fields })).toThrow('bug')
  })
})

it('the checksum is CRC-32', () => {
  expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926)
  expect(crc32(new Uint8Array())).toBe(0)
})
