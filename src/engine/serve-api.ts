// The signatures of serving a folder and of its tickets, as src/index.ts exports them beside those of api.ts: types only, under
// the same rules.

import type { Readable, Writable } from 'node:stream'
import type { TransferError } from '../errors.ts'
import type { Event, ExitEvent } from '../model/events.ts'
import type { Scope } from '../model/grant.ts'
import type { Durability, Role } from '../model/session.ts'
import type { ListenAddress, StateOptions } from './api.ts'

/** A server of one folder. `directory` is made if its parent exists. Durations in ms, bytes are bytes. */
export interface ServeOptions extends StateOptions {
  /** Where to listen. Default: all addresses, port 22779. */
  readonly listen?: ListenAddress | undefined
  /** A socket that listens already, by its descriptor: from a service manager. */
  readonly listenDescriptor?: number | undefined
  /** Further `HOST[:PORT]` for tickets. */
  readonly advertise?: readonly string[] | undefined
  /** A certificate with those that vouch for it, and its private key, as PEM: TLS shows it, and tickets pin its key. */
  readonly tlsCert?: string | undefined
  readonly tlsKey?: string | undefined
  /** `wss://HOST[:PORT][/PATH]` for tickets, whose certificate authorities vouch for: this server's, or else a proxy's. */
  readonly publicUrl?: string | undefined
  /** IP addresses, or networks as `ADDRESS/BITS`, of proxies where TLS ends and whose `X-Forwarded-For` is believed. */
  readonly trustedProxies?: readonly string[] | undefined
  /** Sessions at work at once, of all tickets. Default 100. */
  readonly maxSessions?: number | undefined
  /** Bytes that the sessions of all tickets together may bring in. Default: no limit. */
  readonly quota?: number | undefined
  /** Bytes per second of payload, received and sent, of all sessions together. Default: no limit. */
  readonly bwlimit?: number | undefined
  /** Connections that carry data side by side, which a peer may ask for: 1 to 16. Default 16. */
  readonly lanes?: number | undefined
  /** Left free on the disk by what is received. Default: 5 %, at most 1 GiB. */
  readonly minFree?: number | undefined
  /** Serve as root. Default false. */
  readonly allowRoot?: boolean | undefined
  /** A peer this silent is dead. 3 s to 5 min; default 15 s. */
  readonly deadAfterMs?: number | undefined
  /** A session without progress expires after this. Default 7 d. */
  readonly expiresMs?: number | undefined
  /** What an acknowledge has to outlive in sessions that begin from now on. Default: as the sender asks; the stronger holds. */
  readonly durability?: Durability | undefined
  /** Between two `progress` events of a session. Default 1000. */
  readonly progressIntervalMs?: number | undefined
  /** Aborting closes the server. */
  readonly signal?: AbortSignal | undefined
}

/**
 * A running server. Its events are those of its sessions, each with the session's id, and its own, with none; iterate them
 * once. Unread, only `progress` is dropped.
 */
export interface Server extends AsyncIterable<Exclude<Event, ExitEvent>> {
  /** Where it listens, once it does. Rejects with TransferError. Need not be handled. */
  readonly addresses: Promise<readonly string[]>
  /** Always fulfils, after the last event: with what ended it, or null if it was closed. */
  readonly ending: Promise<TransferError | Error | null>
  /** Sessions make a last sync point, at most 2 s, and go on when the folder is served again. Safe to call twice. */
  close(): Promise<void>
}

/** Terms of a ticket for a served folder. */
export interface TicketOptions extends StateOptions {
  /** What its holder may do. */
  readonly for: Scope
  /** A folder below the served one. Default: that one. */
  readonly path?: string | undefined
  /** Bytes that all its sessions together may bring in. Default: no limit. */
  readonly maxBytes?: number | undefined
  /** Files that all its sessions together may bring in. Default: no limit. */
  readonly maxFiles?: number | undefined
  /** Sessions at work at once. Default: the server's limit. */
  readonly maxSessions?: number | undefined
  /** Whether files that are there may be replaced. Default false. */
  readonly mayReplace?: boolean | undefined
  /** Sessions it may begin. Default: no limit. */
  readonly uses?: number | undefined
  /** Ms from now; `Infinity`: until it is revoked. Default 24 h. */
  readonly expiresMs?: number | undefined
  /** Further `HOST[:PORT]`, first in the ticket. */
  readonly advertise?: readonly string[] | undefined
}

/** A ticket of a served folder, without its secret. */
export interface TicketListing {
  readonly id: string
  readonly for: Scope
  /** Below the served folder; '': that one. */
  readonly path: string
  readonly maxBytes: number | null
  readonly maxFiles: number | null
  readonly maxSessions: number | null
  readonly mayReplace: boolean
  readonly uses: number | null
  /** Sessions begun, bytes and files brought in or set aside, so far. */
  readonly used: { readonly sessions: number; readonly bytes: number; readonly files: number }
  readonly createdAt: string
  readonly expiresAt: string | null
  readonly revokedAt: string | null
  readonly state: 'good' | 'expired' | 'revoked'
}

/** What is to be seen in a ticket's text. */
export interface TicketText {
  readonly id: string
  /** Of the side that dials. */
  readonly role: Role | 'both'
  readonly uses: 1 | 'many'
  readonly addresses: readonly string[]
  readonly expiresAt: string
}

/** What came of minting, exchanging or revoking. */
export interface TicketChange {
  readonly listing: TicketListing
  /** Whether a running server has taken it up; false: none runs, the next one will. */
  readonly isLive: boolean
}

/** A ticket's text, which is nowhere else: keep it or lose it. */
export interface NewTicket extends TicketChange {
  readonly ticket: string
}

/** Standard input and output, as streams of bytes that nobody else touches. */
export interface Stdio {
  readonly input: Readable
  readonly output: Writable
}

export interface StdioOptions extends StateOptions {
  /** Confines what may be named: paths lie below it. Default: whatever this user may read and write. */
  readonly directory?: string | undefined
  /** A peer this silent is dead. 3 s to 5 min; default 15 s. */
  readonly deadAfterMs?: number | undefined
  /** A session without progress expires after this. Default 7 d. */
  readonly expiresMs?: number | undefined
  /** Aborting pauses the session. */
  readonly signal?: AbortSignal | undefined
}

/** Functions that return a promise reject with TransferError; `directory` is the served folder. */
export interface ServeApi {
  /** Receives into a folder and sends from it, as its tickets allow, until it is closed. One process per folder. */
  serve(directory: string, options?: ServeOptions): Server
  /** Serves whoever speaks through these streams, as ssh brings him: one session, to its end or his. Resolves then. */
  serveStdio(streams: Stdio, options?: StdioOptions): Promise<void>
  /** @throws TransferError `usage` if the folder was never served */
  newTicket(directory: string, options: TicketOptions): Promise<NewTicket>
  /** Oldest first. */
  listTickets(directory: string): Promise<readonly TicketListing[]>
  /** Its sessions end at their next sync point; another ticket goes on with them. `ticket`: its id, or 4 digits or more of it. */
  revokeTicket(directory: string, ticket: string): Promise<TicketChange>
  /** A new secret for the same terms; the old one stays good for a day. */
  rotateTicket(directory: string, ticket: string, options?: Pick<TicketOptions, 'advertise'>): Promise<NewTicket>
  /** Writes a ticket's text into a file, 0600, replacing it whole. */
  writeTicket(path: string, ticket: string): Promise<void>
  /** What a ticket says without a secret. @throws TransferError `ticket-damaged` */
  describeTicket(ticket: string): TicketText
}
