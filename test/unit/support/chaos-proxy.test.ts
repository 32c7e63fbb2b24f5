import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { describe, expect, it } from 'vitest'
import { ChaosProxy } from '../../support/chaos-proxy.ts'

/** Both ends of a connection through the proxy. */
class Pair {
  readonly dialer: End
  readonly listener: End
  constructor(dialer: Socket, listener: Socket) {
    this.dialer = new End(dialer)
    this.listener = new End(listener)
  }
}

/** What a socket got, and how it ended. */
class End {
  readonly socket: Socket
  readonly ended: Promise<'end' | 'reset'>
  #bytes = 0
  #heard: () => void = () => {}

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (data) => {
      this.#bytes += data.length
      this.#heard()
    })
    this.ended = new Promise((resolve) => {
      socket.on('end', () => resolve('end'))
      socket.on('error', () => resolve('reset'))
    })
  }

  get bytes(): number {
    return this.#bytes
  }

  async got(bytes: number): Promise<void> {
    while (this.#bytes < bytes) await new Promise<void>((resolve) => (this.#heard = resolve))
  }
}

/** A listener behind a proxy. */
class Site implements AsyncDisposable {
  readonly proxy: ChaosProxy
  readonly #server: Server
  readonly #sockets: Socket[] = []

  private constructor(proxy: ChaosProxy, server: Server) {
    this.proxy = proxy
    this.#server = server
  }

  static async open(): Promise<Site> {
    const server = createServer({ allowHalfOpen: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Site(await ChaosProxy.to((server.address() as AddressInfo).port), server)
  }

  async pair(): Promise<Pair> {
    const accepted = once(this.#server, 'connection')
    const dialer = connect({ port: this.proxy.port, host: '127.0.0.1', allowHalfOpen: true })
    const [listener] = (await accepted) as [Socket]
    this.#sockets.push(dialer, listener)
    return new Pair(dialer, listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]()
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

const MiB = 1024 * 1024

describe('the chaos proxy', () => {
  it('passes everything both ways, and counts it', async () => {
    await using site = await Site.open()
    const { dialer, listener } = await site.pair()
    dialer.socket.end(Buffer.alloc(5 * MiB, 1))
    listener.socket.end(Buffer.alloc(3 * MiB, 2))
    expect(await Promise.all([dialer.ended, listener.ended])).toEqual(['end', 'end'])
    expect([listener.bytes, dialer.bytes]).toEqual([5 * MiB, 3 * MiB])
    expect([site.proxy.passed('up'), site.proxy.passed('down')]).toEqual([5 * MiB, 3 * MiB])
    expect(site.proxy.accepted).toBe(1)
  })

  it.each(['up', 'down'] as const)('cuts at the very byte: %s', async (direction) => {
    await using site = await Site.open()
    const { dialer, listener } = await site.pair()
    const [from, to] = direction === 'up' ? [dialer, listener] : [listener, dialer]
    const cut = site.proxy.cutAfter(direction, 1_234_567)
    from.socket.write(Buffer.alloc(4 * MiB))
    await cut
    expect(await to.ended).toBe('end')
    expect(to.bytes).toBe(1_234_567)
  })

  it('flips one bit of the very byte that was asked for', async () => {
    await using site = await Site.open()
    const { dialer, listener } = await site.pair()
    const got: Buffer[] = []
    listener.socket.on('data', (data) => got.push(data))
    const flipped = site.proxy.flipAfter('up', 700_000)
    dialer.socket.write(Buffer.alloc(MiB))
    await flipped
    await listener.got(MiB)
    const expected = Buffer.alloc(MiB)
    expected[700_000] = 1
    expect(Buffer.concat(got).equals(expected)).toBe(true)
  })

  it('resets every connection, and lets new ones in again', async () => {
    await using site = await Site.open()
    const pairs = [await site.pair(), await site.pair()]
    site.proxy.cutNow()
    for (const { dialer, listener } of pairs)
      expect([await dialer.ended, await listener.ended]).toEqual(['reset', 'reset'])
    const { dialer, listener } = await site.pair()
    dialer.socket.write('again')
    await listener.got(5)
    expect(site.proxy).toMatchObject({ accepted: 3, open: 1 })
  })

  it('refuses new connections, not the open ones', async () => {
    await using site = await Site.open()
    const { dialer, listener } = await site.pair()
    site.proxy.isRefusing = true
    const refused = new End(connect(site.proxy.port, '127.0.0.1'))
    expect(await refused.ended).toBe('reset')
    dialer.socket.write('still here')
    await listener.got(10)
  })

  it('swallows one way while the other passes; nothing is lost once healed', async () => {
    await using site = await Site.open()
    const { dialer, listener } = await site.pair()
    site.proxy.blackhole('up')
    dialer.socket.end('lost?')
    listener.socket.write('this way is fine')
    await dialer.got(16)
    expect(listener.bytes).toBe(0)
    site.proxy.heal()
    expect(await listener.ended).toBe('end')
    expect(listener.bytes).toBe(5)
  })

  it('swallows both ways, the news of a dead peer included', async () => {
    await using site = await Site.open()
    const { dialer, listener } = await site.pair()
    site.proxy.blackhole('up')
    site.proxy.blackhole('down')
    listener.socket.write('unheard')
    dialer.socket.resetAndDestroy()
    const other = await Promise.race([listener.ended, site.proxy.until('down', 0).then(() => 'nothing')])
    expect(other).toBe('nothing')
    site.proxy.heal()
    expect(await listener.ended).toBe('reset')
  })

  it('passes on a reset', async () => {
    await using site = await Site.open()
    const { dialer, listener } = await site.pair()
    listener.socket.resetAndDestroy()
    expect(await dialer.ended).toBe('reset')
  })

  it('resets who dials a target that is not there', async () => {
    await using proxy = await ChaosProxy.to(1)
    expect(await new End(connect(proxy.port, '127.0.0.1')).ended).toBe('reset')
  })

  it('delays without limiting the rate, and slows down', async () => {
    await using site = await Site.open()
    const { dialer, listener } = await site.pair()
    const timed = async (bytes: number): Promise<number> => {
      const [start, before] = [performance.now(), listener.bytes]
      dialer.socket.write(Buffer.alloc(bytes))
      await listener.got(before + bytes)
      return performance.now() - start
    }
    site.proxy.delayMs = 50
    expect(await timed(4 * MiB), 'at least the delay').toBeGreaterThanOrEqual(49)
    site.proxy.delayMs = 0
    site.proxy.rateBytesPerSecond = 100_000
    expect(await timed(10_000), 'at least what the rate says').toBeGreaterThanOrEqual(90)
  })

  it('tells when so many bytes have passed', async () => {
    await using site = await Site.open()
    const { dialer } = await site.pair()
    const passed = site.proxy.until('up', 1000)
    dialer.socket.write(Buffer.alloc(1000))
    await passed
    expect(site.proxy.passed('up')).toBe(1000)
  })

  it('leaves nothing open, whatever was held back', async () => {
    await using site = await Site.open()
    const { dialer, listener } = await site.pair()
    site.proxy.delayMs = 100_000
    site.proxy.blackhole()
    dialer.socket.write(Buffer.alloc(3 * MiB))
    await site.proxy[Symbol.asyncDispose]()
    expect(await listener.ended).toBe('reset')
    expect(site.proxy.open).toBe(0)
  })
})
