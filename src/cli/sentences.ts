// Every sentence that carryon says to a person, in one place and one tone: what happened, to what, why, what is safe, what
// to run next. Pure: an event or an ending in, text out. Names in it have gone through display().

import {
  display,
  InternalError,
  isTransferError,
  type AdoptedEvent,
  type CheckpointEvent,
  type Durability,
  type ExitEvent,
  type FileEvent,
  type HintEvent,
  type ListeningEvent,
  type Outcome,
  type ReconnectingEvent,
  type Role,
  type SessionEvent,
  type StateReason,
  type SummaryEvent,
  type Verification,
  type WaitingEvent,
  type WarningEvent,
} from '../index.ts'
import { counted, formatBytes, formatBytesOf, formatClock, formatDuration, formatRate } from './quantities.ts'
import { percentOf, type View } from './report/view.ts'
import { omissionWords, outcomeWords, reasonWords, stateWords } from './words.ts'

/** What a listener says; `shown` tells whether this is the place where the ticket is shown. */
export function listening(event: ListeningEvent, role: Role, shown: boolean): readonly string[] {
  const other = role === 'sender' ? 'receiver' : 'sender'
  const here = event.addresses.length === 0 ? '' : ` on ${display(event.addresses[0]!)}`
  if (event.ticket === null && event.expiresAt === null)
    return [`Waiting for the ${other}${here}. It needs no ticket: the same command there goes on.`]
  if (event.ticket !== null && !shown)
    return [`Waiting for a ${other}${here}. The ticket is on standard output (one use${within(event)}).`]
  // The command has a line to itself: whoever copies the whole line gets what a shell takes.
  const note = event.ticket === null ? '' : ` (one use${within(event)})`
  return [`Waiting for a ${other}. On the other machine run${note}:`, `    ${display(event.command)}`]
}

function within(event: ListeningEvent): string {
  if (event.expiresAt === null) return ''
  return `, within ${formatDuration(roundedUp(Date.parse(event.expiresAt) - Date.parse(event.time)))}`
}

/** To whole hours, or minutes below two hours: "within 24 h" rather than "23 h 59 min". */
function roundedUp(ms: number): number {
  const unit = ms > 2 * 3_600_000 ? 3_600_000 : 60_000
  return Math.ceil(ms / unit) * unit
}

export function starting(view: View): string {
  return view.role === 'sender' ? `Sending ${view.title}.` : `Receiving into ${view.title}.`
}

export function resuming(view: View): string {
  const percent = percentOf(view)
  if (percent === null || view.bytesTotal === null) return `Resuming: ${formatBytes(view.bytesKept)} already there.`
  const { bytesKept, bytesTotal } = view
  return `Resuming at ${percent}% (${formatBytesOf(bytesKept, bytesTotal).replace('/', ' of ')} already there).`
}

/** A change of state, for logs. */
export function state(event: SessionEvent): string {
  if (event.state === 'paused' && event.reason?.startsWith('peer'))
    return `Paused: ${reason(event.reason ?? 'peer-user')}. It goes on when the command is run again there; what is safe stays safe.`
  const why = event.reason === null ? '' : ` (${reasonWords[event.reason] ?? event.reason})`
  const peer = event.peer === null || event.state !== 'transferring' ? '' : ` with ${display(event.peer)}`
  return capital(`${event.state}${peer}: ${stateWords[event.state] ?? ''}${why}.`)
}

/** Why nothing moves, with who and how much; fits behind the percentage of the bar. */
export function stalled(event: ReconnectingEvent | WaitingEvent, { hasMet }: View, wallMs: number): string {
  if (event.type === 'reconnecting') {
    const left = Math.max(0, Math.ceil((Date.parse(event.time) + event.delayMs - wallMs) / 1000))
    return `${unconnected(event, hasMet)}; ${left > 0 ? `trying again in ${left} s` : 'trying again now'}`
  }
  return `waiting${whose(event)}: ${reason(event.reason)}${needs(event)}`
}

function whose(event: WaitingEvent): string {
  return event.who === 'peer' ? ' for the other side' : event.who === 'both' ? ' for both sides' : ''
}

function needs(event: WaitingEvent): string {
  if (event.bytesNeeded === undefined) return ''
  const free = event.bytesFree === undefined ? '' : `, ${formatBytes(event.bytesFree)} free`
  return `, ${formatBytes(event.bytesNeeded)} needed${free}`
}

/** What has never been there is not gone. */
function unconnected({ reason: word }: ReconnectingEvent, hasMet: boolean): string {
  return hasMet || word !== 'network' ? reason(word) : 'no connection to the other side yet'
}

export function reconnecting(event: ReconnectingEvent, { hasMet }: View): string {
  const risk = event.bytesAtRisk > 0 ? `; ${formatBytes(event.bytesAtRisk)} in flight may be sent again` : ''
  const wait = event.delayMs >= 1000 ? `in ${formatDuration(event.delayMs)}` : 'now'
  return `${capital(unconnected(event, hasMet))}: trying again ${wait} (attempt ${event.attempt})${risk}.`
}

