// What the receiver wants of a span of entries, as the fewest runs that say it, cut into messages of bounded size.

import { runsPerMessageMax } from '../model/limits.ts'
import type { Want } from '../model/messages.ts'
import { type EntryTable, standing } from './entry-table.ts'
import type { Part } from './part.ts'
import type { Parts } from './parts.ts'

/** Wants for entries `from` to `to - 1`, one array per message. An entry not surveyed yet is left out. */
export function* wantRuns(
  entries: EntryTable,
  parts: Pick<Parts, 'get'>,
  from: number,
  to: number,
): Generator<readonly Want[]> {
  let wants: Want[] = []
  let runs = 0
  for (let entry = from; entry < to;) {
    const want = wantAt(entries, parts, entry, to)
    if (want !== undefined) {
      wants.push(want)
      runs += want.need === 'part' ? 1 + want.durable.length + want.received.length : 1
    }
    entry += want !== undefined && 'count' in want ? want.count : 1
    if (runs < runsPerMessageMax) continue
    yield wants
    wants = []
    runs = 0
  }
  if (wants.length > 0) yield wants
}

function wantAt(entries: EntryTable, parts: Pick<Parts, 'get'>, from: number, to: number): Want | undefined {
  const where = entries.standing(from)
  const sameAs = (alike: (entry: number) => boolean): number => {
    let next = from + 1
    while (next < to && entries.standing(next) === where && alike(next)) next++
    return next - from
  }
  switch (where) {
    case standing.unknown:
      return undefined
    case standing.missing: {
      const revision = entries.revision(from)
      return { need: 'all', from, count: sameAs((entry) => entries.revision(entry) === revision), revision }
    }
    case standing.later:
      return { need: 'later', from, count: sameAs(() => true) }
    case standing.done: {
      const outcome = entries.outcome(from)!
      return { need: 'done', from, count: sameAs((entry) => entries.outcome(entry) === outcome), outcome }
    }
    default:
      return wantPart(parts.get(from)!)
  }
}

/** Where a file under way stands. One that is being published is held whole: nothing more is wanted of it. */
function wantPart(part: Part): Want {
  const { entry, revision, held, durable } = part
  const received = held.without(durable).runs()
  const room = runsPerMessageMax / 2
  // Runs beyond the bound are left out: those chunks are sent again, which is harmless.
  return {
    need: 'part',
    from: entry,
    revision,
    durable: durable.runs().slice(0, room),
    received: received.slice(0, room),
  }
}
