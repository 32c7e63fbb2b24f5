// Where the time of both sides goes: one run under node's profiler, functions by the time they took themselves. Wall
// clock: a call that waited for a core counts as long as one that worked.

import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { carryon } from './carryon.mjs'
import { measure } from './measure.mjs'

const shown = 25

/** @param {import('./carryon.mjs').Options} options @returns {Promise<string>} */
export async function profile(scenario, target, options) {
  const folder = join(options.scratch, 'profiles')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  const nodeFlags = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=500']
  scenario.prepareTarget(target)
  await measure(await carryon('profiled', { ...options, nodeFlags }).prepare(scenario, target))
  const profiles = readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
  return profiles.map(selfTimes).join('\n')
}

function selfTimes({ nodes, samples, timeDeltas }) {
  const labels = new Map(nodes.map(({ id, callFrame }) => [id, labelOf(callFrame)]))
  const times = new Map()
  samples.forEach((id, i) => {
    const label = labels.get(id)
    times.set(label, (times.get(label) ?? 0) + timeDeltas[i] / 1000)
  })
  const isSender = nodes.some(({ callFrame }) => callFrame.functionName === '#sendChunk')
  const lines = [...times].sort(([, a], [, b]) => b - a).slice(0, shown)
  return [
    isSender ? 'sender' : 'receiver',
    ...lines.map(([label, ms]) => `${ms.toFixed(0).padStart(7)} ms  ${label}`),
    '',
  ].join('\n')
}

function labelOf({ functionName, url, lineNumber }) {
  const place = url === '' ? '' : `  ${url.split('/').slice(-2).join('/')}:${lineNumber + 1}`
  return `${functionName || '(anonymous)'}${place}`
}
