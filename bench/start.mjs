// How long carryon takes to start: until it has said its version, and until a `send` that listens has said its first line.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, stateOf } from './carryon.mjs'
import { renew } from './scenarios.mjs'

/** @returns {import('./scenarios.mjs').Scenario} nothing is sent */
export function start(folder) {
  const source = join(folder, 'nothing')
  mkdirSync(folder, { recursive: true })
  writeFileSync(source, '')
  return {
    name: 'start',
    says: 'from exec to the end, or to the first line',
    source,
    bytes: 0,
    files: 0,
    prepareTarget: renew,
    verify() {},
    remove() {},
    bases: { 'node -e 0': 'node -e 0' },
    control: ['node -e 0 again', 'node -e 0'],
    contestants: (options) => [
      { ...node, name: 'node -e 0' },
      timed('carryon --version', { command: run(options, ['--version']) }),
      timed('first line of send', {
        command: run(options, ['send', source]),
        env: stateOf(options, 'sender'),
        mark: () => true,
        markOn: 'stderr',
        untilMark: true,
      }),
      { ...node, name: 'node -e 0 again' },
    ],
  }
}

const node = { runs: () => true, prepare: async () => ({ command: [process.execPath, '-e', '0'] }) }
const timed = (name, prepared) => ({ name, isOurs: true, runs: () => true, prepare: async () => prepared })
