import { describe, expect, it } from 'vitest'
import {
  checkExpiry,
  commandForPeer,
  describe as describeTicket,
  mintTicket,
  readTicket,
  writeTicketFile,
} from '../../../../../src/engine/life/known/tickets.ts'
import type { World } from '../../../../../src/engine/context.ts'
import { TransferError } from '../../../../../src/errors.ts'
import type { Disk } from '../../../../../src/model/disk.ts'
import { clockLeewayMs } from '../../../../../src/model/limits.ts'
import { decodeTicket, encodeTicket } from '../../../../../src/model/ticket.ts'
import { MemoryDisk } from '../../../../../src/store/memory-disk.ts'
import { readFile } from '../../../../../src/store/whole-file.ts'
import { FakeClock } from '../fake-clock.ts'

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
    const refused = (role: 'sender' | 'receiver') => () => readTicket(encodeTicket(mint({ role })), role, false)
    const [same, remedy] = ['made by a listening carryon', 'Use it with carryon']
    expect(refused('sender')).toThrow(
      expect.objectContaining({
        message: `This ticket was ${same} send: both sides want to send.`,
        hint: `${remedy} receive.`,
      }),
    )
    expect(refused('receiver')).toThrow(
      expect.objectContaining({
        message: `This ticket was ${same} receive: both sides want to receive.`,
        hint: `${remedy} send.`,
      }),
    )
    expect(readTicket(encodeTicket(mint()), 'receiver', false).id).toBe(mint().id)
  })

  it('R83: for plain text is refused unless that was allowed here, too', () => {
    const text = encodeTicket(mint({ trust: 'plain' }))
    expect(() => readTicket(text, 'receiver', false)).toThrow(
      expect.objectContaining({
        message: 'This ticket is for plain text, without any protection.',
        hint: 'Add --insecure-plaintext on this side too, or leave it out on the other.',
      }),
    )
    expect(readTicket(text, 'receiver', true).tls).toBe('plain')
  })

  it('R36: expires with leeway for a wrong clock', () => {
    const ticket = mint()
    expect(() => checkExpiry(ticket, ticket.expiresAt + clockLeewayMs)).not.toThrow()
    expect(() => checkExpiry(ticket, ticket.expiresAt + clockLeewayMs + 1)).toThrow(
      expect.objectContaining({ message: `The ticket expired at ${new Date(ticket.expiresAt).toISOString()}.` }),
    )
  })

  it('is good for a day, for the role that the listener has not', () => {
    expect(mint().expiresAt).toBe(clock.wall() + 24 * 3_600_000)
    expect([mint().role, mint({ role: 'receiver' }).role]).toEqual(['receiver', 'sender'])
  })

  it('for both ways is good for either', () => {
    const text = encodeTicket({ ...mint(), role: 'both', uses: 'many' })
    expect([readTicket(text, 'sender', false).role, readTicket(text, 'receiver', false).role]).toEqual(['both', 'both'])
  })

  it('names sixteen addresses that can be dialed from elsewhere, and no others', () => {
    const listening = Array.from({ length: 20 }, (_, i) => ({ host: `10.0.0.${i}`, port: 1 }))
    const { addresses } = mint({ listening: [{ host: 'fe80::1%eth0', port: 1 }, ...listening] })
    expect(addresses).toEqual(listening.slice(0, 16).map(({ host }) => `${host}:1`))
    expect(mint({ listening: [], advertise: ['nat.example:99', 'no.port'] }).addresses).toEqual(['nat.example:99'])
  })

  it('shows everything but its secret', () => {
    const { secret, ...shown } = decodeTicket(encodeTicket(mint()))
    const { id, role, uses, addresses, expiresAt } = shown
    expect(describeTicket(encodeTicket(mint()))).toEqual({
      id,
      role,
      uses,
      addresses,
      expiresAt: new Date(expiresAt).toISOString(),
    })
    expect(secret).toHaveLength(32)
  })
})

describe('a file with a ticket', () => {
  const written = async (disk: Disk, path: string): Promise<string> => {
    await writeTicketFile({ ...world, disk }, path, 'carryon1:x')
    const cut = path.lastIndexOf('/')
    const directory = await disk.openRoot(path.slice(0, cut) || '/')
    return Buffer.from((await readFile(directory, path.slice(cut + 1), 100))!).toString()
  }

  it('is one line, in the folder that was named, and replaces an older one whole', async () => {
    const disk = new MemoryDisk()
    for (const path of ['/keys/mine/ticket', '/keys/mine/ticket', '/ticket'])
      expect(await written(disk, path)).toBe('carryon1:x\n')
  })

  it.each(['not-found', 'not-a-directory', 'permission-denied'] as const)(
    'is refused with the folder and the reason where that is %s',
    async (code) => {
      const fault = new TransferError(code, { path: '/keys', operation: 'open' })
      const disk = { openRoot: () => Promise.reject(fault) } as unknown as Disk
      await expect(written(disk, '/keys/ticket')).rejects.toMatchObject({
        code: 'folder-not-writable',
        details: { path: '/keys', cause: fault.message.slice(0, -1) },
        cause: fault,
      })
    },
  )

  it('meets a full disk as such', async () => {
    const fault = new TransferError('disk-full', { path: '/keys/ticket', neededBytes: 1, freeBytes: 0 })
    const disk = { openRoot: () => Promise.reject(fault) } as unknown as Disk
    await expect(written(disk, '/keys/ticket')).rejects.toBe(fault)
  })
})
