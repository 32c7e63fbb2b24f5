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
      command('node -e 0', [process.execPath, '-e', '0']),
      command('carryon --version', run(options, ['--version'])),
      firstLine('first line of send', options, ['send', source, '--json']),
      command('node -e 0 again', [process.execPath, '-e', '0']),
    ],
  }
}

const command = (name, words) => ({ name, runs: () => true, prepare: async () => ({ command: words }) })

function firstLine(name, options, words) {
  const prepared = { command: run(options, words), env: stateOf(options, 'sender'), mark: () => true, untilMark: true }
  return { name, runs: () => true, prepare: async () => prepared }
}
