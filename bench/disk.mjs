// What the receiving side's disk costs: `checkpoints`, on a real one, `slow-disk`, where each sync takes 50 ms more, and
// `stalled`, a receiver that stands still in the middle and must neither be given up nor fill the sender's memory.

import { join } from 'node:path'
import { carryon, telling, threeOfUs } from './carryon.mjs'
import { large } from './scenarios.mjs'

const slowSync = new URL('slow-sync.mjs', import.meta.url).href
const stallMs = 5_000
const stallAtShare = 0.25

/** @returns {import('./scenarios.mjs').Scenario} what each level of durability costs, beside one sync at the end */
export function checkpoints(folder, bytes) {
  const scenario = large(folder, bytes)
  return {
    ...scenario,
    name: 'checkpoints',
    says: `${scenario.says}, synced as each --durability asks`,
    contestants: (options) => [...levels(options), dd()],
  }
}

/** @returns {import('./scenarios.mjs').Scenario} the same where every sync of carryon takes 50 ms more */
export function slowDisk(folder, bytes) {
  const scenario = large(folder, bytes)
  return {
    ...scenario,
    name: 'slow-disk',
    says: `${scenario.says}, each sync takes 50 ms more`,
    contestants: (options) => levels({ ...options, nodeFlags: ['--import', slowSync] }),
  }
}

/** @returns {import('./scenarios.mjs').Scenario} a receiver that is stopped for five seconds */
export function stalled(folder, bytes) {
  const scenario = large(folder, bytes)
  return {
    ...scenario,
    name: 'stalled',
    says: `${scenario.says}, the receiver stopped for ${stallMs / 1000} s`,
    contestants: (options) => [
      ...threeOfUs({ ...options, report: telling }).map(stalling),
      carryon('plain, not stalled', { ...options, plain: true }),
    ],
  }
}

function levels(options) {
  const level = (name) => carryon(`plain, ${name}`, { ...options, plain: true, flags: ['--durability', name] })
  return [...threeOfUs(options), level('file'), level('none')]
}

/** One sync at the end, and nothing else. */
function dd() {
  return {
    name: 'dd, one sync',
    runs: () => true,
    prepare: async ({ source }, target) => ({
      command: ['dd', `if=${source}`, `of=${join(target, 'large.bin')}`, 'bs=1M', 'conv=fdatasync', 'status=none'],
    }),
  }
}

function stalling(contestant) {
  return {
    ...contestant,
    async prepare(scenario, target) {
      const prepared = await contestant.prepare(scenario, target)
      return {
        ...prepared,
        mark: (line) => JSON.parse(line).bytesSent >= scenario.bytes * stallAtShare,
        atMark() {
          prepared.listener.kill('SIGSTOP')
          setTimeout(() => prepared.listener.kill('SIGCONT'), stallMs)
        },
      }
    },
  }
}
