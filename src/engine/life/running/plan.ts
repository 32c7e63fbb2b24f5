// What one command wants, once its options are understood: where its sessions lie, what makes one of them its own, and how
// long to try. The dialing and the listening life are both led by it.

import type { Millis } from '../../../model/clock.ts'
import {
  chunkBytesRange,
  clamp,
  defaultLimits,
  entriesMax,
  expireAfterMs,
  expireAfterMsRange,
  ticketExpireMs,
} from '../../../model/limits.ts'
import type { HeaderRecord, SourceRoot } from '../../../model/records.ts'
import type { SessionId } from '../../../model/session.ts'
import { isByCertificate, type Ticket, type Trust } from '../../../model/ticket.ts'
import { ticketKey } from '../../../transport/keys.ts'
import { Meter } from '../../../transport/meter.ts'
import type { ReceiveOptions, ResumeOptions, RunOptions, SendOptions, TransferOptions } from '../../api.ts'
import type { World } from '../../context.ts'
import { expiresSoonMs, readCatalog, sweep, type Found, type PassedOver } from '../known/catalog.ts'
import type { Home } from '../known/home.ts'
import type { RunContext } from './run.ts'
import { expiresMsOf, shortId, wishesOf, withChunkBytes, withExpiry, type Frozen } from '../known/same-command.ts'
import { withLimits } from './with-limits.ts'
import { putAwayDelivered } from './put-away.ts'
import type { WorkTools } from './work.ts'

export interface Plan {
  readonly tools: WorkTools
  readonly home: Home
  readonly options: RunOptions & Pick<TransferOptions, 'new' | 'restart'>
  readonly identity: string
  readonly frozen: Frozen
  /** A sender's. */
  readonly sources: readonly SourceRoot[]
  /** Sessions of this side's home that nobody has put away, newest first. */
  readonly found: readonly Found[]
  /** What is there besides, and may not be gone on with. */
  readonly passedOver: readonly PassedOver[]
  readonly connectForMs: Millis
  readonly retryForMs: Millis
}

const connectForMsDefault = 30_000
const retryForMsDefault = 24 * 3_600_000

export interface PlanParts {
  /** A session that is gone on with however old it is. */
  readonly spared?: SessionId
  readonly identity: string
  readonly frozen: Frozen
  readonly sources: readonly SourceRoot[]
}

/** What one role or command alone can say. */
type PlanOptions = Pick<ReceiveOptions, 'maxBytes' | 'maxFiles'> &
  Pick<ResumeOptions, 'rebuild'> &
  Pick<SendOptions, 'chunkBytes'>

/** Reads what sessions there are, puts away those whose time is over, and gathers the rest. */
export async function makePlan(
  context: RunContext,
  home: Home,
  options: Plan['options'] & PlanOptions,
  { spared, ...own }: PlanParts,
): Promise<Plan> {
  const { chunkBytes, ...given } = options
  const world = withLimits(context.world, given) // The size of chunks is each session's own.
  const { found: there, passedOver } = await readCatalog(world, home.base, home.target?.rootId)
  for (const { id, error } of passedOver)
    context.reporter.warn('passed-over', `Session ${shortId(id)} was passed over: ${error.message}`)
  const expiresMs = options.expiresMs && clamp(options.expiresMs, expireAfterMsRange, expireAfterMs)
  // A run may let sessions live longer, its own in the first place; it cuts no other one's life short.
  const afterMs = ({ id, header }: Found): Millis =>
    id === spared ? Infinity : Math.max(expiresMsOf(header), expiresMs ?? 0)
  const found = await sweep(world, home, there, {
    afterMs,
    onExpired: (it) =>
      context.reporter.warn('expired', `Session ${it.id} made no progress for too long and was put away.`),
  })
  for (const it of found) {
    const leftMs = expiresSoonMs(it, world.clock.wall(), afterMs(it))
    if (leftMs === undefined) continue
    const hours = Math.ceil(leftMs / 3_600_000)
    context.reporter.warn('expires-soon', `Session ${shortId(it.id)} is put away in ${hours} h unless it gets on.`)
  }
  const tools = {
    context,
    world,
    home,
    quota: {
      maxBytes: options.maxBytes ?? Number.MAX_SAFE_INTEGER,
      maxFiles: options.maxFiles ?? entriesMax,
      meter: new Meter(world.clock, context.rate),
    },
    instance: Buffer.from(world.random.bytes(8)).toString('hex'),
    rebuild: options.rebuild === true,
    expiresMs,
    chunkBytes: chunkBytes && clamp(chunkBytes, chunkBytesRange, defaultLimits.chunkBytes),
  }
  return {
    tools,
    home,
    options,
    found: await putAwayDelivered(tools, found),
    passedOver,
    connectForMs: options.connectForMs ?? connectForMsDefault,
    retryForMs: options.retryForMs ?? retryForMsDefault,
    ...own,
  }
}

/** What a new session begins with: a ticket, or a key that ssh brings to the other side. */
export type Offer = Omit<Ticket, 'secret' | 'role'> & (Pick<Ticket, 'secret'> | { readonly key: string })

export function offerOverSsh(
  { clock }: World,
  own: Pick<Ticket, 'id' | 'addresses'> & { readonly key: string },
): Offer {
  return { ...own, expiresAt: clock.wall() + ticketExpireMs, uses: 1, tls: 'psk' }
}

/** The first record of a new session of this plan. Where its ticket opens many sessions, a dialer mints the id. */
export function newHeader(plan: Plan, offer: Offer, side: HeaderRecord['side']): HeaderRecord {
  const { home, tools, identity, frozen, sources } = plan
  const { clock, random } = tools.world
  const newId = (): string => Buffer.from(random.bytes(16)).toString('hex')
  const header: HeaderRecord = {
    kind: 'header',
    session: offer.uses === 1 ? offer.id : newId(),
    role: home.role,
    createdAt: clock.wall(),
    side,
    ...(offer.uses === 1 ? {} : { ticket: offer.id }),
    ticketKey: 'key' in offer ? offer.key : ticketKey(offer.secret),
    ticketExpiresAt: offer.expiresAt,
    nonce: side === 'dialer' ? newId() : '',
    ...(isByCertificate(offer.tls) ? { tls: offer.tls } : {}),
    addresses: offer.addresses,
    root: home.target?.rootId ?? '',
    sources,
    directory: home.folder,
    identity,
    frozen: offer.tls === 'plain' ? { ...frozen, [plainMark]: 'yes' } : frozen,
    wishes: wishesOf(frozen),
  }
  const { expiresMs, chunkBytes } = tools
  const sized = chunkBytes === undefined ? header : withChunkBytes(header, chunkBytes)
  return expiresMs === undefined ? sized : withExpiry(sized, expiresMs)
}

/** Kept among the frozen options, though no command can ask for it: this session's connections are plain text. */
const plainMark = 'plaintext'

/** How the two sides of a session prove themselves. */
export function trustOf(header: Pick<HeaderRecord, 'frozen' | 'tls'>): Trust {
  return header.tls ?? (isPlain(header) ? 'plain' : 'psk')
}

export function isPlain({ frozen }: Pick<HeaderRecord, 'frozen'>): boolean {
  return frozen[plainMark] === 'yes'
}
