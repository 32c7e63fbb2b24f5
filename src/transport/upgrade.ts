// From a stream that is up to a Connection: the WebSocket handshake, at the end that asks for it and, where there is no
// server, at the end that grants it. Who may come this far was decided before.

import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import type { Connection } from '../model/connection.ts'
import { NotCarryon } from './dial-errors.ts'
import { DirectWebSocket } from './direct-websocket.ts'
import { WsConnection, type Ends, type Stream } from './ws-connection.ts'
import { subprotocol, wsLimits } from './ws-limits.ts'

export interface UpgradeOptions {
  /** Whether large frames are read past ws; yes unless set. */
  readonly directReads?: boolean | undefined
  /** What an answer of HTTP means, by its status. */
  readonly refusal?: (status: number) => Error
}

/** Asks for a WebSocket. Rejects with the refusal, or as the stream does. */
export function upgrade(stream: Stream, url: string, ends: Ends, options: UpgradeOptions = {}): Promise<WsConnection> {
  const { directReads, refusal = (status) => new NotCarryon(`it answers with HTTP ${status}`) } = options
  return new Promise((resolve, reject) => {
    const Kind = directReads === false ? WebSocket : DirectWebSocket
    const websocket = new Kind(url, subprotocol, {
      ...wsLimits,
      createConnection: () => stream as Socket,
      followRedirects: false,
      // Zeros spare both ends a pass over every byte. Masks protect naive proxies; inside TLS, ssh and on loopback are none.
      generateMask: (mask) => mask.fill(0),
    })
    websocket.on('error', reject)
    websocket.on('unexpected-response', (_request, { statusCode }) => reject(refusal(statusCode ?? 0)))
    websocket.on('open', () => resolve(new WsConnection(websocket, stream, ends)))
  })
}

/** Grants a WebSocket to whoever asks at the other end of a stream; destroys it where anything else comes. Rejects if it ends before. */
export function grantUpgrade(stream: Stream, ends: Ends): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const websockets = new WebSocketServer({
      ...wsLimits,
      noServer: true,
      clientTracking: false,
      handleProtocols: () => subprotocol,
    })
    const server = createServer()
    server.on('clientError', () => stream.destroy())
    server.on('request', () => stream.destroy())
    server.on('upgrade', (request, socket: Duplex, head) =>
      websockets.handleUpgrade(request, socket, head, (websocket) =>
        resolve(new WsConnection(websocket, stream, ends)),
      ),
    )
    stream.once('close', () => reject(new Error('it ended before the first message')))
    server.emit('connection', stream)
    stream.resume()
  })
}
