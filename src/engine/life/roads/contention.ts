// When another process of this machine holds the session that is asked for: say so, wait for it, or follow it.

import { hasCode, TransferError } from '../../../errors.ts'
import type { Directory } from '../../../model/disk.ts'
import { isOver, type Found } from '../known/catalog.ts'
import { askStatus, type Farewell, followHolder } from '../running/control.ts'
import { OutcomeCounts } from '../running/outcome-counts.ts'
import type { Plan } from '../running/plan.ts'
import type { Finished, RunContext } from '../running/run.ts'
import { checkFrozen, shortId } from '../known/same-command.ts'
import { sleep } from '../running/waiting.ts'
import { Work } from '../running/work.ts'

/** Thrown to a body that shall follow instead of work. */
export class Followed extends Error {
  readonly found: Found

  constructor(found: Found) {
    super('another process does the work')
    this.found = found
  }
}

const lookAgainMs = 500

/**
 * Holds a session. If another process does: waits for it with `wait`, or throws.
 * @throws TransferError `busy`; `paused` if the run is stopped while it waits; `session-not-found` if that process ended it;
 * Followed where the options say `attach`
 */
export async function holdOrFail(plan: Plan, found: Found): Promise<Work> {
  const { tools, options } = plan
  const { clock } = tools.world
  const { stop, reporter } = tools.context
  for (let isFirst = true; ; isFirst = false) {
    const work = await holdIfThere(tools, found)
    if (work !== undefined) return unlessOver(work)
    if (options.attach === true) throw new Followed(found)
    if (options.wait !== true)
      throw new TransferError('busy', { session: shortId(found.id), directory: found.base.label })
    if (isFirst) reporter.stand('interrupted', 'peer-busy', 'self')
    await sleep(clock, lookAgainMs, stop)
    if (stop.aborted) throw new TransferError('paused', { by: 'user' })
  }
}

/** Holds a session of this very command to go on with it. @throws TransferError `frozen-option`; as `holdOrFail` */
export async function resume(plan: Plan, found: Found): Promise<Work> {
  checkFrozen(found.header, plan.frozen)
  return holdOrFail(plan, found)
}

/** A tombstone, left where the other side did not hear of the end, is nothing to work on. */
async function unlessOver(work: Work): Promise<Work> {
  if (!isOver(work.found)) return work
  await work.release()
  throw new TransferError('session-not-found', { asked: shortId(work.id) })
}

/** Holds a session; undefined if another process does. @throws TransferError `session-not-found`: that one ended it meanwhile */
async function holdIfThere(tools: Plan['tools'], found: Found): Promise<Work | undefined> {
  try {
    return await Work.hold(tools, found.id, found)
  } catch (error) {
    if (hasCode(error, 'not-found'))
      throw new TransferError('session-not-found', { asked: shortId(found.id) }, { cause: error })
    throw error
  }
}

/** Passes on what the holder says until it lets go, and ends as it did. */
export async function follow(context: RunContext, found: Found): Promise<Finished> {
  const directory = await found.base.openDirectory(found.id)
  context.settle(found.id)
  let farewell: Farewell | undefined
  try {
    await sayStanding(context, directory)
    await context.attach(followHolder(directory), (event) => {
      if (event.type === 'farewell') farewell = event
    })
  } finally {
    await directory.close()
  }
  if (context.stop.aborted)
    return { end: { how: 'paused', by: 'user' }, receiptPath: null, counts: new OutcomeCounts() }
  if (farewell === undefined) return { end: died, receiptPath: null, counts: new OutcomeCounts() }
  const { end, tally, summary } = farewell
  if (summary !== null) context.passOn(summary)
  return { end, receiptPath: summary?.receipt ?? null, counts: { tally: () => tally } }
}

const died: Finished['end'] = {
  how: 'failed',
  code: 'retry-over',
  sentence: 'The process that worked on the session has ended.',
}

/** What went before is not said again: begin with where it stands. */
async function sayStanding({ reporter }: RunContext, directory: Directory): Promise<void> {
  const live = (await askStatus(directory))?.live
  if (!live) return
  const { state, reason, who, epoch, peer, filesTotal, bytesTotal, bytesDurable, level, bytesAcknowledged } = live
  reporter.stand(state, reason, who, {
    epoch,
    peer,
    bytesDurable,
    ...(filesTotal === null ? {} : { filesTotal }),
    ...(bytesTotal === null ? {} : { bytesTotal }),
    ...(level === undefined ? {} : { level }),
    ...(bytesAcknowledged === undefined ? {} : { bytesAcknowledged }),
  })
}
