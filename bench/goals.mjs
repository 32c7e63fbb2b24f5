// What carryon set out to reach, by scenario, and how far a result is from it. The page has the verdicts; nothing turns red.

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
  start: [slower('carryon --version', 1.3), slower('first line of send', 4)],
}

/** @returns {{ says: string, found: number, bound: string, isReached: boolean }[]} of what was measured */
export function verdictsOn(result) {
  return (goals[result.scenario] ?? []).flatMap(({ says, of, atLeast = -Infinity, atMost = Infinity }) => {
    const found = of(result)
    if (found === undefined || Number.isNaN(found)) return []
    const bound = atMost === Infinity ? `at least ${atLeast}` : `at most ${atMost}`
    return [{ says, found, bound, isReached: found >= atLeast && found <= atMost }]
  })
}

function faster(base, rival, atLeast) {
  return { says: `${base} / ${rival}`, of: (result) => row(result, rival)?.ratios?.[base].median, atLeast }
}

function slower(name, atMost) {
  return { says: `time of ${name} / node -e 0`, of: (result) => row(result, name)?.ratios['node -e 0'].median, atMost }
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
