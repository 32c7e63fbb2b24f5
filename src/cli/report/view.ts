// What a screen needs to know of a session: its events folded into one value. Pure.

import type {
  CheckpointEvent,
  Durability,
  Event,
  ProgressEvent,
  ReconnectingEvent,
  Role,
  SessionEvent,
  SessionId,
  SessionState,
  StateReason,
  WaitingEvent,
} from '../../index.ts'

export interface View {
  /** What is sent, or the folder received into; made safe to show. */
  readonly title: string
  readonly role: Role
  readonly session: SessionId | null
  readonly state: SessionState | null
  readonly reason: StateReason | null
  readonly peer: string | null
  /** Whether this run found a session to go on with. */
  readonly resumed: boolean
  /** Whether the two sides have ever met in this session. */
  readonly hasMet: boolean
  /** What an acknowledge promises; `checkpoint` until it is agreed. */
  readonly level: Durability
  /** Acknowledged at that level, and so what the percentage is made of. */
  readonly bytesKept: number
  /** Whether the two sides have compared what they have: before, `bytesKept` may be less than there is. */
  readonly isMeasured: boolean
  readonly bytesTotal: number | null
  readonly progress: ProgressEvent | null
  /** Why nothing moves: the latest such event since data last flowed. */
  readonly stalled: ReconnectingEvent | WaitingEvent | null
}

export function newView(title: string, role: Role): View {
  return {
    title,
    role,
    session: null,
    state: null,
    reason: null,
    peer: null,
    resumed: false,
    hasMet: false,
    level: 'checkpoint',
    bytesKept: 0,
    isMeasured: false,
    bytesTotal: null,
    progress: null,
    stalled: null,
  }
}

/** The view once `event` is known. */
export function viewAfter(view: View, event: Event): View {
  const session = event.session ?? view.session
  switch (event.type) {
    case 'session':
      return {
        ...view,
        session,
        state: event.state,
        reason: event.reason,
        peer: event.peer ?? view.peer,
        resumed: view.resumed || event.resumed,
        hasMet: view.hasMet || event.resumed || event.epoch > 0,
        level: event.level ?? view.level,
        bytesKept: keptIn(event),
        isMeasured: view.isMeasured || measuredStates.includes(event.state),
        bytesTotal: event.bytesTotal ?? view.bytesTotal,
        stalled: isStill(event.state) ? view.stalled : null,
      }
    case 'progress':
      return {
        ...view,
        session,
        progress: event,
        bytesKept: keptIn(event),
        isMeasured: view.isMeasured || keptIn(event) > 0,
        hasMet: view.hasMet || keptIn(event) > 0,
        bytesTotal: event.bytesTotal ?? view.bytesTotal,
        stalled: hasMoved(view.progress, event) ? null : view.stalled,
      }
    case 'reconnecting':
    case 'waiting':
      return { ...view, session, stalled: event }
    case 'checkpoint':
      return { ...view, session, bytesKept: keptIn(event), isMeasured: true }
    case 'listening':
    case 'adopted':
    case 'file':
    case 'warning':
    case 'hint':
    case 'summary':
    case 'exit':
      return { ...view, session }
  }
}

function keptIn(event: SessionEvent | ProgressEvent | CheckpointEvent): number {
  return event.bytesAcknowledged ?? event.bytesDurable
}

/** What a percentage is made of; a listing has always measured. */
type Portion = Pick<View, 'bytesKept' | 'bytesTotal' | 'state'> & Partial<Pick<View, 'isMeasured'>>

/** Kept of total, rounded down; 100 only once released, null while either is unknown. */
export function percentOf({ state, bytesKept, bytesTotal, isMeasured = true }: Portion): number | null {
  if (state === 'released') return 100
  if (bytesTotal === 0) return 0
  if (bytesTotal === null || !isMeasured) return null
  return Math.min(99, Math.floor((bytesKept / bytesTotal) * 100))
}

const measuredStates: readonly SessionState[] = ['transferring', 'parked', 'finishing', 'released']

function isStill(state: SessionState): boolean {
  return state === 'interrupted' || state === 'parked' || state === 'paused' || state === 'listening'
}

function hasMoved(before: ProgressEvent | null, now: ProgressEvent): boolean {
  return before !== null && (keptIn(now) > keptIn(before) || now.bytesSent > before.bytesSent)
}
