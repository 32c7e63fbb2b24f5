// Going on after both sides were killed: `resume`, with 90 % of a file acknowledged, beside rsync with as much of it there;
// `resume-huge`, with all but the last 64 MiB of 1 TiB, which is a hole.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, copyFileSync, mkdirSync, openSync, readSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { runnerImport } from 'vite'
import { forget, listen, run, send, stateOf, telling, threeOfUs } from './carryon.mjs'
import { endOf } from './measure.mjs'
import { large, renew } from './scenarios.mjs'

const MiB = 1024 * 1024
const hugeBytes = 1024 * 1024 * MiB
const tailBytes = 64 * MiB
const thereShare = 0.9
const fixture = new URL('../test/support/huge-session.ts', import.meta.url).pathname

/** @returns {import('./scenarios.mjs').Scenario} */
export function resume(folder, bytes) {
  const scenario = large(folder, bytes)
  const interrupt = (target, options) =>
    killedWhen(scenario, target, options, ({ bytesDurable = 0 }) => bytesDurable >= bytes * thereShare)
  return {
    ...scenario,
    name: 'resume',
    says: `${scenario.says}, killed with 90 % acknowledged; rsync with --append-verify`,
    markSays: 'first byte',
    rsyncFlags: ['--partial', '--append-verify'],
    contestants: (options, rivals) => [
      ...threeOfUs(options, resuming(interrupt)),
      ...rivals.filter(({ name }) => name.startsWith('rsync')).map(withPart),
    ],
  }
}

/** @returns {import('./scenarios.mjs').Scenario} */
export function resumeHuge(folder) {
  const source = join(folder, 'huge.bin')
  const tail = randomBytes(tailBytes)
  mkdirSync(folder, { recursive: true })
  writeAt(source, tail, hugeBytes - tailBytes)
  const interrupt = async (target, options) => {
    const slow = { ...options, flags: ['--bwlimit', '64KiB'] }
    const session = await killedWhen({ source }, target, slow, ({ bytesTotal }) => bytesTotal === hugeBytes)
    const { module } = await runnerImport(fixture, { configFile: false, oxc: { target: 'es2022' } })
    await module.recordAllButTheTail(join(target, '.carryon', session), hugeBytes, tailBytes)
  }
  return {
    name: 'resume-huge',
    says: 'a file of 1 TiB, all but its last 64 MiB acknowledged',
    markSays: 'first byte',
    source,
    bytes: tailBytes,
    files: 1,
    prepareTarget: renew,
    verify(target) {
      const arrived = Buffer.alloc(tailBytes)
      const file = openSync(join(target, 'huge.bin'))
      readSync(file, arrived, 0, tailBytes, hugeBytes - tailBytes)
      closeSync(file)
      if (!arrived.equals(tail)) throw new Error(`${target} does not end as ${source}`)
    },
    remove: () => rmSync(source),
    contestants: (options) => threeOfUs(options, resuming(interrupt)),
  }
}

/** carryon that goes on where `interrupt` has left it; the mark is its first new byte of payload. */
function resuming(interrupt) {
  return (name, options) => ({
    name,
    isOurs: true,
    runs: () => true,
    async prepare(_, target) {
      forget(options)
      await interrupt(target, options)
      const { listener } = await listen(target, options)
      const command = run(options, ['resume', ...telling])
      return { listener, command, env: stateOf(options, 'sender'), mark: isNewPayload }
    },
  })
}

function isNewPayload(line) {
  const { type, bytesSent, bytesDurableAtStart } = JSON.parse(line)
  return type === 'progress' && bytesSent > bytesDurableAtStart
}

/** Both sides killed once the receiver says such a thing. Resolves to the session. */
async function killedWhen({ source }, target, options, isTime) {
  const { listener, ticket } = await listen(target, { ...options, report: telling })
  const [command, ...words] = send(source, ticket, options)
  const dialer = spawn(command, words, { env: { ...process.env, ...stateOf(options, 'sender') }, stdio: 'ignore' })
  const session = await new Promise((resolve, reject) => {
    listener.once('close', (code) => reject(new Error(`carryon receive ended with ${code} before it was killed`)))
    createInterface({ input: listener.stdout }).on('line', (line) => {
      const event = JSON.parse(line)
      if (event.session !== null && isTime(event)) resolve(event.session)
    })
  })
  for (const side of [dialer, listener]) side.kill('SIGKILL')
  await Promise.all([endOf(dialer), endOf(listener)])
  return session
}

/** A rival that finds as much of the file as carryon had acknowledged, at least. */
function withPart(rival) {
  return {
    ...rival,
    async prepare(scenario, target) {
      const part = join(target, basename(scenario.source))
      copyFileSync(scenario.source, part)
      truncateSync(part, Math.floor(scenario.bytes * thereShare))
      return rival.prepare(scenario, target)
    },
  }
}

function writeAt(path, bytes, position) {
  const file = openSync(path, 'w')
  writeSync(file, bytes, 0, bytes.length, position)
  closeSync(file)
}
