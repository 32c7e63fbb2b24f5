// The connections of one session: numbers them, turns frames into inputs for the core and the core's messages into frames,
// and watches whether bytes come in. Payload stays here, under a number, until the core says what becomes of it.

import { isTransferError } from '../errors.ts'
import type { Clock } from '../model/clock.ts'
import type { Connection } from '../model/connection.ts'
import type { Hash64 } from '../model/hash.ts'
import { headerBytes, queuedMaxBytes } from '../model/limits.ts'
import type { FrameHeader, Hello, Message, PackRow } from '../model/messages.ts'
import type { JournalRecord } from '../model/records.ts'
import type { ArrivedFrame, ConnectionId, Input } from '../core/inputs.ts'
import { readHeader, readPackRows } from '../wire/frames.ts'
import { decodeMessage, encodeMessage } from '../wire/messages.ts'
import type { ConnectionSink } from './runner.ts'
import { SleepWatch } from './sleep-watch.ts'

const heardEveryMs = 500 // Well below the shortest `--dead-after`, 3 s.

/** A data frame that the core has not decided on. */
export interface HeldFrame {
  readonly header: FrameHeader
  /** Of a pack. */
  readonly rows: readonly PackRow[]
  readonly payload: Uint8Array
  /** Gives the payload's buffer back; who takes the frame calls it when done. */
  release(): void
}

interface Link {
  readonly connection: Connection
  /** 0 carries the messages: when it is gone, the session is without a connection. */
  readonly lane: number
  heardBytes: number
  /** As `heardBytes` was when the last message or frame was whole. */
  wholeBytes: number
  /** Waiting for it to be sent, when last looked at. */
  queuedBytes: number
  /** It asks faster than it reads the answers: nothing more is read from it until it does (R74). */
  isCrowded: boolean
  isPaused: boolean
}

export class Links {
  readonly #links = new Map<ConnectionId, Link>()
  readonly #frames = new Map<number, HeldFrame>()
  readonly #clock: Clock
  readonly #sleep: SleepWatch
  readonly #hash: Hash64
  readonly #tell: (input: Input) => void
  #connections = 0
  #framesSeen = 0
  /** Not while the disk is behind. */
  #isReading = true
  #isClosed = false
  #cancelWatch: (() => void) | undefined

  readonly #gone: (reason: string) => void

  /** @param gone called when a lane 0 has ended and the core knows it */
  constructor(clock: Clock, hash: Hash64, tell: (input: Input) => void, gone: (reason: string) => void) {
    this.#clock = clock
    this.#sleep = new SleepWatch(clock)
    this.#hash = hash
    this.#tell = tell
    this.#gone = gone
  }

