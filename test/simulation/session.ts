// What a simulated session is made of beside its runners: the header of its journal, a listener, and frames as the log
// shows them.

import type { ConnectionSink, Runner } from '../../src/engine/runner.ts'
import type { Connection } from '../../src/model/connection.ts'
import type { Hash64 } from '../../src/model/hash.ts'
import { headerBytes } from '../../src/model/limits.ts'
import type { HeaderRecord } from '../../src/model/records.ts'
import type { Role } from '../../src/model/session.ts'
import { readHeader, readPackRows } from '../../src/wire/frames.ts'
import { decodeHello, encodeMessage } from '../../src/wire/messages.ts'
import type { Scenario } from './scenario.ts'

export function headerOf(scenario: Scenario, session: string, role: Role, root: string): HeaderRecord {
  const { dialer, onConflict, checksum, durability, isSpilled } = scenario
  const isDialer = role === dialer
  return {
    kind: 'header',
    session,
    role,
    createdAt: 0,
    side: isDialer ? 'dialer' : 'listener',
    ticketKey: 'ab'.repeat(32),
    ticketExpiresAt: 1e15,
    nonce: isDialer ? 'cd'.repeat(16) : '',
    addresses: [],
    root,
    sources: role === 'sender' ? [{ path: '/src', as: isSpilled ? '' : 'src' }] : [],
    directory: '/dst',
    identity: '',
    frozen: {},
    wishes: role === 'receiver' ? { onConflict, checksum: false } : { onConflict: null, checksum, durability },
  }
}

/** A data frame, for the log. */
export function frameText(frame: Uint8Array, hash: Hash64): string {
  const header = readHeader(frame, hash)
  if (header.kind === 'pack' && hash(frame.subarray(headerBytes)) !== header.hash) return 'pack, damaged'
  if (header.kind === 'pack')
    return `pack of ${readPackRows(frame, header)
      .map(({ entry }) => entry)
      .join()}`
  return `${header.kind} ${header.entry}:${header.revision}:${header.chunk}`
}

/** A listener whose session is over, and that says so. */
export function refuse(end: Connection, code: 'discarded' | 'session-unknown'): void {
  end.start({
    text: () => {
      end.sendText(encodeMessage({ kind: 'refuse', code, sentence: 'It is over.', retry: false }))
      end.close(4007, code)
    },
    data: () => {},
    ended: () => {},
  })
}

/** A listener: the first message is the hello, everything behind it is the runner's. */
export function answer(end: Connection, runner: Runner): void {
  let sink: ConnectionSink | undefined
  end.start({
    text: (text) => {
      if (sink !== undefined) return sink.text(text)
      const hello = decodeHello(text)
      const bound = {
        kind: 'bound',
        nonce: hello.nonce,
        sessionKey: 'ef'.repeat(32),
        chunkBytes: 0,
        shape: { onConflict: 'fail', checksum: false },
        root: '',
      } as const
      sink = runner.accepted(end, hello, runner.view.isBound ? [] : [bound])
    },
    data: (frame) => sink?.data(frame),
    ended: ({ detail }) => sink?.ended(detail),
  })
}
