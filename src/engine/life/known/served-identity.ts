// How the sessions of a server are told from those of other commands, which leave them alone: by the identity in their headers.

export function servedIdentity(rootId: string, path: string): string {
  return JSON.stringify(['serve', rootId, path])
}

/** The folder whose server a session belongs to; undefined if it belongs to none. */
export function servedBy(identity: string): string | undefined {
  if (!identity.startsWith('["serve",')) return undefined
  return (JSON.parse(identity) as readonly string[])[2]
}
