// A yardstick: what Node itself takes to bring a file over a socket, with nothing hashed, framed, synced or acknowledged.
// `pump.mjs take PORT FILE` and `pump.mjs give PORT FILE`.

import { createReadStream, createWriteStream } from 'node:fs'
import { connect, createServer } from 'node:net'
import { pipeline } from 'node:stream/promises'

const highWaterMark = 1024 * 1024
const host = '127.0.0.1'
const [verb, port, file] = process.argv.slice(2)

if (verb === 'give') await pipeline(createReadStream(file, { highWaterMark }), connect({ host, port: Number(port) }))
else {
  const server = createServer((socket) => {
    server.close()
    void pipeline(socket, createWriteStream(file, { highWaterMark }))
  })
  server.listen({ host, port: Number(port) })
}
