// Which session an opening asks for, whether its dialer may have it, and who works on it: this process from now on, or the
// one that holds it, which is handed the connection.

import { hasCode, TransferError } from '../../../errors.ts'
import type { Opening } from '../../../model/opening.ts'
import { isSameSecret, pipeProof, sessionIdentity, ticketIdentity } from '../../../transport/keys.ts'
import type { Stream } from '../../../transport/ws-connection.ts'
import { endingFor, isOver, unlessGone, type Found } from '../known/catalog.ts'
import { handTo } from '../running/control.ts'
import { newHeader, offerOverSsh, type Plan } from '../running/plan.ts'
import { shortId } from '../known/same-command.ts'
import { sleep } from '../running/waiting.ts'
import { Work } from '../running/work.ts'

/** A session that was asked for, and the key that was proven: `t.<session>` or `s.<session>`. */
export interface Claim {
  readonly proof: string
  /** Held by this process; or the way to the process that holds it. */
  readonly held: Work | Stream
}

const holderPatienceMs = 10_000 // Who is about to let go of a session needs 2 s.
const lookAgainMs = 100

/**
 * @param nonce of the greeting
 * @throws TransferError `session-unknown`, `discarded`, `expired`; `peer-busy` if its holder neither takes over nor lets go
 */
export async function claim(plan: Plan, opening: Opening, nonce: string): Promise<Claim> {
  const { home, tools } = plan
  const { clock } = tools.world
  const { stop } = tools.context
  const proof = provenBy(sessionOf(plan, opening), opening, nonce)
  for (const giveUpAt = clock.now() + holderPatienceMs; clock.now() < giveUpAt && !stop.aborted;) {
    const isThere = (await home.base.stat(opening.session)) !== undefined
    const held = isThere
      ? ((await hold(plan, opening)) ?? (await hand(plan, opening, proof)))
      : await begin(plan, opening)
    if (held !== undefined) return { proof, held }
    await sleep(clock, lookAgainMs, stop)
  }
  throw new TransferError('peer-busy', { session: shortId(opening.session) })
}

/** Undefined if there is none, or one of other sources: that is no session of this path. */
function sessionOf({ found, passedOver, sources }: Plan, { session }: Opening): Found | undefined {
  const unfit = passedOver.find(({ id }) => id === session)
  if (unfit !== undefined) throw unfit.error
  const listing = JSON.stringify(sources)
  return found.find(({ id, header }) => id === session && JSON.stringify(header.sources) === listing)
}

/** @throws TransferError `session-unknown`, the same for a session that is not there and for a wrong proof */
function provenBy(found: Found | undefined, { session, ticketKey, proof }: Opening, nonce: string): string {
  if (found === undefined) {
    if (ticketKey !== undefined) return ticketIdentity(session)
    throw unknown(session)
  }
  const { bound } = found.checkpoint
  const isBoundTo = bound !== undefined && proof !== undefined
  if (isBoundTo && isSameSecret(proof, pipeProof(bound.sessionKey, nonce, session))) {
    if (isOver(found)) throw endingFor(found)
    return sessionIdentity(session)
  }
  const isOffered = bound === undefined && ticketKey !== undefined
  if (isOffered && isSameSecret(ticketKey, found.header.ticketKey)) return ticketIdentity(session)
  throw unknown(session)
}

function unknown(session: string): TransferError {
  return new TransferError('session-unknown', { session })
}

/** Undefined if another process holds it, or has just removed it. */
async function hold({ tools }: Plan, { session }: Opening): Promise<Work | undefined> {
  const work = await unlessGone(Work.hold(tools, session))
  if (work === undefined || !isOver(work.found)) return work
  await work.release()
  throw endingFor(work.found)
}

/** Undefined if its holder does not want the connection: it is about to let go, or dials itself. */
async function hand({ home }: Plan, { session }: Opening, proof: string): Promise<Stream | undefined> {
  const directory = await unlessGone(home.base.openDirectory(session))
  try {
    return directory && (await handTo(directory, proof))
  } finally {
    await directory?.close()
  }
}

/** Undefined if another process has just begun it. @throws TransferError `session-unknown` if it was there before */
async function begin(plan: Plan, { session, ticketKey }: Opening): Promise<Work | undefined> {
  if (ticketKey === undefined) throw unknown(session)
  const offer = offerOverSsh(plan.tools.world, { id: session, key: ticketKey, addresses: [] })
  try {
    return await Work.create(plan.tools, newHeader(plan, offer, 'listener'))
  } catch (error) {
    if (hasCode(error, 'already-exists')) return undefined
    throw error
  }
}
