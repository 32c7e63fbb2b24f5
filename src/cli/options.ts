// The flags: one table with a row for each, from which parsing, help, environment variables and their tests are made. A
// flag `--long-option` has the key `longOption` and the variable CARRYON_LONG_OPTION. Which command takes which: commands.ts.

import { TransferError } from '../errors.ts'
import type {
  ConflictPolicy,
  Durability,
  LinkPolicy,
  ListenAddress,
  Scope,
  SpecialPolicy,
  VanishedPolicy,
} from '../index.ts'
import { parseCount, parseDuration, parseLanes, parseRate, parseSize } from './quantities.ts'

/** What each flag means once parsed. Sizes are bytes, durations ms, `off` and `forever` are Infinity. */
export interface OptionValues {
  // Everywhere
  json: boolean
  quiet: boolean
  verbose: boolean
  color: 'auto' | 'always' | 'never'
  progress: 'auto' | 'bar' | 'plain' | 'none'
  progressInterval: number
  noInput: boolean
  yes: boolean
  stateDir: string
  // What is sent, and where it lands
  to: string
  from: string
  as: string
  exclude: readonly string[]
  excludeFrom: readonly string[]
  links: LinkPolicy
  special: SpecialPolicy
  onConflict: ConflictPolicy
  vanished: Exclude<VanishedPolicy, 'report'>
  checksum: boolean
  chunkSize: number
  maxBytes: number
  maxFiles: number
  // Session
  new: boolean
  restart: boolean
  wait: boolean
  retryFor: number
  connectFor: number
  deadAfter: number
  expires: number
  files: boolean
  maxTransfer: number
  maxDuration: number
  failIfNothing: boolean
  durability: Durability
  window: number
  // Dialogue
  listen: ListenAddress
  advertise: readonly string[]
  ticketFile: string
  bwlimit: number
  lanes: number | 'auto'
  insecurePlaintext: boolean
  tlsCert: string
  tlsKey: string
  // Management
  all: boolean
  root: string
  stale: boolean
  localOnly: boolean
  expired: boolean
  olderThan: number
  rebuild: boolean
  watch: boolean
  // Serving and tickets
  publicUrl: string
  trustedProxy: readonly string[]
  sessionsMax: number
  quota: number
  minFree: number
  allowRoot: boolean
  printUnit: boolean
  stdio: boolean
  for: Scope
  path: string
  mayReplace: boolean
  uses: number
  file: string
}

export type OptionName = keyof OptionValues

/** One row of the table. */
export interface OptionRow<Value> {
  /** What stands for its value in help, or null for a switch. */
  readonly takes: string | null
  readonly help: string
  /** As help shows it. */
  readonly fallback?: string
  readonly short?: string
  /** May be given more than once. */
  readonly repeats?: true
  /** Throws `usage`. A switch gets 'true' or 'false'; what repeats gets every value. */
  readonly parse: (texts: readonly [string, ...string[]]) => Value
}

