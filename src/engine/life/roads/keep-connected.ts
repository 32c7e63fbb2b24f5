// Keeping one held session of a dialer connected until it ends, whatever road leads to its other side.

import { isTransferError } from '../../../errors.ts'
import type { Millis } from '../../../model/clock.ts'
import type { Connection } from '../../../model/connection.ts'
import type { Runner } from '../../runner.ts'
import { Dialing, dialWithAnyKey, openLane, type DialingOptions, type WayThere } from './dialing.ts'
import type { Plan } from '../running/plan.ts'
import { timeText } from '../running/reporter.ts'
import type { Finished } from '../running/run.ts'
import { aborted } from '../running/waiting.ts'
import { workOut } from '../running/work-out.ts'
import type { Work } from '../running/work.ts'

const lastWordMs: Millis = 2_000 // For a connection. A receiver that can't be told ends by itself, half a minute later.

/** What a way tells of the connections it made, and may ask. */
export interface Travelled {
  /** Somebody at the other end knows this session; `isJoined`: by its own key. */
  arrived(isJoined: boolean): void
  /** Whether first contact was made. */
  isBound(): boolean
}

/** @param first a connection that is there already, under the session's key */
export async function keepConnected(
  plan: Plan,
  work: Work,
  wayOf: (travelled: Travelled) => WayThere,
  first?: Connection,
): Promise<Finished> {
  const { world } = plan.tools
  if (work.isDelivered) return sayLastWord(plan, work, wayOf, first)
  return workOut(
    work,
    async (runner, over) => {
      let { isJoined } = work.found.checkpoint
      const noteJoined = (): void => {
        if (!isJoined) runner.note([{ kind: 'joined' }])
        isJoined = true
      }
      const way = wayOf({
        isBound: () => runner.view.isBound,
        arrived: (isJoining) => {
          work.isHeardOf = true
          if (isJoining) noteJoined()
        },
      })
      const dialing = new Dialing({
        world,
        way,
        connectForMs: plan.connectForMs,
        retryForMs: plan.retryForMs,
        signal: over,
        onRetry: (retry) => sayRetry(plan, retry),
      })
      work.onDisconnected = (event) => dialing.disconnected(event)
      work.onLaneWanted = (lane) => void openLane(runner, lane, way, over)
      if (first !== undefined) noteJoined()
      await dialing.run(runner, first)
    },
    plan,
  )
}

/** All is delivered. A receiver that still waits to hear that this is known here is told, and who isn't there is done. */
async function sayLastWord(
  plan: Plan,
  work: Work,
  wayOf: (travelled: Travelled) => WayThere,
  first: Connection | undefined,
): Promise<Finished> {
  const connection = first ?? (await tryOnce(plan, work, wayOf({ isBound: () => true, arrived: () => {} })))
  const tellIt = async (runner: Runner, over: AbortSignal): Promise<void> => {
    if (connection !== undefined) runner.connected(connection)
    await aborted(over)
  }
  return workOut(work, tellIt, plan)
}

async function tryOnce({ tools }: Plan, work: Work, way: WayThere): Promise<Connection | undefined> {
  const { context, world } = tools
  const tooLate = new AbortController()
  const cancel = world.clock.after(lastWordMs, () => tooLate.abort())
  const signal = AbortSignal.any([context.stop, tooLate.signal])
  try {
    return await dialWithAnyKey({ way, signal })
  } catch (error) {
    if (signal.aborted || isTransferError(error)) return undefined
    await work.release()
    throw error
  } finally {
    cancel()
  }
}

function sayRetry(plan: Plan, retry: Parameters<DialingOptions['onRetry']>[0]): void {
  const { reporter } = plan.tools.context
  const { view } = reporter
  const sent = view === undefined ? 0 : view.bytesAcknowledgedAtStart + view.bytesSentThisRun - view.bytesResent
  reporter.say({
    type: 'reconnecting',
    attempt: retry.attempt,
    reason: reporter.pausedBy ?? retry.reason,
    delayMs: Math.round(retry.delayMs),
    retryUntil: retry.retryUntil === null ? null : timeText(retry.retryUntil),
    bytesAtRisk: Math.max(0, sent - (view?.bytesAcknowledged ?? 0)),
  })
}
