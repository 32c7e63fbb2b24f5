// Which options meet what breaks, in the seeds of the simulation: the table of docs/promises.md, which is counted here.

import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { type Scenario, scenarioOf } from './scenario.ts'

const seeds = 3000
type Has = (scenario: Scenario) => boolean

const options: Readonly<Record<string, Has>> = {
  any: () => true,
  'the sender dials': ({ dialer }) => dialer === 'sender',
  'the receiver dials': ({ dialer }) => dialer === 'receiver',
  '`--durability checkpoint`': ({ durability }) => durability === 'checkpoint',
  '`--durability file`': ({ durability }) => durability === 'file',
  '`--durability none`': ({ durability }) => durability === 'none',
  '`--on-conflict fail`': ({ onConflict }) => onConflict === 'fail',
  '`--on-conflict keep`': ({ onConflict }) => onConflict === 'keep',
  '`--on-conflict replace`': ({ onConflict }) => onConflict === 'replace',
  '`--on-conflict update`': ({ onConflict }) => onConflict === 'update',
  '`--on-conflict rename`': ({ onConflict }) => onConflict === 'rename',
  '`--checksum`': ({ checksum }) => checksum,
  'one lane': ({ limits }) => limits.lanes === 1,
  'two to four lanes': ({ limits }) => typeof limits.lanes === 'number' && limits.lanes > 1,
  'as many lanes as pay': ({ limits }) => limits.lanes === 'auto',
  'another window and other sync points each time': ({ changesOptions }) => changesOptions,
  'a disk without hard links': ({ hasLinks }) => !hasLinks,
}

const breaks: Readonly<Record<string, Has>> = {
  killed: ({ faults }) => faults.kills > 0,
  'power cut': ({ faults }) => faults.powerCuts > 0,
  'disk full': ({ faults }) => faults.fullDisks > 0,
  'call fails': ({ faults }) => faults.failedCalls > 0,
  'disk damaged or restored': ({ faults: { damagedJournals, damagedParts, rollbacks } }) =>
    damagedJournals + damagedParts + rollbacks > 0,
  'connection cut': ({ faults }) => faults.linkFaults > 0,
  'taken over': ({ faults }) => faults.takeovers > 0,
  'frames damaged or old': ({ faults: { damagedFrames, oldFrames } }) => damagedFrames + oldFrames > 0,
  'source changes': ({ faults }) => faults.edits > 0,
}

it('R104: each option meets everything that breaks, so often as docs/promises.md says', () => {
  const scenarios = Array.from({ length: seeds }, (_, i) => scenarioOf(i + 1))
  const rowOf = ([name, has]: readonly [string, Has]): (string | number)[] => {
    const drawn = scenarios.filter(has)
    return [name, drawn.length, ...Object.values(breaks).map((isDrawn) => drawn.filter(isDrawn).length)]
  }
  const rows = Object.entries(options).map(rowOf)
  const head = ['option', 'seeds', ...Object.keys(breaks)]
  const table = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
  expect(rows.filter((row) => row.includes(0))).toEqual([])
  expect(readFileSync(new URL('../../docs/promises.md', import.meta.url), 'utf8'), table).toContain(table)
})
