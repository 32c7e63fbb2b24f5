// The scenarios `lanes`, `lanes-lossy` and `lanes-small`: what several connections gain on a link with a long way (docs/performance.md). Runs this very file
// once more inside of bench/lab, where carryon and its rivals meet real congestion control.

import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { endOf } from './measure.mjs'
import { pathOf, sshServerIn } from './servers.mjs'
import { large, small } from './scenarios.mjs'

const MiB = 1024 * 1024
const thisFile = fileURLToPath(import.meta.url)
const lab = fileURLToPath(new URL('lab/lab.py', import.meta.url))
const entry = fileURLToPath(new URL('../bin/carryon.js', import.meta.url))
const skippedCode = 75
const settleMs = 2_500 // From the first byte: TCP has found its speed.
const lookMs = 100
const port = 22_790

/** The scenarios: what they send, and over which link. */
const parts = {
  lanes: { says: () => 'one large file, 100 ms there and back, no rate', link: ['--rate', '0'] },
  'lanes-lossy': {
    says: () => 'one large file, 100 ms there and back, 1 Gbit/s, one packet in a thousand lost',
    link: ['--rate', '1000', '--loss', '0.1'],
  },
  'lanes-small': {
    says: ({ files }) => `${files} files of 4 KiB, 100 ms there and back, 1 Gbit/s`,
    link: ['--rate', '1000'],
  },
}

export const isLanes = (scenario) => scenario in parts

/**
 * @param {'lanes' | 'lanes-lossy' | 'lanes-small'} scenario
 * @param {{ seconds: number, megabytes: number, files: number, scratch: string }} options
 * @returns {object | undefined} the result; undefined where there can be no laboratory, which it says itself
 */
export function measureLanes(scenario, options) {
  const { says, link } = parts[scenario]
  const out = join(options.scratch, 'rows.json')
  const inside = [process.execPath, thisFile, scenario, JSON.stringify({ ...options, out })]
  const flags = ['--delay', '50', '--cc', 'cubic', ...link]
  const { status } = spawnSync('python3', [lab, ...flags, '--', ...inside], { stdio: ['ignore', 'ignore', 'inherit'] })
  if (status === skippedCode) return undefined
  if (status !== 0) throw new Error(`The laboratory ended with ${status}.`)
  return { scenario, says: says(options), rounds: 1, rows: JSON.parse(readFileSync(out, 'utf8')) }
}

const near = (command) => ['ip', 'netns', 'exec', process.env.LAB_NEAR, ...command]
const far = (command) => ['ip', 'netns', 'exec', process.env.LAB_FAR, ...command]

/** Steady rates of one large file, bytes a second, as they show in the target's folder. */
async function rates({ seconds, megabytes, scratch }) {
  const scenario = large(join(scratch, 'source'), megabytes * MiB)
  const rows = []
  for (const lanes of [1, 2, 4, 8, 'auto']) {
    const time = lanes === 'auto' ? 30 : seconds // It has to find out.
    const bytesPerSecond = await rateOf(scratch, time, carryon(scenario, lanes))
    rows.push({ name: nameOf(lanes), isOurs: true, bytesPerSecond })
  }
  for (const streams of [1, 8]) rows.push({ name: `iperf3, ${streams}`, bytesPerSecond: await iperf(seconds, streams) })
  rows.push({ name: 'rsync daemon', bytesPerSecond: await rateOf(scratch, seconds, rsync(scenario)) })
  rows.push({ name: 'scp', bytesPerSecond: await rateOf(scratch, seconds, scp(scenario)) })
  return rows
}

/** Whole times of many small files. */
async function times({ files, scratch }) {
  const scenario = small(join(scratch, 'source'), files)
  return [
    { name: nameOf(1), isOurs: true, seconds: await timeOf(scenario, scratch, carryon(scenario, 1)) },
    { name: nameOf(4), isOurs: true, seconds: await timeOf(scenario, scratch, carryon(scenario, 4)) },
    { name: nameOf('auto'), isOurs: true, seconds: await timeOf(scenario, scratch, carryon(scenario, 'auto')) },
    { name: 'rsync daemon', seconds: await timeOf(scenario, scratch, rsync(scenario)) },
  ]
}

const nameOf = (lanes) => `carryon, ${lanes} ${lanes === 1 ? 'lane' : 'lanes'}`

async function timeOf(scenario, scratch, contestant) {
  if (contestant === undefined) return undefined
  const target = newFolder(scratch, 'target')
  const { children, stop } = await contestant(target, scratch)
  const began = performance.now()
  const code = await endOf(children())
  const seconds = (performance.now() - began) / 1000
  await stop()
  if (code !== 0) throw new Error(`A contestant ended with ${code}.`)
  scenario.verify(target)
  return seconds
}

