// Working on one session until it ends here: its runner on one side, whoever keeps it connected on the other. When either
// gives up, the other is called off, and the session is left in order.

import { hasCode, isTransferError } from '../../../errors.ts'
import type { Runner } from '../../runner.ts'
import { whilePatient } from './patience.ts'
import type { Plan } from './plan.ts'
import type { Finished } from './run.ts'
import type { Work } from './work.ts'

/**
 * @param drive keeps the runner connected until `over` aborts, or throws when that has become pointless
 * @throws what `drive` throws, after the runner has stopped and the session was let go of
 */
export async function workOut(
  work: Work,
  drive: (runner: Runner, over: AbortSignal) => Promise<void>,
  { tools, home, retryForMs }: Pick<Plan, 'tools' | 'home' | 'retryForMs'>,
): Promise<Finished> {
  const { context } = tools
  const { reporter } = context
  const patience = { clock: tools.world.clock, retryForMs, place: home.folder }
  const over = new AbortController()
  let runner: Runner | undefined
  let driving: readonly Promise<void>[] = []
  try {
    runner = await work.runner()
    driving = [drive(runner, over.signal), whilePatient(reporter, patience, over.signal)]
    const end = await Promise.race([runner.ended, ...driving.map(failureOf)])
    over.abort()
    await Promise.all(driving)
    context.sayFarewell(work.finished(end))
    return await work.conclude(end)
  } catch (error) {
    over.abort()
    const isOutOfTime = isTransferError(error) && error.exit === 5
    if (isOutOfTime) {
      const { pausedBy } = reporter
      const reason = pausedBy ?? (hasCode(error, 'connection-lost') ? 'network' : 'retry-over')
      reporter.stand(pausedBy === null ? 'interrupted' : 'paused', reason, 'peer')
      runner?.note([{ kind: 'parked', reason }])
    }
    await runner?.stop()
    await Promise.allSettled(driving)
    if (isTransferError(error))
      context.sayFarewell(work.finished({ how: 'failed', code: error.code, sentence: error.message }))
    const isDialers = work.header.side === 'dialer'
    const isUnheardOf = hasCode(error, 'ticket-refused') || (isDialers && isTransferError(error) && !work.isHeardOf)
    if (isUnheardOf && runner?.view.isBound === false)
      await work.forget() // Nobody there has ever heard of this session.
    else await work.release()
    throw error
  }
}

/** Rejects if `driving` does, and never resolves. */
function failureOf(driving: Promise<void>): Promise<never> {
  return new Promise((_, reject) => {
    driving.catch(reject)
  })
}
