// What `doctor` says: the library's findings as sentences, each with what to do about it. Pure.

import { display, type Diagnosis, type FolderHealth, type SessionListing } from '../index.ts'
import { idDigits, sinceOf, standingOf, subjectOf } from './listing.ts'
import { passedOver } from './sentences.ts'
import { counted, formatBytes, formatBytesOf } from './quantities.ts'

export interface DiagnosisLine {
  /** `bad` stands in the way; `note` is worth knowing. */
  readonly verdict: 'ok' | 'note' | 'bad'
  readonly text: string
}

export function diagnosisLines(diagnosis: Diagnosis, wallMs: number): readonly DiagnosisLine[] {
  return [
    clockLine(diagnosis.clock),
    ...diagnosis.folders.flatMap(folderLines),
    ...portLines(diagnosis.ports),
    ...staleLines(diagnosis.stale),
    ...diagnosis.passedOver.map(({ session, why }) => note(passedOver(session, why))),
    breakLine(diagnosis.lastBreak, wallMs),
  ]
}

const ok = (text: string): DiagnosisLine => ({ verdict: 'ok', text })
const note = (text: string): DiagnosisLine => ({ verdict: 'note', text })
const bad = (text: string): DiagnosisLine => ({ verdict: 'bad', text })

function clockLine({ now, isBehind }: Diagnosis['clock']): DiagnosisLine {
  if (isBehind)
    return bad(`Clock: ${now} is earlier than what was done here before. Set it: tickets and sessions expire by it.`)
  return ok(`Clock: ${now}. Tickets and sessions expire by it; nothing else depends on it.`)
}

const dearSyncMs = 1_000
const fewBytes = 256 * 1024 * 1024

function folderLines(folder: FolderHealth): DiagnosisLine[] {
  const { kind, path, exists, problem, freeBytes, syncMs, hasLinks, syncsNames } = folder
  const name = `${kind === 'state' ? 'State directory' : 'Folder'} ${display(path)}`
  if (problem !== null) return [bad(`${name}: ${display(problem)}`)]
  if (!exists)
    return [
      kind === 'state' ? ok(`${name}: not there yet; the first session makes it.`) : note(`${name}: is not there.`),
    ]
  const lines = [
    (freeBytes ?? 0) < fewBytes
      ? note(`${name}: only ${formatBytes(freeBytes ?? 0)} free.`)
      : ok(`${name}: ${formatBytes(freeBytes ?? 0)} free.`),
  ]
  const sync = `${name}: making 1 MiB durable takes ${syncMs} ms.`
  lines.push((syncMs ?? 0) > dearSyncMs ? note(`${sync} This disk sets the pace of everything received.`) : ok(sync))
  if (hasLinks === false) lines.push(note(`${name}: no hard links; a name is taken with an empty file first.`))
  if (syncsNames === false)
    lines.push(note(`${name}: names cannot be synced; after a power cut a delivered file may be missing.`))
  return lines
}

function portLines({ canListen, isUsualFree }: Diagnosis['ports']): DiagnosisLine[] {
  if (!canListen) return [bad('Ports: no port can be listened on; only dialing (--to, --from) works.')]
  return [
    isUsualFree
      ? ok('Ports: listening works; the usual one, 22779, is free.')
      : note('Ports: listening works; 22779 is taken.'),
  ]
}

function staleLines(stale: readonly SessionListing[]): DiagnosisLine[] {
  if (stale.length === 0) return [ok('Sessions: none is stale.')]
  return [
    note(`Sessions: ${counted(stale.length, 'is', 'are')} stale; carryon ls --stale lists, carryon discard ends them.`),
  ]
}

/** One sentence, told from the journal. */
function breakLine(session: SessionListing | null, wallMs: number): DiagnosisLine {
  if (session === null) return ok('Last break: nothing stands still here.')
  const { id, bytesDurable, bytesTotal, resumeCommand } = session
  const safe = bytesTotal === null ? formatBytes(bytesDurable) : formatBytesOf(bytesDurable, bytesTotal)
  const goOn = resumeCommand === null ? '' : ` To go on: ${display(resumeCommand)}`
  const name = `${id.slice(0, idDigits)} (${session.role === 'sender' ? 'sends' : 'receives into'} ${subjectOf(session)})`
  return note(
    `Last break: session ${name} stopped ${sinceOf(session, wallMs)} with ${safe} safe; ${standingOf(session)}.${goOn}`,
  )
}
