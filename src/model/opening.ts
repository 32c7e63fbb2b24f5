// What two sides say to each other over a pipe before their connection begins (docs/protocol.md, section Over a pipe).

import type { Role, SessionId } from './session.ts'

/** The listener's first line. */
export interface PipeGreeting {
  /** Of the protocol. */
  readonly version: number
  /** Random, new each time: what a proof is bound to. 32 hex digits. */
  readonly nonce: string
}

/** The dialer asks for a session. */
export interface Opening {
  readonly session: SessionId
  /** The dialer's. */
  readonly role: Role
  /** Where to receive into, or what to send, as the dialer's user wrote it. */
  readonly path: string
  /** Of the session's key, for this greeting; 64 hex digits. */
  readonly proof?: string | undefined
  /** Before first contact: what the session begins with if it is not there. 64 hex digits. */
  readonly ticketKey?: string | undefined
}

/** Granted: the WebSocket handshake follows. Else another opening may. */
export type OpeningAnswer =
  { readonly granted: true } | { readonly granted: false; readonly code: string; readonly sentence: string }
