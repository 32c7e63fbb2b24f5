// Sessions that are delivered and gone: what is left of them is a receipt and what it was about. Asked for once more, they are
// done, and say when.

import type { Receipt, Role, SessionId, Tally } from '../../../model/session.ts'
import { listDelivered } from '../../../store/delivered.ts'
import { listReceipts, readReceipt } from '../../../store/receipts.ts'
import { readSent } from '../../../store/sent.ts'
import type { RunnerView } from '../../runner.ts'
import type { SessionListing, SessionStatus } from '../../api.ts'
import { isOver } from '../known/catalog.ts'
import { receiptPath, type State } from '../known/home.ts'
import { OutcomeCounts } from './outcome-counts.ts'
import type { Finished, RunContext } from './run.ts'
import { idDigitsMin, type Shelved, type Shelves } from '../known/shelves.ts'

export interface DeliveredBefore {
  readonly role: Role
  readonly receipt: Receipt
  /** Of the receipt. */
  readonly path: string
  /** A sender's: what made the same command, and its paths. */
  readonly identity: string
  readonly sources: readonly string[]
  /** A receiver's. */
  readonly folder: string | null
  /** Absent: the receipt alone tells. */
  readonly tally?: Tally
}

/** What this machine has delivered or been given in one session: as sender, as receiver, or both. */
export async function deliveredIn(state: State, session: SessionId): Promise<readonly DeliveredBefore[]> {
  const receipt = await readReceipt(state.directory, session)
  if (receipt === undefined) return []
  const common = { receipt, path: receiptPath(state, session), identity: '', sources: [], folder: null }
  const sent = await readSent(state.directory, session)
  const [received] = await listDelivered(state.directory, session)
  return [
    ...(sent === undefined ? [] : [{ ...common, ...sent, role: 'sender' } as const]),
    ...(received === undefined ? [] : [{ ...common, ...received, role: 'receiver' } as const]),
  ]
}

/** A session that said that it was over, and whose process died before it had put it away; undefined: it was not delivered. */
export function deliveredAsFound(state: State | undefined, { found, folder }: Shelved): DeliveredBefore | undefined {
  const { header, checkpoint } = found
  const { ended, receipt } = checkpoint
  if (state === undefined || ended?.how !== 'released' || receipt === undefined) return undefined
  const { role, identity, sources } = header
  const path = receiptPath(state, header.session)
  return { role, receipt, path, identity, sources: sources.map(({ path }) => path), folder: folder ?? null }
}

/** All of them. */
export async function allDelivered(state: State): Promise<readonly DeliveredBefore[]> {
  const all: DeliveredBefore[] = []
  for (const session of await listReceipts(state.directory)) all.push(...(await deliveredIn(state, session)))
  return all
}

/** The one that a person names by its id or the beginning of it, if nothing unfinished has that name. */
export async function findDelivered({ state, sessions }: Shelves, asked: string): Promise<DeliveredBefore | undefined> {
  const isNamed = (id: SessionId): boolean => asked.length >= idDigitsMin && id.startsWith(asked.toLowerCase())
  if (state === undefined || sessions.some(({ found }) => isNamed(found.id) && !isOver(found))) return undefined
  const [first, ...others] = (await allDelivered(state)).filter(({ receipt }) => isNamed(receipt.session))
  return others.every(({ receipt }) => receipt.session === first?.receipt.session) ? first : undefined
}

/** As `ls` shows it: there is nothing to go on with, and it is kept. */
export function deliveredListing({ role, receipt, sources, folder }: DeliveredBefore): SessionListing {
  const { session: id, bytes, files, finishedAt, durability } = receipt
  return {
    id,
    role,
    state: 'released',
    reason: null,
    who: null,
    since: finishedAt,
    held: false,
    epoch: 0,
    sources,
    directory: folder,
    peer: null,
    bytesDurable: durability === 'none' ? 0 : bytes,
    bytesTotal: bytes,
    filesDone: files,
    filesTotal: files,
    createdAt: finishedAt,
    updatedAt: finishedAt,
    expiresAt: null,
    stale: false,
    resumeCommand: null,
  }
}

/** As `status` shows it. */
export function deliveredStatus(before: DeliveredBefore): SessionStatus {
  const { receipt, path } = before
  const { outcomes } = receipt
  const none = { stateDirectory: null, onConflict: null, chunkBytes: null, live: null, other: null }
  return { ...deliveredListing(before), ...none, outcomes, receipt: path }
}

/** The end of a run that asks for what is done: code 0, the same receipt, and when that was. */
export function doneBefore(
  { reporter, settle }: RunContext,
  { role, receipt, path, tally }: DeliveredBefore,
): Finished {
  settle(receipt.session)
  reporter.follow({ session: receipt.session, resumed: true, view: () => viewOf(role, receipt) })
  reporter.stand('released', null, null)
  reporter.say({
    type: 'hint',
    code: 'delivered-before',
    message: `This was delivered at ${receipt.finishedAt}; what has changed since was not looked at. For that, use a fresh ticket.`,
  })
  const counts = tally === undefined ? new OutcomeCounts() : { tally: () => tally }
  return { end: { how: 'released', receipt, confirmed: true }, receiptPath: path, counts }
}

/** Nothing crosses, and all of it is there. */
function viewOf(role: Role, { files, bytes, entries, outcomes, durability }: Receipt): RunnerView {
  return {
    role,
    state: 'released',
    reason: null,
    who: null,
    epoch: 0,
    isConnected: false,
    lanes: 0,
    peer: null,
    isBound: true,
    filesTotal: files,
    bytesTotal: bytes,
    entriesSoFar: entries,
    bytesSoFar: bytes,
    filesDone: files,
    filesOmitted: 0,
    bytesDurable: durability === 'none' ? 0 : bytes,
    durability,
    bytesAcknowledged: bytes,
    bytesDurableAtStart: durability === 'none' ? 0 : bytes,
    bytesAcknowledgedAtStart: bytes,
    bytesUnchanged: 0,
    bytesPublished: bytes,
    bytesSentThisRun: 0,
    bytesResent: 0,
    bytesOnWire: 0,
    checkpoints: 0,
    reconnects: 0,
    phase: 'publishing',
    outcomes: Object.fromEntries(outcomes.map(({ outcome, count }) => [outcome, count])),
  }
}
