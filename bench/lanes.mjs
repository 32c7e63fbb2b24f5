// The scenario `lanes`: what several connections gain on a link with a long way (docs/performance.md). Runs this very file
// once more inside of bench/lab, where carryon and its rivals meet real congestion control.

import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
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

/** @param {{ seconds: number, megabytes: number, files: number, scratch: string }} options */
export async function measureLanes(options) {
  for (const { part, flags } of [
    { part: 'rate', flags: ['--delay', '50', '--rate', '0', '--cc', 'cubic'] },
    { part: 'files', flags: ['--delay', '50', '--rate', '1000', '--cc', 'cubic'] },
  ]) {
    const inside = [process.execPath, thisFile, part, JSON.stringify(options)]
    const { status } = spawnSync('python3', [lab, ...flags, '--', ...inside], { stdio: 'inherit' })
    if (status === skippedCode) return
    if (status !== 0) throw new Error(`The laboratory ended with ${status}.`)
  }
}

const near = (command) => ['ip', 'netns', 'exec', process.env.LAB_NEAR, ...command]
const far = (command) => ['ip', 'netns', 'exec', process.env.LAB_FAR, ...command]

/** Steady rates of one large file, bytes a second, as they show in the target's folder. */
async function rates({ seconds, megabytes, scratch }) {
  const scenario = large(join(scratch, 'source'), megabytes * MiB)
  const rows = []
  const note = (name, bytesPerSecond) => {
    rows.push({ name, bytesPerSecond })
    const shown = bytesPerSecond === undefined ? 'not measured' : `${(bytesPerSecond / MiB).toFixed(1)} MiB/s`
    console.log(`${name.padEnd(24)} ${shown.padStart(14)}`)
  }
  for (const lanes of [1, 2, 4, 8, 'auto'])
    note(
      `carryon, ${lanes} ${lanes === 1 ? 'lane' : 'lanes'}`,
      await rateOf(scratch, lanes === 'auto' ? 30 : seconds, carryon(scenario, lanes)), // It has to find out.
    )
  for (const streams of [1, 8]) note(`iperf3, ${streams}`, await iperf(seconds, streams))
  note('rsync daemon', await rateOf(scratch, seconds, rsync(scenario)))
  note('scp', await rateOf(scratch, seconds, scp(scenario)))
  scenario.remove()
  const of = (name) => rows.find((row) => row.name === name)?.bytesPerSecond ?? NaN
  const one = of('carryon, 1 lane')
  for (const lanes of [2, 4])
    console.log(`${lanes} lanes / (${lanes} x one lane): ${(of(`carryon, ${lanes} lanes`) / lanes / one).toFixed(2)}`)
  for (const rival of ['iperf3, 8', 'rsync daemon', 'scp'])
    console.log(`8 lanes / ${rival}: ${(of('carryon, 8 lanes') / of(rival)).toFixed(2)}`)
}

/** Whole times of many small files. */
async function times({ files, scratch }) {
  const scenario = small(join(scratch, 'source'), files)
  for (const { name, contestant } of [
    { name: 'carryon, 1 lane', contestant: carryon(scenario, 1) },
    { name: 'carryon, 4 lanes', contestant: carryon(scenario, 4) },
    { name: 'rsync daemon', contestant: rsync(scenario) },
  ]) {
    if (contestant === undefined) continue
    const target = newFolder(scratch, 'target')
    const { children, stop } = await contestant(target, scratch)
    const began = performance.now()
    const dialer = children()
    const code = await endOf(dialer)
    const took = (performance.now() - began) / 1000
    await stop()
    if (code !== 0) throw new Error(`${name} ended with ${code}`)
    scenario.verify(target)
    console.log(`${name.padEnd(24)} ${took.toFixed(2).padStart(12)} s for ${files} files of 4 KiB`)
  }
  scenario.remove()
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
async function inside(part, options) {
  const scratch = mkdtempSync(join(options.scratch ?? tmpdir(), 'lanes-'))
  try {
    await (part === 'rate' ? rates : times)({ ...options, scratch })
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await inside(process.argv[2], JSON.parse(process.argv[3]))
