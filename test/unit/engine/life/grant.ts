// A grant as tests need it: whole, and with the few fields that matter to them.

import type { Grant } from '../../../../src/model/grant.ts'

export function grantOf(over: Partial<Grant> = {}): Grant {
  const id = over.id ?? 'f'.repeat(32)
  return {
    id,
    scope: 'send',
    path: [],
    maxBytes: null,
    maxFiles: null,
    maxSessions: null,
    mayReplace: false,
    uses: null,
    createdAt: 1_700_000_000_000,
    expiresAt: null,
    revokedAt: null,
    keys: [{ ticket: id, key: 'c'.repeat(64), until: null }],
    ...over,
  }
}
