// WebSocket connections do what every Connection must: plain and TLS, either end sending, reading past ws or through it.

import { afterAll } from 'vitest'
import { connectedPairs } from '../support/loopback.ts'
import { connectionSuite } from './connection-suite.ts'

for (const plain of [true, false]) {
  for (const directReads of [true, false]) {
    const pairs = await connectedPairs({ plain, directReads })
    afterAll(() => pairs.close())
    const name = `${directReads ? 'WebSocket' : 'ws alone'}${plain ? '' : ', TLS with a key'}`
    connectionSuite(`${name}, listener sends`, async () => (await pairs.join()).toReversed() as never)
    connectionSuite(`${name}, dialer sends`, () => pairs.join())
  }
}
