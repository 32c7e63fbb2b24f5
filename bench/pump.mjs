// A yardstick: what Node itself takes to bring a file over a socket, with nothing hashed, framed, synced or acknowledged.
// `pump.mjs take PORT FILE [tls]` and `pump.mjs give PORT FILE [tls]`; with `tls`, over TLS 1.3 with carryon's cipher and a key
// that both have.

import { createReadStream, createWriteStream } from 'node:fs'
import { connect, createServer } from 'node:net'
import { pipeline } from 'node:stream/promises'
import * as tls from 'node:tls'

const highWaterMark = 1024 * 1024
const host = '127.0.0.1'
const [verb, portText, file, wish] = process.argv.slice(2)
const port = Number(portText)
const isEncrypted = wish === 'tls'
const psk = Buffer.alloc(32, 7)
const secrets = { minVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256' }

if (verb === 'give') await pipeline(createReadStream(file, { highWaterMark }), await connected())
else {
  const take = (socket) => {
    server.close()
    void pipeline(socket, createWriteStream(file, { highWaterMark }))
  }
  const server = isEncrypted ? tls.createServer({ ...secrets, pskCallback: () => psk }, take) : createServer(take)
  server.on('tlsClientError', () => {}) // Whoever only looks whether it listens.
  server.listen({ host, port })
}

async function connected() {
  if (!isEncrypted) return connect({ host, port })
  const checkServerIdentity = () => undefined // The key proves it.
  const socket = tls.connect({
    ...secrets,
    host,
    port,
    pskCallback: () => ({ psk, identity: 'pump' }),
    checkServerIdentity,
  })
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  return socket
}