export const optionTable: { readonly [Name in OptionName]: OptionRow<OptionValues[Name]> } = {
  json: flag('Write events to stdout, one JSON object a line (carryon help json).'),
  quiet: { ...flag('Say only warnings, the summary and errors.'), short: 'q' },
  verbose: { ...flag('Say more: sync points, changes of state, where a bug came from.'), short: 'v' },
  color: { ...word('auto', 'always', 'never'), help: 'Colours on stderr.', fallback: 'auto' },
  progress: { ...word('auto', 'bar', 'plain', 'none'), help: 'How progress is shown on stderr.', fallback: 'auto' },
  progressInterval: {
    takes: 'TIME',
    help: 'Between two progress events of --json; off for none.',
    fallback: '1s',
    parse: ([text]) => (text === 'off' ? Infinity : within(parseDuration(text), text, 10, 3_600_000, '10ms', '1h')),
  },
  noInput: flag('Never ask anything.'),
  yes: flag('Answer yes where carryon would ask.'),
  stateDir: text('DIR', 'Where sessions and receipts are kept.', '$XDG_STATE_HOME/carryon'),

  to: text(
    'TARGET',
    'Dial the receiver with this ticket, or over ssh: [user@]HOST:PATH (carryon help syntax).',
    'listen',
  ),
  from: text(
    'TARGET',
    'Dial the sender with this ticket, or over ssh: [user@]HOST:PATH (carryon help syntax).',
    'listen',
  ),
  as: text('NAME', 'The name it lands under.'),
  exclude: {
    ...list('PATTERN', 'Leave out what matches, in the words of .gitignore (carryon help filters); repeatable.'),
  },
  excludeFrom: { ...list('FILE', 'Read patterns from FILE, one a line; repeatable.') },
  links: {
    ...word('keep', 'keep-all', 'follow', 'skip'),
    help: 'Symbolic links (carryon help filters).',
    fallback: 'keep',
  },
  special: {
    ...word('list', 'fail'),
    help: 'Sockets, devices, pipes: list them, or end with code 3.',
    fallback: 'list',
  },
  onConflict: {
    ...word('fail', 'keep', 'replace', 'update', 'rename'),
    help: 'When the target exists and differs.',
    fallback: 'fail',
  },
  vanished: { ...word('ok', 'fail'), help: 'Files deleted while sending: code 0, or 3 instead of 6.' },
  checksum: flag('Compare existing files by content, not by size and time.'),
  chunkSize: {
    takes: 'SIZE',
    help: 'Sent, checked and sent again as one; smaller for links that keep dropping; 64KiB to 1MiB.',
    fallback: '1MiB',
    parse: ([size]) => within(parseSize(size), size, 64 * 1024, 1024 ** 2, '64KiB', '1MiB'),
  },
  maxBytes: { takes: 'SIZE', help: 'Refuse more bytes than this.', parse: ([size]) => parseSize(size) },
  maxFiles: { takes: 'COUNT', help: 'Refuse more files and folders than this.', parse: ([count]) => parseCount(count) },

  new: flag('Begin another session beside an unfinished one.'),
  restart: flag('Begin another session in place of an unfinished one.'),
  wait: flag('If another process works on the session, wait for it.'),
  retryFor: duration('Go on trying for so long after the connection is lost.', '24h', 0, Infinity),
  connectFor: duration('Go on trying for so long before the first contact.', '30s', 0, Infinity),
  deadAfter: duration('A peer silent for so long is dead; 3s to 5m.', '15s', 3_000, 300_000),
  expires: duration(
    'The session is forgotten so long after its last progress; its ticket ends so long from now.',
    '7d; its ticket 24h',
    60_000,
    365 * 86_400_000,
  ),
  files: flag('List every file, not only what was left out.'),

  maxTransfer: {
    takes: 'SIZE',
    help: 'Pause once so many bytes have crossed in this run: code 8.',
    parse: ([size]) => parseSize(size),
  },
  maxDuration: duration('Pause after this time: code 10.', 'forever', 1_000, Infinity),
  failIfNothing: flag('Where all was there already: code 9.'),
  durability: {
    ...word('checkpoint', 'file', 'none'),
    help: 'What outlives a power cut: every sync point, finished files, nothing.',
    fallback: 'checkpoint',
  },
  window: {
    takes: 'SIZE',
    help: 'On its way and not acknowledged, at most; 2MiB to 1GiB, the smaller of both sides.',
    fallback: '192MiB',
    parse: ([size]) => within(parseSize(size), size, 2 * 1024 ** 2, 1024 ** 3, '2MiB', '1GiB'),
  },

  listen: {
    takes: '[HOST]:PORT',
    help: 'Listen there.',
    fallback: 'any free port',
    parse: ([text]) => address(text),
  },
  advertise: list('HOST[:PORT]', 'Another address the ticket should name; repeatable.'),
  ticketFile: text('FILE', 'Write the ticket to FILE, readable by you alone, and show it nowhere.'),
  bwlimit: {
    takes: 'RATE',
    help: 'At most so many bytes a second.',
    fallback: 'off',
    parse: ([rate]) => parseRate(rate),
  },
  lanes: {
    takes: 'COUNT|auto',
    help: 'Connections that carry data side by side, 1 to 16, or as many as pay.',
    fallback: '1, or as the other side asks',
    parse: ([count]) => parseLanes(count),
  },
  insecurePlaintext: flag('No encryption; on loopback addresses only.'),
  tlsCert: text('FILE', 'Listen with this certificate (PEM, its chain behind it); tickets pin its key.'),
  tlsKey: text('FILE', 'The private key of --tls-cert.'),

  all: flag('All of them.'),
  root: text('DIR', 'A folder to look into, too.', '.'),
  stale: flag('Only those that nobody works on and that got nowhere for a day.'),
  localOnly: flag('Do not try to tell the other side.'),
  expired: flag('All that got nowhere for longer than their --expires (7d) and that nobody works on.'),
  olderThan: duration('With --expired: that got nowhere for so long.', 'as --expires', 60_000, 365 * 86_400_000),
  watch: flag('Follow the process that works on it, to the same end and code.'),
  rebuild: flag('After a damaged journal: keep what the data on disk proves, and go on.'),

  publicUrl: text('URL', 'Tickets name wss://HOST[:PORT][/PATH], whose certificate authorities vouch for.'),
  trustedProxy: list('ADDRESS', 'TLS ends at a proxy there, which says who comes; or ADDRESS/BITS; repeatable.'),
  sessionsMax: {
    takes: 'COUNT',
    help: 'At most so many sessions at once.',
    fallback: '100',
    parse: ([count]) => parseCount(count),
  },
  quota: { takes: 'SIZE', help: 'All tickets together may bring in so much.', parse: ([size]) => parseSize(size) },
  minFree: {
    takes: 'SIZE',
    help: 'Leave so much of the disk free.',
    fallback: '5%, at most 1GiB',
    parse: ([size]) => parseSize(size),
  },
  allowRoot: flag('Serve as root all the same.'),
  printUnit: flag('Print a hardened systemd unit for this server, and do nothing else.'),
  stdio: flag('Serve who speaks through standard input, one session: what ssh starts. DIR confines it.'),
  for: { ...word('send', 'receive', 'both'), help: 'What the holder of the ticket may do.' },
  path: text('FOLDER', 'Only below this folder of the served one.'),
  mayReplace: flag('The holder may replace files that are there.'),
  uses: { takes: 'COUNT', help: 'Sessions the ticket may begin.', parse: ([count]) => parseCount(count) },
  file: text('FILE', 'Write the ticket to FILE, readable by you alone, and show it nowhere.'),
}

