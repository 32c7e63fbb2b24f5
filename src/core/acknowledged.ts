// What a sender makes of places that its receiver says are durable, and how many of them one message may name: a peer that
// names the same ones over and over must not keep it busy (R78).

import { placesOutMax } from '../model/limits.ts'
import type { PlaceRun } from '../model/places.ts'
import type { EntryTable } from './entry-table.ts'
import type { SendingFile } from './sending-file.ts'
import { peerMust } from './violation.ts'
import type { Window } from './window.ts'

/** What is durable was out: now, or at an epoch's end, or in a revision before. Honest peers stay far below this. */
const windowsMax = 4

/** Notes that places are durable at the receiver. @returns the files they are of, each once */
export function noteAcknowledged(
  places: readonly PlaceRun[],
  entries: EntryTable,
  files: ReadonlyMap<number, SendingFile>,
  window: Window,
): ReadonlySet<SendingFile> {
  const chunks = places.reduce((sum, { count }) => sum + count, 0)
  const most = window.places + windowsMax * placesOutMax
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
