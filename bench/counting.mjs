// Loaded before carryon by `node --import`: counts the calls that cost, and writes the numbers when the process ends.

import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { Socket } from 'node:net'
import { WebSocket } from 'ws'

const headerMaxBytes = 14
const counts = { reads: 0, writes: 0, opens: 0, syncs: 0, dataFrames: 0, messages: 0 }
const counted = {
  read: 'reads',
  readSync: 'reads',
  write: 'writes',
  writeSync: 'writes',
  open: 'opens',
  openSync: 'opens',
  fsync: 'syncs',
  fsyncSync: 'syncs',
  fdatasync: 'syncs',
  fdatasyncSync: 'syncs',
}
for (const [name, what] of Object.entries(counted)) {
  const real = fs[name]
  fs[name] = Object.assign((...args) => {
    counts[what]++
    return real(...args)
  }, real)
}
syncBuiltinESMExports()

const { send } = WebSocket.prototype
WebSocket.prototype.send = function (data, ...rest) {
  counts[typeof data === 'string' ? 'messages' : 'dataFrames']++
  return send.call(this, data, ...rest)
}

// Frames that go past ws: one piece, which begins as the header of a binary frame does and is longer than any header.
const { write } = Socket.prototype
Socket.prototype.write = function (data, ...rest) {
  if (typeof data !== 'string' && data.length > headerMaxBytes && data[0] === 0x82) counts.dataFrames++
  return write.call(this, data, ...rest)
}

process.on('exit', () => fs.writeFileSync(process.env.CARRYON_BENCH_COUNTS, JSON.stringify(counts)))
