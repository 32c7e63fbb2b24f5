// carryon as a contestant: both commands as a person runs them, each side with a state directory of its own. The listener
// is up, its ticket read, before the stopwatch starts.

import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { endOf } from './measure.mjs'

const thisCheckout = fileURLToPath(new URL('..', import.meta.url))
const counting = new URL('counting.mjs', import.meta.url).href
const quiet = ['--json', '--progress-interval', 'off']

/** Instead of those: for what waits for a number in an event. */
export const telling = ['--json', '--progress-interval', '20ms']

/**
 * @typedef {object} Options
 * @property {string} scratch
 * @property {boolean} plain
 * @property {string} [build] folder of another build of carryon; this checkout unless set
 * @property {readonly string[]} [nodeFlags] for both sides, as for a profile
 * @property {string} [entry] what node runs; the command as it is installed unless set
 * @property {readonly string[]} [flags] of the sender, further ones
 * @property {readonly string[]} [report] how both tell of their work; not at all, unless set
 */

/** carryon as users have it, once more as the control, and without encryption. @param {(name: string, options: Options) => import('./rounds.mjs').Contestant} [make] */
export function threeOfUs(options, make = carryon) {
  return [
    make('carryon TLS', { ...options, plain: false }),
    make('carryon plain', { ...options, plain: true }),
    make('carryon TLS again', { ...options, plain: false }),
  ]
}

/** @param {string} name @param {Options} options @returns {import('./rounds.mjs').Contestant} */
export function carryon(name, options) {
  return {
    name,
    isOurs: true,
    runs: () => true,
    async prepare(scenario, target) {
      forget(options)
      const { listener, ticket } = await listen(target, options)
      return { listener, command: send(scenario.source, ticket, options), env: stateOf(options, 'sender') }
    },
  }
}

/**
 * One run whose calls are counted, at both sides: the numbers are the same on any machine, so they can be gates. It runs
 * what the bundle is made of, because a package inside the bundle can't be reached from outside.
 * @returns {Promise<{ sender: Counts, receiver: Counts, summary: object }>}
 * @typedef {Readonly<Record<string, number>>} Counts
 */
export async function count(scenario, target, options) {
  const counted = { ...options, nodeFlags: ['--import', counting], entry: 'dist/cli/main.js' }
  const fileOf = (side) => join(options.scratch, `counts-${side}.json`)
  forget(counted)
  const { listener, ticket } = await listen(target, counted, { CARRYON_BENCH_COUNTS: fileOf('receiver') })
  const [command, ...flags] = send(scenario.source, ticket, counted)
  const dialer = spawn(command, flags, {
    env: { ...process.env, ...stateOf(counted, 'sender'), CARRYON_BENCH_COUNTS: fileOf('sender') },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const dialed = endOf(dialer).then((code) => {
    if (code !== 0) listener.kill()
    return code
  })
  const ended = Promise.all([dialed, endOf(listener)])
  let summary
  for await (const line of createInterface({ input: dialer.stdout })) {
    const event = JSON.parse(line)
    if (event.type === 'summary') summary = event
  }
  const codes = await ended
  if (codes.some((code) => code !== 0)) throw new Error(`carryon ended with ${codes.join(' and ')}`)
  const read = (side) => JSON.parse(readFileSync(fileOf(side), 'utf8'))
  const counts = { sender: read('sender'), receiver: read('receiver'), summary }
  if (counts.sender.messages === 0) throw new Error('The counting missed every message that was sent.')
  return counts
}

/** The command that sends. */
export function send(source, ticket, options) {
  const { plain, flags = [], report = quiet } = options
  return run(options, ['send', source, '--to', ticket, ...report, ...(plain ? ['--insecure-plaintext'] : []), ...flags])
}

/** Any command, as this build runs it. */
export function run({ nodeFlags = [], ...options }, words) {
  return [process.execPath, ...nodeFlags, entryOf(options), ...words]
}

/** Both sides begin anew. */
export function forget(options) {
  for (const side of ['sender', 'receiver'])
    rmSync(stateOf(options, side).XDG_STATE_HOME, { recursive: true, force: true })
}

/** Starts the receiving side and waits for its ticket. */
export async function listen(target, options, env = {}) {
  const { report = quiet, plain } = options
  const words = ['receive', target, '--listen', '127.0.0.1:0', ...report]
  const [command, ...flags] = run(options, [...words, ...(plain ? ['--insecure-plaintext'] : [])])
  const listener = spawn(command, flags, {
    env: { ...process.env, ...stateOf(options, 'receiver'), ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ticket = await new Promise((resolve, reject) => {
    listener.once('close', (code) => reject(new Error(`carryon receive ended with ${code} before it listened`)))
    createInterface({ input: listener.stdout }).on('line', (line) => {
      const event = JSON.parse(line)
      if (event.type === 'listening') resolve(event.ticket)
    })
  })
  return { listener, ticket }
}

const entryOf = ({ build = thisCheckout, entry = 'bin/carryon.js' }) => join(build, entry)

/** Where a side keeps its sessions. */
export function stateOf({ scratch }, side) {
  const folder = join(scratch, `state-${side}`)
  mkdirSync(folder, { recursive: true })
  return { XDG_STATE_HOME: folder }
}
