// The listening end: accepts sockets, lets only a proven key (or, in plain text, this machine) through to the WebSocket
// upgrade, and hands each Connection over. Strangers cost little: they are few, short-lived and learn nothing. What a peer
// that got in may say is the engine's business.

import { constants, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { WebSocket, WebSocketServer } from 'ws'
import { TransferError } from '../errors.ts'
import type { Connection } from '../model/connection.ts'
import { helloDeadlineMs, helloMaxBytes } from '../model/limits.ts'
import {
  formatAddress,
  isLoopback,
  isWildcard,
  ownAddresses,
  parseAddress,
  withoutMapping,
  type Address,
} from './addresses.ts'
import { DirectWebSocket } from './direct-websocket.ts'
import { Lobby, type RemoteEnd, type LobbyLimits } from './lobby.ts'
import { WsConnection } from './ws-connection.ts'
import { subprotocol, tlsWithKey, wsLimits } from './ws-limits.ts'

export interface ListenOptions {
  /** A name or an IP address; '' for all of this machine, or with `plain` for 127.0.0.1. */
  readonly host: string
  /** 0 for any free one. */
  readonly port: number
  /** A socket that listens already, by its descriptor, instead of `host` and `port`: a service manager's. */
  readonly descriptor?: number | undefined
  /** No TLS and no proof, on loopback only. */
  readonly plain: boolean
  /** The key behind a PSK identity, 64 hex digits. Called with whatever a stranger sends; unknown and wrong look alike to him. */
  keyFor(identity: string): string | undefined
  /** Whether large frames are read past ws; yes unless set. */
  readonly directReads?: boolean
  /** Must call `start` at once; from here on deadlines are the owner's. */
  onConnection(connection: Connection): void
  /** From accept to the first message; 10 s unless set. */
  readonly helloDeadlineMs?: number
  /** Bytes of TLS, HTTP and the beginning of the first message: 64 KiB unless set. */
  readonly helloBytesMax?: number
  /** Connections without a first message: 64 unless set; one of them makes room for a newcomer. */
  readonly pendingMax?: number
  /** The same for one peer network: 8 unless set; newcomers are refused. */
  readonly perNetworkMax?: number
  /** Failed proofs of one peer network before its newcomers are refused: 20 a minute unless set. */
  readonly failuresPerMinuteMax?: number
}

export interface Listener {
  /** How to reach it: the bound address, or where that is all of them, each of this machine's own, loopback last. */
  readonly addresses: readonly Address[]
  /** Frees the port and drops who is not through yet; connections handed over live on. */
  close(): Promise<void>
}

/**
 * Listens until closed.
 * @throws TransferError `port-in-use`, `permission-denied`, `usage` (no such address; plain text beyond loopback)
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const host = options.plain && options.host === '' ? '127.0.0.1' : options.host
  if (options.plain && !isLoopback(host)) throw plainBeyondLoopback(host)
  const lobby = new Lobby(lobbyLimits(options))
  const server = options.plain ? createServer(httpLimits) : serverWithKeys(options, lobby)
  server.on('connection', (socket: Socket) => lobby.enter(socket))
  server.on('request', answerNotFound)
  server.on('upgrade', upgrader(options, lobby))
  await bind(server, { host, port: options.port }, options.descriptor)
  return { addresses: reachableAt(server.address() as AddressInfo), close: () => stop(server, lobby) }
}

const httpLimits: ServerOptions = { maxHeaderSize: 8 * 1024 }

function lobbyLimits(options: ListenOptions): LobbyLimits {
  return {
    deadlineMs: options.helloDeadlineMs ?? helloDeadlineMs,
    max: options.pendingMax ?? 64,
    perNetworkMax: options.perNetworkMax ?? 8,
    bytesMax: options.helloBytesMax ?? helloMaxBytes,
    failuresPerMinuteMax: options.failuresPerMinuteMax ?? 20,
  }
}

/** The identity each socket named last, and where it came from. Once its handshake is over, it has proved that one's key. */
const proofs = new WeakMap<Socket, { readonly identity: string; readonly address: string }>()

function serverWithKeys({ keyFor }: ListenOptions, lobby: Lobby): Server {
  const server = createTlsServer({
    ...httpLimits,
    ...tlsWithKey,
    secureOptions: constants.SSL_OP_NO_TICKET, // Who resumes a TLS session proves no key: every connection proves its own.
    pskCallback(socket, identity) {
      proofs.set(socket, { identity, address: socket.remoteAddress ?? '' })
      const random = randomBytes(32) // An unknown identity then fails as a wrong key does: with the same alert.
      const key = keyFor(identity)
      return key === undefined ? random : Buffer.from(key, 'hex')
    },
  })
  server.on('secureConnection', (socket: TLSSocket) => lobby.proven(socket))
  server.on('tlsClientError', (_error: Error, socket: TLSSocket) => {
    const proof = proofs.get(socket)
    if (proof !== undefined) lobby.proofFailed(proof.address)
  })
  return server
}

function answerNotFound(_request: IncomingMessage, response: ServerResponse): void {
  response.sendDate = false
  response.writeHead(404, { connection: 'close', 'content-length': 0 }).end()
}

/** Decides on each request for an upgrade: from a person's program, not from a web page, and in our language. */
function upgrader({ plain, directReads, onConnection }: ListenOptions, lobby: Lobby) {
  const websockets = new WebSocketServer({
    ...wsLimits,
    WebSocket: directReads === false ? WebSocket : DirectWebSocket,
    noServer: true,
    clientTracking: false,
    handleProtocols: () => subprotocol,
  })
  return (request: IncomingMessage, socket: Socket, head: Buffer): void => {
    socket.on('error', () => socket.destroy())
    const proof = proofs.get(socket)?.identity ?? ''
    if (!plain && proof === '') return void socket.destroy() // No handshake ends like this; if one did, nobody gets in.
    const refusal = refusalOf(request, plain)
    if (refusal !== undefined) return refuse(socket, refusal)
    const from = { remoteAddress: socket.remoteAddress, remotePort: socket.remotePort } // Behind the upgrade it may not know.
    websockets.handleUpgrade(request, socket, head, (websocket: WebSocket) => {
      const onFirstFrame = (): void => lobby.leave(from)
      const connection = new WsConnection(websocket, socket, { peer: peerOf(from), proof, onFirstFrame })
      lobby.upgraded(from, () => connection.heardBytes)
      onConnection(connection)
    })
  }
}

type Refusal = '400 Bad Request' | '403 Forbidden' | '404 Not Found'

function refusalOf({ url, headers }: IncomingMessage, plain: boolean): Refusal | undefined {
  if (url !== '/') return '404 Not Found'
  if (headers.origin !== undefined) return '403 Forbidden' // Only browsers send it: a page somebody was lured to.
  if (plain && !isLoopbackName(headers.host)) return '403 Forbidden' // A foreign name that was made to resolve to us.
  const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim())
  return offered?.includes(subprotocol) ? undefined : '400 Bad Request'
}

