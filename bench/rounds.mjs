// Interleaved runs: every round measures every contestant once, in the order of the round before turned around, so that
// what the machine does meanwhile meets all alike. The first round warms up and is discarded.

import { join } from 'node:path'
import { measure } from './measure.mjs'

/**
 * @typedef {object} Contestant
 * @property {string} name
 * @property {boolean} [isOurs]
 * @property {readonly string[]} [needs] tools
 * @property {boolean} [isMissing] its tools are not on this machine
 * @property {(scenario: import('./scenarios.mjs').Scenario) => boolean} runs whether it can do that at all
 * @property {(scenario: import('./scenarios.mjs').Scenario, target: string) => Promise<import('./measure.mjs').Prepared>} prepare
 *
 * @typedef {ReadonlyMap<string, import('./measure.mjs').Sample>} Round by contestant
 */

/**
 * @param {{ rounds: number, deadline: number, targets: string, tick: (text: string) => void }} options `rounds` that count;
 *   none is begun after `deadline` (milliseconds of `performance.now()`) once one counts
 * @returns {Promise<Round[]>}
 */
export async function runRounds(scenario, contestants, { rounds, deadline, targets, tick }) {
  const able = contestants.filter((contestant) => !contestant.isMissing && contestant.runs(scenario))
  /** @type {Round[]} */
  const done = []
  for (let round = 0; round <= rounds; round++) {
    if (done.length > 1 && performance.now() > deadline) break
    const samples = new Map()
    for (const contestant of round % 2 === 0 ? able : able.toReversed()) {
      tick(`${scenario.name}: round ${round} of ${rounds}, ${contestant.name}`)
      samples.set(contestant.name, await runOnce(scenario, contestant, join(targets, 'target')))
    }
    done.push(samples)
  }
  return done.slice(1)
}

async function runOnce(scenario, contestant, target) {
  scenario.prepareTarget(target)
  const prepared = await contestant.prepare(scenario, target)
  const sample = await measure(prepared)
  scenario.verify(target)
  return sample
}

/** Median and quartiles. @param {readonly number[]} values */
export function spreadOf(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share) => {
    const position = share * (sorted.length - 1)
    const below = Math.floor(position)
    return sorted[below] + (position - below) * ((sorted[below + 1] ?? sorted[below]) - sorted[below])
  }
  return { low: at(0.25), median: at(0.5), high: at(0.75) }
}

/** How many times as fast `ours` was as `rival`, each round by itself. @param {readonly Round[]} rounds */
export function ratioOf(rounds, ours, rival) {
  return spreadOf(rounds.map((round) => round.get(rival).seconds / round.get(ours).seconds))
}
