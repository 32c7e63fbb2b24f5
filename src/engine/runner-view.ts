// Where a session stands, drawn from its core and counters.

import type { Role, SessionState, StateReason, Who } from '../model/session.ts'
import type { Session } from '../core/session.ts'
import type { Counters } from './counters.ts'
import type { RunnerView } from './runner.ts'

export function viewOf(
  session: Session,
  role: Role,
  {
    state,
    reason,
    who,
  }: { readonly state: SessionState; readonly reason: StateReason | null; readonly who: Who | null },
  counters: Counters,
  peer: string | null,
): RunnerView {
  const { entries } = session
  const { manifest } = entries
  return {
    role,
    state,
    reason,
    who,
    epoch: session.epoch,
    isConnected: session.openConnection !== undefined,
    lanes: session.lanes,
    peer,
    isBound: session.isBound,
    filesTotal: manifest.complete ? entries.files : null,
    bytesTotal: manifest.complete ? manifest.bytes - entries.bytesOmitted : null,
    entriesSoFar: manifest.entries,
    bytesSoFar: manifest.bytes,
    filesDone: entries.filesDone,
    filesOmitted: entries.filesOmitted,
    durability: session.durability,
    bytesDurable: session.bytesDurable,
    bytesAcknowledged: entries.bytesAcknowledged,
    bytesDurableAtStart: counters.bytesDurableAtStart ?? 0,
    bytesAcknowledgedAtStart: counters.bytesAcknowledgedAtStart ?? 0,
    bytesUnchanged: entries.bytesUnchanged - (counters.bytesUnchangedAtStart ?? entries.bytesUnchanged),
    bytesPublished: entries.bytesPublished,
    bytesSentThisRun: counters.bytesSent,
    bytesResent: counters.bytesResent,
    bytesOnWire: counters.bytesOnWire,
    checkpoints: counters.checkpoints,
    reconnects: Math.max(0, counters.connections - 1),
    phase: !manifest.complete ? 'scanning' : session.phase === 'finishing' ? 'publishing' : 'transferring',
    outcomes: Object.fromEntries(entries.outcomeCounts().map(({ outcome, count }) => [outcome, count])),
  }
}
