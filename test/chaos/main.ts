// The chaos proxy as a command: what can go wrong on the way to a listener, at will. Says on standard error what it does, and
// on standard output where it listens.

import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { isTransferError, TransferError } from '../../src/errors.ts'
import { parseDuration, parseRate, parseSize } from '../../src/cli/quantities.ts'
import { formatAddress, parseAddress } from '../../src/transport/addresses.ts'
import { ChaosProxy, type Direction, type Place } from '../support/chaos-proxy.ts'

const help = `npm run chaos -- --to HOST:PORT [what goes wrong ...]

A bad network in a box. Listens on loopback, passes on to HOST:PORT what comes, and breaks what you name. "Up" is what the
dialer sends. For instance, in three terminals:

  carryon receive --listen 127.0.0.1:7000 --advertise 127.0.0.1:7001
  npm run chaos -- --to 127.0.0.1:7000 --listen :7001 --rate 2MiB --cut-after 20MiB
  carryon send disk.img --to carryon1:...

  --listen [HOST]:PORT  where to listen; 127.0.0.1 and any free port unless told otherwise
  --delay TIME          everything is under way for so long, each way: 80ms
  --rate RATE           of each direction of each connection: 2MiB, 64Kbit
  --cut-after SIZE      ends all connections whenever so much has passed up
  --reset               with --cut-after: by a reset, which may overtake data; alone: resets whoever comes
  --blackhole WAY       up, down or both: nothing passes, and nobody is told ...
  --after SIZE          ... once so much has passed up; at once unless told otherwise
  --for TIME            ... for so long; for ever unless told otherwise
  --corrupt SIZE        flips a bit whenever so much has passed up. TLS ends the connection; --insecure-plaintext shows more
`

const options = {
  to: { type: 'string' },
  listen: { type: 'string' },
  delay: { type: 'string' },
  rate: { type: 'string' },
  'cut-after': { type: 'string' },
  reset: { type: 'boolean' },
  blackhole: { type: 'string' },
  after: { type: 'string' },
  for: { type: 'string' },
  corrupt: { type: 'string' },
  help: { type: 'boolean' },
} as const

interface Wishes {
  readonly to: Place
  readonly listen: Place
  readonly delayMs: number
  readonly rateBytesPerSecond: number
  readonly cutAfterBytes: number | undefined
  readonly isReset: boolean
  readonly hole:
    { readonly ways: readonly Direction[]; readonly afterBytes: number; readonly forMs: number } | undefined
  readonly corruptEveryBytes: number | undefined
}

/** Runs until a signal comes. @returns the exit code */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const wishes = understand(args)
    if (wishes === undefined) process.stdout.write(help)
    else await run(wishes)
    return 0
  } catch (error) {
    process.stderr.write(`${sentence(error)}\n`)
    return 2
  }
}

function sentence(error: unknown): string {
  if (isTransferError(error)) return `${error.message} ${error.hint}`
  return `${error instanceof Error ? error.message : String(error)} npm run chaos -- --help tells what there is.`
}

/** Undefined if help is wanted. @throws what is wrong with them */
function understand(args: readonly string[]): Wishes | undefined {
  const { values } = parseArgs({ args: [...args], options })
  if (values.help === true) return undefined
  if (values.to === undefined) throw usage('It is not said where to pass things on to.', 'Add --to HOST:PORT.')
  const size = (text: string | undefined) => (text === undefined ? undefined : parseSize(text))
  const time = (text: string | undefined) => (text === undefined ? undefined : parseDuration(text))
  if (values.blackhole === undefined && (values.after ?? values.for) !== undefined)
    throw usage('--after and --for belong to --blackhole.', 'Add --blackhole up, down or both.')
  return {
    to: parseAddress(values.to),
    listen: parseAddress(values.listen ?? ':0', { host: '127.0.0.1', port: 0 }),
    delayMs: time(values.delay) ?? 0,
    rateBytesPerSecond: values.rate === undefined ? Infinity : parseRate(values.rate),
    cutAfterBytes: size(values['cut-after']),
    isReset: values.reset === true,
    hole:
      values.blackhole === undefined
        ? undefined
        : {
            ways: waysOf(values.blackhole),
            afterBytes: size(values.after) ?? 0,
            forMs: time(values.for) ?? Infinity,
          },
    corruptEveryBytes: size(values.corrupt),
  }
}

function waysOf(text: string): readonly Direction[] {
  if (text === 'both') return ['up', 'down']
  if (text === 'up' || text === 'down') return [text]
  throw usage(`--blackhole ${text} is no way.`, 'Write up, down or both.')
}

function usage(problem: string, remedy: string): TransferError {
  return new TransferError('usage', { problem, remedy })
}

async function run(wishes: Wishes): Promise<void> {
  await using proxy = await ChaosProxy.to(wishes.to, wishes.listen)
  const stopped = new Promise<void>((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve))
  process.stdout.write(`${formatAddress({ ...wishes.listen, port: proxy.port })}\n`)
  proxy.delayMs = wishes.delayMs
  proxy.rateBytesPerSecond = wishes.rateBytesPerSecond
  proxy.isRefusing = wishes.isReset && wishes.cutAfterBytes === undefined
  void Promise.all([cutAgainAndAgain(proxy, wishes), damageAgainAndAgain(proxy, wishes), swallow(proxy, wishes)])
  await stopped
  say(`${proxy.accepted} connections, ${proxy.passed('up')} bytes up, ${proxy.passed('down')} bytes down`)
}

async function cutAgainAndAgain(proxy: ChaosProxy, { cutAfterBytes, isReset }: Wishes): Promise<void> {
  while (cutAfterBytes !== undefined) {
    await proxy.cutAfter('up', cutAfterBytes, isReset ? 'reset' : 'close')
    say(`cut after ${proxy.passed('up')} bytes`)
  }
}

async function damageAgainAndAgain(proxy: ChaosProxy, { corruptEveryBytes }: Wishes): Promise<void> {
  while (corruptEveryBytes !== undefined) {
    await proxy.flipAfter('up', corruptEveryBytes)
    say(`flipped a bit behind ${proxy.passed('up')} bytes`)
  }
}

async function swallow(proxy: ChaosProxy, { hole }: Wishes): Promise<void> {
  if (hole === undefined) return
  await proxy.until('up', hole.afterBytes)
  proxy.blackhole(...hole.ways)
  say(`deaf: ${hole.ways.join(' and ')}`)
  if (hole.forMs === Infinity) return
  await setTimeout(hole.forMs)
  proxy.heal()
  say('well again')
}

function say(what: string): void {
  process.stderr.write(`${what}\n`)
}
