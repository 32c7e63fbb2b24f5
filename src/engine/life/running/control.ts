// What the processes of this machine say to each other about a session, over its lock: the holder answers, others ask or
// follow along. Requests come from this user's processes, and are checked all the same.

import { isTransferError, TransferError } from '../../../errors.ts'
import type { Directory } from '../../../model/disk.ts'
import type { Durability, SessionState, StateReason, Tally, Who } from '../../../model/session.ts'
import { askHolder, handOver, watchHolder, type Answer } from '../../../store/lock.ts'
import type { SessionEnd } from '../../../core/effects.ts'
import type { SummaryEvent } from '../../../model/events.ts'
import { parseIdentity } from '../../../transport/keys.ts'
import type { Stream } from '../../../transport/ws-connection.ts'
import type { RunEvent } from './event-queue.ts'
import { levelOf, type Reporter } from './reporter.ts'

/** Where a running session stands, as its holder tells. */
export interface LiveStatus {
  readonly state: SessionState
  readonly reason: StateReason | null
  readonly who: Who | null
  readonly since: string
  readonly epoch: number
  readonly peer: string | null
  readonly bytesDurable: number
  /** As in `session` events: only below `checkpoint`. */
  readonly level?: Durability
  readonly bytesAcknowledged?: number
  readonly bytesTotal: number | null
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly filesDone: number
  readonly filesTotal: number | null
  readonly rateBytesPerSecond: number
  readonly etaSeconds: number | null
  readonly addresses: readonly string[]
  readonly isConnected: boolean
}

/** The last thing a holder says to who watches it: how its run ends, for a last line and a code that are the same. */
export interface Farewell {
  readonly v: 1
  readonly type: 'farewell'
  readonly end: SessionEnd
  readonly tally: Tally
  readonly summary: SummaryEvent | null
}

export type ControlRequest =
  | { readonly want: 'status' | 'pause' | 'discard' }
  /** Bytes per second; null lifts the limit. */
  | { readonly want: 'limit'; readonly bytesPerSecond: number | null }

/** What others may ask of a run. */
export interface Controls {
  stop(how: 'user' | 'discard'): void
  limitBandwidth(bytesPerSecond: number | null): void
}

/** A connection that came to another process of this user, which has found out who is there. */
export interface HandedOver {
  readonly stream: Stream
  /** Which key was proven: `t.<session>` or `s.<session>`. */
  readonly proof: string
}

const askForMs = 3_000 // A holder answers from memory.

/** Answers for a run. A session that waits for its first peer has no status beyond its journal's. */
export function answerer(reporter: Reporter, { stop, limitBandwidth }: Controls): Answer {
  return async (request) => {
    const asked = request as { readonly want?: unknown; readonly bytesPerSecond?: unknown } | null
    switch (asked?.want) {
      case 'status':
        return { held: true, live: liveStatus(reporter) ?? null }
      case 'pause':
        stop('user')
        return { done: true }
      case 'discard':
        stop('discard')
        return { done: true }
      case 'limit': {
        const { bytesPerSecond } = asked
        if (bytesPerSecond !== null && !(Number.isFinite(bytesPerSecond) && Number(bytesPerSecond) > 0)) return null
        limitBandwidth(bytesPerSecond as number | null)
        return { done: true }
      }
      default:
        return null
    }
  }
}

/** What to do with a connection that is handed over; undefined: it is not wanted. */
export function handedOver(
  request: unknown,
  take: ((handed: HandedOver) => void) | undefined,
): ((stream: Stream) => void) | undefined {
  const { proof } = (request ?? {}) as { readonly proof?: unknown }
  if (take === undefined || typeof proof !== 'string' || parseIdentity(proof) === undefined) return undefined
  return (stream) => take({ stream, proof })
}

/** Hands a connection over to the holder of a session: the stream that leads to it. Undefined if nobody takes it. */
export function handTo(directory: Directory, proof: string): Promise<Stream | undefined> {
  return handOver(directory, { proof }, askForMs)
}

function liveStatus(reporter: Reporter): LiveStatus | undefined {
  const { standing, view, speed, addresses } = reporter
  if (standing === undefined) return undefined
  const crossed = view === undefined ? 0 : view.bytesAcknowledgedAtStart + view.bytesSentThisRun - view.bytesResent
  const bytesSent = Math.max(crossed, view?.bytesAcknowledged ?? 0)
  return {
    ...standing,
    epoch: view?.epoch ?? 0,
    peer: view?.peer ?? null,
    bytesDurable: view?.bytesDurable ?? 0,
    ...(view === undefined ? {} : levelOf(view)),
    bytesTotal: view?.bytesTotal ?? null,
    bytesSent,
    bytesReceived: view?.role === 'receiver' ? bytesSent : (view?.bytesAcknowledged ?? 0),
    filesDone: view?.filesDone ?? 0,
    filesTotal: view?.filesTotal ?? null,
    rateBytesPerSecond: speed.bytesPerSecond,
    etaSeconds: speed.etaSeconds,
    addresses,
    isConnected: view?.isConnected ?? false,
  }
}

/** What the holder says of a session; `live` is null while it has nothing to say beyond the journal. Undefined if nobody holds it. */
export async function askStatus(directory: Directory): Promise<{ readonly live: LiveStatus | null } | undefined> {
  return (await ask(directory, { want: 'status' })) as { readonly live: LiveStatus | null } | undefined
}

/** Whether a holder took the request. What follows shows when it lets go of the session. */
export async function askToStop(directory: Directory, want: 'pause' | 'discard'): Promise<boolean> {
  return ((await ask(directory, { want })) as { done?: boolean } | null | undefined)?.done === true
}

/** Whether a holder took the new limit. */
export async function askToLimit(directory: Directory, bytesPerSecond: number | null): Promise<boolean> {
  return (
    ((await ask(directory, { want: 'limit', bytesPerSecond })) as { done?: boolean } | null | undefined)?.done === true
  )
}

/** @returns undefined if nobody answered */
async function ask(directory: Directory, request: ControlRequest): Promise<unknown> {
  try {
    return await askHolder(directory, request, askForMs)
  } catch (error) {
    if (isTransferError(error)) throw error
    throw new TransferError('disk-failed', { path: directory.label, operation: 'ask', cause: String(error) })
  }
}

/** What the holder says from now on, as it was said; ends when it lets go. */
export async function* followHolder(directory: Directory): AsyncGenerator<RunEvent | Farewell, void, void> {
  for await (const line of watchHolder(directory)) {
    const event = parseEvent(line)
    if (event !== undefined) yield event
  }
}

function parseEvent(line: string): RunEvent | Farewell | undefined {
  try {
    const value = JSON.parse(line) as Partial<RunEvent | Farewell>
    return value.v === 1 && typeof value.type === 'string' ? (value as RunEvent | Farewell) : undefined
  } catch {
    return undefined
  }
}
