// What the core throws when the peer breaks a rule of the protocol. The session catches it and ends the connection with
// `protocol`; it never leaves `handle`.

export class Violation extends Error {}

/** Throws Violation unless the peer kept the rule; `rule` says what it did. */
export function peerMust(kept: boolean, rule: string): asserts kept {
  if (!kept) throw new Violation(rule)
}
