// Keeping one held session of a dialer connected until it ends, whatever road leads to its other side.

import type { Connection } from '../../../model/connection.ts'
import { Dialing, openLane, type DialingOptions, type WayThere } from './dialing.ts'
import type { Plan } from '../running/plan.ts'
import { timeText } from '../running/reporter.ts'
import type { Finished } from '../running/run.ts'
import { workOut } from '../running/work-out.ts'
import type { Work } from '../running/work.ts'

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
