// A WebSocket over two streams does what every Connection must: standard input and output of two processes are such a pair,
// and so is what one process hands over to another.

import { spawn } from 'node:child_process'
import { createServer, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Connection } from '../../src/model/connection.ts'
import { Pipe } from '../../src/transport/pipe.ts'
import { grantUpgrade, upgrade } from '../../src/transport/upgrade.ts'
import type { Stream } from '../../src/transport/ws-connection.ts'
import { scratchPath } from '../support/scratch.ts'
import { connectionSuite } from './connection-suite.ts'

type Pair = readonly [Connection, Connection]

async function joined(near: Stream, far: Stream): Promise<Pair> {
  const granted = grantUpgrade(far, { peer: 'near', proof: '' })
  const asked = await upgrade(near, 'ws://pipe/', { peer: 'far', proof: '' })
  return [asked, await granted]
}

/** Streams of the kernel, one each way: what goes into `cat` comes out of it. */
async function throughCats(): Promise<Pair> {
  const [there, back] = [cat(), cat()]
  return joined(new Pipe(back.stdout, there.stdin), new Pipe(there.stdout, back.stdin))
}

function cat() {
  return spawn('cat', { stdio: ['pipe', 'pipe', 'ignore'] })
}

async function unixSockets(): Promise<Pair> {
  const path = join(scratchPath(), 'socket')
  const server = createServer({ pauseOnConnect: true }).listen(path)
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const near = connect(path)
  await new Promise((resolve) => near.once('connect', resolve))
  const far = await accepted
  server.close()
  return joined(near, far)
}

for (const [name, join] of [
  ['pipes of the kernel', throughCats],
  ['a unix socket', unixSockets],
] as const) {
  connectionSuite(`${name}, dialer sends`, join)
  connectionSuite(`${name}, listener sends`, async () => (await join()).toReversed() as never)
}