/** `retryFor` -> `retry-for`. */
export function flagName(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** `retryFor` -> `CARRYON_RETRY_FOR`. */
export function variableName(option: string): string {
  return `CARRYON_${flagName(option).replaceAll('-', '_').toUpperCase()}`
}

/**
 * The value of an option from its texts, as given on the command line or in a variable.
 * @throws usage
 */
export function parseOption<Name extends OptionName>(
  name: Name,
  texts: readonly [string, ...string[]],
  given: string,
): OptionValues[Name] {
  const row: OptionRow<OptionValues[Name]> = optionTable[name]
  if (row.takes !== null && texts.some((text) => text === ''))
    throw new TransferError('usage', { problem: `${given} needs a value: ${row.takes}.`, remedy: row.help })
  if (row.takes !== null && row.repeats === undefined && texts.length > 1)
    throw new TransferError('usage', { problem: `${given} is given more than once.`, remedy: 'Give it once.' })
  try {
    return row.parse(texts)
  } catch (error) {
    if (!(error instanceof TransferError)) throw error
    throw new TransferError('usage', { problem: `${given}: ${error.message}`, remedy: error.hint }, { cause: error })
  }
}

function flag(help: string): OptionRow<boolean> {
  return { takes: null, help, parse: (texts) => texts.at(-1) === 'true' }
}

function text(takes: string, help: string, fallback?: string): OptionRow<string> {
  return { takes, help, ...(fallback === undefined ? {} : { fallback }), parse: ([only]) => only }
}

function list(takes: string, help: string): OptionRow<readonly string[]> {
  return { takes, help, repeats: true, parse: (texts) => texts }
}

function word<Word extends string>(...words: readonly Word[]): Pick<OptionRow<Word>, 'takes' | 'parse'> {
  return {
    takes: words.join('|'),
    parse: ([text]) => {
      const known = words.find((candidate) => candidate === text)
      if (known !== undefined) return known
      throw new TransferError('usage', { problem: `"${text}" is none of its words.`, remedy: `Say ${orList(words)}.` })
    },
  }
}

function duration(help: string, fallback: string, minMs: number, maxMs: number): OptionRow<number> {
  const [low, high] = [minMs === 60_000 ? '1m' : `${minMs / 1000}s`, maxMs === 300_000 ? '5m' : '365d']
  return {
    takes: 'TIME',
    help,
    fallback,
    parse: ([text]) => within(parseDuration(text), text, minMs, maxMs, low, high),
  }
}

function within(value: number, text: string, min: number, max: number, low: string, high: string): number {
  if (value >= min && value <= max) return value
  throw new TransferError('usage', { problem: `"${text}" is out of range.`, remedy: `It may be ${low} to ${high}.` })
}

function address(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-f:.%\w]+)\]|([^:[\]\s]*)):(\d{1,5})$/i.exec(text)
  const port = Number(match?.[3])
  if (match && port <= 65_535) return { host: match[1] ?? match[2] ?? '', port }
  throw new TransferError('usage', {
    problem: `"${text}" is no address to listen on.`,
    remedy: 'Write [HOST]:PORT, for example :22779, 192.168.1.7:22779 or [::1]:0.',
  })
}

function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
