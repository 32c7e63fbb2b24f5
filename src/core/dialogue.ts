// Which message may come when: a pair (phase, kind) that is not listed is refused by name. docs/protocol.md shows the same
// table; a test compares them.

import type { MessageKind } from '../model/messages.ts'
import type { Role } from '../model/session.ts'
import type { Phase } from './hub.ts'

/** Taken in every phase of an open connection, by both roles. */
export const always: readonly MessageKind[] = ['ping', 'pong', 'pause', 'discard', 'exception', 'abort', 'skippable']

/** Accepted kinds by the role of the side that hears them. `hello` never arrives here: the listener routes it. */
export const accepted: Readonly<Record<Role, Readonly<Record<Phase, readonly MessageKind[]>>>> = {
  sender: {
    greeting: ['welcome', 'refuse', 'ping', 'abort', 'skippable'],
    agreeing: [...always, 'want', 'acknowledge', 'hashes', 'turn'],
    transferring: [...always, 'want', 'acknowledge', 'hashes', 'turn'],
    finishing: [...always, 'want', 'acknowledge', 'hashes', 'turn', 'receipt', 'released'],
  },
  receiver: {
    greeting: ['welcome', 'refuse', 'ping', 'abort', 'skippable'],
    agreeing: [...always, 'manifest', 'hashes', 'resync', 'release'],
    transferring: [...always, 'manifest', 'hashes', 'resync', 'sync', 'end', 'release'],
    finishing: [...always, 'hashes', 'end', 'release'],
  },
}

/** On a further lane, before and behind its welcome; everything else is said on lane 0. */
const onLane: Readonly<Record<'joining' | 'open', readonly MessageKind[]>> = {
  joining: ['welcome', 'refuse', 'ping', 'abort', 'skippable'],
  open: ['ping', 'pong', 'abort', 'skippable'],
}

export function isAcceptedOnLane(isOpen: boolean, kind: MessageKind): boolean {
  return onLane[isOpen ? 'open' : 'joining'].includes(kind)
}

/** Whether a message of this kind may come now. */
export function isAccepted(role: Role, phase: Phase, kind: MessageKind): boolean {
  return accepted[role][phase].includes(kind)
}