export function waiting(event: WaitingEvent): string {
  return `${capital(`waiting${whose(event)}: ${reason(event.reason)}${needs(event)}`)}. ${display(event.hint)}`.trim()
}

export function warning(event: WarningEvent): string {
  const about = event.path === undefined || event.message.includes(event.path) ? '' : `${display(event.path)}: `
  return `Warning: ${about}${display(event.message)}`
}

export function hint(event: HintEvent): string {
  return `Hint: ${display(event.message)}`
}

/** For -v. */
export function syncPoint(event: CheckpointEvent | AdoptedEvent): string {
  if (event.type === 'adopted') {
    const { bytesAdopted, bytesHinted, durationMs } = event
    return `Found on disk: ${formatBytesOf(bytesAdopted, bytesHinted)} noted before the stop, in ${formatDuration(durationMs)}.`
  }
  const { level, filesDone, bytesDurable, bytesAcknowledged = bytesDurable } = event
  const files = counted(filesDone, 'file')
  const safe = {
    checkpoint: `${formatBytes(bytesDurable)} and ${files} safe`,
    file: `${formatBytes(bytesAcknowledged)} received, ${files} safe`,
    none: `${formatBytes(bytesAcknowledged)} and ${files} received, not synced`,
  }[level]
  return `Sync point ${event.serial} (${event.grade}): ${safe}, in ${formatDuration(event.syncMs)}.`
}

export function file(event: FileEvent): string {
  const name = display(event.path)
  const why = event.reason === undefined ? '' : ` (${omissionWords[event.reason] ?? display(event.reason)})`
  if (event.target !== undefined) return `${name}: landed as "${display(event.target)}"${why}`
  if (event.outcome === 'conflict') return `${name}: is there already and differs; not sent${why}`
  return `${name}: ${singular[event.outcome] ?? event.outcome}${why}`
}

const singular: Partial<Record<Outcome, string>> = {
  unchanged: 'there already, unchanged',
  kept: 'differs; the one there was kept',
  omitted: 'left out',
  vanished: 'was deleted while sending',
}

/** `11.7 GiB, 3.4 GiB sent in 33 s, resumed once, 0 B sent twice, verified`, and what did not arrive. */
export function summary(event: SummaryEvent, view: View, isComplete: boolean): string {
  const moved = `${formatBytes(event.bytesSentThisRun)} ${view.role === 'sender' ? 'sent' : 'received'}`
  const isBare = event.files === 0 && !isComplete // What is in place tells nothing of a run that broke off before.
  const facts = [
    ...(event.files === 1 || isBare ? [] : [counted(event.files, 'file')]),
    ...(isBare ? [] : [formatBytes(event.bytes)]),
    `${moved} in ${formatDuration(event.durationMs)}`,
    resumptions(event.reconnects + (view.resumed ? 1 : 0)),
    `${formatBytes(event.bytesResent)} ${view.role === 'sender' ? 'sent' : 'received'} twice`,
    ...(isComplete && event.files > 0 ? [isNothingNew(event) ? 'there already' : 'verified'] : []),
    ...(isComplete && view.level === 'none' ? ['not synced: a power cut may take it'] : []),
  ]
  const odd = Object.entries(event.outcomes)
    .filter(([outcome, count]) => count > 0 && !['delivered', 'unchanged'].includes(outcome))
    .map(([outcome, count]) => `${counted(count, 'entry', 'entries')} ${outcomeWords[outcome as Outcome] ?? outcome}`)
  const told = odd.length === 0 ? '' : ` ${capital(odd.join(', '))}.`
  const advice = (event.outcomes.conflict ?? 0) > 0 ? ` ${decideConflicts}` : ''
  const receipt = event.receipt === null ? '' : ` Receipt: ${display(event.receipt)}`
  return `${view.title}  ${facts.join(', ')}.${told}${advice}${receipt}`
}

/** What was there before is compared, by size and time or by content, and only then told. */
function isNothingNew({ outcomes }: SummaryEvent): boolean {
  return (['delivered', 'replaced', 'renamed'] as const).every((outcome) => (outcomes[outcome] ?? 0) === 0)
}

const decideConflicts = 'Nothing was overwritten: run it again with --on-conflict replace, update, rename or keep.'

function resumptions(count: number): string {
  return count === 0 ? 'never interrupted' : `resumed ${['', 'once', 'twice'][count] ?? `${count} times`}`
}

/** After a signal: where it stands. */
export function paused(view: View): string {
  const percent = percentOf(view)
  const at = percent === null ? '' : ` at ${percent}%`
  const where = view.role === 'sender' ? 'on the other side' : 'here'
  // Before the two sides have compared, a resumed session knows only that what was safe still is.
  if (view.resumed && !view.isMeasured) return `Paused: what was safe ${where} before still is.`
  if (view.bytesKept === 0) return `Paused${at}: nothing had to be kept yet.`
  return `Paused${at}: ${formatBytes(view.bytesKept)} is ${keptAs[view.level]} ${where}.`
}

