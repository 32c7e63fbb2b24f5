// A Connection over an open WebSocket and the socket below it. Whatever happens to either, `ended` is told exactly once and
// every pending `sendData` is settled. How the WebSocket came to be is the business of dial.ts and listen.ts.

import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import { assert, TransferError } from '../errors.ts'
import type { Connection, ConnectionHandlers, EndReason } from '../model/connection.ts'
import { controlMaxBytes, frameRoomBytes } from '../model/limits.ts'
import { DirectWebSocket, type DirectAccess } from './direct-websocket.ts'
import type { Converser } from './proof.ts'

/** What carries a WebSocket: a socket of Node, or a pipe. */
export type Stream = Duplex & { readonly bytesRead: number }

/** The two ends of one connection, as seen from here. */
export interface Ends {
  readonly peer: string
  readonly proof: string
  /** As `Connection` has it. */
  readonly roundTripMs?: number | undefined
  /** Called once, before the first frame is handed on. */
  readonly onFirstFrame?: () => void
}

const noStatus = 1006 // What ws reports where no close frame came.
const tooBig = 1009
const pongsMaxBytes = 16 * 1024 * 1024 // ws answers each ping by itself, also to a peer that does not read.
const closeReasonMaxBytes = 123 // A control frame's 125 bytes less the code.

export class WsConnection implements Connection, Converser {
  readonly peer: string
  readonly roundTripMs: number | undefined
  #proof: string
  readonly #ws: WebSocket
  /** Where large frames come from past ws, if they do. */
  readonly #direct: DirectAccess | undefined
  readonly #socket: Stream
  /** Rejects what is not yet taken by the kernel. */
  readonly #unsent = new Set<(error: Error) => void>()
  #handlers: ConnectionHandlers | undefined
  /** Hears what is said before `start`. */
  #conversation: Parameters<Converser['converse']>[0] | undefined
  #onFirstFrame: (() => void) | undefined
  /** Set by the first sign of why it ends; later ones are consequences. */
  #cause: EndReason | undefined
  #ended: EndReason | undefined
  #isClosing = false

