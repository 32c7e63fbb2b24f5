// The bodies of send, receive and resume: from options to a plan, from the plan to a life that dials or listens.

import { resolveSources } from '../../../source/resolve.ts'
import { checkSendable } from '../../../source/sendable.ts'
import { TransferError } from '../../../errors.ts'
import { realPath } from '../../../store/real-path.ts'
import type { Role } from '../../../model/session.ts'
import { parseSshTarget } from '../../../model/ssh-target.ts'
import { isTicketText } from '../../../model/ticket.ts'
import type { ReceiveOptions, ResumeOptions, RunOptions, SendOptions, StateOptions } from '../../api.ts'
import type { Found } from '../known/catalog.ts'
import { endingFor, isOver } from '../known/catalog.ts'
import { follow, Followed } from './contention.ts'
import { dialAgain, dialOut } from './dial-out.ts'
import { dialSsh } from './dial-ssh.ts'
import { deliveredAsFound, doneBefore, findDelivered } from '../running/delivered-before.ts'
import { homeOf, receiverHome, senderHome, type Home } from '../known/home.ts'
import { isPlain, makePlan, type Plan } from '../running/plan.ts'
import type { Finished, RunContext } from '../running/run.ts'
import {
  quoted,
  receiverFrozen,
  receiverIdentity,
  senderFrozen,
  senderIdentity,
  shortId,
} from '../known/same-command.ts'
import { servedBy } from '../known/served-identity.ts'
import { Shelves } from '../known/shelves.ts'
import { readTicket } from '../known/tickets.ts'
import { waitAgain, waitHere } from './wait-here.ts'

export async function sendBody(context: RunContext, paths: readonly string[], options: SendOptions): Promise<Finished> {
  const sources = await resolveSources(paths, { cwd: process.cwd(), as: options.as, realPath })
  await checkSendable(context.world.disk, sources)
  const dial = dialerFor(options.to, 'sender', options)
  return inHome(await senderHome(context.world, options.stateDir), async (home) => {
    const identity = senderIdentity(sources)
    const plan = await makePlan(context, home, options, { identity, frozen: senderFrozen(options), sources })
    return orFollow(plan, () => dial(plan))
  })
}

export async function receiveBody(context: RunContext, folder: string, options: ReceiveOptions): Promise<Finished> {
  const { from, stateDir, as } = options
  const dial = dialerFor(from, 'receiver', options)
  const home = await receiverHome(context.world, folder, stateDir, (path) =>
    context.reporter.say({ type: 'hint', code: 'folder-made', message: `${path} was not there, and was made.` }),
  )
  return inHome(home, async () => {
    const frozen = receiverFrozen(options)
    const plan = await makePlan(context, home, options, { identity: receiverIdentity(as), frozen, sources: [] })
    return orFollow(plan, () => dial(plan))
  })
}

/** How the other side is met: it comes here, a ticket leads to it, or ssh does. @throws TransferError for what is no target */
function dialerFor(
  target: string | undefined,
  role: Role,
  { insecurePlaintext }: RunOptions,
): (plan: Plan) => Promise<Finished> {
  if (target === undefined) return waitHere
  const isSsh = !isTicketText(target) && parseSshTarget(target) !== undefined
  if (!isSsh) {
    const ticket = readTicket(target, role, insecurePlaintext === true)
    return (plan) => dialOut(plan, ticket)
  }
  if (insecurePlaintext !== true) return (plan) => dialSsh(plan, target)
  throw new TransferError('usage', { problem: 'Over ssh all is encrypted.', remedy: 'Leave --insecure-plaintext out.' })
}

export async function resumeBody(context: RunContext, asked: string, options: ResumeOptions): Promise<Finished> {
  const located = await locate(context, asked, options)
  context.become(located.role)
  const { stateDir } = options
  if ('receipt' in located) {
    if ('isUnfiled' in located)
      await inHome(await homeOf(context.world, located.folder ?? undefined, stateDir), (home) =>
        makePlan(context, home, options, blank),
      )
    return doneBefore(context, located)
  }
  const { id, folder } = located
  return inHome(await homeOf(context.world, folder, stateDir), async (home) => {
    const plan = await planFor(context, home, options, id)
    const found = planned(plan, id)
    return orFollow(plan, () => (found.header.side === 'dialer' ? dialAgain(plan, found) : waitAgain(plan, found)))
  })
}

/** Only looks on. @throws TransferError `session-not-found` */
export async function watchBody(context: RunContext, asked: string, { stateDir }: StateOptions): Promise<Finished> {
  await using shelves = await Shelves.open(context.world, stateDir, undefined)
  const { found } = shelves.find(asked)
  context.become(found.header.role)
  return await follow(context, found)
}

async function locate(context: RunContext, asked: string, { stateDir }: ResumeOptions) {
  await using shelves = await Shelves.open(context.world, stateDir, undefined)
  const before = await findDelivered(shelves, asked)
  if (before !== undefined) return before
  const shelved = shelves.find(asked)
  const { found, folder } = shelved
  const unfiled = deliveredAsFound(shelves.state, shelved)
  if (unfiled !== undefined) return { ...unfiled, isUnfiled: true } as const // A plan of its folder puts it away.
  if (isOver(found)) throw endingFor(found)
  const served = servedBy(found.header.identity)
  if (served !== undefined)
    throw new TransferError('usage', {
      problem: `Session ${shortId(found.id)} belongs to the server of ${served}, which alone goes on with it.`,
      remedy: `Run ${quoted('carryon', 'serve', served)}.`,
    })
  return { id: found.id, role: found.header.role, folder }
}

const blank = { identity: '', frozen: {}, sources: [] }

/** What the command would have been: a session goes on as it began. */
export async function planFor(context: RunContext, home: Home, options: ResumeOptions, id: string): Promise<Plan> {
  const plan = await makePlan(context, home, options, { ...blank, spared: id })
  const { header } = planned(plan, id)
  const { identity, frozen, sources } = header
  return { ...plan, identity, frozen, sources, options: { ...options, insecurePlaintext: isPlain(header) } }
}

/** @throws TransferError why nobody may go on with it; `session-not-found` if it ended meanwhile */
export function planned({ found, passedOver }: Plan, id: string): Found {
  const it = found.find((each) => each.id === id)
  if (it !== undefined) return it
  throw (
    passedOver.find((each) => each.id === id)?.error ?? new TransferError('session-not-found', { asked: shortId(id) })
  )
}

async function inHome<T>(home: Home, body: (home: Home) => Promise<T>): Promise<T> {
  try {
    return await body(home)
  } finally {
    await home.close()
  }
}

async function orFollow(plan: Plan, body: () => Promise<Finished>): Promise<Finished> {
  try {
    return await body()
  } catch (error) {
    if (error instanceof Followed) return follow(plan.tools.context, error.found)
    throw error
  }
}
