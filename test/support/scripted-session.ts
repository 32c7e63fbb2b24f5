// A second implementation of the library's Session: it yields events that a test wrote by hand, in the form and order
// the interface promises, and ends as the test says. It moves no byte.

import {
  TransferError,
  type Ending,
  type Event,
  type ExitEvent,
  type Receipt,
  type Role,
  type Session,
} from '../../src/index.ts'
import type { EventBody } from '../../src/model/events.ts'

export type Body = Exclude<EventBody, { readonly type: 'exit' }>
type SessionEvents = Exclude<Event, ExitEvent>

export const sessionId = '9f2c41ab00112233445566778899aabb'
const GiB = 1024 ** 3

/** An event or something to do between two: a step is awaited, so a test can act when it is reached. */
export type Step = Body | (() => void | Promise<void>)

export class ScriptedSession implements Session {
  readonly role: Role
  readonly ticket: string | null = null
  readonly attached: boolean
  readonly id: Promise<string> = Promise.resolve(sessionId)
  readonly receipt: Promise<Receipt>
  readonly ending: Promise<Ending>
  readonly calls: string[] = []
  #paused: 'user' | 'signal' | null = null
  readonly #steps: readonly Step[]
  readonly #end: Partial<Ending>
  #resolve!: (ending: Ending) => void
  #moved: Extract<Body, { type: 'progress' }> | undefined
  #atMs = Date.parse('2026-11-23T12:00:00.000Z')

  constructor(steps: readonly Step[], { role = 'sender', attached = false, end = {} }: ScriptOptions = {}) {
    this.role = role
    this.attached = attached
    this.#steps = steps
    this.#end = end
    this.ending = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.receipt = this.ending.then((ending) => {
      if (ending.receipt !== null) return ending.receipt
      throw ending.error ?? new TransferError('paused', { by: 'user' })
    })
    this.receipt.catch(() => {})
  }

  async *[Symbol.asyncIterator](): AsyncIterator<SessionEvents> {
    for (const step of this.#steps) {
      if (this.#paused !== null) break
      if (typeof step === 'function') await step()
      else {
        if (step.type === 'progress') this.#moved = step
        yield this.#stamped(step)
      }
    }
    if (this.#paused === null) return this.#resolve({ ...ended, ...this.#end })
    const { bytesDurable = 0, bytesAcknowledged } = this.#moved ?? {}
    const kept = { bytesDurable, ...(bytesAcknowledged === undefined ? {} : { bytesAcknowledged }) }
    yield this.#stamped(at({ state: 'paused', previous: 'transferring', reason: this.#paused, who: 'self', ...kept }))
    yield this.#stamped(summary())
    const error = new TransferError('paused', { by: this.#paused })
    this.#resolve({ ...ended, state: 'paused', resumable: true, error, receipt: null })
  }

  pause(by: 'user' | 'signal' = 'user'): Promise<void> {
    this.calls.push(`pause ${by}`)
    this.#paused = by
    return Promise.resolve()
  }

  abort(): void {
    this.calls.push('abort')
  }

  discard(): Promise<void> {
    this.calls.push('discard')
    return Promise.resolve()
  }

  limitBandwidth(bytesPerSecond: number | null): void {
    this.calls.push(`limit ${bytesPerSecond}`)
  }

  #stamped(body: Body): SessionEvents {
    this.#atMs += 1000
    return { v: 1, time: new Date(this.#atMs).toISOString(), session: sessionId, role: this.role, ...body }
  }
}

export interface ScriptOptions {
  readonly role?: Role
  readonly attached?: boolean
  readonly end?: Partial<Ending>
}

export const receipt: Receipt = {
  version: 1,
  session: sessionId,
  manifest: '0123456789abcdef',
  digest: 'xxh64c:0123456789abcdef',
  entries: 1,
  files: 1,
  bytes: 11.7 * GiB,
  outcomes: [{ outcome: 'delivered', count: 1 }],
  durability: 'checkpoint',
  finishedAt: '2026-11-23T12:00:33.000Z',
}

const ended: Ending = {
  state: 'released',
  resumable: false,
  error: null,
  receipt,
  integrity: 0,
  conflicts: 0,
  omissions: 0,
  vanished: 0,
}

export function listening(fields: Partial<Extract<Body, { type: 'listening' }>> = {}): Body {
  return {
    type: 'listening',
    addresses: ['192.168.1.7:40312'],
    ticket: 'carryon1:AAAA',
    command: 'carryon receive --from carryon1:AAAA',
    expiresAt: '2026-11-24T12:00:00.000Z',
    ...fields,
  }
}

export function at(fields: Partial<Extract<Body, { type: 'session' }>>): Body {
  return {
    type: 'session',
    state: 'transferring',
    previous: null,
    reason: null,
    who: null,
    held: true,
    epoch: 1,
    resumed: false,
    peer: '192.168.1.9:51000',
    bytesDurable: 0,
    ...fields,
  }
}

/** 8.3 of 11.7 GiB. */
export function progress(
  fields: Partial<Extract<Body, { type: 'progress' }>> = {},
): Extract<Body, { type: 'progress' }> {
  const bytesTotal = Math.ceil(11.7 * GiB)
  return {
    type: 'progress',
    phase: 'transferring',
    bytesTotal,
    bytesFound: bytesTotal,
    bytesSent: Math.floor(9 * GiB),
    bytesReceived: Math.floor(8.5 * GiB),
    bytesDurable: Math.ceil(8.31 * GiB),
    bytesDurableAtStart: 0,
    bytesPublished: 0,
    rateBytesPerSecond: 104 * 1024 ** 2,
    etaSeconds: 33,
    filesTotal: 1,
    filesDone: 0,
    filesOmitted: 0,
    lanes: 1,
    ...fields,
  }
}

export function summary(fields: Partial<Extract<Body, { type: 'summary' }>> = {}): Body {
  return {
    type: 'summary',
    files: 1,
    bytes: Math.ceil(11.7 * GiB),
    bytesSentThisRun: Math.ceil(3.41 * GiB),
    bytesReused: Math.ceil(11.7 * GiB) - Math.ceil(3.41 * GiB),
    bytesResent: 0,
    bytesOnWire: 3_700_000_000,
    reconnects: 0,
    checkpoints: 108,
    durationMs: 33_000,
    digest: 'xxh64c:0123456789abcdef',
    receipt: '/home/me/.local/state/carryon/receipts/9f2c.json',
    outcomes: { delivered: 1 },
    ...fields,
  }
}
