// Slow-drip clients: a process with many sockets that say next to nothing and never go by themselves. One that is cut comes
// back after a second.
//
//   node dripper.mjs PORT COUNT ADDRESS...      sockets come from the addresses in turn
//
// It says `{ opened, cut, longestMs, held }` a few times a second: how long the oldest socket was ever held, and how many are.

import { connect } from 'node:net'

const [port, count, ...addresses] = process.argv.slice(2)
const figures = { opened: 0, cut: 0, longestMs: 0, held: 0 }
/** A TLS record that never ends, a request that never ends, and nothing at all. */
const kinds = [
  Buffer.from([22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc]),
  Buffer.from('GET / HTTP/1.1\r\nHost: '),
  Buffer.alloc(0),
]

function drip(index) {
  const socket = connect({ host: '127.0.0.1', port: Number(port), localAddress: addresses[index % addresses.length] })
  let connectedAt
  let tap
  socket.on('error', () => {})
  socket.on('connect', () => {
    connectedAt = performance.now()
    figures.opened++
    figures.held++
    const bytes = kinds[index % kinds.length]
    if (bytes.length === 0) return
    socket.write(bytes)
    tap = setInterval(() => socket.write(Buffer.from([97])), 500)
  })
  socket.on('close', () => {
    clearInterval(tap)
    if (connectedAt !== undefined) {
      figures.cut++
      figures.held--
      figures.longestMs = Math.max(figures.longestMs, Math.round(performance.now() - connectedAt))
    }
    setTimeout(() => drip(index), 1000)
  })
}

for (let i = 0; i < Number(count); i++) drip(i)
setInterval(() => console.log(JSON.stringify(figures)), 250)
