// What a run of the bench found: facts of the machine, a table for people, JSON for everything else.

import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import { ratioOf, spreadOf } from './rounds.mjs'

const MiB = 1024 * 1024
const GiB = 1024 * MiB

/** Without these a figure means nothing. */
export function machineFacts(folder) {
  const [{ model } = { model: 'unknown' }] = cpus()
  return {
    node: process.version,
    openssl: process.versions.openssl,
    kernel: release(),
    cores: cpus().length,
    cpu: model,
    memoryBytes: totalmem(),
    fileSystem: said('stat', ['-f', '-c', '%T', folder]),
    commit: said('git', ['rev-parse', '--short', 'HEAD']),
    isClean: said('git', ['status', '--porcelain', '--', 'src', 'bench']) === '',
  }
}

/**
 * @param {readonly import('./rounds.mjs').Contestant[]} contestants
 * @param {readonly import('./rounds.mjs').Round[]} rounds
 */
export function summarise(scenario, contestants, rounds) {
  const rows = contestants
    .filter((contestant) => contestant.runs(scenario))
    .map((contestant) => (contestant.isMissing ? { name: contestant.name } : rowOf(scenario, contestant, rounds)))
  return {
    scenario: scenario.name,
    says: scenario.says,
    bytes: scenario.bytes,
    files: scenario.files,
    rounds: rounds.length,
    control: ratioOf(rounds, 'carryon TLS again', 'carryon TLS'),
    rows,
  }
}

function rowOf({ bytes }, { name, isOurs = false }, rounds) {
  const samples = rounds.map((round) => round.get(name))
  const medianOf = (field) => spreadOf(samples.map((sample) => sample[field])).median
  const seconds = medianOf('seconds')
  const peakOf = (field) => Math.max(...samples.map((sample) => sample[field]))
  return {
    name,
    seconds,
    bytesPerSecond: bytes / seconds,
    cpuSecondsPerGiB: (medianOf('cpuSeconds') * GiB) / bytes,
    cpuSeconds: medianOf('cpuSeconds'),
    ...(isOurs ? { senderRssBytes: peakOf('dialerRssBytes'), receiverRssBytes: peakOf('listenerRssBytes') } : {}),
    plain: ratioOf(rounds, 'carryon plain', name),
    tls: ratioOf(rounds, 'carryon TLS', name),
    samples,
  }
}

/** The same build against itself must come out even: where it does not, neither do the other ratios. */
export function isQuiet({ control: { median } }) {
  return median >= 0.95 && median <= 1.05
}

/** The table of one scenario; lines of Markdown, so that it can be quoted as it is. */
export function tableOf({ scenario, says, rounds, control, rows }) {
  const head = ['', 'seconds', 'MiB/s', 'CPU-s/GiB', 'plain is', 'TLS is', 'RSS sender, receiver']
  const lines = rows.map((row) => (row.seconds === undefined ? [row.name, 'not measured'] : cellsOf(row)))
  const cells = [head, ...lines].map((line) => head.map((_, i) => line[i] ?? ''))
  const widths = head.map((_, i) => Math.max(...cells.map((line) => line[i].length)))
  const lineOf = (line) =>
    `| ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  const doubt = isQuiet({ control }) ? '' : ': the machine was busy with something else, do not quote these ratios'
  const title = `${scenario}: ${says}; ${rounds} rounds, control ${control.median.toFixed(2)}${doubt}`
  return [title, '', lineOf(cells[0]), rule, ...cells.slice(1).map(lineOf), ''].join('\n')
}

function cellsOf(row) {
  const times = ({ low, median, high }) => `${median.toFixed(2)} x (${low.toFixed(2)}-${high.toFixed(2)})`
  const inMiB = (bytes) => Math.round(bytes / MiB)
  return [
    row.name,
    row.seconds.toFixed(2),
    inMiB(row.bytesPerSecond).toFixed(0),
    row.cpuSecondsPerGiB.toFixed(2),
    times(row.plain),
    times(row.tls),
    row.senderRssBytes === undefined ? '' : `${inMiB(row.senderRssBytes)}, ${inMiB(row.receiverRssBytes)} MiB`,
  ]
}

function said(command, flags) {
  try {
    return execFileSync(command, flags, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return 'unknown'
  }
}
