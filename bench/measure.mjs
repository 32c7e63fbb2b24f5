// The stopwatch: wall time of the command that dials, processor time of every process of both sides, peak memory of
// those that are asked for. Reads /proc, so it runs on Linux alone.

import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'

const ticksPerSecond = 100 // USER_HZ: fixed by the kernel's interface to programs.
const lookMs = 25
const patienceMs = 180_000 // A run that takes longer hangs.

/**
 * What one run is made of. Everything in it is up and listening before the stopwatch starts.
 * @typedef {object} Prepared
 * @property {readonly string[]} command dials, and is timed from its start to its exit
 * @property {NodeJS.ProcessEnv} [env] added to the environment
 * @property {string} [input] file the command reads on standard input
 * @property {import('node:child_process').ChildProcess} [listener] serves this run alone and ends with it
 * @property {boolean} [untilListener] the listener's end counts too: the dialer cannot know when all has arrived
 * @property {readonly number[]} [daemons] pids of servers that serve many runs
 * @property {(line: string) => boolean} [mark] the first such line of the command is noted
 * @property {'stdout' | 'stderr'} [markOn] where it says it; stdout unless set
 * @property {() => void} [atMark] done at that moment
 * @property {boolean} [untilMark] all is over then: the command is ended, and timed until there
 *
 * @typedef {object} Sample
 * @property {number} seconds
 * @property {number} cpuSeconds user and system, both sides, all processes; what servers took to start is not in it
 * @property {number} dialerRssBytes
 * @property {number} listenerRssBytes 0 without a listener
 * @property {number} [markSeconds] from the start to the mark
 */

/** Runs it. @param {Prepared} prepared @returns {Promise<Sample>} */
export async function measure({ command, env = {}, listener, untilListener = false, daemons = [], ...marking }) {
  const before = childrenCpu() + sum(daemons.map(treeCpu)) + (listener === undefined ? 0 : ownCpu(listener.pid))
  const started = performance.now()
  const since = () => (performance.now() - started) / 1000
  const dialer = spawn(command[0], command.slice(1), {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: patienceMs,
  })
  const rss = watchRss([dialer, listener])
  const marked = watchLines(dialer, marking, since)
  const said = textOf(dialer)
  const code = await endOf(dialer).then((ended) => (marked.isOver ? 0 : ended))
  if (code !== 0) listener?.kill('SIGKILL') // It would wait for its peer to come back.
  let seconds = marked.isOver ? marked.seconds : since()
  const listenerCode = listener === undefined ? 0 : await endOf(listener)
  if (untilListener) seconds = since()
  const [dialerRssBytes, listenerRssBytes] = rss.stop()
  if (code !== 0 || listenerCode !== 0)
    throw new Error(`${command.join(' ')}: exit ${code}, listener ${listenerCode}\n${await said}`)
  await Promise.all(daemons.map(idle))
  const cpuSeconds = childrenCpu() + sum(daemons.map(treeCpu)) - before
  return { seconds, cpuSeconds, dialerRssBytes, listenerRssBytes, markSeconds: marked.seconds }
}

/** Notes when the mark comes, and does then what is to be done. */
function watchLines(dialer, { mark, markOn = 'stdout', atMark, untilMark = false }, since) {
  const marked = { seconds: undefined, isOver: false }
  if (mark === undefined) return marked
  createInterface({ input: dialer[markOn] }).on('line', (line) => {
    if (marked.seconds !== undefined || !mark(line)) return
    marked.seconds = since()
    atMark?.()
    if (untilMark) marked.isOver = dialer.kill('SIGKILL')
  })
  return marked
}

/** Resolves with a child's exit code; a signal counts as failure. */
export function endOf(child) {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode ?? -1)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? -1))
  })
}

/** Resolves once something listens on a TCP port of this machine, without disturbing it. */
export async function listens(port) {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')} `
  const isUp = () =>
    ['/proc/net/tcp', '/proc/net/tcp6'].some((table) =>
      readFileSync(table, 'utf8')
        .split('\n')
        .some((line) => line.includes(local) && / 0A /.test(line)),
    )
  for (let waitedMs = 0; !isUp(); waitedMs += lookMs) {
    if (waitedMs > 10_000) throw new Error(`nothing listens on port ${port}`)
    await delay(lookMs)
  }
}

/** All that a child says on both streams, for the message when it fails. */
export async function textOf({ stdout, stderr }) {
  let text = ''
  const take = (part) => (text = (text + part).slice(-4000))
  stdout?.setEncoding('utf8').on('data', take)
  stderr?.setEncoding('utf8').on('data', take)
  await Promise.all([stdout, stderr].map((stream) => stream && new Promise((end) => stream.once('close', end))))
  return text
}

/** Processor time of all children that have ended and were waited for, with theirs. */
const childrenCpu = () => cpuFields(process.pid).children
const ownCpu = (pid) => cpuFields(pid).own
const treeCpu = (pid) => cpuFields(pid).own + cpuFields(pid).children

function cpuFields(pid) {
  const fields = statFields(pid)
  const seconds = (first) => (Number(fields[first]) + Number(fields[first + 1])) / ticksPerSecond
  return { own: seconds(11), children: seconds(13) }
}

/** Fields of /proc/PID/stat from the third on: the second, the name, may hold anything. */
function statFields(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

/** A server waits for what it forked, and only then is its children's time known. */
async function idle(pid) {
  while (hasChildren(pid)) await delay(lookMs)
}

function hasChildren(pid) {
  return readdirSync('/proc').some((name) => {
    if (!/^[0-9]+$/.test(name)) return false
    try {
      return Number(statFields(name)[1]) === pid
    } catch {
      return false // It ended while we looked.
    }
  })
}

/** Follows the peaks of resident memory, which the kernel forgets when a process ends. */
function watchRss(children) {
  const peaks = children.map(() => 0)
  const look = () => children.forEach((child, i) => child && (peaks[i] = Math.max(peaks[i], peakRss(child.pid))))
  const timer = setInterval(look, lookMs)
  return {
    stop() {
      clearInterval(timer)
      return peaks
    },
  }
}

function peakRss(pid) {
  try {
    const kibibytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0
    return Number(kibibytes) * 1024
  } catch {
    return 0
  }
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0)
