// The listening end: accepts sockets, lets only a proven key (or, in plain text, this machine) through to the WebSocket
// upgrade, and hands each Connection over. Strangers cost little: they are few, short-lived and learn nothing. What a peer
// that got in may say is the engine's business.

import { constants, randomBytes } from 'node:crypto'
import {
  createServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createSocketServer, type AddressInfo, type Server, type Socket } from 'node:net'
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
import { bindingOf, tls13, type Certificate } from './certificate.ts'
import { DirectWebSocket } from './direct-websocket.ts'
import { Lobby, type FailedProof, type LobbyLimits, type RemoteEnd } from './lobby.ts'
import { askForProof, type Binding } from './proof.ts'
import { WsConnection } from './ws-connection.ts'
import { subprotocol, tlsWithKey, wsLimits } from './ws-limits.ts'

export interface ListenOptions {
  /** A name or an IP address; '' for all of this machine, or with `plain` for 127.0.0.1. */
  readonly host: string
  /** 0 for any free one. */
  readonly port: number
  /** A socket that listens already, by its descriptor, instead of `host` and `port`: a service manager's. */
  readonly descriptor?: number | undefined
  /** No TLS here, on loopback only; and no proof, unless a proxy stands in front. */
  readonly plain: boolean
  /** TLS shows this, and the key is proved behind it. Without it TLS itself is by the key. */
  readonly certificate?: Certificate | undefined
  /** TLS of the dialers ends at a proxy in front. */
  readonly proxied?: Proxied | undefined
  /** The key behind an identity, 64 hex digits. Called with whatever a stranger sends; unknown and wrong look alike to him. */
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
  /** Failed proofs of one key before it is closed to the networks that failed it: 5 a minute unless set. */
  readonly failuresPerKeyMax?: number
}

export interface Proxied {
  /** What dialers ask for, as the proxy may pass it on: `/`, or a path of its own. */
  readonly path: string
  /** Whether a proxy speaks from this address, and says for whom. */
  isProxy(address: string): boolean
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
  const inner = serverFor(options, lobby)
  inner.on('request', answerNotFound)
  inner.on('upgrade', upgrader(options, lobby))
  // Who is not admitted costs no TLS: a crowd makes hundreds of connections a second.
  const server = createSocketServer({ allowHalfOpen: options.plain, noDelay: true }, (socket) => {
    if (lobby.enter(socket)) inner.emit('connection', socket)
  })
  await bind(server, { host, port: options.port }, options.descriptor)
  const at = server.address() as AddressInfo
  if (options.plain && !isLoopback(at.address)) {
    await stop(server, lobby)
    throw plainBeyondLoopback(at.address)
  }
  return { addresses: reachableAt(at), close: () => stop(server, lobby) }
}

const httpLimits: ServerOptions = { maxHeaderSize: 8 * 1024 }

function lobbyLimits(options: ListenOptions): LobbyLimits {
  return {
    deadlineMs: options.helloDeadlineMs ?? helloDeadlineMs,
    max: options.pendingMax ?? 64,
    perNetworkMax: options.perNetworkMax ?? 8,
    bytesMax: options.helloBytesMax ?? helloMaxBytes,
    failures: { perNetworkMax: options.failuresPerMinuteMax ?? 20, perIdentityMax: options.failuresPerKeyMax ?? 5 },
    isProxy: (address) => options.proxied?.isProxy(address) ?? false,
  }
}

function serverFor(options: ListenOptions, lobby: Lobby): HttpServer {
  if (options.plain) return createServer(httpLimits)
  const { certificate } = options
  if (certificate === undefined) return serverWithKeys(options, lobby)
  const { chain: cert, key } = certificate
  return createTlsServer({ ...httpLimits, ...tls13, cert, key, secureOptions: constants.SSL_OP_NO_TICKET })
}

/** The identity each socket named last, and where it came from: failed until its handshake is over, and proved then. */
const proofs = new WeakMap<Socket, FailedProof>()

