// A peer that speaks the protocol by hand, for what no carryon would ever say: a WebSocket in plain text on loopback, a hello
// like ours, and then any frame a test likes.

import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { assert } from '../../src/errors.ts'
import type { Role } from '../../src/index.ts'
import { decodeTicket } from '../../src/model/ticket.ts'
import { subprotocol } from '../../src/transport/ws-limits.ts'

/** A text frame, loosely: what the other side says is only looked at. */
export type Told = Readonly<Record<string, unknown>> & { readonly kind: string }

export class RawPeer {
  readonly #socket: WebSocket
  readonly told: Told[] = []
  /** Binary frames, whole. */
  readonly frames: Buffer[] = []
  readonly #watchers = new Set<() => void>()
  /** The code the other side closed with. */
  readonly closed: Promise<number>
  isClosed = false

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (data, isBinary) => {
      if (isBinary) this.frames.push(data as Buffer)
      else this.told.push(JSON.parse((data as Buffer).toString()) as Told)
      for (const look of this.#watchers) look()
    })
    this.closed = new Promise((resolve) => socket.once('close', (code) => ((this.isClosed = true), resolve(code))))
    onTestFinished(() => socket.terminate())
  }

  /** Dials the listener of a plain-text ticket. */
  static async dial(ticket: string): Promise<RawPeer> {
    const [address] = decodeTicket(ticket).addresses
    const socket = new WebSocket(`ws://${address}/`, subprotocol)
    const peer = new RawPeer(socket)
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    return peer
  }

  /** The same, welcomed as the other side of the ticket's session, with the receiver's first `want` said. */
  static async welcomed(ticket: string, changes: Readonly<Record<string, unknown>> = {}): Promise<RawPeer> {
    const peer = await RawPeer.dial(ticket)
    const { id, role } = decodeTicket(ticket)
    assert(role !== 'both', 'a ticket of one session is for one role')
    peer.say({ ...helloOf(id, role), ...changes })
    await peer.until('welcome')
    if (role === 'sender') await peer.until('want')
    return peer
  }

  /** A text frame: a value as JSON, or the very text. */
  say(value: unknown): void {
    this.#socket.send(typeof value === 'string' ? value : JSON.stringify(value), () => {})
  }

  /** A ping of the WebSocket, not of ours. */
  ping(bytes: Uint8Array): void {
    this.#socket.ping(bytes, undefined, () => {}) // It may be closing.
  }

  /** From here on it hears nothing. */
  stopReading(): void {
    this.#socket.pause()
  }

  /** Once what was said has left this process, or never will. */
  async drained(): Promise<void> {
    while (this.#socket.bufferedAmount > 0 && this.#socket.readyState === WebSocket.OPEN)
      await new Promise(setImmediate)
    await new Promise(setImmediate)
  }

  /** A binary frame. */
  sayBytes(bytes: Uint8Array): void {
    this.#socket.send(bytes, () => {})
  }

  /** The first message of a kind; undefined if the connection ends without one. */
  until(kind: string): Promise<Told | undefined> {
    return this.untilThat((told) => told.kind === kind)
  }

  /** Resolves once a binary frame fits. */
  untilFrame(fits: (frame: Buffer) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => void (this.frames.some(fits) && resolve())
      this.#watchers.add(look)
      look()
    })
  }

  /** The first, or `nth`, message that fits; undefined if the connection ends without one. */
  untilThat(fits: (told: Told) => boolean, nth: number = 1): Promise<Told | undefined> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.told.filter(fits)[nth - 1]
        if (found === undefined) return
        this.#watchers.delete(look)
        resolve(found)
      }
      this.#watchers.add(look)
      void this.closed.then(() => (look(), resolve(undefined)))
      look()
    })
  }
}

/** A hello as carryon says it. */
export function helloOf(session: string, role: Role): Told {
  return {
    kind: 'hello',
    versions: [1],
    role,
    session,
    lane: 0,
    epoch: 0,
    instance: '0123456789abcdef',
    attempt: 1,
    state: 'greeting',
    capabilities: [],
    wishes: { chunkBytes: 1_048_576, windowBytes: 67_108_864, lanes: 1 },
    shape: { onConflict: null, checksum: false },
    nonce: '101112131415161718191a1b1c1d1e1f',
    root: null,
    manifest: { pages: 0, entries: 0, bytes: 0, digest: '0000000000000000', complete: false },
  }
}