function isLoopbackName(hostHeader: string | undefined): boolean {
  try {
    return isLoopback(parseAddress(hostHeader ?? '', { port: 80 }).host)
  } catch {
    return false
  }
}

function refuse(socket: Socket, status: Refusal): void {
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

function peerOf({ remoteAddress, remotePort }: RemoteEnd): string {
  return formatAddress({ host: withoutMapping(remoteAddress ?? 'gone'), port: remotePort ?? 0 })
}

function bind(server: Server, address: Address, descriptor: number | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => reject(cannotListen(address, error))
    server.once('error', onError)
    const at = { port: address.port, ...(address.host === '' ? {} : { host: address.host }) }
    server.listen(descriptor === undefined ? at : { fd: descriptor }, () => {
      server.off('error', onError)
      server.on('error', () => {}) // A failed accept, as with too many open files: the peer tries again, and so does the kernel.
      resolve()
    })
  })
}

function reachableAt({ address, port }: AddressInfo): Address[] {
  if (!isWildcard(address)) return [{ host: address, port }]
  const own = ownAddresses().filter((host) => address === '::' || !host.includes(':'))
  return own.map((host) => ({ host, port }))
}

async function stop(server: Server, lobby: Lobby): Promise<void> {
  server.close() // Its callback would wait for the connections handed over.
  lobby.clear()
  await new Promise(setImmediate) // The handle is closed at the end of this turn.
}

function plainBeyondLoopback(host: string): TransferError {
  return new TransferError('usage', {
    problem: `Plain text is for this machine only; ${host || 'every address'} can be reached from others.`,
    remedy: 'Listen on 127.0.0.1, or leave the flag for plain text away: TLS needs no set-up.',
  })
}

function cannotListen(address: Address, error: NodeJS.ErrnoException): TransferError {
  const text = formatAddress(address)
  const options = { cause: error }
  if (error.code === 'EADDRINUSE') return new TransferError('port-in-use', { address: text }, options)
  if (error.code === 'EACCES')
    return new TransferError('permission-denied', { path: text, operation: 'listen on' }, options)
  const problem = `Cannot listen on ${text}: ${error.message}.`
  return new TransferError('usage', { problem, remedy: 'Name an address of this machine, or none for all.' }, options)
}
