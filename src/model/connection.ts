// One live transport, as the engine sees it: ordered, reliable until it ends, framed. A WebSocket, a pair in memory, later
// a pipe. It knows nothing of sessions.

import type { Millis } from './clock.ts'

/** What a connection tells its owner. Calls come in order, never after `ended`. */
export interface ConnectionHandlers {
  /** A text frame. */
  text(text: string): void
  /**
   * A binary frame. The bytes are the callee's until he calls `release`, after which others are read into their place; who
   * never does keeps them. They lie anywhere in their ArrayBuffer, unaligned.
   */
  data(frame: Uint8Array, release?: () => void): void
  /** The connection is gone, for whatever reason; exactly once. */
  ended(reason: EndReason): void
}

export interface EndReason {
  /** `closed` by the peer in order, `lost`, `refused` by TLS (no proof of the key), or `invalid`: it broke the framing rules. */
  readonly kind: 'closed' | 'lost' | 'refused' | 'invalid'
  /** Close code of the WebSocket, 1006 where there was none. */
  readonly code: number
  readonly detail: string
}

export interface Connection {
  /** Who is at the other end, for messages: `192.168.1.7:40312`. */
  readonly peer: string
  /** Whether the other end proved the ticket's key (`t.<id>`) or the session's (`s.<id>`); '' where nothing was proved (plain). */
  readonly proof: string
  /** To the other end and back, ms, as long as TCP took to reach it; undefined where this end was called, or a pipe leads there. */
  readonly roundTripMs?: Millis | undefined
  /** Must be called once, right away: nothing is read before. */
  start(handlers: ConnectionHandlers): void
  /** Queues a text frame. */
  sendText(text: string): void
  /**
   * Sends a binary frame; resolves when the kernel has taken the bytes, which may not be changed before. Rejects with
   * `connection-lost`.
   * @param roomBytes so many bytes in front of the frame, in its ArrayBuffer, are the connection's to write into: with
   *   `frameRoomBytes` of them it sends one piece, which TLS need not copy together first. 0 unless given
   */
  sendData(frame: Uint8Array, roomBytes?: number): Promise<void>
  /** Stops and restarts reading; while paused, `heardBytes` does not grow and silence is no sign of death. */
  pause(): void
  resume(): void
  /** Raw bytes that came in so far, half-received frames included. */
  readonly heardBytes: number
  /** Bytes handed over and not yet taken by the kernel. */
  readonly queuedBytes: number
  /** Ends in order: what is queued is sent first, for at most 2 s. From here on nothing is told but `ended`. */
  close(code: number, reason: string): void
  /** Ends at once. */
  destroy(): void
}
