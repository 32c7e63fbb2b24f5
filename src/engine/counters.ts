// What crossed in this run, for progress and the summary.

import type { Session } from '../core/session.ts'

export class Counters {
  bytesSent = 0
  bytesResent = 0
  bytesOnWire = 0
  checkpoints = 0
  connections = 0
  bytesDurableAtStart: number | undefined
  bytesAcknowledgedAtStart: number | undefined
  bytesUnchangedAtStart: number | undefined

  /** Data may flow: what is there by now did not cross in this run. The first time counts. */
  begun({ bytesDurable, entries }: Session): void {
    this.bytesDurableAtStart ??= bytesDurable
    this.bytesAcknowledgedAtStart ??= entries.bytesAcknowledged
    this.bytesUnchangedAtStart ??= entries.bytesUnchanged
  }

  /** Payload that went out, or came in; `again` if this run had sent it before. */
  sent(bytes: number, wireBytes: number, again: boolean): void {
    this.bytesSent += bytes
    this.bytesOnWire += wireBytes
    if (again) this.bytesResent += bytes
  }
}
