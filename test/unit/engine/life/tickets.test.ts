import { describe, expect, it } from 'vitest'
import { checkExpiry, commandForPeer, mintTicket, readTicket } from '../../../../src/engine/life/tickets.ts'
import type { World } from '../../../../src/engine/context.ts'
import { clockLeewayMs } from '../../../../src/model/limits.ts'
import { decodeTicket, encodeTicket } from '../../../../src/model/ticket.ts'
import { FakeClock } from './fake-clock.ts'

const clock = new FakeClock()
const world = {
  clock,
  random: { bytes: (count: number) => new Uint8Array(count).fill(7), fraction: () => 0 },
} as unknown as World
const mint = (over: Partial<Parameters<typeof mintTicket>[1]> = {}) =>
  mintTicket(world, {
    role: 'sender',
    listening: [{ host: '10.0.0.1', port: 4711 }],
    advertise: [],
    trust: 'psk',
    ...over,
  })

describe('a ticket', () => {
  it('is for the other role, holds what was advertised first, and this machine’s own addresses behind it', () => {
    const ticket = mint({
      advertise: ['example.org', 'nat.example:99'],
      listening: [
        { host: '10.0.0.1', port: 4711 },
        { host: '::1', port: 4711 },
      ],
    })
    expect(ticket.role).toBe('receiver')
    expect(ticket.addresses).toEqual(['example.org:4711', 'nat.example:99', '10.0.0.1:4711', '[::1]:4711'])
    expect(decodeTicket(encodeTicket(ticket))).toEqual({
      ...ticket,
      expiresAt: Math.ceil(ticket.expiresAt / 1000) * 1000,
    })
  })

  it('becomes the command that the other side runs', () => {
    const text = encodeTicket(mint())
    expect(commandForPeer(mint(), undefined)).toBe(`carryon receive --from ${text}`)
    expect(commandForPeer(mint({ role: 'receiver' }), '/run/my ticket')).toBe(
      "carryon send PATH --to '@/run/my ticket'",
    )
    expect(commandForPeer(mint({ trust: 'plain' }), 't')).toBe('carryon receive --from @t --insecure-plaintext')
  })

  it('is refused by a side that has the same role, with what to do instead', () => {
    expect(() => readTicket(encodeTicket(mint()), 'sender', false)).toThrow('both sides want to send')
    expect(readTicket(encodeTicket(mint()), 'receiver', false).id).toBe(mint().id)
  })

  it('R83: for plain text is refused unless that was allowed here, too', () => {
    const text = encodeTicket(mint({ trust: 'plain' }))
    expect(() => readTicket(text, 'receiver', false)).toThrow(expect.objectContaining({ code: 'usage' }))
    expect(readTicket(text, 'receiver', true).tls).toBe('plain')
  })

  it('R36: expires with leeway for a wrong clock', () => {
    const ticket = mint()
    expect(() => checkExpiry(ticket, ticket.expiresAt + clockLeewayMs)).not.toThrow()
    expect(() => checkExpiry(ticket, ticket.expiresAt + clockLeewayMs + 1)).toThrow(
      expect.objectContaining({ code: 'ticket-expired' }),
    )
  })
})
