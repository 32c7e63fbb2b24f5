// Discarding a session that dials, so that the other side hears of it at once: connect, say so, put it away.

import type { World } from '../../context.ts'
import { dialAgain } from '../roads/dial-out.ts'
import { homeOf } from '../known/home.ts'
import { startRun } from '../running/run.ts'
import type { Shelved } from '../known/shelves.ts'
import { planFor, planned } from '../roads/transfer.ts'

const reachForMs = 5_000 // A peer that is there answers at once; another one finds the tombstone later.

/** Whether the other side was told; only then the session is discarded here, too. */
export async function discardWithPeer(world: World, shelved: Shelved, stateDir: string | undefined): Promise<boolean> {
  const { id } = shelved.found
  let isConnected = false
  const run = startRun(
    shelved.found.header.role,
    { stateDir },
    async () => world,
    async (context) => {
      const home = await homeOf(world, shelved.folder, stateDir)
      try {
        const plan = await planFor(context, home, { stateDir, retryForMs: reachForMs }, id)
        return await dialAgain(plan, planned(plan, id))
      } finally {
        await home.close()
      }
    },
  )
  for await (const event of run) {
    if (event.type !== 'session' || (event.state !== 'agreeing' && event.state !== 'transferring')) continue
    isConnected = true
    void run.discard()
  }
  await run.ending
  return isConnected
}
