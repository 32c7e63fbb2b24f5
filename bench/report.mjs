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

const usualBases = { plain: 'carryon plain', TLS: 'carryon TLS' }
const usualControl = ['carryon TLS again', 'carryon TLS']

/**
 * @param {readonly import('./rounds.mjs').Contestant[]} contestants
 * @param {readonly import('./rounds.mjs').Round[]} rounds
 */
export function summarise(scenario, contestants, rounds) {
  const rows = contestants
    .filter((contestant) => contestant.runs(scenario))
    .map((contestant) => (contestant.isMissing ? { name: contestant.name } : rowOf(scenario, contestant, rounds)))
  const { name, says, markSays, bytes, files, control = usualControl } = scenario
  return {
    scenario: name,
    says,
    markSays,
    bytes,
    files,
    rounds: rounds.length,
    control: ratioOf(rounds, ...control),
    rows,
  }
}

function rowOf({ bytes, bases = usualBases }, { name, isOurs = false }, rounds) {
  const samples = rounds.map((round) => round.get(name))
  const medianOf = (field) => spreadOf(samples.map((sample) => sample[field])).median
  const peakOf = (field) => Math.max(...samples.map((sample) => sample[field]))
  const [seconds, cpuSeconds] = [medianOf('seconds'), medianOf('cpuSeconds')]
  return {
    name,
    seconds,
    cpuSeconds,
    ...(bytes > 0 ? { bytesPerSecond: bytes / seconds, cpuSecondsPerGiB: (cpuSeconds * GiB) / bytes } : {}),
    ...(samples[0].markSeconds === undefined ? {} : { markSeconds: medianOf('markSeconds') }),
    isOurs,
    ...(isOurs ? { senderRssBytes: peakOf('dialerRssBytes'), receiverRssBytes: peakOf('listenerRssBytes') } : {}),
    ratios: Object.fromEntries(Object.entries(bases).map(([key, base]) => [key, ratioOf(rounds, base, name)])),
    samples,
  }
}

/** The same build against itself must come out even: where it does not, neither do the other ratios. */
export function isQuiet({ control }) {
  return control === undefined || (control.median >= 0.95 && control.median <= 1.05)
}

/** The table of one scenario; lines of Markdown, so that it can be quoted as it is. */
export function tableOf(result) {
  const { scenario, says, rounds, rows } = result
  const columns = columnsOf(result)
  const head = columns.map((column) => column.head)
  const lines = rows.map((row) => columns.map(({ cell }) => cell(row) ?? ''))
  const times = rounds === 1 ? '1 round' : `${rounds} rounds`
  return `${scenario}: ${says}; ${times}, ${controlOf(result)}\n\n${markdownTable(head, lines)}`
}

function controlOf(result) {
  if (result.control === undefined) return 'no control'
  const doubt = isQuiet(result) ? '' : ': the machine was busy with something else, do not quote these ratios'
  return `control ${result.control.median.toFixed(2)}${doubt}`
}

/** Those that have something to say about a row. */
function columnsOf({ rows, markSays }) {
  const times = (ratio) => ratio && `${ratio.median.toFixed(2)} x (${ratio.low.toFixed(2)}-${ratio.high.toFixed(2)})`
  const bases = Object.keys(rows.find(({ ratios }) => ratios !== undefined)?.ratios ?? {})
  const columns = [
    { head: '', cell: ({ name, ...row }) => (isMeasured(row) ? name : `${name}: not measured`) },
    { head: 'seconds', cell: ({ seconds }) => seconds && shortly(seconds) },
    { head: markSays, cell: ({ markSeconds }) => markSays && markSeconds && shortly(markSeconds) },
    { head: 'MiB/s', cell: ({ bytesPerSecond }) => bytesPerSecond && `${inMiB(bytesPerSecond)}` },
    { head: 'CPU-s/GiB', cell: ({ cpuSecondsPerGiB }) => cpuSecondsPerGiB?.toFixed(2) },
    ...bases.map((key) => ({ head: `${key} is`, cell: ({ ratios }) => times(ratios?.[key]) })),
    {
      head: 'RSS sender, receiver',
      cell: ({ senderRssBytes, receiverRssBytes }) =>
        receiverRssBytes && `${inMiB(senderRssBytes)}, ${inMiB(receiverRssBytes)} MiB`,
    },
  ]
  return columns.filter(({ cell }) => rows.some(cell))
}

export const isMeasured = ({ seconds, bytesPerSecond }) => seconds !== undefined || bytesPerSecond !== undefined
const shortly = (seconds) => seconds.toFixed(seconds < 1 ? 3 : 2)
const inMiB = (bytes) => Math.round(bytes / MiB)

/** @param {readonly string[]} head @param {readonly (readonly string[])[]} lines the first cell of each is its name */
export function markdownTable(head, lines) {
  const widths = head.map((_, i) => Math.max(...[head, ...lines].map((line) => line[i].length)))
  const lineOf = (line) =>
    `| ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [lineOf(head), rule, ...lines.map(lineOf), ''].join('\n')
}

function said(command, flags) {
  try {
    return execFileSync(command, flags, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return 'unknown'
  }
}
