// Listeners and dialers on loopback for the tests of src/transport.

import type { Connection } from '../../src/model/connection.ts'
import { formatAddress } from '../../src/transport/addresses.ts'
import { dial, type DialOptions } from '../../src/transport/dial.ts'
import { listen, type Listener, type ListenOptions } from '../../src/transport/listen.ts'

export const ticket = { identity: `t.${'5a'.repeat(16)}`, hex: '0123456789abcdef'.repeat(4) }

/** A listener on any free port that knows one ticket. */
export function listenOn(options: Partial<ListenOptions> = {}): Promise<Listener> {
  return listen({
    host: '127.0.0.1',
    port: 0,
    plain: false,
    keyFor: (identity) => (identity === ticket.identity ? ticket.hex : undefined),
    onConnection: (connection) => connection.destroy(),
    ...options,
  })
}

/** Dials with the ticket, unless told otherwise. */
export function dialTo(
  address: string,
  { plain = false, ...options }: Partial<DialOptions> & { readonly plain?: boolean } = {},
): Promise<Connection> {
  const way = plain ? ({ trust: 'plain', key: undefined } as const) : ({ trust: 'psk', key: ticket } as const)
  return dial({ address, ...way, timeoutMs: 5_000, signal: new AbortController().signal, ...options })
}

export function addressOf(listener: Listener): string {
  return formatAddress(listener.addresses[0]!)
}

/** One listener, and pairs of connections through it: the dialer's end first. */
export async function connectedPairs(options: { readonly plain: boolean; readonly directReads?: boolean }) {
  const waiting: ((connection: Connection) => void)[] = []
  const listener = await listenOn({
    ...options,
    helloBytesMax: Infinity, // A test may begin with large frames and read none of them, as no peer does.
    onConnection: (connection) => waiting.shift()?.(connection),
  })
  return {
    close: () => listener.close(),
    async join(): Promise<[Connection, Connection]> {
      const accepted = new Promise<Connection>((resolve) => waiting.push(resolve))
      const dialed = await dialTo(addressOf(listener), options)
      return [dialed, await accepted]
    },
  }
}