function serverWithKeys({ keyFor }: ListenOptions, lobby: Lobby): HttpServer {
  const server = createTlsServer({
    ...httpLimits,
    ...tlsWithKey,
    secureOptions: constants.SSL_OP_NO_TICKET, // Who resumes a TLS session proves no key: every connection proves its own.
    pskCallback(socket, identity) {
      const address = socket.remoteAddress ?? ''
      const wasTried = lobby.mayProve(address, identity)
      proofs.set(socket, { identity, address, wasTried })
      const random = randomBytes(32) // An unknown identity then fails as a wrong key does: with the same alert.
      const key = wasTried ? keyFor(identity) : undefined
      return key === undefined ? random : Buffer.from(key, 'hex')
    },
  })
  server.on('secureConnection', (socket: TLSSocket) => lobby.proven(socket))
  server.on('tlsClientError', (_error: Error, socket: TLSSocket) => {
    const proof = proofs.get(socket)
    if (proof !== undefined) lobby.proofFailed(proof)
  })
  return server
}

function answerNotFound(_request: IncomingMessage, response: ServerResponse): void {
  response.sendDate = false
  response.writeHead(404, { connection: 'close', 'content-length': 0 }).end()
}

/** Decides on each request for an upgrade: from a person's program, not from a web page, and in our language. */
function upgrader(options: ListenOptions, lobby: Lobby) {
  const websockets = new WebSocketServer({
    ...wsLimits,
    WebSocket: options.directReads === false ? WebSocket : DirectWebSocket,
    noServer: true,
    clientTracking: false,
    handleProtocols: () => subprotocol,
  })
  return (request: IncomingMessage, socket: Socket, head: Buffer): void => {
    socket.on('error', () => socket.destroy())
    const isByKey = !options.plain && options.certificate === undefined
    const proof = proofs.get(socket)?.identity ?? ''
    if (isByKey && proof === '') return void socket.destroy() // No handshake ends like this; if one did, nobody gets in.
    const refusal = refusalOf(request, options)
    if (refusal !== undefined) return refuse(socket, refusal)
    const end = { remoteAddress: socket.remoteAddress, remotePort: socket.remotePort } // Behind the upgrade it may not know.
    const from = lobby.speaksFor(end, request.headers['x-forwarded-for'])
    if (from === undefined) return refuse(socket, '503 Service Unavailable')
    const binding = bindingFor(socket, options) // Before the upgrade takes the socket's handle.
    websockets.handleUpgrade(request, socket, head, (websocket: WebSocket) => {
      const onFirstFrame = (): void => lobby.leave(end)
      const connection = new WsConnection(websocket, socket, { peer: peerOf(end, from), proof, onFirstFrame })
      lobby.upgraded(end, () => connection.heardBytes)
      if (binding === undefined) return options.onConnection(connection)
      askForProof(connection, {
        binding,
        keyFor: (identity) => (lobby.mayProve(from, identity) ? options.keyFor(identity) : undefined),
        onProven() {
          lobby.proven(end)
          options.onConnection(connection)
        },
        onFailed: (identity) =>
          lobby.proofFailed({ address: from, identity, wasTried: lobby.mayProve(from, identity) }),
      })
    })
  }
}

/** What a proof behind the upgrade is bound to; undefined if there is none: it was given before, or is not wanted. */
function bindingFor(socket: Socket, { certificate, proxied }: ListenOptions): Binding | undefined {
  if (proxied !== undefined) return ''
  return certificate === undefined ? undefined : bindingOf(socket as TLSSocket)
}

type Refusal = '400 Bad Request' | '403 Forbidden' | '404 Not Found' | '503 Service Unavailable'

function refusalOf({ url, headers }: IncomingMessage, { plain, proxied }: ListenOptions): Refusal | undefined {
  if (url !== '/' && url !== proxied?.path) return '404 Not Found'
  if (headers.origin !== undefined) return '403 Forbidden' // Only browsers send it: a page somebody was lured to.
  // A foreign name that was made to resolve to us. A proxy passes on names of its own, and asks for a proof.
  if (plain && proxied === undefined && !isLoopbackName(headers.host)) return '403 Forbidden'
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

/** @param from the address that is spoken for */
function peerOf({ remoteAddress, remotePort }: RemoteEnd, from: string): string {
  if (from !== remoteAddress) return from
  return formatAddress({ host: withoutMapping(from || 'gone'), port: remotePort ?? 0 })
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
    remedy: 'Listen on 127.0.0.1. For other machines leave the flag for plain text away, or give a certificate.',
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
