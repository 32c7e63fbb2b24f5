// Sessions as text: the rows of `ls` and the page of `status`. Pure.

import { display, type SessionListing, type SessionStatus } from '../index.ts'
import { counted, formatBytes, formatBytesOf, formatClock, formatDuration, formatRate } from './quantities.ts'
import { percentOf } from './report/view.ts'
import { titleOf } from './title.ts'
import { outcomeWords, reasonWords, stateWords } from './words.ts'

/** Digits of an id that people see and type: enough for any list a person reads. */
export const idDigits = 8

/** What a session is about: `disk.img`, `photos and 2 more`, or the folder received into. Safe to show. */
export function subjectOf(session: Pick<SessionListing, 'role' | 'sources' | 'directory'>): string {
  if (session.role === 'receiver') return display(session.directory ?? '?')
  const [first = '?', ...more] = session.sources
  return display(first) + (more.length > 0 ? ` and ${more.length} more` : '')
}

/** The same for the line of a screen: a sender's first name without its folders. */
export function titleOfSession(session: Pick<SessionListing, 'role' | 'sources' | 'directory'>): string {
  return session.role === 'sender' && session.sources.length > 0 ? titleOf(session.sources) : subjectOf(session)
}

/** Two lines for `ls`: how it stands, and what to run. */
export function rowOf(session: SessionListing, wallMs: number): readonly string[] {
  const percent = percentOf({ ...session, bytesKept: session.bytesDurable })
  const sizes =
    session.bytesTotal === null
      ? formatBytes(session.bytesDurable)
      : formatBytesOf(session.bytesDurable, session.bytesTotal)
  const facts = [
    session.id.slice(0, idDigits),
    `${session.role === 'sender' ? 'send' : 'receive'} ${subjectOf(session)}`,
    percent === null ? sizes : `${atLeast(session)}${percent}% of ${sizes.split('/').at(-1)}`,
    isUnused(session) ? unusedFor(session, wallMs) : `${standingOf(session)}, ${sinceOf(session, wallMs)}`,
  ]
  return [facts.join('  '), ...(session.resumeCommand === null ? [] : [`          ${display(session.resumeCommand)}`])]
}

/** All there is to say about one session, a fact a line. */
export function pageOf(session: SessionStatus, wallMs: number): readonly string[] {
  const percent = percentOf({ ...session, bytesKept: session.bytesDurable })
  const done =
    session.bytesTotal === null
      ? formatBytes(session.bytesDurable)
      : formatBytesOf(session.bytesDurable, session.bytesTotal)
  const outcomes = session.outcomes
    .filter(({ count }) => count > 0)
    .map(({ outcome, count }) => `${counted(count, 'entry', 'entries')} ${outcomeWords[outcome] ?? outcome}`)
  const facts: readonly (readonly [string, string | null])[] = [
    ['Session', session.id],
    [session.role === 'sender' ? 'Sends' : 'Receives into', subjectOf(session)],
    ['State', isUnused(session) ? unusedFor(session, wallMs) : `${standingOf(session)}, ${sinceOf(session, wallMs)}`],
    ['Held', session.held ? 'a process here works on it' : 'nobody here works on it'],
    ['Safe', `${atLeast(session)}${percent === null ? '' : `${percent}%, `}${done}`],
    [
      'Files done',
      session.filesTotal === null ? String(session.filesDone) : `${session.filesDone} of ${session.filesTotal}`,
    ],
    ['Outcomes', outcomes.length === 0 ? null : outcomes.join(', ')],
    ['Now', session.live === null ? null : liveOf(session.live)],
    [
      'Listens on',
      session.live === null || session.live.addresses.length === 0
        ? null
        : session.live.addresses.map(display).join(', '),
    ],
    ['Peer', session.peer === null ? null : display(session.peer)],
    ['Other side', session.other === null ? null : otherOf(session.other, wallMs)],
    ['Epoch', String(session.epoch)],
    ['Begun', ago(session.createdAt, wallMs)],
    ['Last progress', ago(session.updatedAt, wallMs)],
    ['Expires', expiryOf(session, wallMs)],
    ['Journal', session.stateDirectory === null ? null : display(session.stateDirectory)],
    ['Receipt', session.receipt === null ? null : display(session.receipt)],
    ['To go on', session.resumeCommand === null ? null : display(session.resumeCommand)],
  ]
  return facts.filter(([, fact]) => fact !== null).map(([name, fact]) => `${`${name}:`.padEnd(15)} ${fact}`)
}

export function standingOf({ state, reason }: Pick<SessionListing, 'state' | 'reason'>): string {
  const why = reason === null ? stateWords[state] : reasonWords[reason]
  return why === undefined ? state : `${state}: ${why}`
}

/** A ticket that nobody has used, and whose listener is gone. */
function isUnused({ state, held }: SessionListing): boolean {
  return state === 'listening' && !held
}

function unusedFor({ expiresAt }: SessionListing, wallMs: number): string {
  const leftMs = Date.parse(expiresAt ?? '') - wallMs
  return leftMs > 0
    ? `nobody has used its ticket, which is good for ${formatDuration(leftMs)} more`
    : 'nobody has used its ticket, which is over'
}

/** What a process works on lasts; what none does began to stand still at a moment. */
export function sinceOf({ held, since }: Pick<SessionListing, 'held' | 'since'>, wallMs: number): string {
  if (!held) return ago(since, wallMs)
  return `for ${formatDuration(Math.max(0, wallMs - Date.parse(since)))}`
}

/** A sender that died had not noted all that the other side has made safe. */
function atLeast({ role, held, reason }: Pick<SessionListing, 'role' | 'held' | 'reason'>): string {
  return role === 'sender' && !held && reason === 'crash' ? 'at least ' : ''
}

function expiryOf({ expiresAt }: SessionStatus, wallMs: number): string | null {
  return expiresAt === null ? null : `in ${formatDuration(Math.max(0, Date.parse(expiresAt) - wallMs))}`
}

function liveOf(live: NonNullable<SessionStatus['live']>): string {
  const left = live.etaSeconds === null ? '' : `, ${formatClock(live.etaSeconds)} left`
  return `${formatRate(live.rateBytesPerSecond)}${left}, ${formatBytes(live.bytesSent)} sent, ${formatBytes(live.bytesReceived)} received`
}

function otherOf(other: NonNullable<SessionStatus['other']>, wallMs: number): string {
  const bytes = `${formatBytes(other.bytesReceived)} received, ${formatBytes(other.bytesDurable)} safe`
  return `${standingOf(other)}; ${bytes} (heard ${ago(other.heardAt, wallMs)})`
}

function ago(time: string, wallMs: number): string {
  const ms = wallMs - Date.parse(time)
  return ms < 1000 ? 'just now' : `${formatDuration(ms)} ago`
}