  /** Takes a WebSocket that opened in this very turn: it is paused here, so that no frame is lost before `start`. */
  constructor(ws: WebSocket, socket: Stream, { peer, proof, roundTripMs, onFirstFrame }: Ends) {
    this.peer = peer
    this.roundTripMs = roundTripMs
    this.#proof = proof
    this.#onFirstFrame = onFirstFrame
    this.#ws = ws
    this.#direct = ws instanceof DirectWebSocket ? ws.direct : undefined
    this.#socket = this.#direct?.socket ?? socket
    ws.binaryType = 'nodebuffer'
    ws.pause()
    this.#socket.on('error', (error) => this.#blame({ kind: 'lost', code: noStatus, detail: error.message }))
    this.#socket.on('end', () => ws.terminate()) // ws alone would first send what nobody reads any more.
    ws.on('error', (error) => this.#blame(framingError(error)))
    ws.on('message', (payload, isBinary) => this.#deliver(payload as Buffer, isBinary))
    ws.on('ping', () => ws.bufferedAmount > pongsMaxBytes && this.destroy())
    ws.on('close', (code, reason) => this.#end(code, reason.toString()))
  }

  start(handlers: ConnectionHandlers): void {
    assert(this.#handlers === undefined, 'a connection was started twice')
    this.#handlers = handlers
    const ended = this.#ended
    if (ended !== undefined) return queueMicrotask(() => handlers.ended(ended))
    if (this.#conversation === undefined) this.#read()
  }

  converse(handlers: Parameters<Converser['converse']>[0]): void {
    this.#conversation = handlers
    this.#read()
  }

  proved(identity: string): void {
    this.#proof = identity
  }

  get proof(): string {
    return this.#proof
  }

  #read(): void {
    this.#ws.resume()
    this.#direct?.start((frame, release) => this.#deliverLarge(frame, release))
  }

  sendText(text: string): void {
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.send(text)
  }

  sendData(frame: Uint8Array, roomBytes = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#unsent.add(reject)
      const sent = (error?: Error | null): void => {
        this.#unsent.delete(reject)
        // A write that destroy() cut short calls back without an error (net.Socket), so that alone proves nothing.
        if (error || this.#socket.destroyed) reject(this.#lost(error ?? undefined))
        else resolve()
      }
      const isOpen = this.#ws.readyState === WebSocket.OPEN
      if (isOpen && this.#direct !== undefined && roomBytes >= frameRoomBytes) this.#direct.send(frame, sent)
      else this.#ws.send(frame, sent)
    })
  }

  pause(): void {
    if (!this.#isClosing) this.#ws.pause()
  }

  resume(): void {
    this.#ws.resume()
  }

  get heardBytes(): number {
    return this.#socket.bytesRead
  }

  get queuedBytes(): number {
    return this.#ended === undefined ? this.#ws.bufferedAmount : 0
  }

  close(code: number, reason: string): void {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#ws.close(code, cutToBytes(reason, closeReasonMaxBytes))
    this.#ws.resume() // The peer's close frame is behind what it sent before; that is read and dropped.
  }

  destroy(): void {
    this.#isClosing = true
    this.#blame({ kind: 'lost', code: noStatus, detail: 'it was cut at this end' })
    this.#ws.terminate()
  }

  #deliver(payload: Buffer, isBinary: boolean): void {
    if (this.#isClosing) return
    if (this.#handlers === undefined) return this.#converse(payload, isBinary)
    this.#noteFirst()
    if (isBinary) this.#handlers.data(payload)
    else if (payload.length <= controlMaxBytes) this.#handlers.text(payload.toString())
    else this.#refuse(tooBig, `a message of ${payload.length} bytes; at most ${controlMaxBytes} are allowed`)
  }

  #converse(payload: Buffer, isBinary: boolean): void {
    if (isBinary || payload.length > controlMaxBytes) this.destroy()
    else this.#conversation?.text(payload.toString())
  }

  /** Once ws has seen a close frame or refused one, nothing behind it counts. */
  #deliverLarge(frame: Uint8Array, release: () => void): void {
    if (this.#isClosing || this.#ws.readyState !== WebSocket.OPEN) return release()
    if (this.#handlers === undefined) return this.destroy()
    this.#noteFirst()
    this.#handlers.data(frame, release)
  }

  #noteFirst(): void {
    this.#onFirstFrame?.()
    this.#onFirstFrame = undefined
  }

  #refuse(code: number, detail: string): void {
    this.#blame({ kind: 'invalid', code, detail })
    this.close(code, detail)
  }

  #blame(cause: EndReason): void {
    this.#cause ??= cause
  }

  #end(code: number, detail: string): void {
    const isOrderly = code !== noStatus
    this.#ended = this.#cause ?? { kind: isOrderly ? 'closed' : 'lost', code, detail: detail || hungUp(isOrderly) }
    for (const reject of this.#unsent) reject(this.#lost())
    this.#unsent.clear()
    if (this.#handlers === undefined) this.#conversation?.ended(code, this.#ended.detail)
    else this.#handlers.ended(this.#ended)
  }

  #lost(cause?: Error): TransferError {
    const why = this.#cause?.detail ?? this.#ended?.detail ?? cause?.message ?? hungUp(false)
    return new TransferError('connection-lost', { peer: this.peer, cause: why }, { cause })
  }
}

function hungUp(isOrderly: boolean): string {
  return isOrderly ? 'the other side closed it' : 'the other side hung up'
}

/** ws reports on 'error' only what broke the framing rules; trouble of the socket shows there alone. */
function framingError(error: Error): EndReason {
  const name = (error as NodeJS.ErrnoException).code ?? ''
  if (!name.startsWith('WS_ERR_')) return { kind: 'lost', code: noStatus, detail: error.message }
  return { kind: 'invalid', code: closeCodes[name] ?? 1002, detail: error.message }
}

const closeCodes: Readonly<Record<string, number>> = {
  WS_ERR_INVALID_UTF8: 1007,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: tooBig,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: tooBig,
}

/** The longest beginning of `text` that fits and splits no character. */
function cutToBytes(text: string, bytesMax: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytesMax))
  return text.slice(0, read)
}
