// A bad network in a box: a TCP proxy on loopback that delays, slows, cuts, resets, swallows and damages on command, and
// counts what passes. `up` is what the dialer sends, `down` what it gets. All settings may be changed while connections are open.
//
//   await using proxy = await ChaosProxy.to(listener.port)
//   const cut = proxy.cutAfter('down', 5 * MiB)
//   ... dial proxy.port ...
//   await cut

import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'

export type Direction = 'up' | 'down'

/** How connections end: `close` sends what has passed and then an orderly end, `reset` a RST, which may overtake data. */
export type Cut = 'close' | 'reset'

const queueMaxBytes = 1024 * 1024 // What a direction of a connection holds back before it stops reading.
const sliceBytes = 4 * 1024 // So that a slow line trickles.

interface Waiter {
  readonly direction: Direction
  readonly bytes: number
  readonly done: () => void
}

interface PlannedCut {
  readonly direction: Direction
  /** Count of passed bytes at which to cut. */
  readonly at: number
  readonly how: Cut
  readonly done: () => void
}

interface PlannedFlip {
  readonly direction: Direction
  /** Count of passed bytes before the one to damage. */
  readonly at: number
  readonly done: () => void
}

export interface Place {
  readonly host: string
  readonly port: number
}

const loopback = '127.0.0.1'

export class ChaosProxy implements AsyncDisposable {
  /** How long everything is under way, each way. Does not limit the rate. */
  delayMs = 0
  /** Of each direction of each connection. */
  rateBytesPerSecond = Infinity
  /** Reset new connections at once; those that are open go on. */
  isRefusing = false
  /** Connections accepted so far, refused ones included. */
  accepted = 0
  readonly #target: Place
  readonly #server: Server
  readonly #lines = new Set<Line>()
  readonly #passed: Record<Direction, number> = { up: 0, down: 0 }
  readonly #waiters = new Set<Waiter>()
  readonly #cuts = new Set<PlannedCut>()
  readonly #flips = new Set<PlannedFlip>()
  readonly #holes = new Set<Direction>()
  readonly #ending = new AbortController()
  #heal: () => void = () => {}
  #healed: Promise<void> = Promise.resolve()

  private constructor(target: Place) {
    this.#target = target
    this.#server = createServer({ allowHalfOpen: true }, (dialer) => this.#accept(dialer))
  }

