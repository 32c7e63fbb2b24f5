// WebSocket connections do what every Connection must: plain and TLS, either end sending.

import { afterAll } from 'vitest'
import { connectedPairs } from '../support/loopback.ts'
import { connectionSuite } from './connection-suite.ts'

for (const plain of [true, false]) {
  const pairs = await connectedPairs({ plain })
  afterAll(() => pairs.close())
  const name = plain ? 'ws' : 'ws, TLS with a key'
  connectionSuite(`${name}, listener sends`, async () => (await pairs.join()).toReversed() as never)
  connectionSuite(`${name}, dialer sends`, () => pairs.join())
}