/** Nothing is called safe that a power cut may take (R20). */
const keptAs: Readonly<Record<Durability, string>> = {
  checkpoint: 'safe',
  file: 'received, and safe as far as files are complete,',
  none: 'received, but not synced,',
}

export const goesOnElsewhere = 'No longer watching. The transfer goes on in the other process.'
export const nothingToWatch = 'No process here works on it: there is nothing to watch.'
export const stopping = 'Stopping at a sync point. Press again to leave at once: what was acknowledged is kept.'

export function limitToggled(bytesPerSecond: number | null): string {
  return bytesPerSecond === null ? 'Bandwidth limit off.' : `Bandwidth limit ${formatRate(bytesPerSecond)}.`
}

/** Of a session that is there and cannot be gone on with. */
export function passedOver(session: string, why: string): string {
  return `Session ${session.slice(0, 8)} is passed over: ${display(why)}`
}

/** While `verify` reads. */
export function reading(bytes: number): string {
  return `Read ${formatBytes(bytes)} so far.`
}

export function verified({ session, files, bytes, unread, differences, finishedAt }: Verification): string {
  const name = `${session.slice(0, 8)}${finishedAt === null ? ' (unfinished)' : ''}`
  if (files === 0) return `Session ${name} has no file here: there was nothing to read.`
  const left = unread === 0 ? '' : ` ${unread} were there before and have no digest to compare with.`
  return differences.length === 0
    ? `${files === 1 ? 'The only file of' : `All ${files} files of`} session ${name} ${files === 1 ? 'is as it was' : 'are as they were'} received, ${formatBytes(bytes)} read.${left}`
    : `${differences.length} of ${counted(files, 'file')} of session ${name} ${differences.length === 1 ? 'is not as it was' : 'are not as they were'} received.${left}`
}

/** Of a session that another process works on. */
export function limited(name: string, bytesPerSecond: number | null): string {
  return `${name}: ${bytesPerSecond === null ? 'no bandwidth limit' : `at most ${formatRate(bytesPerSecond)}`} from now on.`
}

export const noLimit = 'There is no bandwidth limit to switch: start with --bwlimit.'

export function toGoOn(command: string): string {
  return `To go on:  ${command}`
}

/** What went wrong, in full sentences: the problem, then what is safe and what to do. A bug gets its stack if asked for. */
export function failure(error: unknown, verbose: boolean): readonly string[] {
  if (isTransferError(error)) return [error.message, error.hint].filter((text) => text !== '').map(display)
  const message = error instanceof Error ? error.message : String(error)
  const stack = verbose && error instanceof Error && error.stack !== undefined ? error.stack.split('\n').slice(1) : []
  return [
    error instanceof InternalError ? message : `Something unforeseen went wrong: ${message}`,
    ...stack,
    'What was acknowledged is safe; the same command goes on. Please report this, with the output of -v.',
  ].map(display)
}

/** The `error` of an `exit` event. */
export function errorField(error: unknown): NonNullable<ExitEvent['error']> {
  if (isTransferError(error)) return { code: error.code, message: error.message, hint: error.hint }
  const [message, ...rest] = failure(error, false)
  return { code: 'internal', message: message ?? '', hint: rest.at(-1) ?? '' }
}

/** One line for USR1 and for the log: where it stands. */
export function standing(view: View, wallMs: number): string {
  const { progress } = view
  const percent = percentOf(view)
  if (percent === null && progress !== null)
    return `${view.title}: ${scanning(progress.filesTotal, progress.bytesFound)}`
  const parts = [
    ...(percent === null ? [] : [`${percent}%`]),
    view.bytesTotal === null ? formatBytes(view.bytesKept) : formatBytesOf(view.bytesKept, view.bytesTotal),
    ...(view.stalled !== null
      ? [stalled(view.stalled, view, wallMs)]
      : progress === null
        ? [view.state ?? 'starting']
        : pace(progress.phase, progress.rateBytesPerSecond, progress.etaSeconds)),
  ]
  return `${view.title}: ${parts.join(', ')}`
}

/** `104 MiB/s`, `0:33 left`, or what is done instead of transferring. */
export function pace(phase: string, rateBytesPerSecond: number, etaSeconds: number | null): readonly string[] {
  if (phase === 'verifying' || phase === 'publishing') return [phase]
  return [formatRate(rateBytesPerSecond), ...(etaSeconds === null ? [] : [`${formatClock(etaSeconds)} left`])]
}

export function scanning(files: number, bytes: number, ellipsis: string = '...'): string {
  return `scanning${ellipsis} ${counted(files, 'file')}, ${formatBytes(bytes)} so far`
}

function reason(word: StateReason): string {
  return reasonWords[word] ?? display(word)
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
