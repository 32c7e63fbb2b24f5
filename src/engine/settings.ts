// What a session's core is told of its session, once and for all.

import type { Settings } from '../core/hub.ts'
import { fileDigest } from '../hash/xxh64.ts'
import type { BoundRecord, HeaderRecord } from '../model/records.ts'
import { sessionKey } from '../transport/keys.ts'
import type { RunnerOptions } from './runner.ts'

/** @param bound what first contact agreed on, if there was one */
export function settingsOf(
  { session, instance, world }: RunnerOptions,
  header: HeaderRecord,
  bound: BoundRecord | undefined,
): Settings {
  return {
    role: header.role,
    session,
    instance,
    nonce: header.nonce,
    sessionKey: header.side === 'dialer' ? keyOf(header, bound) : '',
    root: header.role === 'receiver' ? header.root : (bound?.root ?? ''),
    limits: world.limits,
    wishes: header.wishes,
    fileDigest: (hashes, size) => fileDigest(hashes, size, world.hash),
    fraction: () => world.random.fraction(),
  }
}

function keyOf({ ticketKey, nonce, session }: HeaderRecord, bound: BoundRecord | undefined): string {
  return bound?.sessionKey ?? (ticketKey === '' ? '' : sessionKey(ticketKey, nonce, session))
}