  /** Listens on a free port of 127.0.0.1, unless told otherwise, and forwards to the target: a port alone is one there. */
  static async to(target: number | Place, listening: Place = { host: loopback, port: 0 }): Promise<ChaosProxy> {
    const proxy = new ChaosProxy(typeof target === 'number' ? { host: loopback, port: target } : target)
    proxy.#server.listen(listening)
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Bytes forwarded in a direction, over all connections. */
  passed(direction: Direction): number {
    return this.#passed[direction]
  }

  /** How many connections are open. */
  get open(): number {
    return this.#lines.size
  }

  /** Resolves when so many bytes, over all connections since the beginning, have passed. */
  until(direction: Direction, bytes: number): Promise<void> {
    return new Promise((done) => {
      this.#waiters.add({ direction, bytes, done })
      this.#notify(direction)
    })
  }

  /** Ends every connection now. */
  cutNow(how: Cut = 'reset'): void {
    for (const line of this.#lines) line.cut(how)
  }

  /** Ends the connection that came last. */
  cutNewest(how: Cut = 'reset'): void {
    ;[...this.#lines].at(-1)?.cut(how)
  }

  /** Ends every connection when exactly so many more bytes have passed in a direction; once. Resolves then. */
  cutAfter(direction: Direction, bytes: number, how: Cut = 'close'): Promise<void> {
    return new Promise((done) => this.#cuts.add({ direction, at: this.#passed[direction] + bytes, how, done }))
  }

  /** Flips one bit of the byte that comes after so many more; once. Resolves then. */
  flipAfter(direction: Direction, bytes: number): Promise<void> {
    return new Promise((done) => this.#flips.add({ direction, at: this.#passed[direction] + bytes, done }))
  }

  /** As if a cable were pulled: nothing passes, neither data nor the end of a connection, and nobody is told. */
  blackhole(...directions: readonly Direction[]): void {
    for (const direction of directions.length === 0 ? (['up', 'down'] as const) : directions) this.#holes.add(direction)
    this.#healed = new Promise((resolve) => {
      const before = this.#heal
      this.#heal = () => (before(), resolve())
    })
  }

  /** Plugs the cable in again: what was held back passes. */
  heal(): void {
    this.#holes.clear()
    this.#heal()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    this.heal()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.cutNow()
    await closed
  }

  #accept(dialer: Socket): void {
    this.accepted++
    if (this.isRefusing) {
      dialer.on('error', () => {}).resetAndDestroy()
      return
    }
    const target = connect({ ...this.#target, allowHalfOpen: true })
    const line: Line = new Line(dialer, target, () => this.#lines.delete(line))
    this.#lines.add(line)
    this.#forward(dialer, target, 'up')
    this.#forward(target, dialer, 'down')
  }

  /** Passes on what comes in `from`, and how it ends, in order. */
  #forward(from: Socket, to: Socket, direction: Direction): void {
    let queuedBytes = 0
    let tail = Promise.resolve()
    const enqueue = (act: () => Promise<void> | void): void => {
      const dueAt = performance.now() + this.delayMs
      tail = tail.then(async () => {
        await this.#sleep(dueAt - performance.now())
        await this.#throughHole(direction)
        if (!to.destroyed) await act()
      })
    }
    from.on('data', (data) => {
      queuedBytes += data.length
      if (queuedBytes > queueMaxBytes) from.pause()
      enqueue(async () => {
        await this.#pass(data, to, direction)
        queuedBytes -= data.length
        if (queuedBytes <= queueMaxBytes) from.resume()
      })
    })
    from.on('end', () => enqueue(() => void to.end()))
    from.on('error', () => enqueue(() => void to.resetAndDestroy()))
  }

  async #pass(data: Buffer, to: Socket, direction: Direction): Promise<void> {
    for (let start = 0; start < data.length && !to.destroyed;) {
      await this.#throughHole(direction)
      const cut = this.#nextCut(direction)
      const untilCut = cut === undefined ? Infinity : cut.at - this.#passed[direction]
      const sliceMax = this.rateBytesPerSecond === Infinity ? data.length : sliceBytes
      const slice = data.subarray(start, start + Math.min(sliceMax, untilCut))
      await this.#sleep((slice.length * 1000) / this.rateBytesPerSecond)
      if (to.destroyed) return
      const isFlowing = to.write(this.#damaged(slice, direction))
      start += slice.length
      this.#passed[direction] += slice.length
      this.#notify(direction)
      if (cut !== undefined && slice.length === untilCut) this.#carryOut(cut)
      else if (!isFlowing) await drained(to)
    }
  }

  #damaged(slice: Buffer, direction: Direction): Buffer {
    const passed = this.#passed[direction]
    const due = [...this.#flips].filter((it) => it.direction === direction && it.at < passed + slice.length)
    if (due.length === 0) return slice
    const damaged = Buffer.from(slice)
    for (const flip of due) {
      damaged[flip.at - passed]! ^= 1
      this.#flips.delete(flip)
      flip.done()
    }
    return damaged
  }

  #nextCut(direction: Direction): PlannedCut | undefined {
    const cuts = [...this.#cuts].filter((cut) => cut.direction === direction)
    return cuts.toSorted((a, b) => a.at - b.at)[0]
  }

  #carryOut(cut: PlannedCut): void {
    this.#cuts.delete(cut)
    this.cutNow(cut.how)
    cut.done()
  }

  #notify(direction: Direction): void {
    for (const waiter of this.#waiters) {
      if (waiter.direction !== direction || this.#passed[direction] < waiter.bytes) continue
      this.#waiters.delete(waiter)
      waiter.done()
    }
  }

  async #throughHole(direction: Direction): Promise<void> {
    while (this.#holes.has(direction)) await this.#healed
  }

  async #sleep(ms: number): Promise<void> {
    if (ms > 0) await setTimeout(ms, undefined, { signal: this.#ending.signal }).catch(() => {})
  }
}

/** The two sockets of one connection. */
class Line {
  readonly #sockets: readonly [Socket, Socket]

  constructor(dialer: Socket, target: Socket, onGone: () => void) {
    this.#sockets = [dialer, target]
    for (const socket of this.#sockets) {
      socket.setNoDelay(true)
      socket.on('error', () => {}) // Passed on by #forward.
      socket.on('close', () => this.#sockets.every(({ destroyed }) => destroyed) && onGone())
    }
  }

  cut(how: Cut): void {
    for (const socket of this.#sockets) {
      if (how === 'reset') socket.resetAndDestroy()
      else socket.destroySoon()
    }
  }
}

/** Resolves when a socket takes data again, or never will. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done)
      resolve()
    }
    socket.on('drain', done).on('close', done)
  })
}
