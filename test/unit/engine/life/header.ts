// A session's header as tests need it: whole, and with the few fields that matter to them.

import type { HeaderRecord } from '../../../../src/model/records.ts'

export const sessionId = '12345678'.repeat(4)

export function headerOf(over: Partial<HeaderRecord> = {}): HeaderRecord {
  return {
    kind: 'header',
    session: sessionId,
    role: 'sender',
    createdAt: 1_700_000_000_000,
    side: 'listener',
    ticketKey: 'a'.repeat(64),
    ticketExpiresAt: 1_700_086_400_000,
    nonce: '',
    addresses: ['127.0.0.1:4711'],
    root: '',
    sources: [],
    directory: '',
    identity: '[]',
    frozen: {},
    wishes: { onConflict: null, checksum: false },
    ...over,
  }
}
