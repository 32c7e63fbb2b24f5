// A journal's records as a checkpoint.

import { type Checkpoint, emptyCheckpoint, fold } from '../../src/core/checkpoint.ts'
import type { JournalRecord } from '../../src/model/records.ts'

export function foldRecords(records: Iterable<JournalRecord>): Checkpoint {
  const checkpoint = emptyCheckpoint()
  for (const record of records) fold(checkpoint, record)
  return checkpoint
}
