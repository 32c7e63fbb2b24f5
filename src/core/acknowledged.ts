// What a sender makes of places that its receiver says are durable, and how many chunks one message may name that are or
// were on their way: a peer that names more than can be, or the same ones over and over, must not keep it busy (R78).

import { placesOutMax } from '../model/limits.ts'
import type { PlaceRun, Run } from '../model/places.ts'
import type { Durability } from '../model/session.ts'
import type { EntryTable } from './entry-table.ts'
import type { SendingFile } from './sending-file.ts'
import { peerMust } from './violation.ts'
import type { Window } from './window.ts'

/** What was out at an epoch's end, or in a revision before, is more than what is out. Honest peers stay far below this. */
const spareChunks = 4 * placesOutMax

/** Notes that places are durable at the receiver. @returns the files they are of, each once */
export function noteAcknowledged(
  places: readonly PlaceRun[],
  entries: EntryTable,
  files: ReadonlyMap<number, SendingFile>,
  window: Window,
  durability: Durability,
): ReadonlySet<SendingFile> {
  const most = durability === 'checkpoint' ? window.places + spareChunks : Infinity // As in checkReceived.
  const chunks = places.reduce((sum, { count }) => sum + count, 0)
  const found = new Set<SendingFile>()
  for (const { entry, revision, first, count } of places) {
    peerMust(entries.isFile(entry), `entry ${entry} was acknowledged and is no file`)
    const file = files.get(entry)
    if (file === undefined || file.revision !== revision) continue
    peerMust(first + count <= file.chunks, 'chunks behind the end of a file were acknowledged')
    peerMust(chunks <= most, 'more chunks were acknowledged than can be on their way')
    window.settle(entry, [first, count])
    file.acknowledge(first, count)
    found.add(file)
  }
  return found
}

/** Chunks that arrived damaged were out. */
export function checkDamaged(runs: readonly Run[], window: Window): void {
  peerMust(chunksIn(runs) <= window.places + spareChunks, 'more chunks are wanted again than can be on their way')
}

/** What is received and not durable is as much as can be out, wherever data is synced as it comes. */
export function checkReceived(runs: readonly Run[], window: Window, durability: Durability): void {
  if (durability !== 'checkpoint') return // Without a sync all of a file may have come that way.
  peerMust(window.places + chunksIn(runs) <= spareChunks, 'more chunks were received than can be on their way')
}

function chunksIn(runs: readonly Run[]): number {
  return runs.reduce((sum, [, count]) => sum + count, 0)
}
