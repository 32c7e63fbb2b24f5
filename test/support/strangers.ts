// Peers that are no carryon: raw sockets against our listener, and servers of other kinds for our dialer. Everything opened
// here is closed by `goHome`.

import { readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'

const closers: (() => void)[] = []

/** Closes what the other functions opened: call it after each test. */
export function goHome(): void {
  for (const close of closers.splice(0)) close()
}

/** A socket to `address`, once it is connected. */
export async function knock(address: string, localAddress = '127.0.0.1'): Promise<Stranger> {
  const port = Number(address.split(':').at(-1))
  const socket = connect({ host: '127.0.0.1', port, localAddress })
  const stranger = new Stranger(socket)
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))
  return stranger
}

export class Stranger {
  readonly socket: Socket
  readonly #gone: Promise<void>
  #heard = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (bytes) => (this.#heard = Buffer.concat([this.#heard, bytes])))
    this.#gone = new Promise((resolve) => socket.once('close', () => resolve()))
    closers.push(() => socket.destroy())
  }

  say(text: string | Uint8Array): void {
    this.socket.write(text)
  }

  /** Everything the other side said, once it hung up. */
  async untilGone(): Promise<Buffer> {
    await this.#gone
    return this.#heard
  }

  /** What was said so far, once it contains `text`. */
  async until(text: string): Promise<string> {
    while (!this.#heard.includes(text)) await new Promise((resolve) => this.socket.once('data', resolve))
    return this.#heard.toString('latin1')
  }
}

/** A request for an upgrade; headers set to undefined are left out. */
export function upgradeRequest(headers: Record<string, string | undefined> = {}, path = '/'): string {
  const all: Record<string, string | undefined> = {
    Host: '127.0.0.1',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol': 'carryon.v1',
    ...headers,
  }
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
  return [`GET ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n')
}

/** A server that does with a socket what it is told; its address. */
export function serve(onSocket: (socket: Socket) => void): Promise<string> {
  return open(createServer(onSocket))
}

export function serveHttp(status: number): Promise<string> {
  return open(createHttpServer((_request, response) => response.writeHead(status).end('no such page')))
}

/** A TLS server with a certificate; `onSocket` hears whatever gets through to it. */
export function serveTls(onSocket: (socket: Socket) => void, options: TlsOptions = {}): Promise<string> {
  const pem = (name: string) => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url))
  const server = createTlsServer({ key: pem('impostor.key'), cert: pem('impostor.crt'), ...options }, onSocket)
  server.on('tlsClientError', () => {})
  return open(server)
}

async function open(server: Server): Promise<string> {
  server.on('connection', (socket: Socket) => {
    socket.on('error', () => {})
    closers.push(() => socket.destroy())
  })
  closers.push(() => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}
