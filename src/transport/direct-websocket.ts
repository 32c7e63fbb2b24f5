// A WebSocket of ws whose socket reads straight into our buffers, and takes frames from them in one piece. Node gives its
// `onread` option only to sockets that it makes for us, so once the handshake is over, the handle moves into a new one. That
// touches two things that are nobody's promise, `_handle` of net.Socket and `setSocket` of ws: where either looks different,
// everything goes on as ws does it (docs/decisions/0009, 0011).

import { Socket, type OnReadOpts, type SocketConstructorOpts } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { WebSocket } from 'ws'
import { FrameReader } from './frame-reader.ts'

export type FrameHandler = (payload: Uint8Array, release: () => void) => void

/** The socket that large frames are read from, and how to begin; and a way to send one. */
export interface DirectAccess {
  readonly socket: Socket
  start(onFrame: FrameHandler): void
  /**
   * Sends a binary frame in one piece; ws makes two, which TLS copies into one. Overwrites the `frameRoomBytes` in front
   * of it.
   */
  send(frame: Uint8Array, sent: (error?: Error | null) => void): void
}

type SetSocket = (socket: Duplex, head: Buffer, options: object) => void

const nothing = Buffer.alloc(0)

export class DirectWebSocket extends WebSocket {
  #direct: DirectAccess | undefined

  /** Undefined where ws reads for itself; then all frames come as messages. */
  get direct(): DirectAccess | undefined {
    return this.#direct
  }

  /** What ws calls once the handshake is over. */
  setSocket(socket: Socket, head: Buffer, options: object): void {
    const { setSocket } = WebSocket.prototype as unknown as { readonly setSocket: SetSocket }
    const isServer = (this as unknown as { readonly _isServer?: unknown })._isServer
    if (typeof isServer === 'boolean') this.#direct = takeOver(socket, head, isServer)
    if (this.#direct === undefined) setSocket.call(this, socket, head, options)
    else setSocket.call(this, this.#direct.socket, nothing, options)
  }
}

interface Handle {
  readonly useUserBuffer: unknown
  readonly readStop: unknown
}

let isKnownNode: boolean | undefined

/** Whether Node reads into our buffers from a handle that we pass, and not yet: tried once, on one that only takes notes. */
function takesHandles(): boolean {
  const target = Buffer.alloc(1)
  const notes: unknown[] = []
  const handle: Handle = { useUserBuffer: (bytes: unknown) => notes.push(bytes), readStop: () => notes.push('stop') }
  const onread: OnReadOpts = { buffer: () => target, callback: () => true }
  const options: SocketOptions = { handle, pauseOnCreate: true, onread }
  try {
    const socket = new Socket(options)
    return socket.readableFlowing === false && notes.includes(target) && notes.includes('stop')
  } catch {
    return false
  }
}

/** With what @types/node leaves out: what a server of Node passes for a socket that it accepted. */
interface SocketOptions extends SocketConstructorOpts {
  readonly handle: Handle
  readonly pauseOnCreate: boolean
  readonly onread: OnReadOpts
}

/** Moves the handle below `socket` into a new one, which is paused. Undefined if this is not the Node we know. */
function takeOver(socket: Socket, head: Buffer, isServer: boolean): DirectAccess | undefined {
  const old = socket as unknown as { _handle: Handle | null }
  const handle = old._handle
  if (typeof handle?.useUserBuffer !== 'function' || typeof handle.readStop !== 'function') return undefined
  if (socket.destroyed || socket.readableLength > 0) return undefined
  if (!(isKnownNode ??= takesHandles())) return undefined

  let onFrame: FrameHandler | undefined
  const early: Uint8Array[] = [head] // TLS delivers what it has decrypted though reading has stopped.
  const reader = new FrameReader(isServer, {
    frame: (payload, release) => onFrame?.(payload, release),
    rest: (bytes) => void direct.emit('data', bytes), // Past the stream's own queue, which large frames would overtake.
  })
  const options: SocketOptions = {
    handle,
    pauseOnCreate: true,
    allowHalfOpen: socket.allowHalfOpen,
    onread: {
      buffer: () => reader.space,
      callback: (count, bytes) => {
        if (onFrame === undefined) early.push(Buffer.from(bytes.subarray(0, count)))
        else reader.advance(count, bytes)
        return !direct.isPaused() // Who pauses in the turn in which it resumed has reading begin behind its back (net.Socket).
      },
    },
  }
  const direct = new Socket(options)
  // TLS copies what it gets in pieces into one; frame by frame it encrypts them where they lie.
  if (socket instanceof TLSSocket) Object.assign(direct, { _writev: undefined })
  holdBack(direct, socket)
  old._handle = null
  direct.once('close', () => socket.destroy())
  socket.once('close', () => direct.destroy())
  return {
    socket: direct,
    start(handler: FrameHandler): void {
      onFrame = handler
      for (const bytes of early.splice(0)) reader.take(bytes)
    },
    // In order with what ws sends: without compression it keeps nothing back.
    send: (frame, sent) => void direct.write(withHeader(frame, !isServer), sent),
  }
}

const lookAgainMs = 2

/** Has `direct` write nothing while the handle is busy with what `old` wrote last: of a TLS handle that kills the process. */
function holdBack(direct: Socket, old: Socket): void {
  direct.cork()
  const look = (): void => {
    if (direct.destroyed || old.destroyed || old.writableLength === 0) direct.uncork()
    else setTimeout(look, lookAgainMs)
  }
  if (old.writableLength === 0) direct.uncork()
  else setImmediate(look)
}

/** A frame behind the header that ws would give it: binary, whole, and if masked, by zeros. */
function withHeader(frame: Uint8Array, isMasked: boolean): Uint8Array {
  const { buffer, byteOffset, length } = frame
  const isLarge = length > 0xffff
  const headerLength = (isLarge ? 10 : length > 125 ? 4 : 2) + (isMasked ? 4 : 0)
  const whole = new Uint8Array(buffer, byteOffset - headerLength, headerLength + length)
  const header = new DataView(buffer, whole.byteOffset, headerLength)
  header.setUint8(0, 0x82)
  header.setUint8(1, (isMasked ? 0x80 : 0) | (isLarge ? 127 : length > 125 ? 126 : length))
  if (isLarge) header.setBigUint64(2, BigInt(length))
  else if (length > 125) header.setUint16(2, length)
  if (isMasked) header.setUint32(headerLength - 4, 0)
  return whole
}
