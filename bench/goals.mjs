// What carryon set out to reach, by scenario, and how far a result is from it. The page has the verdicts; nothing turns red.

import { markdownTable } from './report.mjs'

const MiB = 1024 * 1024

/** @typedef {{ says: string, of: (result: object) => number | undefined, atLeast?: number, atMost?: number }} Goal */
/** @type {Record<string, readonly Goal[]>} */
const goals = {
  large: [
    faster('plain', 'rsync daemon', 1.3),
    faster('plain', 'nc', 0.95),
    faster('TLS', 'rsync over ssh', 2.5),
    faster('TLS', 'scp aes128-gcm', 1.8),
    faster('TLS', 'tus', 1.2),
    { says: 'CPU-s/GiB, plain', of: (result) => row(result, 'carryon plain')?.cpuSecondsPerGiB, atMost: 2 },
    resident(),
  ],
  small: [faster('plain', 'rsync daemon', 1), faster('TLS', 'rsync daemon', 1), faster('plain', 'nc', 1), resident()],
  unchanged: [
    {
      says: 'seconds later than rsync daemon, plain',
      of: (result) => row(result, 'carryon plain')?.seconds - row(result, 'rsync daemon')?.seconds,
      atMost: 0.3,
    },
    resident(),
  ],
  resume: [first('carryon TLS'), faster('TLS', 'rsync daemon', 2.86), resident()],
  'resume-huge': [first('carryon TLS'), resident()],
  checkpoints: [faster('plain', 'plain, file', 0.95)],
  'slow-disk': [faster('plain', 'plain, file', 0.9)],
  stalled: [resident()],
  lanes: [
    several(2, lanes(1), 0.9 * 2),
    several(4, lanes(1), 0.9 * 4),
    several(8, 'iperf3, 8', 0.9),
    several(8, 'scp', 3),
    several(8, 'rsync daemon', 2.5),
    {
      says: 'rate of auto / the best number',
      of: (result) => rate(result, lanes('auto')) / bestRate(result),
      atLeast: 0.85,
    },
  ],
  'lanes-lossy': [several(8, 'scp', 3), several(8, 'rsync daemon', 2.5)],
  'lanes-small': [
    {
      says: 'time / rsync daemon',
      of: (result) => row(result, lanes(1))?.seconds / row(result, 'rsync daemon')?.seconds,
      atMost: 0.5,
    },
  ],
  start: [slower('carryon --version', 1.3), slower('first line of send', 4)],
}

/** As lines of Markdown; nothing where no goal was measured. */
export function verdictsTable(result) {
  const lines = verdictsOn(result).map(({ says, found, bound, isReached }) => {
    return [says, `${Number(found.toFixed(2))}`, bound, isReached ? 'reached' : 'missed']
  })
  return lines.length === 0 ? '' : `${markdownTable(['goal', 'found', 'asked', ''], lines)}\n`
}

function verdictsOn(result) {
  return (goals[result.scenario] ?? []).flatMap(({ says, of, atLeast = -Infinity, atMost = Infinity }) => {
    const found = of(result)
    if (found === undefined || Number.isNaN(found)) return []
    const bound = atMost === Infinity ? `at least ${atLeast}` : `at most ${atMost}`
    return [{ says, found, bound, isReached: found >= atLeast && found <= atMost }]
  })
}

function faster(base, rival, atLeast) {
  return { says: `speed of ${base} / ${rival}`, of: (result) => row(result, rival)?.ratios?.[base].median, atLeast }
}

function slower(name, atMost) {
  return { says: `time of ${name} / node -e 0`, of: (result) => row(result, name)?.ratios['node -e 0'].median, atMost }
}

function several(count, rival, atLeast) {
  return {
    says: `rate of ${count} lanes / ${rival}`,
    of: (result) => rate(result, lanes(count)) / rate(result, rival),
    atLeast,
  }
}

function first(name) {
  return { says: `seconds to the first new byte, ${name}`, of: (result) => row(result, name)?.markSeconds, atMost: 1 }
}

function resident() {
  const peak = ({ rows }) =>
    Math.max(...rows.flatMap(({ senderRssBytes = 0, receiverRssBytes = 0 }) => [senderRssBytes, receiverRssBytes]))
  return { says: 'MiB resident, either side', of: (result) => Math.round(peak(result) / MiB), atMost: 150 }
}

const row = ({ rows }, name) => rows.find((one) => one.name === name)
const rate = (result, name) => row(result, name)?.bytesPerSecond
const bestRate = (result) => Math.max(...[1, 2, 4, 8].map((count) => rate(result, lanes(count))))

function lanes(count) {
  return `carryon, ${count} ${count === 1 ? 'lane' : 'lanes'}`
}
