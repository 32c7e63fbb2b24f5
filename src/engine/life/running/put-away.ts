// Sessions that are delivered, and whose process died before it had put them away: the notes it owed are made, and they go,
// as if it had lived.

import { hasCode } from '../../../errors.ts'
import type { Found } from '../known/catalog.ts'
import { servedBy } from '../known/served-identity.ts'
import { Work, type WorkTools } from './work.ts'

/** Puts them away. Returns the others; a tombstone is one of those, for it has no receipt. */
export async function putAwayDelivered(tools: WorkTools, found: readonly Found[]): Promise<Found[]> {
  const left: Found[] = []
  for (const it of found) if (!(await isPutAway(tools, it))) left.push(it)
  return left
}

async function isPutAway(tools: WorkTools, found: Found): Promise<boolean> {
  const { header, checkpoint } = found
  const { ended, receipt } = checkpoint
  const isOurs = header.role === tools.home.role && servedBy(header.identity) === undefined
  if (!isOurs || tools.home.state === undefined || ended?.how !== 'released' || receipt === undefined) return false
  const work = await holdIfThere(tools, found)
  await work?.conclude({ how: 'released', receipt, confirmed: true })
  return work !== undefined
}

async function holdIfThere(tools: WorkTools, found: Found): Promise<Work | undefined> {
  try {
    return await Work.hold(tools, found.id, found)
  } catch (error) {
    if (hasCode(error, 'not-found')) return undefined // Whoever held it has just put it away.
    throw error
  }
}