/** Bytes a second that land in the target, from when the first has settled until the end or until time is over. */
async function rateOf(scratch, seconds, contestant) {
  if (contestant === undefined) return undefined
  const target = newFolder(scratch, 'target')
  const { children, stop } = await contestant(target, scratch)
  const dialer = children()
  const began = performance.now()
  let first
  let from
  let last
  while (dialer.exitCode === null && dialer.signalCode === null && performance.now() - began < seconds * 1000) {
    await delay(lookMs)
    const now = { at: performance.now(), bytes: bytesIn(target) }
    if (now.bytes > 0) first ??= now.at
    if (first !== undefined && now.at - first >= settleMs) from ??= now
    last = dialer.exitCode === null ? now : last
  }
  dialer.kill('SIGKILL')
  await endOf(dialer)
  await stop()
  rmSync(target, { recursive: true, force: true })
  return from === undefined || last.at <= from.at ? undefined : ((last.bytes - from.bytes) * 1000) / (last.at - from.at)
}

/** Allocated: part files have holes. */
function bytesIn(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true }).reduce((sum, item) => {
      const path = join(folder, item.name)
      if (item.isDirectory()) return sum + bytesIn(path)
      return sum + (item.isFile() ? statSync(path).blocks * 512 : 0)
    }, 0)
  } catch {
    return 0 // It was renamed while we looked.
  }
}

function newFolder(scratch, name) {
  const folder = join(scratch, name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  return folder
}

function carryon({ source }, lanes) {
  return async (target, scratch) => {
    const sides = ['sender', 'receiver'].map((side) => newFolder(scratch, `state-${side}`))
    const common = ['--json', '--progress-interval', 'off']
    const listening = ['receive', target, '--listen', `${process.env.LAB_FAR_ADDRESS}:${port}`, ...common]
    const listener = start(far([process.execPath, entry, ...listening]), { XDG_STATE_HOME: sides[1] }, 'pipe')
    const ticket = await new Promise((resolve, reject) => {
      listener.once('close', (code) => reject(new Error(`carryon receive ended with ${code}`)))
      createInterface({ input: listener.stdout }).on('line', (line) => {
        const event = JSON.parse(line)
        if (event.type === 'listening') resolve(event.ticket)
      })
    })
    const sending = ['send', source, '--to', ticket, '--lanes', String(lanes), ...common]
    return {
      children: () => start(near([process.execPath, entry, ...sending]), { XDG_STATE_HOME: sides[0] }),
      stop: () => ended(listener),
    }
  }
}

function rsync({ source }) {
  if (pathOf('rsync') === undefined) return undefined
  return async (target, scratch) => {
    const settings = join(scratch, 'rsyncd.conf')
    writeFileSync(settings, `use chroot = no\n[bench]\npath = ${target}\nread only = no\nuid = 0\ngid = 0\n`)
    const daemon = ['rsync', '--daemon', '--no-detach', `--config=${settings}`, `--port=${port}`]
    const server = start(far([...daemon, `--address=${process.env.LAB_FAR_ADDRESS}`]))
    await delay(500)
    const url = `rsync://${process.env.LAB_FAR_ADDRESS}:${port}/bench/`
    return { children: () => start(near(['rsync', '-a', '--whole-file', source, url])), stop: () => ended(server) }
  }
}

function scp({ source }) {
  if (pathOf('scp') === undefined || pathOf('sshd') === undefined) return undefined
  return async (target, scratch) => {
    const address = process.env.LAB_FAR_ADDRESS
    const { command, options } = sshServerIn(newFolder(scratch, 'ssh'), address, port)
    const server = start(far(command))
    await delay(500)
    return {
      children: () => start(near(['scp', '-q', ...options, '-P', String(port), source, `${address}:${target}/`])),
      stop: () => ended(server),
    }
  }
}

async function iperf(seconds, streams) {
  if (pathOf('iperf3') === undefined) return undefined
  const server = start(far(['iperf3', '-s', '-1']))
  await delay(500)
  const settled = String(settleMs / 1000)
  const flags = ['-c', process.env.LAB_FAR_ADDRESS, '-J', '-O', settled, '-t', String(seconds), '-P', String(streams)]
  const client = start(near(['iperf3', ...flags]), {}, 'pipe')
  let text = ''
  client.stdout.setEncoding('utf8').on('data', (part) => (text += part))
  await endOf(client)
  await ended(server)
  return JSON.parse(text).end.sum_received.bits_per_second / 8
}

function start([command, ...flags], env = {}, stdout = 'ignore') {
  return spawn(command, flags, { env: { ...process.env, ...env }, stdio: ['ignore', stdout, 'ignore'] })
}

async function ended(child) {
  child.kill('SIGKILL')
  await endOf(child)
}

/** Inside of the laboratory. */
async function inside(scenario, options) {
  const scratch = mkdtempSync(join(options.scratch, 'lanes-'))
  const rows = await (scenario === 'lanes-small' ? times : rates)({ ...options, scratch })
  writeFileSync(options.out, JSON.stringify(rows))
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await inside(process.argv[2], JSON.parse(process.argv[3]))