  /** Dialer: starts a connection that is up, and greets. */
  connected(connection: Connection): void {
    if (this.#isClosed) return connection.destroy() // Dialed while the session ended.
    const id = this.#start(connection, 0)
    this.#tell({ kind: 'connected', connection: id, attempt: id, roundTripMs: connection.roundTripMs })
  }

  /** Dialer: a further lane is up. */
  laneConnected(connection: Connection, lane: number): void {
    if (this.#isClosed) return connection.destroy() // Dialed while the session ended.
    const id = this.#start(connection, lane)
    this.#tell({ kind: 'laneConnected', connection: id, lane, attempt: id })
  }

  #start(connection: Connection, lane: number): ConnectionId {
    const { id, sink } = this.#add(connection, lane)
    connection.start({ text: sink.text, data: sink.data, ended: ({ detail }) => sink.ended(detail) })
    return id
  }

  /** Listener: takes over a connection whose hello was proven. */
  accepted(connection: Connection, hello: Hello, records: readonly JournalRecord[]): ConnectionSink {
    const { id, sink } = this.#add(connection, hello.lane)
    this.#tell({ kind: 'helloArrived', connection: id, hello, records })
    return sink
  }

  #add(connection: Connection, lane: number): { id: ConnectionId; sink: ConnectionSink } {
    const id = ++this.#connections
    this.#links.set(id, {
      connection,
      lane,
      heardBytes: 0,
      wholeBytes: 0,
      queuedBytes: 0,
      isCrowded: false,
      isPaused: false,
    })
    if (this.#cancelWatch === undefined) {
      this.#sleep.sinceLastLook()
      this.#cancelWatch = this.#clock.after(heardEveryMs, () => this.#watch())
    }
    const sink: ConnectionSink = {
      text: (text) => this.#guard(id, () => this.#textArrived(id, text)),
      data: (frame, release) => this.#guard(id, () => this.#dataArrived(id, frame, release)),
      ended: (reason) => this.#ended(id, reason),
    }
    return { id, sink }
  }

  #textArrived(connection: ConnectionId, text: string): void {
    this.#noteWhole(connection)
    this.#tell({ kind: 'messageArrived', connection, message: decodeMessage(text) })
  }

  #dataArrived(connection: ConnectionId, bytes: Uint8Array, release = () => {}): void {
    this.#noteWhole(connection)
    const header = readHeader(bytes, this.#hash)
    const payload = bytes.subarray(headerBytes)
    if (header.kind === 'pack' && this.#hash(payload) !== header.hash) {
      // Its table can't be trusted, so nobody knows what to ask for: the next `want` does.
      return this.destroy(connection, 'a pack arrived damaged')
    }
    const rows = header.kind === 'pack' ? readPackRows(bytes, header) : []
    const frame = ++this.#framesSeen
    this.#frames.set(frame, { header, rows, payload, release })
    this.#tell({ kind: 'frameArrived', connection, frame: arrived(frame, header, rows, payload.length) })
  }

  #noteWhole(connection: ConnectionId): void {
    const link = this.#links.get(connection)
    if (link !== undefined) link.wholeBytes = link.connection.heardBytes
  }

  /** What is no message or frame of a carryon peer ends the connection by name. */
  #guard(connection: ConnectionId, act: () => void): void {
    try {
      act()
    } catch (error) {
      if (!isTransferError(error)) throw error
      const code = error.code === 'bad-name' || error.code === 'version' ? error.code : 'protocol'
      this.#tell({ kind: 'peerBroke', connection, code, sentence: error.message })
    }
  }

  #ended(connection: ConnectionId, reason: string): void {
    const link = this.#links.get(connection)
    if (!this.#links.delete(connection)) return
    this.#tell({ kind: 'connectionEnded', connection, reason })
    if (link?.lane === 0) queueMicrotask(() => this.#gone(reason)) // The core may have asked for this end itself: it hears of it after its effects.
  }

  /** Takes a frame's payload; it is the caller's from then on. */
  takeFrame(frame: number): HeldFrame {
    const held = this.#frames.get(frame)!
    this.#frames.delete(frame)
    return held
  }

  peerOf(id: ConnectionId | undefined): string | null {
    return id === undefined ? null : (this.#links.get(id)?.connection.peer ?? null)
  }

  send(id: ConnectionId, message: Message): void {
    this.sendText(id, encodeMessage(message))
  }

  /** Text that is a message already. */
  sendText(id: ConnectionId, text: string): void {
    const link = this.#links.get(id)
    if (link === undefined) return
    link.connection.sendText(text)
    if (link.connection.queuedBytes <= queuedMaxBytes) return
    link.isCrowded = true
    this.#pauseOrResume(link)
  }

  /** Sends a frame, with room in front of it as `Connection` explains; false if the connection is gone. */
  async sendFrame(id: ConnectionId, frame: Uint8Array, roomBytes = 0): Promise<boolean> {
    const link = this.#links.get(id)
    if (link === undefined) return false
    try {
      await link.connection.sendData(frame, roomBytes)
      return true
    } catch (error) {
      if (!isTransferError(error)) throw error
      return false
    }
  }

  close(id: ConnectionId, code: number, reason: string): void {
    this.#links.get(id)?.connection.close(code, reason)
  }

  destroy(id: ConnectionId, reason: string): void {
    const link = this.#links.get(id)
    if (link === undefined) return
    link.connection.destroy()
    this.#ended(id, reason)
  }

  /** Stops or goes on reading from all connections: the disk sets the pace. */
  setReading(isReading: boolean): void {
    this.#isReading = isReading
    for (const link of this.#links.values()) this.#pauseOrResume(link)
  }

  #pauseOrResume(link: Link): void {
    const pauses = !this.#isReading || link.isCrowded
    if (link.isPaused === pauses) return
    link.isPaused = pauses
    if (pauses) link.connection.pause()
    else link.connection.resume()
  }

  /** Raw bytes count as life, half a frame too, and so do bytes taken; while the disk holds us up, silence means nothing (R32). */
  #watch(): void {
    const sleptMs = this.#sleep.sinceLastLook()
    if (sleptMs > 0) this.#tell({ kind: 'woke', sleptMs })
    for (const [connection, link] of this.#links) {
      const { heardBytes, queuedBytes } = link.connection
      const isAlive = heardBytes !== link.heardBytes || queuedBytes < link.queuedBytes || !this.#isReading
      link.heardBytes = heardBytes
      link.queuedBytes = queuedBytes
      link.isCrowded &&= queuedBytes > queuedMaxBytes / 2
      this.#pauseOrResume(link)
      if (isAlive)
        this.#tell({
          kind: 'heard',
          connection,
          arrivingBytes: heardBytes - link.wholeBytes,
          isReading: !link.isPaused,
        })
    }
    this.#cancelWatch = this.#links.size === 0 ? undefined : this.#clock.after(heardEveryMs, () => this.#watch())
  }

  /** Ends all connections in order. */
  closeAll(code: number, reason: string): void {
    this.#isClosed = true
    this.#cancelWatch?.()
    for (const { connection } of this.#links.values()) connection.close(code, reason)
    this.#links.clear()
    this.#frames.clear()
  }
}

function arrived(frame: number, header: FrameHeader, rows: readonly PackRow[], payloadBytes: number): ArrivedFrame {
  const { epoch } = header
  if (header.kind === 'pack') return { kind: 'pack', frame, epoch, files: rows }
  const { kind, entry, revision, chunk } = header
  return { kind, frame, epoch, place: { entry, revision, chunk }, length: kind === 'zeros' ? -1 : payloadBytes }
}
