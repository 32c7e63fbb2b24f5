// A dialer that says its hello together with the request for the upgrade. The listener's answer met the request's, still
// being written: two writes at once on one TLS handle, for which Node ends the process, and with it everybody's sessions.

import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import { afterEach, expect, it } from 'vitest'
import type { Connection } from '../../src/model/connection.ts'
import { parseAddress } from '../../src/transport/addresses.ts'
import type { Listener } from '../../src/transport/listen.ts'
import { tlsWithKey } from '../../src/transport/ws-limits.ts'
import { addressOf, listenOn, ticket } from '../support/loopback.ts'
import { upgradeRequest } from '../support/strangers.ts'

let listener: Listener | undefined
afterEach(() => listener?.close())

/** A text frame as a client masks it, with zeros. */
const frameOf = (text: string): Buffer =>
  Buffer.concat([Buffer.of(0x81, 0x80 | text.length, 0, 0, 0, 0), Buffer.from(text)])

it('R82: who speaks together with the upgrade is answered behind it', async () => {
  const answerAtOnce = (connection: Connection): void =>
    connection.start({ text: (text) => connection.sendText(`${text} yourself`), data() {}, ended() {} })
  listener = await listenOn({ onConnection: answerAtOnce })
  const { host, port } = parseAddress(addressOf(listener))
  const pskCallback = () => ({ identity: ticket.identity, psk: Buffer.from(ticket.hex, 'hex') })
  const socket = connectTls({ host, port, ...tlsWithKey, ca: [], pskCallback, checkServerIdentity: () => undefined })
  await once(socket, 'secureConnect')
  socket.write(Buffer.concat([Buffer.from(upgradeRequest()), frameOf('hello')]))
  let heard = ''
  while (!heard.includes('hello yourself')) heard += String((await once(socket, 'data'))[0])
  expect(heard).toMatch(/^HTTP\/1\.1 101 /)
  socket.destroy()
})
