// What turns the bench red: counts, which are the same on any machine, and ratios below half of those in floor.json,
// which is more than noise does.

import { readFileSync } from 'node:fs'

const MiB = 1024 * 1024
const chunkBytes = MiB
const syncEveryBytes = 32 * MiB
/** Whether the calls of this scenario are known, so that they can be gates. */
export const hasCounts = ({ name }) => name in floor.counts

const floor = JSON.parse(readFileSync(new URL('floor.json', import.meta.url), 'utf8'))

/** Counts of one run beside what they may be. @returns {{ what: string, count: number, atMost: number }[]} */
export function countGates(scenario, { sender, receiver, summary }) {
  const { bytes, files, name } = scenario
  const seconds = Math.ceil(summary.durationMs / 1000)
  // A sync point is due every 32 MiB or every second, whichever comes first, for each pack, and once more at the end.
  const packs = name === 'small' ? Math.ceil(bytes / chunkBytes) : 0
  const checkpoints = Math.ceil(bytes / syncEveryBytes) + packs + seconds + 2
  const perFile = (calls) => Math.round((calls * 1000) / files)
  const gate = (what, count, atMost) => ({ what, count, atMost })
  const common = [
    gate('bytes sent again', summary.bytesResent, 0),
    gate('bytes sent', summary.bytesSentThisRun, name === 'unchanged' ? 0 : bytes),
    gate('sync points', summary.checkpoints, checkpoints),
    gate('messages, both ways', sender.messages + receiver.messages, floor.counts[name].messages + 2 * checkpoints),
  ]
  if (name === 'large') {
    const chunks = Math.ceil(bytes / chunkBytes)
    const { syncsPerCheckpoint, callsBeside } = floor.counts.large
    if (sender.dataFrames < chunks) throw new Error(`The counting missed frames: ${sender.dataFrames} of ${chunks}.`)
    return [
      ...common,
      gate('data frames', sender.dataFrames, chunks),
      gate("sender's reads", sender.reads, chunks + callsBeside),
      gate("receiver's writes", receiver.writes, chunks + callsBeside + 10 * checkpoints),
      gate("receiver's syncs", receiver.syncs, syncsPerCheckpoint * checkpoints + callsBeside),
    ]
  }
  const limits = floor.counts[name]
  return [
    ...common,
    gate('data frames', sender.dataFrames, Math.ceil(bytes / chunkBytes) * limits.framesPerChunk),
    ...['opens', 'reads'].map((what) =>
      gate(`sender's ${what} per 1,000 files`, perFile(sender[what]), limits[`sender-${what}`]),
    ),
    ...['opens', 'writes', 'syncs'].map((what) =>
      gate(`receiver's ${what} per 1,000 files`, perFile(receiver[what]), limits[`receiver-${what}`]),
    ),
  ]
}

/** Ratios of a summary that have a floor. @returns {{ what: string, ratio: number, atLeast: number }[]} */
export function ratioGates({ scenario, rows }) {
  return rows.flatMap(({ name, ...row }) =>
    ['plain', 'TLS'].flatMap((ours) => {
      const stored = floor.ratios[scenario]?.[name]?.[ours]
      if (stored === undefined || row.seconds === undefined) return []
      return [{ what: `${ours} to ${name}`, ratio: row.ratios[ours].median, atLeast: stored / 2 }]
    }),
  )
}
