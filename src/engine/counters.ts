// What crossed in this run, for progress and the summary.

export class Counters {
  bytesSent = 0
  bytesResent = 0
  bytesOnWire = 0
  checkpoints = 0
  connections = 0
  bytesDurableAtStart: number | undefined

  /** Payload that went out, or came in; `again` if this run had sent it before. */
  sent(bytes: number, wireBytes: number, again: boolean): void {
    this.bytesSent += bytes
    this.bytesOnWire += wireBytes
    if (again) this.bytesResent += bytes
  }
}
